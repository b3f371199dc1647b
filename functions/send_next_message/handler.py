"""The state machine's task `SendAndAwait`: send what is due to one customer, then wait."""

import os
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from omnicascade.settings import Settings
from omnicascade.wiring.sender import Sender

logger = Logger()
send_next = Sender(Settings.from_environment(os.environ))


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Move the run; the task is answered through its token, an error is retried by the state machine."""
    send_next(event)
