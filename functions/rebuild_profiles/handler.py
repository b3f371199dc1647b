"""Tasks of the rebuild's state machine: check the input, rebuild some identifiers, report."""

import os
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from omnicascade.settings import Settings
from omnicascade.wiring.rebuild import RebuildDesk

logger = Logger()
desk = RebuildDesk(Settings.from_environment(os.environ))


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer one task; an exception's name and text are the state's error and cause."""
    answer = desk.answer(event)
    logger.info("rebuild_task_done", extra={"task": event["task"]})
    return answer
