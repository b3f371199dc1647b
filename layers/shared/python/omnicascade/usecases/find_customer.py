"""Find the customer that an identifier belongs to: walk the edges, decide which hold, join what is there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from omnicascade.domain.computed.shipped import SHIPPED
from omnicascade.domain.computed.traits import ComputedTraits
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import INCLUDE, SAME_CALL, Edge
from omnicascade.domain.identity_rules import ANONYMOUS, USER, IdentityRules
from omnicascade.domain.joining import join
from omnicascade.domain.journeys.person import Person
from omnicascade.domain.profile import KnownIdentifier, Profile
from omnicascade.domain.projection import Projection
from omnicascade.domain.resolution import Component, Resolution
from omnicascade.usecases.segment_ports import Membership
from omnicascade.usecases.store_ports import ContactLog, Head, HeadReader, Slot, StoredRun


@dataclass(frozen=True, slots=True)
class Customer:
    """A profile with how it came together and where it stands with journeys.

    Attributes:
        projections: what each member's own events add up to; their join is the profile.
        slots: of every member; after a merge a journey and key may have several.
        logs: the messages that caps look at, one log for each member that has any.
        memberships: what was last found out of segments, of every member.
        runs: the live ones, of every member.
    """

    profile: Profile
    component: Component
    projections: Mapping[NodeId, Projection]
    slots: Sequence[Slot]
    logs: Sequence[ContactLog] = ()
    memberships: Sequence[Membership] = ()
    runs: Sequence[StoredRun] = ()

    @property
    def person(self) -> Person:
        """The customer as journeys see them where no condition asks for history (`read_person.person_of`)."""
        return Person(self.profile, contacts=tuple(contact for log in self.logs for contact in log.contacts))

    def in_progress(self, slot: Slot) -> bool:
        """Whether the slot's latest run is among the live ones that were read."""
        return any(stored.run.run_id == slot.run_id for stored in self.runs)

    @property
    def own_log(self) -> ContactLog:
        """The log that the next message is written to: the profile id's."""
        node = NodeId(self.profile.profile_id)
        return next((log for log in self.logs if log.node == node), ContactLog(node))


def find_customer(
    node: NodeId,
    customers: HeadReader,
    rules: IdentityRules,
    *,
    consistent: bool = True,
    definitions: ComputedTraits = SHIPPED,
) -> Customer | None:
    """The customer of a node, or None when no event ever named it. Cost: see `component_around`.

    Whoever shows computed traits names the deployment's `definitions`.
    """
    component, heads = component_around(node, customers, rules, consistent=consistent)
    members = [heads[member] for member in component.members]
    slots = [slot for head in members for slot in head.slots]
    projections = {head.node: head.projection for head in members if head.projection}
    customer = customer_of(component, projections, slots, definitions)
    return customer and replace(
        customer,
        logs=[head.contacts for head in members if head.contacts],
        memberships=[known for head in members for known in head.memberships],
        runs=[stored for head in members for stored in head.runs],
    )


def component_around(
    node: NodeId, heads_of: HeadReader, rules: IdentityRules, *, consistent: bool
) -> tuple[Component, Mapping[NodeId, Head]]:
    """Who is together with a node, and all that was read to know it: every member's head, and some others'.

    Only along edges that hold does the walk go on: an identifier that ten thousand strangers share leads to one of them
    at most. What is refused with a stranger unread would be refused with all that the stranger brings along, so nobody
    outside is needed to decide it: more members, and longer known ones, only refuse more. The exception is a limit with
    a window, which an older stranger does not fill; there the stranger is read.

    Cost: one head read per identifier of the customer, and of those it was only nearly joined with.
    """
    heads: dict[NodeId, Head] = {}
    ahead = {node}
    resolution = Resolution(rules, {})
    while ahead:
        heads |= {here: heads_of.head(here, consistent=consistent) for here in sorted(ahead)}
        edges = [edge for head in heads.values() for edge in head.edges]
        projections = [head.projection for head in heads.values() if head.projection]
        resolution = Resolution.of(edges, known_since(projections, edges), rules)
        leading = [*resolution.accepted, *(r.edge for r in resolution.refused if r.hangs_on_age)]
        ahead = {end.node_id for edge in leading for end in (edge.a, edge.b)} - heads.keys()
    return resolution.component(node), heads


def customer_of(
    component: Component,
    projections: Mapping[NodeId, Projection],
    slots: Sequence[Slot] = (),
    definitions: ComputedTraits = SHIPPED,
) -> Customer | None:
    """The customer that a component is, or None when no event ever named it.

    Args:
        component: who is together, and why.
        projections: what its members' own events add up to.
        slots: where its members stand with journeys.
        definitions: of the computed traits.
    """
    edges = [*component.accepted, *(refusal.edge for refusal in component.refused)]
    profile = join(projections, component.members, _named(edges, component.members), edges, definitions)
    if profile is None:
        return None
    shown = _without_misread(profile.identifiers, edges, projections)
    return Customer(replace(profile, identifiers=shown), component, projections, slots)


def _without_misread(
    identifiers: Sequence[KnownIdentifier], edges: Sequence[Edge], projections: Mapping[NodeId, Projection]
) -> tuple[KnownIdentifier, ...]:
    """Leave out anonymous ids that nobody used: an alias's `previousId` that turns out to be the name of a user."""
    users = {known.identifier.value for known in identifiers if known.identifier.type == USER}
    used = {end for edge in edges if edge.rule == SAME_CALL for end in (edge.a, edge.b)}

    def misread(identifier: Identifier) -> bool:
        twin = identifier.type == ANONYMOUS and identifier.value in users
        return twin and identifier not in used and identifier.node_id not in projections

    return tuple(known for known in identifiers if not misread(known.identifier))


def known_since(projections: Iterable[Projection], edges: Iterable[Edge]) -> Mapping[NodeId, datetime]:
    """When each node was first named by an event (UTC), as far as these projections and edges tell."""
    known: dict[NodeId, datetime] = {}

    def name(node: NodeId, moment: datetime) -> None:
        held = known.get(node)
        if held is None or moment < held:
            known[node] = moment

    for projection in projections:
        for node, identifier in projection.seen.items():
            name(node, identifier.first_seen)
    for edge in edges:
        if edge.names_both:
            name(edge.a.node_id, edge.at)
            name(edge.b.node_id, edge.at)
    return known


def _named(edges: Iterable[Edge], members: Collection[NodeId]) -> list[KnownIdentifier]:
    """Identifiers that edges name; one that no event has as its strongest is known from nothing else."""
    return [
        KnownIdentifier(end, edge.at, edge.at, edge.source)
        for edge in edges
        if edge.names_both or edge.rule == INCLUDE
        for end in (edge.a, edge.b)
        if end.node_id in members
    ]
