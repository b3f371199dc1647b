"""SQS event source with partial batch responses: SES events and SMS replies from the feedback queue."""

import os
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from omnicascade.settings import Settings
from omnicascade.usecases.receive_feedback import FeedbackRecord
from omnicascade.wiring.feedback import FeedbackReceiver

logger = Logger()
receive = FeedbackReceiver(Settings.from_environment(os.environ))


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer with the messages to deliver again; each is logged with its reason, never with its content."""
    refused = receive(FeedbackRecord(record["messageId"], record["body"]) for record in event["Records"])
    for refusal in refused:
        logger.error("feedback_refused", extra={"sqs_message_id": refusal.id, "reason": refusal.reason})
    return {"batchItemFailures": [{"itemIdentifier": refusal.id} for refusal in refused]}
