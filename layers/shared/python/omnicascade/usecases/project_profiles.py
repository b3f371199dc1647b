"""Fold a batch of stored events into the projections, then let journeys react to each.

The order is what makes a crash harmless: edges first, then the projections with their watermarks, then the reactions,
each of which may be repeated. A batch that is delivered again folds nothing twice and repairs whatever was left undone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

from omnicascade.domain.computed.traits import ComputedTraits
from omnicascade.domain.errors import OmnicascadeError, StaleWriteError
from omnicascade.domain.event import Event
from omnicascade.domain.folding import fold
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.identity import Edge, edges_of
from omnicascade.domain.identity_rules import IdentityRules
from omnicascade.domain.moments import epoch_ms
from omnicascade.domain.projection import Projection
from omnicascade.usecases.store_ports import CustomerStore, EventStore, ProjectionChange, StoredProjection

if TYPE_CHECKING:
    from omnicascade.domain.deployment import Deployment
    from omnicascade.usecases.find_customer import Customer
    from omnicascade.usecases.keep_segments import SegmentKeeper

_SEQUENCE_DIGITS = 40
"""DynamoDB's sequence numbers have 21 to 40 digits; padded, their text sorts as the numbers do."""

MOST_LINKED: Final = 64
"""Edges that one projection remembers as stored, the latest used; those forgotten cost a write that changes nothing."""

ATTEMPTS: Final = 8
"""How often a projection is read and written again when another writer was first."""

_NOTHING: Final = StoredProjection(Projection(), "")


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event as the table's stream delivers it: `sequence` grows with every write of one partition."""

    event: Event
    sequence: str


@dataclass(frozen=True, slots=True)
class BatchFailure:
    """The first arrival that could not be handled, and why: the stream delivers again from there."""

    sequence: str
    error: OmnicascadeError


class EventDesk(Protocol):
    """What events mean for journeys; `JourneyDesk` is one, which only a deployment with journeys has to load."""

    @property
    def deployment(self) -> Deployment:
        """The deployment's settings."""
        ...

    def react(self, event: Event, now: datetime) -> Customer | None:
        """Carry out what an event means; the customer, where they had to be read. May be repeated."""
        ...


@dataclass(frozen=True, slots=True)
class NoJourneys:
    """The desk of a deployment that has no journey yet."""

    deployment: Deployment

    def react(self, event: Event, now: datetime) -> Customer | None:
        """Nobody enters, and no run is there to be moved."""
        del event, now


type Watch = Callable[[Sequence[Edge]], None]
"""Told which edges a batch proposed that were not known to be stored; must not raise."""


def project_profiles(
    arrivals: Sequence[Arrival],
    *,
    customers: CustomerStore,
    events: EventStore,
    desk: EventDesk,
    now: datetime,
    watch: Watch | None = None,
    keeper: SegmentKeeper | None = None,
) -> BatchFailure | None:
    """Handle a batch in stream order; None when all of it is done.

    What stands before a failure is not delivered again, so it is reacted to, even where a later fold failed. An event
    that an erasure has overtaken is deleted, and nobody reacts to it. Without a keeper nobody looks at segments.
    """
    folding = _Folding(customers, events, desk.deployment.identity, desk.deployment.computed)
    failed = folding.run(arrivals)
    if watch and folding.proposed:
        watch(list(folding.proposed.values()))
    for arrival in arrivals:
        node = arrival.event.node_id
        if node in failed:
            return BatchFailure(arrival.sequence, failed[node])
        if _overtaken(arrival.event, folding.projections.get(node)):
            continue
        try:
            customer = desk.react(arrival.event, now)
            if keeper:
                keeper.react(arrival.event, now, customer)
        except OmnicascadeError as error:
            return BatchFailure(arrival.sequence, error)
    return None


type _ByNode = Mapping[NodeId, Sequence[Arrival]]


