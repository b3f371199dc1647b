"""Table stream event source with partial batch responses: stored events become profiles and move journeys."""

import os
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from omnicascade.settings import Settings
from omnicascade.wiring.projector import Projector

logger = Logger()
project = Projector(Settings.from_environment(os.environ))


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer with the place from which the stream must deliver again."""
    failure = project(event["Records"])
    if failure is None:
        return {"batchItemFailures": []}
    logger.error("batch_interrupted", extra={"sequence": failure.sequence, "reason": str(failure.error)})
    return {"batchItemFailures": [{"itemIdentifier": failure.sequence}]}
