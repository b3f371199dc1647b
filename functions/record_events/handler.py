"""SQS event source with partial batch responses: accepted calls become stored events."""

import os
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from omnicascade.settings import Settings
from omnicascade.wiring.recorder import Recorder

logger = Logger()
record_messages = Recorder(Settings.from_environment(os.environ))


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer with the messages to deliver again."""
    records = event["Records"]
    failed: list[str] = []
    for position, error in sorted(record_messages([record["body"] for record in records]).items()):
        message_id = records[position]["messageId"]
        logger.error(
            "message_not_recorded",
            exc_info=error,
            extra={"sqs_message_id": message_id, "reason": str(error)},
        )
        failed.append(message_id)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
