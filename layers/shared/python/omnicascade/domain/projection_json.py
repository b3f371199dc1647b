"""Projections as text: what the table keeps of an identifier between two folds.

Apart from the fold so that how a projection is stored can change without touching what it means.
"""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.moments import epoch_ms, from_ms
from omnicascade.domain.profile import Counters, KnownIdentifier
from omnicascade.domain.projection import Blocked, Projection, Said, Stamp, Trait

MOST_CHARACTERS: Final = 300_000
"""ASCII characters of a stored projection. Source: DynamoDB developer guide, "Item size": 400 KB."""


def dump_projection(projection: Projection) -> str:
    """The projection as compact JSON text, to be stored.

    It must fit into one item, whatever a hostile client sends: where it does not, the traits said longest ago go first.
    """
    text = _dumped(projection)
    while len(text) > MOST_CHARACTERS and projection.traits:
        by_age = sorted(projection.traits.items(), key=lambda item: (item[1].stamp.at_ms, item[1].stamp.message_id))
        projection = replace(projection, traits=dict(by_age[len(by_age) // 4 + 1 :]))
        text = _dumped(projection)
    return text


def _dumped(projection: Projection) -> str:
    return json.dumps(
        {
            "t": {
                path: [t.value, t.stamp.at_ms, t.stamp.message_id, t.source] for path, t in projection.traits.items()
            },
            "s": [
                [k.identifier.type, k.identifier.value, epoch_ms(k.first_seen), epoch_ms(k.last_seen), k.source]
                for k in projection.seen.values()
            ],
            "c": {
                key: [s.granted, s.stamp.at_ms, s.stamp.message_id, s.source, s.purpose, s.proof]
                for key, s in projection.consent.items()
            },
            "b": {address: [b.reason, b.stamp.at_ms, b.stamp.message_id] for address, b in projection.blocked.items()},
            "n": _dump_counters(projection.counters),
            "f": projection.first_ms,
            "l": projection.last_ms,
            "e": projection.folded,
            "k": projection.linked,
        }
        | ({} if projection.erased_ms is None else {"x": projection.erased_ms})
        | ({"g": projection.generation} if projection.generation else {}),
        separators=(",", ":"),
    )


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
    events, orders, revenue, refunded, first_order, last_order = stored["n"]
    known = [
        KnownIdentifier(Identifier(k, v), from_ms(first), from_ms(last), s) for k, v, first, last, s in stored["s"]
    ]
    return Projection(
        traits={path: Trait(value, Stamp(at, mid), source) for path, (value, at, mid, source) in stored["t"].items()},
        seen={k.identifier.node_id: k for k in known},
        consent={
            key: Said(granted, Stamp(at, mid), source, purpose, proof)
            for key, (granted, at, mid, source, purpose, proof) in stored["c"].items()
        },
        blocked={address: Blocked(reason, Stamp(at, mid)) for address, (reason, at, mid) in stored["b"].items()},
        counters=Counters(
            events,
            orders,
            {currency: Decimal(amount) for currency, amount in revenue.items()},
            {currency: Decimal(amount) for currency, amount in refunded.items()},
            None if first_order is None else from_ms(first_order),
            None if last_order is None else from_ms(last_order),
        ),
        first_ms=stored["f"],
        last_ms=stored["l"],
        linked=stored["k"],
        folded=stored["e"],
        erased_ms=stored.get("x"),
        generation=stored.get("g", ""),
    )
