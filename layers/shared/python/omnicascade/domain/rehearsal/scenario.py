"""What a rehearsal is given: one customer, and what happens to them, each thing at its moment.

Exists apart from reading and playing because a population is drawn straight into these values, without any document.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from omnicascade.domain.deployment import Channel
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.identity_rules import DEFAULT_RULES
from omnicascade.domain.reach import ADDRESS_TYPES
from omnicascade.domain.spoken import MESSAGE_FAILED, SUBSCRIBED, UNSUBSCRIBED

SOURCE: Final = "rehearsal"
"""The source of everything that a rehearsal says about its customer."""

NOBODY: Final = Identifier("anonymous_id", SOURCE)
"""Who the customer is when nothing names them."""

type FeedbackKind = Literal["delivered", "open", "click", "tap", "visit", "reply", "failed", "bounce", "complaint"]


@dataclass(frozen=True, slots=True)
class Arrives:
    """An event of some channel."""

    at: datetime
    event: Event


@dataclass(frozen=True, slots=True)
class Consents:
    """The customer grants (true) or denies, by `channel/topic` or `channel/*`."""

    at: datetime
    words: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Reacts:
    """What comes back to the latest message of a channel (None: of any)."""

    at: datetime
    kind: FeedbackKind
    channel: Channel | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Enters:
    """Somebody starts the journey for this customer, by hand or as one of an audience."""

    at: datetime


type Happening = Arrives | Consents | Reacts | Enters


@dataclass(frozen=True, slots=True)
class Scenario:
    """One customer's story.

    Attributes:
        start, until: from when to when virtual time runs (UTC), both included.
        opening: the events that make the customer who they are; nothing reacts to them (`opening_of`).
        happenings: in order of time. What lies before `start` is history, and starts nothing.
    """

    start: datetime
    until: datetime
    opening: tuple[Event, ...]
    happenings: tuple[Happening, ...] = ()


def opening_of(
    identifiers: Iterable[Identifier],
    at: datetime,
    *,
    traits: Mapping[str, Any] | None = None,
    consent: Mapping[str, bool] | None = None,
    suppressed: Collection[Identifier] = (),
) -> tuple[Event, ...]:
    """The events that make a customer: an identify call, then a word for each consent and each dead address.

    Their ids sort before any other, so that whatever else is said at the same moment counts as later.
    """
    known = tuple(sorted(identifiers, key=lambda i: (DEFAULT_RULES.strength(i.type), i.value))) or (NOBODY,)
    events = [event_of("identify", "identify", "!", at, known, {"traits": dict(traits)} if traits else {})]
    for key, granted in (consent or {}).items():
        events.append(consent_event(key, granted=granted, message_id=f"!{key}", at=at, known=known))
    for address in suppressed:
        dead = {"properties": {"permanent": True, "reason": "suppressed before the start"}}
        events.append(event_of("track", MESSAGE_FAILED, f"!{address}", at, (address,), dead))
    return tuple(events)


def consent_event(key: str, *, granted: bool, message_id: str, at: datetime, known: Sequence[Identifier]) -> Event:
    """What one word of consent is as an event, said at the channel's address, else at the strongest identifier."""
    channel, _, topic = key.partition("/")
    about = next((i for i in known if i.type in ADDRESS_TYPES[Channel(channel)]), known[0])
    name = SUBSCRIBED if granted else UNSUBSCRIBED
    return event_of("track", name, message_id, at, (about,), {"properties": {"channel": channel, "topic": topic}})


def event_of(
    kind: str,
    name: str,
    message_id: str,
    at: datetime,
    identifiers: tuple[Identifier, ...],
    body: Mapping[str, Any],
    source: str = SOURCE,
) -> Event:
    """An event that happens and arrives at one moment; `body` is what the call says besides."""
    said: dict[str, Any] = {"type": kind, "messageId": message_id, "timestamp": at.isoformat(), **body}
    if kind == "track":
        said["event"] = name
    return Event(MessageId(message_id), kind, name, source, at, at, identifiers, said)
