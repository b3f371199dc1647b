"""SQS event source with partial batch responses: accepted calls become stored events."""

import os
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from omnicascade.domain.errors import OmnicascadeError
from omnicascade.settings import Settings
from omnicascade.wiring.recorder import Recorder

logger = Logger()
record_message = Recorder(Settings.from_environment(os.environ))


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer with the messages to deliver again."""
    failed: list[str] = []
    for record in event["Records"]:
        try:
            record_message(record["body"])
        except (OmnicascadeError, ValueError, KeyError, TypeError) as error:
            logger.exception(
                "message_not_recorded", extra={"sqs_message_id": record["messageId"], "reason": str(error)}
            )
            failed.append(record["messageId"])
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
