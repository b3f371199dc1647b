"""Table stream event source: stored events are kept in S3 as they came."""

import os
from collections.abc import Mapping
from typing import Any

from omnicascade.settings import Settings
from omnicascade.wiring.archiver import Archiver

archive = Archiver(Settings.from_environment(os.environ))


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Write the batch; an error makes the stream deliver it again."""
    return {"archived": archive(event["Records"])}
