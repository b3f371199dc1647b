"""Store accepted calls as events: normalise who they name, put each once."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from omnicascade.domain.deployment import Source
from omnicascade.domain.errors import OmnicascadeError
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.identifiers import identifiers_of
from omnicascade.domain.identity_rules import DEFAULT_RULES, IdentityRules
from omnicascade.domain.intake import read_time
from omnicascade.usecases.ports import Envelope
from omnicascade.usecases.store_ports import EventStore


def record_events(envelope: Envelope, events: EventStore, rules: IdentityRules = DEFAULT_RULES) -> int:
    """Store every call of an envelope; returns how many were new. Repeating it changes nothing.

    Raises:
        OmnicascadeError: some call could not be stored; all others were tried. Repeat the envelope.
    """
    return events.add_all(events_of(envelope, rules))


def record_together[Name: Hashable](
    messages: Mapping[Name, Sequence[Event]], events: EventStore
) -> Mapping[Name, OmnicascadeError]:
    """Store the events of several messages in as few requests as possible; returns the messages to deliver again.

    Where something was not stored, each message is tried alone, so that it is told apart from the others.
    """
    try:
        events.add_all([event for batch in messages.values() for event in batch])
    except OmnicascadeError as error:
        if len(messages) == 1:
            return dict.fromkeys(messages, error)
        failed: dict[Name, OmnicascadeError] = {}
        for name, batch in messages.items():
            failed |= record_together({name: batch}, events)
        return failed
    return {}


def events_of(envelope: Envelope, rules: IdentityRules = DEFAULT_RULES) -> list[Event]:
    """The events that an envelope's calls are."""
    source = Source(envelope.source, "", envelope.default_region, envelope.shared_device)
    return [_event(call, envelope, source, rules) for call in envelope.calls]


def event_of(call: Mapping[str, Any], envelope: Envelope, rules: IdentityRules = DEFAULT_RULES) -> Event:
    """The event that a call accepted by the intake is."""
    return _event(call, envelope, Source(envelope.source, "", envelope.default_region, envelope.shared_device), rules)


def _event(call: Mapping[str, Any], envelope: Envelope, source: Source, rules: IdentityRules) -> Event:
    kind = str(call["type"])
    return Event(
        message_id=MessageId(call["messageId"]),
        type=kind,
        name=str(call["event"]) if kind == "track" else kind,
        source=envelope.source,
        timestamp=read_time(call["timestamp"]) or envelope.received_at,
        received_at=envelope.received_at,
        identifiers=identifiers_of(call, source, rules),
        body=call,
    )
