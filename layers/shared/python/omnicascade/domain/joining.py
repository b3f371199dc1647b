"""The join: how several identifiers' projections make one profile.

Joining is associative and commutative: the profile depends neither on the order of the identifiers nor on how they came
together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from omnicascade.domain.computed.shipped import SHIPPED
from omnicascade.domain.computed.traits import ComputedTraits
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.identity import Edge
from omnicascade.domain.identity_rules import DEFAULT_RULES
from omnicascade.domain.moments import epoch_ms, from_ms
from omnicascade.domain.order_money import together
from omnicascade.domain.profile import Consent, Counters, KnownIdentifier, Profile, ProfileId, Suppression
from omnicascade.domain.projection import Projection
from omnicascade.domain.sights import Sight, see
from omnicascade.domain.spoken import Blocked, Said, keep_latest, keep_strictest
from omnicascade.domain.trait_words import Trait, nested, standing_traits, void_events


def join(
    projections: Mapping[NodeId, Projection],
    members: Collection[NodeId] = (),
    named: Iterable[KnownIdentifier] = (),
    edges: Iterable[Edge] = (),
    definitions: ComputedTraits = SHIPPED,
) -> Profile | None:
    """The customer that these nodes make together, or None when no event ever named one of them.

    Args:
        projections: what the events of each node add up to.
        members: every node of the customer; those without events of their own have no projection.
        named: identifiers of members that are known from edges.
        edges: every stored edge of the members, whether it holds or not: they tell which events were the first to name
            a device, whose nulls are void.
        definitions: of the computed traits, the same that the projections were folded with.

    Consent joins to the strictest word: where two nodes disagree on one key, the refusal stands.
    """
    traits, sights = dict[str, Trait](), dict[NodeId, Sight]()
    consent, blocked = dict[str, Said](), dict[str, Blocked]()
    counters, firsts, lasts = Counters(), list[int](), list[int]()
    everybody = {*members, *projections}
    void = void_events(edges if any(projection.doubts for projection in projections.values()) else ())
    for known in named:
        see(sights, known)
    for node, projection in projections.items():
        for path, trait in standing_traits(projection.traits, projection.doubts, void.get(node, ())).items():
            keep_latest(traits, path, trait)
        for known in projection.seen.values():
            if not members or known.identifier.node_id in everybody:
                see(sights, known)
        for key, said in projection.consent.items():
            keep_strictest(consent, key, said)
        for address, word in projection.blocked.items():
            keep_latest(blocked, address, word)
        counters = together(counters, projection.counters)
        firsts += [] if projection.first_ms is None else [projection.first_ms]
        lasts += [] if projection.last_ms is None else [projection.last_ms]
    seen = {node: sight.known() for node, sight in sights.items()}
    firsts = firsts or [epoch_ms(known.first_seen) for known in seen.values()]
    lasts = lasts or [epoch_ms(known.last_seen) for known in seen.values()]
    if not firsts:
        return None
    values, sources = nested(traits)
    return Profile(
        profile_id=_profile_id(seen, everybody),
        members=tuple(sorted(everybody)),
        identifiers=tuple(sorted(seen.values(), key=_display_order)),
        traits=values,
        consent={
            k: Consent(s.granted, from_ms(s.stamp.at_ms), s.source, s.purpose, s.proof) for k, s in consent.items()
        },
        suppressed={a: Suppression(b.reason, from_ms(b.stamp.at_ms)) for a, b in blocked.items() if b.reason},
        counters=counters,
        first_seen=from_ms(min(firsts)),
        last_seen=from_ms(max(lasts)),
        trait_sources=sources,
        computed=definitions.show(projection.computed for projection in projections.values()),
    )


def _profile_id(seen: Mapping[NodeId, KnownIdentifier], members: Collection[NodeId]) -> ProfileId:
    """The id of the identifier seen first: it stays the same while the customer grows."""
    oldest = min(
        seen,
        key=lambda node: (seen[node].first_seen, DEFAULT_RULES.strength(seen[node].identifier.type), node),
        default=min(members),
    )
    return ProfileId(oldest)


def _display_order(known: KnownIdentifier) -> tuple[Any, ...]:
    return (DEFAULT_RULES.strength(known.identifier.type), -known.last_seen.timestamp(), known.identifier.value)
