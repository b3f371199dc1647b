"""Projections as text: what the table keeps of an identifier between two folds.

Apart from the fold so that how a projection is stored can change without touching what it means. What is empty is left
out, and the call that said several traits is written once, so that a common customer's projection stays below 1 KB: a
write of it then costs one unit (DynamoDB developer guide, "Read/write capacity mode": a unit per started KB).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.moments import epoch_ms, from_ms
from omnicascade.domain.profile import Counters, KnownIdentifier
from omnicascade.domain.projection import Projection
from omnicascade.domain.spoken import Blocked, Said
from omnicascade.domain.trait_words import Stamp, Trait

MOST_CHARACTERS: Final = 300_000
"""ASCII characters of a stored projection. Source: DynamoDB developer guide, "Item size": 400 KB."""


def dump_projection(projection: Projection) -> str:
    """The projection as compact JSON text, to be stored.

    It must fit into one item, whatever a hostile client sends: where it does not, the traits said longest ago go first.
    """
    text = _dumped(projection)
    while len(text) > MOST_CHARACTERS and (ages := _ages(projection)):
        kept = frozenset(sorted(ages, key=lambda path: (ages[path], path))[len(ages) // 4 + 1 :])
        projection = replace(
            projection,
            traits={path: trait for path, trait in projection.traits.items() if path in kept},
            doubts={path: several for path, several in projection.doubts.items() if path in kept},
        )
        text = _dumped(projection)
    return text


def _ages(projection: Projection) -> dict[str, Stamp]:
    """The latest word on each leaf."""
    doubted = {path: max(t.stamp for t in several.values()) for path, several in projection.doubts.items()}
    return {path: trait.stamp for path, trait in projection.traits.items()} | doubted


_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


def _dumped(projection: Projection) -> str:
    whole = _dump_traits(projection) if projection.traits or projection.doubts else {}
    if projection.seen:
        whole["s"] = [
            [k.identifier.type, k.identifier.value, epoch_ms(k.first_seen), epoch_ms(k.last_seen), k.source]
            for k in projection.seen.values()
        ]
    if projection.consent or projection.blocked:
        whole |= _dump_consent(projection)
    if projection.linked:
        whole["k"] = projection.linked
    if projection.computed:
        whole["p"] = projection.computed
    whole["n"] = _dump_counters(projection.counters)
    whole["f"], whole["l"], whole["e"] = projection.first_ms, projection.last_ms, projection.folded
    if projection.erased_ms is not None:
        whole["x"] = projection.erased_ms
    if projection.generation:
        whole["g"] = projection.generation
    return _encode(whole)


def _dump_traits(projection: Projection) -> dict[str, Any]:
    calls: dict[tuple[int, str, str], int] = {}

    def word(trait: Trait) -> list[Any]:
        call = (trait.stamp.at_ms, trait.stamp.message_id, trait.source)
        return [trait.value, calls.setdefault(call, len(calls))]

    traits = {path: word(trait) for path, trait in projection.traits.items()}
    doubts = {path: {who: word(t) for who, t in several.items()} for path, several in projection.doubts.items()}
    return ({"t": traits} if traits else {}) | ({"d": doubts} if doubts else {}) | {"w": list(calls)}


def _dump_consent(projection: Projection) -> dict[str, Any]:
    consent = {
        key: [s.granted, s.stamp.at_ms, s.stamp.message_id, s.source, s.purpose, s.proof]
        for key, s in projection.consent.items()
    }
    blocked = {address: [b.reason, b.stamp.at_ms, b.stamp.message_id] for address, b in projection.blocked.items()}
    return ({"c": consent} if consent else {}) | ({"b": blocked} if blocked else {})


def _dump_counters(counters: Counters) -> list[Any]:
    return [
        counters.events,
        counters.orders,
        {currency: str(amount) for currency, amount in counters.revenue.items()},
        {currency: str(amount) for currency, amount in counters.refunded.items()},
        None if counters.first_order is None else epoch_ms(counters.first_order),
        None if counters.last_order is None else epoch_ms(counters.last_order),
    ]


def load_projection(text: str) -> Projection:
    """Read what `dump_projection` wrote."""
    stored = json.loads(text)
    calls: list[tuple[Stamp, str]] = [
        (Stamp(at_ms, message_id), source) for at_ms, message_id, source in stored.get("w", ())
    ]

    def traits(section: Mapping[str, tuple[Any, int]]) -> dict[str, Trait]:
        return {path: Trait(value, *calls[call]) for path, (value, call) in section.items()}

    return Projection(
        traits=traits(stored.get("t", {})),
        seen=_load_seen(stored.get("s", ())),
        consent={
            key: Said(granted, Stamp(at, mid), source, purpose, proof)
            for key, (granted, at, mid, source, purpose, proof) in stored.get("c", {}).items()
        },
        blocked={
            address: Blocked(reason, Stamp(at, mid)) for address, (reason, at, mid) in stored.get("b", {}).items()
        },
        counters=_load_counters(stored["n"]),
        first_ms=stored["f"],
        last_ms=stored["l"],
        linked=stored.get("k", {}),
        folded=stored["e"],
        erased_ms=stored.get("x"),
        doubts={path: traits(several) for path, several in stored.get("d", {}).items()},
        computed=stored.get("p", {}),
        generation=stored.get("g", ""),
    )


def _load_seen(listed: Iterable[Any]) -> dict[NodeId, KnownIdentifier]:
    known = [KnownIdentifier(Identifier(k, v), from_ms(first), from_ms(last), s) for k, v, first, last, s in listed]
    return {one.identifier.node_id: one for one in known}


def _load_counters(stored: Iterable[Any]) -> Counters:
    events, orders, revenue, refunded, first_order, last_order = stored
    return Counters(
        events,
        orders,
        {currency: Decimal(amount) for currency, amount in revenue.items()},
        {currency: Decimal(amount) for currency, amount in refunded.items()},
        None if first_order is None else from_ms(first_order),
        None if last_order is None else from_ms(last_order),
    )
