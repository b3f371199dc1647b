"""Find the customer that an identifier belongs to: walk the edges, decide which hold, join what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from omnicascade.domain.errors import NotFoundError
from omnicascade.domain.identifiers import Identifier, NodeId, normalise
from omnicascade.domain.identity import MAX_MEMBERS, Component, component_of
from omnicascade.domain.profile import Profile
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


def find_customer(node: NodeId, customers: CustomerStore, *, consistent: bool = True) -> Customer | None:
    """The customer of a node, or None when no event ever named it. Cost: one head read per identifier."""
    heads: dict[NodeId, Head] = {}
    ahead = [node]
    while ahead and len(heads) < 2 * MAX_MEMBERS:
        here = ahead.pop()
        if here in heads:
            continue
        heads[here] = customers.head(here, consistent=consistent)
        ahead += [end.node_id for edge in heads[here].edges for end in (edge.a, edge.b) if end.node_id not in heads]
    component = component_of(node, [edge for head in heads.values() for edge in head.edges], _known_since(heads))
    members = {member: heads[member] for member in component.members if member in heads}
    projections = {member: head.projection for member, head in members.items() if head.projection}
    profile = join(projections)
    if profile is None:
        return None
    slots = [slot for head in members.values() for slot in head.slots]
    profile = replace(profile, members=tuple(sorted(component.members)))
    return Customer(profile, component, projections, slots)


def _known_since(heads: Mapping[NodeId, Head]) -> Mapping[NodeId, datetime]:
    known: dict[NodeId, datetime] = {}
    for head in heads.values():
        if head.projection is None:
            continue
        for node, identifier in head.projection.seen.items():
            known[node] = min(known.get(node, identifier.first_seen), identifier.first_seen)
    return known
