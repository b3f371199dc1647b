"""Store accepted calls as events: normalise who they name, put each once."""

from collections.abc import Mapping
from typing import Any

from omnicascade.domain.deployment import Source
from omnicascade.domain.errors import OmnicascadeError
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.identifiers import identifiers_of
from omnicascade.domain.identity_rules import DEFAULT_RULES, IdentityRules
from omnicascade.domain.intake import read_time
from omnicascade.usecases.ports import Envelope
from omnicascade.usecases.store_ports import EventStore


def record_events(envelope: Envelope, events: EventStore) -> int:
    """Store every call of an envelope; returns how many were new. Repeating it changes nothing.

    Raises:
        OmnicascadeError: some call could not be stored; all others were tried. Repeat the envelope.
    """
    added, failure = 0, None
    for call in envelope.calls:
        try:
            added += events.add(event_of(call, envelope))
        except OmnicascadeError as error:
            failure = error
    if failure:
        raise failure
    return added


def event_of(call: Mapping[str, Any], envelope: Envelope, rules: IdentityRules = DEFAULT_RULES) -> Event:
    """The event that a call accepted by the intake is."""
    source = Source(envelope.source, "", envelope.default_region, envelope.shared_device)
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