@dataclass(slots=True)
class _Folding:
    """One batch on its way into the projections.

    Attributes:
        projections: as they are stored now, of the nodes that are done.
        proposed: the edges that were not known to be stored, by pair and place.
    """

    customers: CustomerStore
    events: EventStore
    rules: IdentityRules
    definitions: ComputedTraits
    projections: dict[NodeId, Projection] = field(default_factory=dict[NodeId, Projection])
    proposed: dict[tuple[object, ...], Edge] = field(default_factory=dict[tuple[object, ...], Edge])

    def run(self, arrivals: Sequence[Arrival]) -> Mapping[NodeId, OmnicascadeError]:
        """Fold all nodes together; where that fails, one by one up to the first that fails, which is returned.

        All that arrived after that one is delivered again, so nothing behind it has to be tried.
        """
        by_node: defaultdict[NodeId, list[Arrival]] = defaultdict(list)
        for arrival in arrivals:
            by_node[arrival.event.node_id].append(arrival)
        try:
            self._fold(by_node)
        except OmnicascadeError:
            for node, own in by_node.items():
                try:
                    self._fold({node: own})
                except OmnicascadeError as error:
                    return {node: error}
        return {}

    def _fold(self, by_node: _ByNode) -> None:
        left = by_node
        for attempt in range(ATTEMPTS):
            held = self.customers.projections(left.keys(), consistent=attempt > 0)
            changes = [self._change(node, own, held.get(node, _NOTHING)) for node, own in left.items()]
            again = self._store([change for change in changes if change])
            if attempt == 0:
                # No write shows whether what was read of these is still so, such as that nobody erased them since.
                again |= {node for node, change in zip(left, changes, strict=True) if change is None}
            left = {node: left[node] for node in left if node in again}
            if not left:
                self._remove_overtaken(by_node)
                return
        raise StaleWriteError(f"the projections of {', '.join(sorted(left))} keep changing")

    def _change(self, node: NodeId, own: Sequence[Arrival], stored: StoredProjection) -> _Change | None:
        """What these arrivals change; None when all of them are in the projection."""
        self.projections[node] = stored.projection
        new = [arrival.event for arrival in own if _padded(arrival.sequence) > stored.watermark]
        if not new:
            return None
        standing = [event for event in new if not _overtaken(event, stored.projection)]
        edges, linked = _link(stored.projection, standing, self.rules)
        projection = fold(stored.projection, new, self.definitions)
        if linked is not stored.projection.linked:
            projection = replace(projection, linked=linked)
        watermark = max(_padded(arrival.sequence) for arrival in own)
        return _Change(edges, ProjectionChange(node, projection, watermark, stored.watermark))

    def _store(self, changes: Sequence[_Change]) -> frozenset[NodeId]:
        edges = [edge for change in changes for edge in change.edges]
        if edges:
            self.customers.propose(edges)
        stale = self.customers.save_projections([change.projection for change in changes])
        for change in changes:
            self.projections[change.projection.node] = change.projection.projection
        self.proposed |= {_pair_and_place(edge): edge for edge in edges}
        return stale

    def _remove_overtaken(self, by_node: _ByNode) -> None:
        overtaken = [
            arrival.event
            for node, own in by_node.items()
            for arrival in own
            if _overtaken(arrival.event, self.projections.get(node))
        ]
        if overtaken:
            self.events.remove(overtaken)


@dataclass(frozen=True, slots=True)
class _Change:
    edges: Sequence[Edge]
    projection: ProjectionChange


def _link(
    projection: Projection, events: Sequence[Event], rules: IdentityRules
) -> tuple[Sequence[Edge], Mapping[str, int]]:
    """The edges these events propose that are not known to be stored from an earlier event, one per pair and place;
    and all that are known to be stored once these are."""
    edges = [edge for event in events for edge in edges_of(event, rules)]
    if not edges:
        return (), projection.linked
    linked = dict(projection.linked)
    fresh: dict[tuple[object, ...], Edge] = {}
    for edge in edges:
        pair = _pair_and_place(edge)
        held = fresh.get(pair)
        if held is not None and not edge.outranks(held):
            continue
        place, at = f"{edge.b.node_id}#{pair[-1]}", epoch_ms(edge.at)
        known = None if edge.by_hand else linked.pop(place, None)
        if known is not None and known < at:
            linked[place] = known
            continue
        fresh[pair] = edge
        if not edge.by_hand:
            linked[place] = at
    if len(linked) > MOST_LINKED:
        linked = dict(list(linked.items())[-MOST_LINKED:])
    return list(fresh.values()), linked


def _pair_and_place(edge: Edge) -> tuple[object, ...]:
    return (edge.a, edge.b, edge.place)


def _overtaken(event: Event, projection: Projection | None) -> bool:
    """Whether the customer was erased after this event was received: it must not stay."""
    erased = projection.erased_ms if projection else None
    return erased is not None and epoch_ms(event.received_at) <= erased


def _padded(sequence: str) -> str:
    return sequence.zfill(_SEQUENCE_DIGITS)
