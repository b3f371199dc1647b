"""The events queue's reader, wired: the table."""

from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.event_store import DynamoEventStore
from omnicascade.adapters.events_queue import decode
from omnicascade.settings import Settings
from omnicascade.usecases.record_events import record_events
from omnicascade.wiring.clients import client


class Recorder:
    """`record_events` for one deployment."""

    def __init__(self, settings: Settings) -> None:
        self._events = DynamoEventStore(Table(client("dynamodb"), settings.table))

    def __call__(self, body: str) -> int:
        """Store the calls of one queue message; returns how many were new. Raises as `record_events`."""
        return record_events(decode(body), self._events)
