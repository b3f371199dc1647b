"""Runs once per deployment: stores the configuration that travels in this function's code."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger

from omnicascade.contracts import CONFIGURATION_FILE
from omnicascade.settings import Settings
from omnicascade.wiring.configurator import Configurator

logger = Logger()
configure = Configurator(Settings.from_environment(os.environ))


def handler(_event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Store the configuration; an error fails the deployment with its reason."""
    document = json.loads((Path(os.environ["LAMBDA_TASK_ROOT"]) / CONFIGURATION_FILE).read_text(encoding="utf-8"))
    stored = configure(document)
    logger.info("deployment_configured", extra=stored)
    return stored
