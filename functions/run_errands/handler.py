"""SQS event source with partial batch responses: errands whose moment has come. `{"sweep": bucket}`, from EventBridge
Scheduler, puts the errands of ten minutes on that queue."""

import os
from collections.abc import Mapping
from typing import Any, Protocol

from aws_lambda_powertools import Logger

from omnicascade.domain.errors import OmnicascadeError
from omnicascade.settings import Settings
from omnicascade.wiring.errand_runner import ErrandRunner

logger = Logger()
runner = ErrandRunner(Settings.from_environment(os.environ))


class Context(Protocol):
    """What Lambda tells of an invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is cut off."""
        ...


def handler(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Answer with the messages to deliver again; a sweep that fails is called again by Lambda."""
    if "sweep" in event:
        runner.sweep(event["sweep"], context.get_remaining_time_in_millis)
        return {"swept": event["sweep"]}
    failed: list[str] = []
    for record in event["Records"]:
        try:
            runner(record["body"], context.get_remaining_time_in_millis)
        except (OmnicascadeError, ValueError, KeyError, TypeError) as error:
            logger.exception("errand_interrupted", extra={"sqs_message_id": record["messageId"], "reason": str(error)})
            failed.append(record["messageId"])
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
