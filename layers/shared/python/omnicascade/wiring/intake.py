"""The intake, wired: the sources' table and the events queue."""

from collections.abc import Sequence
from uuid import uuid4

from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.events_queue import SqsEventQueue
from omnicascade.adapters.source_directory import DynamoSourceDirectory
from omnicascade.domain.intake import Rejection
from omnicascade.settings import Settings
from omnicascade.usecases.ingest_events import IntakeRequest, ingest_events
from omnicascade.wiring.clients import client
from omnicascade.wiring.clock import now


class Intake:
    """`ingest_events` for one deployment, at the present moment."""

    def __init__(self, settings: Settings) -> None:
        self._sources = DynamoSourceDirectory(Table(client("dynamodb"), settings.table))
        self._queue = SqsEventQueue(client("sqs"), settings.events_queue_url)

    def __call__(self, request: IntakeRequest) -> Sequence[Rejection]:
        """See `ingest_events`."""
        return ingest_events(request, sources=self._sources, queue=self._queue, now=now(), new_id=lambda: str(uuid4()))
