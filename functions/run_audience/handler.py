"""Tasks of the state machine that serve an audience: list it, move a batch of it, gather a round, report."""

import os
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from omnicascade.settings import Settings
from omnicascade.wiring.audience import AudienceDesk

logger = Logger()
desk = AudienceDesk(Settings.from_environment(os.environ))


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer one task; an exception's name and text are the state's error and cause."""
    answer = desk.answer(event)
    logger.info("audience_task_done", extra={"task": event["task"]})
    return answer
