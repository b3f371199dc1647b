"""The archive's writer, wired: the bucket, and the orders to erase."""

from collections.abc import Mapping, Sequence
from typing import Any

from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.erasure_orders import DynamoErasureOrders
from omnicascade.adapters.event_archive import S3EventArchive
from omnicascade.settings import Settings
from omnicascade.usecases.recent_erasures import RecentErasures
from omnicascade.wiring.clients import client
from omnicascade.wiring.clock import now


class Archiver:
    """Writes stream records, inserts of events, to one deployment's archive; nothing of whom was erased."""

    def __init__(self, settings: Settings) -> None:
        self._archive = S3EventArchive(client("s3"), settings.archive_bucket)
        self._erased = RecentErasures(DynamoErasureOrders(Table(client("dynamodb"), settings.table)))

    def __call__(self, records: Sequence[Mapping[str, Any]]) -> list[str]:
        """Store a batch; returns the objects' keys. Raises `UnavailableError`."""
        return self._archive.store([record["dynamodb"] for record in records], self._erased.until(now()))
