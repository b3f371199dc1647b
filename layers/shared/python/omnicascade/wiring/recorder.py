"""The events queue's reader, wired: the table."""

from collections.abc import Mapping, Sequence
from typing import Final

from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.event_store import DynamoEventStore
from omnicascade.adapters.events_queue import decode
from omnicascade.adapters.rules_memory import RulesMemory
from omnicascade.adapters.warm_memory import EVENTS_REMEMBERED
from omnicascade.domain.errors import OmnicascadeError
from omnicascade.domain.event import Event
from omnicascade.settings import Settings
from omnicascade.usecases.record_events import events_of, record_together
from omnicascade.wiring.clients import client
from omnicascade.wiring.clock import now

_UNREADABLE: Final = (ValueError, KeyError, TypeError)
"""What a message that nobody of ours sent comes to when it is read."""


class Recorder:
    """`record_events` for one deployment."""

    def __init__(self, settings: Settings) -> None:
        table = Table(client("dynamodb"), settings.table)
        self._events = DynamoEventStore(table, remembered=EVENTS_REMEMBERED)
        self._rules = RulesMemory(table)

    def __call__(self, bodies: Sequence[str]) -> Mapping[int, Exception]:
        """Store the calls of some queue messages; returns why which of them must be delivered again, by position."""
        try:
            rules = self._rules.rules(now())
        except OmnicascadeError as error:
            return dict.fromkeys(range(len(bodies)), error)
        read: dict[int, Sequence[Event]] = {}
        failed: dict[int, Exception] = {}
        for position, body in enumerate(bodies):
            try:
                read[position] = events_of(decode(body), rules)
            except _UNREADABLE as error:
                failed[position] = error
        return failed | dict(record_together(read, self._events))
