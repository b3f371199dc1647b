"""Re-read one identifier's events under today's rules: the step of a rebuild, harmless beside the running intake.

What changes is what a rule change moves: events whose strongest identifier is another one now, edges that are proposed
no more or newly, and the projection. Limits, caps and trust need none of this: who is together is computed from the
edges whenever somebody looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from omnicascade.domain.deployment import Deployment, Source
from omnicascade.domain.event import Event
from omnicascade.domain.folding import fold
from omnicascade.domain.identifiers import Identifier, NodeId, identifiers_of
from omnicascade.domain.identity import Edge, edges_of
from omnicascade.domain.projection import Projection
from omnicascade.usecases.find_customer import find_customer
from omnicascade.usecases.store_ports import (
    CustomerStore,
    EventStore,
    Head,
    HeadReader,
    ProjectionChange,
    StoredProjection,
)

ATTEMPTS: Final = 5
"""Readings of an identifier whose events keep coming in while it is read; then it is reported as busy."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a rebuild applies.

    Attributes:
        deployment: the settings, those of identity and computed traits among them.
        sources: by name: their regions and whether they are shared devices. Events of a source that is not named keep
            the identifiers they were stored with, since nobody can tell how its phone numbers were meant.
        generation: names the rebuild; a projection remembers the one that it was made by.
    """

    deployment: Deployment
    sources: Mapping[str, Source]
    generation: str

    def reread(self, event: Event) -> Event:
        """The event with the identifiers that it has under these rules."""
        source = self.sources.get(event.source)
        if source is None:
            return event
        return replace(event, identifiers=identifiers_of(event.body, source, self.deployment.identity))


@dataclass(frozen=True, slots=True)
class NodeChange:
    """What a rebuild did, or would do, to one identifier.

    Attributes:
        events: how many of its events were read.
        moved: events that belong to another identifier now.
        renamed: events that stay and name others than before.
        proposed, withdrawn: edges that are new, and that nothing proposes any more.
        changed: whether its projection says something else.
        busy: nothing was done, because events kept coming in; again later.
    """

    node: NodeId
    events: int = 0
    moved: int = 0
    renamed: int = 0
    proposed: int = 0
    withdrawn: int = 0
    changed: bool = False
    busy: bool = False


@dataclass(frozen=True, slots=True)
class _Reading:
    """One identifier, read whole while nothing of it was under way."""

    stored: StoredProjection | None
    kept: Sequence[Event] = ()
    renamed: Sequence[Event] = ()
    leaving: Sequence[tuple[Event, Event]] = ()
    """As stored, and as read again."""
    done: bool = False
    """This generation has been here before."""

    @property
    def events(self) -> int:
        return len(self.kept) + len(self.leaving)


@dataclass(frozen=True, slots=True)
class Rebuilder:
    """Rebuilds identifiers one by one; any number of workers may, each identifier any number of times."""

    events: EventStore
    customers: CustomerStore
    rules: Rules

    def reproject(self, node: NodeId) -> NodeChange:
        """Bring one identifier up to the rules. May be repeated; a crash at any write is repaired by the next time.

        Events that leave are stored at their new place first and deleted last, so none is ever lost. Until they are
        gone the projection names the generation with `MOVING`, by which a second attempt knows that it does not count
        them any more.

        Raises:
            UnavailableError: something could not be read or written; repeat.
        """
        first: NodeChange | None = None
        for _ in range(ATTEMPTS):
            reading = self._read(node)
            if reading is None:
                continue
            if reading.done:
                return NodeChange(node)
            change, edges, obsolete, projection = self._planned(node, reading)
            first = first or change
            self.events.add_all([moved for _, moved in reading.leaving])
            for event in reading.renamed:
                self.events.rename(event)
            self.customers.propose(edges)
            self.customers.withdraw(obsolete)
            if reading.stored is not None and not self._saved(node, projection, reading.stored):
                continue
            if reading.leaving:
                self.events.remove([stored for stored, _ in reading.leaving])
                continue  # the next reading finds nothing that leaves, and says that this one is done
            return first
        return NodeChange(node, busy=True)

    def foresee(self, node: NodeId) -> NodeChange:
        """What `reproject` would do; nothing is written."""
        for _ in range(ATTEMPTS):
            reading = self._read(node)
            if reading is not None:
                return self._planned(node, reading)[0]
        return NodeChange(node, busy=True)

    def _read(self, node: NodeId) -> _Reading | None:
        """The identifier's events, or None when some of them are stored and not folded yet.

        The projection counts what it was folded from. It is read first, so a fold in between makes the numbers differ.
        """
        stored = self.customers.projections([node], consistent=True).get(node)
        if stored is not None and stored.projection.generation == self.rules.generation:
            return _Reading(stored, done=True)
        kept, renamed, leaving = list[Event](), list[Event](), list[tuple[Event, Event]]()
        for event in self.events.events_of(node):
            again = self.rules.reread(event)
            if again.node_id != node:
                leaving.append((event, again))
                continue
            kept.append(again)
            if again.identifiers != event.identifiers:
                renamed.append(again)
        counted = len(kept) + len(leaving)
        generation = stored.projection.generation if stored else ""
        if generation.removesuffix(MOVING) == self.rules.generation:
            counted = len(kept)
        if counted != (stored.projection.folded if stored else 0):
            return None
        return _Reading(stored, kept, renamed, leaving)

    def _planned(
        self, node: NodeId, reading: _Reading
    ) -> tuple[NodeChange, Sequence[Edge], Sequence[Edge], Projection]:
        edges = _strongest(edge for event in reading.kept for edge in edges_of(event, self.rules.deployment.identity))
        held = {
            (edge.a, edge.b, edge.place): edge
            for edge in self.customers.head(node, consistent=True).edges
            if edge.a.node_id == node and not edge.by_hand
        }
        fresh = [edge for key, edge in edges.items() if key not in held or edge.outranks(held[key])]
        obsolete = [edge for key, edge in held.items() if key not in edges]
        projection = self._folded(reading)
        before = reading.stored.projection if reading.stored else Projection()
        change = NodeChange(
            node,
            events=reading.events,
            moved=len(reading.leaving),
            renamed=len(reading.renamed),
            proposed=len(fresh),
            withdrawn=len(obsolete),
            changed=_said(projection) != _said(before),
        )
        return change, fresh, obsolete, projection

    def _folded(self, reading: _Reading) -> Projection:
        """`linked` stays empty: the next fold asks the store again."""
        erased = reading.stored.projection.erased_ms if reading.stored else None
        projection = fold(Projection(erased_ms=erased), reading.kept, self.rules.deployment.computed)
        return replace(projection, generation=self.rules.generation + (MOVING if reading.leaving else ""))

    def _saved(self, node: NodeId, projection: Projection, stored: StoredProjection) -> bool:
        mark = stored.watermark + REBUILT
        return not self.customers.save_projections([ProjectionChange(node, projection, mark, stored.watermark)])


MOVING: Final = " moving"
REBUILT: Final = "~"
"""Appended to a watermark: another one than before, and still before every later sequence number."""


def _strongest(edges: Iterable[Edge]) -> dict[tuple[Identifier, Identifier, str], Edge]:
    kept: dict[tuple[Identifier, Identifier, str], Edge] = {}
    for edge in edges:
        key = (edge.a, edge.b, edge.place)
        if edge.by_hand:
            continue
        if key not in kept or edge.outranks(kept[key]):
            kept[key] = edge
    return kept


def _said(projection: Projection) -> Projection:
    """The projection without the store's own book-keeping."""
    return replace(projection, linked={}, generation="")


