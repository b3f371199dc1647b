"""Find the customer that an identifier belongs to: walk the edges, decide which hold, join what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from omnicascade.domain.errors import NotFoundError
from omnicascade.domain.identifiers import Identifier, NodeId, normalise
from omnicascade.domain.identity import ALIAS, INCLUDE, SAME_CALL, Component, Resolution
from omnicascade.domain.identity_rules import IdentityRules
from omnicascade.domain.profile import KnownIdentifier, Profile
from omnicascade.domain.projection import Projection, join
from omnicascade.usecases.store_ports import CustomerStore, Head, Slot

PROFILE_ID: Final = "profile_id"


@dataclass(frozen=True, slots=True)
class Customer:
    """A profile with how it came together and where it stands with journeys.

    Attributes:
        projections: what each member's own events add up to; their join is the profile.
        slots: of every member; after a merge a journey and key may have several.
    """

    profile: Profile
    component: Component
    projections: Mapping[NodeId, Projection]
    slots: Sequence[Slot]


def node_of(reference: str, region: str | None = None) -> NodeId:
    """The graph node of `type:value` or of a bare profile id.

    Args:
        reference: `type:value`, or a profile id.
        region: ISO 3166 country in which to read a phone number without a country code.

    Raises:
        NotFoundError: the value is one that identifies nobody.
    """
    kind, colon, value = reference.partition(":")
    if not colon:
        kind, value = PROFILE_ID, reference
    if kind == PROFILE_ID:
        return NodeId(value.strip())
    identifier: Identifier | None = normalise(kind, value, region)
    if identifier is None:
        raise NotFoundError(f"`{reference}` identifies nobody; expected type:value, such as email:ann@example.com")
    return identifier.node_id


def find_customer(
    node: NodeId, customers: CustomerStore, rules: IdentityRules, *, consistent: bool = True
) -> Customer | None:
    """The customer of a node, or None when no event ever named it.

    Only along edges that hold does the walk go on: an identifier that ten thousand strangers share leads to one of them
    at most. What is refused with a stranger unread would be refused with all that the stranger brings along, so nobody
    outside is needed to decide it; an alias is, since it asks whether the other was known.

    Cost: one head read per identifier of the customer, and of those it was only nearly joined with.
    """
    heads: dict[NodeId, Head] = {}
    ahead = {node}
    resolution = Resolution(rules, {})
    while ahead:
        heads |= {here: customers.head(here, consistent=consistent) for here in sorted(ahead)}
        edges = [edge for head in heads.values() for edge in head.edges]
        resolution = Resolution.of(edges, _known_since(heads), rules)
        leading = [*resolution.accepted, *(r.edge for r in resolution.refused if r.edge.rule == ALIAS)]
        ahead = {end.node_id for edge in leading for end in (edge.a, edge.b)} - heads.keys()
    component = resolution.component(node)
    members = {member: heads[member] for member in component.members}
    projections = {member: head.projection for member, head in members.items() if head.projection}
    profile = join(projections, component.members, _named(members, component))
    if profile is None:
        return None
    slots = [slot for head in members.values() for slot in head.slots]
    return Customer(profile, component, projections, slots)


def _known_since(heads: Mapping[NodeId, Head]) -> Mapping[NodeId, datetime]:
    known: dict[NodeId, datetime] = {}
    for head in heads.values():
        seen = head.projection.seen.items() if head.projection else ()
        named = [(node, identifier.first_seen) for node, identifier in seen]
        named += [(end.node_id, edge.at) for edge in head.edges if edge.rule == SAME_CALL for end in (edge.a, edge.b)]
        for node, moment in named:
            known[node] = min(known.get(node, moment), moment)
    return known


def _named(members: Mapping[NodeId, Head], component: Component) -> list[KnownIdentifier]:
    """Identifiers that edges name; one that no event has as its strongest is known from nothing else."""
    edges = {edge for head in members.values() for edge in head.edges if edge.rule in (SAME_CALL, INCLUDE)}
    return [
        KnownIdentifier(end, edge.at, edge.at, edge.source)
        for edge in edges
        for end in (edge.a, edge.b)
        if end.node_id in component.members
    ]
