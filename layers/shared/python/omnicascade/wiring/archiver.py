"""The archive's writer, wired: the bucket."""

from collections.abc import Mapping, Sequence
from typing import Any

from omnicascade.adapters.event_archive import S3EventArchive
from omnicascade.settings import Settings
from omnicascade.wiring.clients import client


class Archiver:
    """Writes stream records, inserts of events, to one deployment's archive."""

    def __init__(self, settings: Settings) -> None:
        self._archive = S3EventArchive(client("s3"), settings.archive_bucket)

    def __call__(self, records: Sequence[Mapping[str, Any]]) -> str:
        """Store a batch; returns the object's key. Raises `UnavailableError`."""
        return self._archive.store([record["dynamodb"] for record in records])
