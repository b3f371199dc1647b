"""SQS event source with partial batch responses: erasures are carried out. `{"reapply": true}` orders the last 35 days'
again, after the table was restored from a backup."""

import os
from collections.abc import Mapping
from typing import Any, Protocol

from aws_lambda_powertools import Logger

from omnicascade.domain.errors import OmnicascadeError
from omnicascade.settings import Settings
from omnicascade.wiring.eraser import ErasureWorker

logger = Logger()
worker = ErasureWorker(Settings.from_environment(os.environ))


class Context(Protocol):
    """What Lambda tells of an invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is cut off."""
        ...


def handler(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Answer with the messages to deliver again; an order that is not finished has queued itself anew."""
    if event.get("reapply"):
        ordered = worker.reapply()
        logger.info("erasures_ordered_again", extra={"count": ordered})
        return {"ordered": ordered}
    failed: list[str] = []
    for record in event["Records"]:
        try:
            worker(record["body"], context.get_remaining_time_in_millis)
        except (OmnicascadeError, ValueError, KeyError, TypeError) as error:
            logger.exception("erasure_interrupted", extra={"sqs_message_id": record["messageId"], "reason": str(error)})
            failed.append(record["messageId"])
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
