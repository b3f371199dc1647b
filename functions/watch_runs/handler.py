"""EventBridge Scheduler, every hour: look for journey runs that stand still. `{"cursor": …}` goes on with a look."""

import os
from collections.abc import Mapping
from typing import Any, Protocol

from aws_lambda_powertools import Logger

from omnicascade.settings import Settings
from omnicascade.wiring.watcher import Watcher

logger = Logger()
watch = Watcher(Settings.from_environment(os.environ), logger)


class Context(Protocol):
    """What Lambda tells of an invocation."""

    invoked_function_arn: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is cut off."""
        ...


def handler(event: Mapping[str, Any], context: Context) -> dict[str, int]:
    """Answer with what the look found."""
    watched = watch(
        event.get("cursor"),
        function_arn=context.invoked_function_arn,
        remaining_ms=context.get_remaining_time_in_millis,
    )
    return {"stalled": watched.stalled, "repaired": watched.repaired}
