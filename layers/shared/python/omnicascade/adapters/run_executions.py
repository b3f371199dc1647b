"""The executions of runs as the watchdog needs them: asked after, and woken with word whether anybody was there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from omnicascade.adapters.aws_errors import code_of
from omnicascade.adapters.step_functions import MOVED_ON, StepFunctionsTimer
from omnicascade.domain.errors import UnavailableError

if TYPE_CHECKING:
    from types_boto3_stepfunctions.client import SFNClient


class StepFunctionsExecutions:
    """`Executions` on one Standard state machine. Cost: one request per call."""

    def __init__(self, client: SFNClient, machine_arn: str) -> None:
        self._client = client
        self._machine_arn = machine_arn
        self._timer = StepFunctionsTimer(client, machine_arn)

    def start(self, run_id: str, task: Mapping[str, Any]) -> str:
        """See `Executions.start`."""
        return self._timer.start(run_id, task)

    def wake(self, token: str, waits: Sequence[int]) -> bool:
        """See `Executions.wake`."""
        output = json.dumps({"step": 0, "waits": list(waits)})
        try:
            self._client.send_task_success(taskToken=token, output=output)
        except ClientError as error:
            if code_of(error) not in MOVED_ON:
                raise UnavailableError(f"Step Functions did not take an answer: {error}") from error
            return False
        except BotoCoreError as error:
            raise UnavailableError(f"Step Functions cannot be reached: {error}") from error
        return True

    def under_way(self, name: str) -> bool:
        """See `Executions.under_way`."""
        arn = f"{self._machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
        try:
            return self._client.describe_execution(executionArn=arn)["status"] == "RUNNING"
        except ClientError as error:
            if code_of(error) != "ExecutionDoesNotExist":
                raise UnavailableError(f"the execution {name} cannot be described: {error}") from error
            return False
        except BotoCoreError as error:
            raise UnavailableError(f"Step Functions cannot be reached: {error}") from error
