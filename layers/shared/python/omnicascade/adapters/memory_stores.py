"""The stores in memory, with the table's own conditions, for tests and rehearsals.

They keep what the table keeps under the same keys, so that what is a duplicate, a stale write or a taken slot is the
same in both; one contract suite asks both. Not for several threads at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from omnicascade.adapters import keys
from omnicascade.domain.errors import NotFoundError, OmnicascadeError
from omnicascade.domain.event import Event
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.identity import Edge
from omnicascade.domain.links import ClickLink
from omnicascade.domain.projection import Projection
from omnicascade.usecases.project_profiles import Arrival
from omnicascade.usecases.segment_ports import Membership
from omnicascade.usecases.store_ports import (
    MOST_PARTNERS,
    ContactLog,
    Head,
    Page,
    ProjectionChange,
    Slot,
    StoredProjection,
    StoredRun,
)


def each[Given, Answer](given: Iterable[Given], do: Callable[[Given], Answer]) -> list[Answer]:
    """Do something with each, also after a failure.

    Raises:
        OmnicascadeError: the last failure, when all were tried.
    """
    answers, failure = list[Answer](), None
    for one in given:
        try:
            answers.append(do(one))
        except OmnicascadeError as error:
            failure = error
    if failure:
        raise failure
    return answers


class MemoryEventStore:
    """`EventStore` in memory.

    Attributes:
        stream: every event that was added, in order, as the table's stream would deliver it.
    """

    def __init__(self) -> None:
        self.stream: list[Arrival] = []
        self._events: dict[tuple[NodeId, str], Event] = {}
        self._places: dict[tuple[NodeId, str], str] = {}
        self._sequence = count(1)

    def add(self, event: Event) -> bool:
        """See `EventStore.add`."""
        return self.keep(event)

    def add_all(self, events: Sequence[Event]) -> int:
        """See `EventStore.add_all`."""
        return sum(each(events, self.keep))

    def keep(self, event: Event) -> bool:
        """One of the writes of `add_all`; apart, so that a test can let a process die between them."""
        place = (event.node_id, keys.event_key(event.message_id))
        if place in self._events:
            return False
        self._events[place], self._places[place] = event, keys.timeline_key(event)
        self.stream.append(Arrival(event, f"{next(self._sequence):021d}"))
        return True

    def remove(self, events: Collection[Event]) -> None:
        """See `EventStore.remove`."""
        for event in events:
            place = (event.node_id, keys.event_key(event.message_id))
            self._events.pop(place, None)
            self._places.pop(place, None)

    def events_of(self, node: NodeId) -> Iterator[Event]:
        """See `EventStore.events_of`."""
        return iter([event for (home, _), event in self._events.items() if home == node])

    def rename(self, event: Event) -> None:
        """See `EventStore.rename`."""
        place = (event.node_id, keys.event_key(event.message_id))
        if place in self._events:
            self._events[place] = event

    def timeline(
        self, nodes: Collection[NodeId], limit: int, cursor: str | None, *, oldest_first: bool = False
    ) -> Page:
        """See `EventStore.timeline`.

        Raises:
            MalformedBodyError: the cursor is not one of ours.
        """
        after = keys.read_cursor(cursor) if cursor else None
        wanted = set(nodes)
        placed = [((at, key[0]), key) for key, at in self._places.items() if key[0] in wanted]
        if after:
            placed = [(at, key) for at, key in placed if (at > after if oldest_first else at < after)]
        placed.sort(reverse=not oldest_first)
        page = placed[:limit]
        return Page([self._events[key] for _, key in page], keys.cursor(*page[-1][0]) if len(placed) > limit else None)

    def arrived(
        self, nodes: Collection[NodeId], names: Collection[str], *, happened_from: datetime, received_from: datetime
    ) -> Sequence[Event]:
        """See `EventStore.arrived`."""
        return [
            event
            for (node, _), event in self._events.items()
            if node in nodes
            and event.name in names
            and event.timestamp >= happened_from
            and event.received_at >= received_from
        ]


@dataclass(slots=True)
class _Node:
    """What the table keeps at one node, events aside."""

    projection: Projection | None = None
    watermark: str = ""
    edges: dict[tuple[NodeId, str], Edge] = field(default_factory=dict[tuple[NodeId, str], Edge])
    slots: dict[str, Slot] = field(default_factory=dict[str, Slot])
    memberships: dict[str, Membership] = field(default_factory=dict[str, Membership])
    contacts: ContactLog | None = None
    runs: dict[str, StoredRun] = field(default_factory=dict[str, StoredRun])


class MemoryCustomerStore:
    """`CustomerStore` in memory; a `MemoryRunStore` keeps its slots here, as the table does."""

    def __init__(self) -> None:
        self._nodes: dict[NodeId, _Node] = {}

    def head(self, node: NodeId, *, consistent: bool) -> Head:
        """See `CustomerStore.head`; always consistent."""
        del consistent
        held = self._nodes.get(node, _Node())
        others = set(sorted({there for there, _ in held.edges})[:MOST_PARTNERS])
        edges = tuple(edge for (there, _), edge in sorted(held.edges.items()) if there in others)
        return Head(
            node,
            held.projection,
            held.watermark,
            edges,
            tuple(held.slots.values()),
            held.contacts,
            tuple(held.memberships.values()),
            tuple(stored for stored in held.runs.values() if stored.run.live),
        )

    def projections(self, nodes: Collection[NodeId], *, consistent: bool) -> Mapping[NodeId, StoredProjection]:
        """See `CustomerStore.projections`; always consistent."""
        del consistent
        held = {node: self._nodes[node] for node in nodes if node in self._nodes}
        return {n: StoredProjection(one.projection, one.watermark) for n, one in held.items() if one.projection}

    def propose(self, edges: Collection[Edge]) -> None:
        """See `CustomerStore.propose`."""
        ends = [(edge, here, there) for edge in edges for here, there in ((edge.b, edge.a), (edge.a, edge.b))]
        each(ends, lambda end: self.keep_end(end[0], end[1].node_id, end[2].node_id))

    def keep_end(self, edge: Edge, here: NodeId, there: NodeId) -> None:
        """One of the two writes that an edge takes; apart, so that a test can let a process die between them."""
        held = self.at(here).edges.get((there, edge.place))
        if held is None or edge.outranks(held):
            self.at(here).edges[there, edge.place] = edge

    def withdraw(self, edges: Collection[Edge]) -> None:
        """See `CustomerStore.withdraw`."""
        for edge in edges:
            for here, there in ((edge.b.node_id, edge.a.node_id), (edge.a.node_id, edge.b.node_id)):
                if self.at(here).edges.get((there, edge.place)) == edge:
                    del self.at(here).edges[there, edge.place]

    def save_projections(self, changes: Sequence[ProjectionChange]) -> frozenset[NodeId]:
        """See `CustomerStore.save_projections`."""
        kept = each(changes, self.keep_projection)
        return frozenset(change.node for change, done in zip(changes, kept, strict=True) if not done)

    def keep_projection(self, change: ProjectionChange) -> bool:
        """One of the writes of `save_projections`: False when the change is stale."""
        held = self.at(change.node)
        if held.watermark != change.previous:
            return False
        held.projection, held.watermark = change.projection, change.watermark
        return True

    def known_nodes(self) -> list[NodeId]:
        """The nodes that have a projection, in order; for the stores of this package."""
        return sorted(node for node, held in self._nodes.items() if held.projection)

    def nodes_in_segments(self) -> list[NodeId]:
        """The nodes where something is remembered of a segment; for the stores of this package."""
        return sorted(node for node, held in self._nodes.items() if held.memberships)

    def at(self, node: NodeId) -> _Node:
        """Everything kept at a node; for the stores of this module."""
        return self._nodes.setdefault(node, _Node())


class MemoryLinkStore:
    """Tracked links in memory; they do not expire."""

    def __init__(self) -> None:
        self._links: dict[str, ClickLink] = {}

    def save(self, code: str, link: ClickLink, now: datetime) -> None:
        """See `LinkStore.save`."""
        del now
        self._links[code] = link

    def forget(self, codes: Collection[str]) -> None:
        """Drop links; for the stores of this package."""
        for code in codes:
            self._links.pop(code, None)

    def find(self, code: str) -> ClickLink:
        """The link behind a code.

        Raises:
            NotFoundError: not a code of ours.
        """
        if code not in self._links:
            raise NotFoundError("this is no link of ours")
        return self._links[code]