@dataclass(slots=True)
class ForeseenCustomers:
    """`CustomerStore.head` as it would answer after a rebuild under other rules; reads every event it is asked about.

    An identifier's own events and those of the identifiers it has edges with are read again. What others' events would
    newly say of it shows in the answer for those others.
    """

    events: EventStore
    customers: HeadReader
    rules: Rules
    _proposals: dict[NodeId, Sequence[Edge]] = field(default_factory=dict[NodeId, Sequence[Edge]])

    def head(self, node: NodeId, *, consistent: bool) -> Head:
        """See `CustomerStore.head`."""
        stored = self.customers.head(node, consistent=consistent)
        named = {end.node_id for edge in stored.edges for end in (edge.a, edge.b)} | {node}
        edges = [edge for other in sorted(named) for edge in self._proposed(other)]
        mine = [edge for edge in edges if node in (edge.a.node_id, edge.b.node_id)]
        by_hand = [edge for edge in stored.edges if edge.by_hand]
        return replace(stored, edges=[*mine, *by_hand])

    def _proposed(self, node: NodeId) -> Sequence[Edge]:
        if node not in self._proposals:
            identity = self.rules.deployment.identity
            again = map(self.rules.reread, self.events.events_of(node))
            self._proposals[node] = [edge for event in again for edge in edges_of(event, identity)]
        return self._proposals[node]


@dataclass(frozen=True, slots=True)
class CustomerChange:
    """How a customer would differ: identifiers that would come to it and that would leave it.

    Each is told by its node, which `GET /v1/profiles/profile_id:<node>` finds: a report must not outlive an erasure.
    """

    profile_id: str
    identifiers: Sequence[str]
    joining: Sequence[str]
    leaving: Sequence[str]


def compare_customers(
    node: NodeId, *, now: Deployment, customers: HeadReader, foreseen: ForeseenCustomers
) -> CustomerChange | None:
    """How the customer of an identifier would change, or None when it stays as it is or nobody knows it."""
    before = find_customer(node, customers, now.identity)
    after = find_customer(node, foreseen, foreseen.rules.deployment.identity)
    if before is None or after is None:
        return None
    old, new = before.component.members, after.component.members
    if old == new:
        return None
    return CustomerChange(before.profile.profile_id, sorted(old), sorted(new - old), sorted(old - new))
