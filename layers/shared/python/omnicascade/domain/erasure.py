"""Erasing a customer: the order, its receipt, and what is left where others' data name the person.

An order names graph nodes, which are digests, and a moment: what was received until then goes, wherever it is or turns
up, and what comes later starts an empty profile. Orders and receipts hold nothing that could be read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from omnicascade.domain.event import Event
from omnicascade.domain.identifiers import Identifier, NodeId, parse_identifier
from omnicascade.domain.json_text import items, mapping
from omnicascade.domain.moments import epoch_ms
from omnicascade.domain.projection import Projection

REMEMBERED: Final = timedelta(days=35)
"""How long orders and tombstones are kept. An event taken before the erasure may come out of the queue up to 14 days
later, and, redriven from the dead-letter queue, which counts anew, 14 more; a point-in-time restore reaches back 35
days. Source: SQS and DynamoDB developer guides, "Message retention period", "Point-in-time recovery"."""

RECEIPT_KEPT: Final = timedelta(days=5 * 365)
"""How long the receipt can be read: it proves what was done, and holds nothing of the person."""

type Status = Literal["accepted", "erasing", "done"]


@dataclass(frozen=True, slots=True)
class Erasure:
    """An order: forget these nodes.

    Attributes:
        erasure_id: begins with the moment, so that orders sort by age.
        nodes: every identifier of the customer, sorted.
        at: what was received until then is erased (UTC, whole milliseconds).
    """

    erasure_id: str
    nodes: tuple[NodeId, ...]
    at: datetime

    def covers(self, node: NodeId, received_at: datetime) -> bool:
        """Whether something of a node that was received at a moment is to go."""
        return node in self.nodes and received_at <= self.at


def erased_until(erasures: Iterable[Erasure]) -> Mapping[NodeId, datetime]:
    """Until when what was received of each node is erased."""
    until: dict[NodeId, datetime] = {}
    for erasure in erasures:
        for node in erasure.nodes:
            until[node] = max(erasure.at, until.get(node, erasure.at))
    return until


@dataclass(frozen=True, slots=True)
class Counts:
    """What was erased: identifiers and edges of the customer, items of the table, objects of the archive."""

    events: int = 0
    identifiers: int = 0
    edges: int = 0
    runs: int = 0
    messages: int = 0
    links: int = 0
    archive_objects_read: int = 0
    archive_objects_rewritten: int = 0

    def plus(self, **more: int) -> Counts:
        """These counts, some of them raised."""
        return replace(self, **{name: getattr(self, name) + number for name, number in more.items()})


@dataclass(frozen=True, slots=True)
class Work:
    """What is still to be done; empty once the second look has been taken.

    Attributes:
        neighbours: nodes of others whose events may name the person.
        hours: hours since 1970 (UTC) in which events of the person, or naming them, were received.
        hours_done: those of them whose archive was rewritten.
        visited: nodes, of the person and of others, that are done with.
        counted: how far items were counted: the node and the sort key of the last one.
    """

    neighbours: frozenset[NodeId] = frozenset()
    hours: frozenset[int] = frozenset()
    hours_done: frozenset[int] = frozenset()
    visited: frozenset[NodeId] = frozenset()
    counted: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Receipt:
    """How far an erasure is.

    Attributes:
        by: who asked, as the gateway knows them; never shown.
        revision: grows with every write; the condition of the next.
        checked: whether the second look has been taken.
    """

    erasure_id: str
    requested_at: datetime
    by: str = ""
    status: Status = "accepted"
    completed_at: datetime | None = None
    checked: bool = False
    counts: Counts = field(default_factory=Counts)
    work: Work = field(default_factory=Work)
    revision: int = 0


def hour_of(moment: datetime) -> int:
    """The number of an hour since 1970 (UTC)."""
    return epoch_ms(moment) // 3_600_000


def entombed(projection: Projection, erasure: Erasure) -> Projection:
    """What is left of a projection: that it was erased, and when. One erased as late already is left as it is."""
    held = projection.erased_ms
    return (
        projection if held is not None and held >= epoch_ms(erasure.at) else Projection(erased_ms=epoch_ms(erasure.at))
    )


def bereft(event: Event, erasure: Erasure) -> Event | None:
    """Somebody else's event without the person's identifiers, or None when it names none of them."""
    gone = [i for i in event.identifiers if erasure.covers(i.node_id, event.received_at)]
    gone += [i for i in _judged(event) if erasure.covers(i.node_id, event.received_at)]
    if not gone:
        return None
    left = tuple(i for i in event.identifiers if i not in gone)
    return replace(event, identifiers=left, body=redacted(event.body, gone))


def _judged(event: Event) -> Iterable[Identifier]:
    """Identifiers that staff spoke of in an event."""
    for pair in map(mapping, items(event.properties.get("pairs"))):
        named = [parse_identifier(str(pair.get(end))) for end in ("from", "to")]
        yield from (identifier for identifier in named if identifier)


def line_without(line: Mapping[str, Any], erased: Mapping[NodeId, datetime]) -> Mapping[str, Any] | None:
    """An archived event after some erasures: None if it was an erased person's, without their identifiers if it names
    them, else the very same.

    Args:
        line: `{source, received_at, identifiers, call}` as the archive keeps it.
        erased: until when what was received of a node is erased.
    """
    named = [i for i in map(parse_identifier, line["identifiers"]) if i]
    pairs = items(mapping(mapping(line["call"]).get("properties")).get("pairs"))
    judged = [parse_identifier(str(mapping(pair).get(end))) for pair in pairs for end in ("from", "to")]
    received_at = datetime.fromisoformat(line["received_at"])
    gone = {i for i in (*named, *judged) if i and received_at <= erased.get(i.node_id, _NEVER)}
    if not gone:
        return line
    if named and named[0] in gone:
        return None
    left = [str(i) for i in named if i not in gone]
    return {**line, "identifiers": left, "call": redacted(line["call"], gone)}


def without(projection: Projection, gone: Collection[Identifier], nodes: Collection[NodeId]) -> Projection:
    """Somebody else's projection without the person: sightings, edges known to be stored, traits that repeat an
    identifier, words on an address.

    Args:
        gone: identifiers of the person, as far as they are known in the clear.
        nodes: their nodes.
    """
    known = {*gone, *(k.identifier for node, k in projection.seen.items() if node in nodes)}
    return replace(
        projection,
        seen={node: k for node, k in projection.seen.items() if node not in nodes},
        linked={place: at for place, at in projection.linked.items() if place.partition("#")[0] not in nodes},
        traits={path: t for path, t in projection.traits.items() if not _mentions(t.value, known)},
        blocked={address: word for address, word in projection.blocked.items() if address not in map(str, known)},
    )


_NEVER: Final = datetime.min.replace(tzinfo=UTC)

_KEPT_FIELDS: Final = ("messageId", "type", "event", "timestamp")
"""What makes a call the event it is."""


def redacted(call: Mapping[str, Any], gone: Collection[Identifier]) -> dict[str, Any]:
    """A call with null in place of every value that repeats one of these identifiers, in whatever spelling."""
    return {key: value if key in _KEPT_FIELDS else _redacted(value, gone) for key, value in call.items()}


def _redacted(value: Any, gone: Collection[Identifier]) -> Any:
    if fields := mapping(value):
        return {key: _redacted(child, gone) for key, child in fields.items() if not _names(key, gone)}
    if children := items(value):
        return [_redacted(child, gone) for child in children]
    return None if _mentions(value, gone) else value


SHORTEST_PART: Final = 6
"""Characters from which on an identifier inside a longer text is recognised; a shorter one only where it stands alone,
or half of all numbers would be somebody."""

_PHONE_DIGITS: Final = 9
"""Last digits that tell a phone number in any spelling; national numbers rarely have fewer (ITU-T E.164)."""


def _mentions(value: object, gone: Collection[Identifier]) -> bool:
    if value is None or isinstance(value, bool):
        return False
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return any(_repeats(text.casefold(), identifier) for identifier in gone)


def _names(key: str, gone: Collection[Identifier]) -> bool:
    """Whether a field is named after one of them; a short value may be a field's honest name."""
    return any(len(i.value) >= SHORTEST_PART and i.value.casefold() in key.casefold() for i in gone)


def _repeats(text: str, identifier: Identifier) -> bool:
    value = identifier.value.casefold()
    if text.strip() in (value, str(identifier).casefold()) or (len(value) >= SHORTEST_PART and value in text):
        return True
    digits = re.sub(r"\D", "", value)[-_PHONE_DIGITS:] if identifier.type == "phone" else ""
    return len(digits) >= SHORTEST_PART and digits in re.sub(r"\D", "", text)
