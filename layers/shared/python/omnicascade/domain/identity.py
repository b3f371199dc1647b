"""Which identifiers are one customer: edges proposed by events, accepted or refused by rules, joined into components.

Edges are append-only. Which of them hold is computed from all proposals of a component in the order of their events'
times, so the answer depends neither on the order of arrival nor on the number of writers, and leaving an edge out gives
exactly the customers that would exist had it never been.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.identifiers import PUSH_TOKEN_TYPES, Identifier, NodeId, normalise

DEFAULT_LIMITS: Final[Mapping[str, int]] = {
    "user_id": 1,
    "anonymous_id": 100,
    **dict.fromkeys(PUSH_TOKEN_TYPES, 10),
}
"""Identifiers of one type that one customer may have; a type that is not named has `DEFAULT_LIMIT` (Segment Unify)."""

DEFAULT_LIMIT: Final = 5

MAX_MEMBERS: Final = 1_000
"""Identifiers of one customer at most (Segment Unify, "Product limits": 1,000 identity mappings)."""

SAME_CALL: Final = "same call"
ALIAS: Final = "alias"


@dataclass(frozen=True, slots=True)
class Edge:
    """A proposal that two identifiers are one customer, with the event that proposed it."""

    a: Identifier
    b: Identifier
    at: datetime
    message_id: MessageId
    rule: str = SAME_CALL

    @property
    def order(self) -> tuple[datetime, str, str, str, str]:
        """The place of this proposal among all: by event time, then by content."""
        return (self.at, self.message_id, str(self.a), str(self.b), self.rule)

    @property
    def renames(self) -> bool:
        """Whether it gives a user another name: the two user ids then count as one."""
        return self.rule == ALIAS and self.a.type == self.b.type


@dataclass(frozen=True, slots=True)
class Refusal:
    """A proposal that does not hold, and why."""

    edge: Edge
    reason: str


@dataclass(frozen=True, slots=True)
class Component:
    """One customer's identifiers.

    Attributes:
        members: every graph node that is together, sorted.
        accepted: the edges that hold between members.
        refused: proposals that touch a member and do not hold.
    """

    members: frozenset[NodeId]
    accepted: tuple[Edge, ...]
    refused: tuple[Refusal, ...]


def edges_of(event: Event) -> tuple[Edge, ...]:
    """The proposals of one event: its strongest identifier with each of the others.

    An alias names its `previousId` without a type. It is read as an anonymous id (among the event's identifiers), and
    proposed as a user id besides.
    """
    if not event.identifiers:
        return ()
    strongest, *others = event.identifiers
    edges = [Edge(strongest, other, event.timestamp, event.message_id) for other in others]
    if event.type == "alias":
        previous = normalise("user_id", event.body.get("previousId"))
        if previous and previous != strongest:
            edges.append(Edge(strongest, previous, event.timestamp, event.message_id, ALIAS))
    return tuple(edges)


def component_of(
    node: NodeId,
    edges: Iterable[Edge],
    known_since: Mapping[NodeId, datetime],
    limits: Mapping[str, int] = DEFAULT_LIMITS,
) -> Component:
    """Join the proposals around a node and return the customer it belongs to.

    Args:
        node: where to look.
        edges: every proposal that can be reached from the node, in any order, duplicates welcome.
        known_since: when each node was first named by an event (UTC); an alias target that nobody ever named is absent.
        limits: identifiers per type and customer.
    """
    groups: dict[NodeId, _Group] = {}
    accepted, refused = list[Edge](), list[Refusal]()
    for edge in sorted(set(edges), key=lambda e: e.order):
        left = groups.setdefault(edge.a.node_id, _Group.of(edge.a))
        right = groups.setdefault(edge.b.node_id, _Group.of(edge.b))
        if left is right:
            accepted.append(edge)
            continue
        reason = _refusal(left, right, edge, known_since, limits)
        if reason:
            refused.append(Refusal(edge, reason))
            continue
        accepted.append(edge)
        joined = left.join(right, renamed=edge.renames)
        groups.update(dict.fromkeys(joined.members, joined))
    members = groups[node].members if node in groups else frozenset({node})
    return Component(
        members=members,
        accepted=tuple(e for e in accepted if e.a.node_id in members),
        refused=tuple(r for r in refused if {r.edge.a.node_id, r.edge.b.node_id} & members),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    members: frozenset[NodeId]
    counts: Counter[str]

    @classmethod
    def of(cls, identifier: Identifier) -> _Group:
        return cls(frozenset({identifier.node_id}), Counter({identifier.type: 1}))

    def join(self, other: _Group, *, renamed: bool) -> _Group:
        counts = self.counts + other.counts
        if renamed:
            counts["user_id"] -= 1  # the new name replaces the old one
        return _Group(self.members | other.members, counts)


def _refusal(
    left: _Group, right: _Group, edge: Edge, known_since: Mapping[NodeId, datetime], limits: Mapping[str, int]
) -> str:
    if edge.rule == ALIAS:
        known = [n for n in (edge.a.node_id, edge.b.node_id) if n in known_since and known_since[n] < edge.at]
        if len(known) == 2:
            return "two users known before are never joined by an alias"
    if len(left.members) + len(right.members) > MAX_MEMBERS:
        return f"a customer has at most {MAX_MEMBERS} identifiers"
    for kind, count in (left.counts + right.counts).items():
        limit = limits.get(kind, DEFAULT_LIMIT)
        if count - (edge.renames and kind == "user_id") > limit:
            return f"a customer has at most {limit} {kind}"
    return ""
