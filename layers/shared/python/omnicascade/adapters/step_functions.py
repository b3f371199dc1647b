"""Step Functions as the runs' timer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from omnicascade.adapters.aws_errors import code_of
from omnicascade.contracts import AUDIENCE_NAMED_ERROR, INVALID_INPUT_ERROR, RUN_FINISHED_ERROR
from omnicascade.domain.errors import UnavailableError

if TYPE_CHECKING:
    from types_boto3_stepfunctions.client import SFNClient

MOVED_ON: Final = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})
"""The task that the token belongs to is over: the run's state says what is true, so there is nothing to do."""

_MAX_CAUSE: Final = 32_768


class StepFunctionsTimer:
    """`RunTimer` on one Standard state machine. Cost: one request per call, one transition per state it enters."""

    def __init__(self, client: SFNClient, machine_arn: str) -> None:
        self._client = client
        self._machine_arn = machine_arn

    def start(self, run_id: str, task: Mapping[str, Any]) -> str:
        """See `RunTimer.start`."""
        request = {"stateMachineArn": self._machine_arn, "name": run_id, "input": json.dumps(task)}
        try:
            return self._client.start_execution(**request)["executionArn"]
        except ClientError as error:
            if code_of(error) != "ExecutionAlreadyExists":
                raise UnavailableError(f"the run's execution could not be started: {error}") from error
            return f"{self._machine_arn.replace(':stateMachine:', ':execution:')}:{run_id}"
        except BotoCoreError as error:
            raise UnavailableError(f"Step Functions cannot be reached: {error}") from error

    def wake(self, token: str, waits: Sequence[int]) -> None:
        """See `RunTimer.wake`."""
        self._answer(self._client.send_task_success, taskToken=token, output=json.dumps({"step": 0, "waits": waits}))

    def finish(self, token: str, outcome: Mapping[str, Any]) -> None:
        """See `RunTimer.finish`. The state machine catches this failure and succeeds."""
        cause = json.dumps(outcome, ensure_ascii=False)[:_MAX_CAUSE]
        self._answer(self._client.send_task_failure, taskToken=token, error=RUN_FINISHED_ERROR, cause=cause)

    def name_audience(self, token: str, segment: str) -> None:
        """See `RunTimer.name_audience`. The state machine catches this failure."""
        self._answer(self._client.send_task_failure, taskToken=token, error=AUDIENCE_NAMED_ERROR, cause=segment)

    def refuse(self, token: str, message: str) -> None:
        """See `RunTimer.refuse`."""
        cause = message[:_MAX_CAUSE]
        self._answer(self._client.send_task_failure, taskToken=token, error=INVALID_INPUT_ERROR, cause=cause)

    def _answer(self, operation: Callable[..., Any], **request: str) -> None:
        try:
            operation(**request)
        except ClientError as error:
            if code_of(error) not in MOVED_ON:
                raise UnavailableError(f"Step Functions did not take an answer: {error}") from error
        except BotoCoreError as error:
            raise UnavailableError(f"Step Functions cannot be reached: {error}") from error
