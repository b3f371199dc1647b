"""The fold: what the events of one identifier add up to.

Folding is commutative: the same events give the same projection whatever their order and their batches. Idempotency is
not the fold's business: the caller folds each event once (the stream's watermark).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from omnicascade.domain.computed.shipped import SHIPPED
from omnicascade.domain.computed.traits import ComputedTraits
from omnicascade.domain.event import Event
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import judges_identities
from omnicascade.domain.moments import epoch_ms
from omnicascade.domain.order_money import COUNTED, counted
from omnicascade.domain.profile import Counters
from omnicascade.domain.projection import Projection
from omnicascade.domain.sights import Sight, latest_seen
from omnicascade.domain.spoken import SPEAKING, hear
from omnicascade.domain.trait_words import Stamp, TraitWords


def fold(projection: Projection, events: Iterable[Event], definitions: ComputedTraits = SHIPPED) -> Projection:
    """Add events, each of which must not have been added before; order does not matter.

    Events received before an erasure, and what staff said of identifiers, say nothing about the customer.
    """
    adding = Fold(projection, definitions)
    for event in events:
        adding.add(event)
    return adding.done()


class Fold:
    """A projection that events are being added to, one at a time, without making it anew for each of them.

    Args:
        projection: where it starts; stays as it is.
        definitions: of the computed traits.
    """

    __slots__ = (
        "_blocked",
        "_computed",
        "_consent",
        "_counters",
        "_definitions",
        "_events",
        "_first",
        "_folded",
        "_last",
        "_sights",
        "_started",
        "_words",
    )

    def __init__(self, projection: Projection, definitions: ComputedTraits = SHIPPED) -> None:
        self._started, self._definitions = projection, definitions
        self._words = TraitWords.of(projection.traits, projection.doubts)
        self._sights: dict[NodeId, Sight] = {}
        self._consent, self._blocked = dict(projection.consent), dict(projection.blocked)
        self._computed = definitions.current(projection.computed) if projection.computed else {}
        self._counters, self._events = projection.counters, projection.counters.events
        self._first, self._last = projection.first_ms, projection.last_ms
        self._folded = projection.folded

    def add(self, event: Event) -> None:
        """Add an event, which must not have been added before."""
        erased = self._started.erased_ms
        if erased is not None and epoch_ms(event.received_at) <= erased:
            return
        if judges_identities(event):
            self._folded += 1
            return
        at, at_ms = event.timestamp, epoch_ms(event.timestamp)
        self.see(event.identifiers, event.source, 1, (at, at_ms), (at, at_ms))
        self._words.add(event, at_ms)
        if event.name in SPEAKING:
            hear(event, Stamp(at_ms, event.message_id), self._consent, self._blocked)
        elif event.name in COUNTED:
            self.count(event.name, event.properties, at)
        if self._definitions.definitions:
            self._definitions.add(self._computed, event, at_ms)

    def see(
        self,
        identifiers: Sequence[Identifier],
        source: str,
        times: int,
        first: tuple[datetime, int],
        last: tuple[datetime, int],
    ) -> None:
        """Add events of one source that name these identifiers and tell nothing else.

        Args:
            identifiers: strongest first.
            source: its name.
            times: how many events.
            first: when the earliest happened (UTC), and the same in Unix ms.
            last: when the latest did.
        """
        self._folded += times
        self._events += times
        since, first_ms = first
        until, last_ms = last
        if self._first is None or first_ms < self._first:
            self._first = first_ms
        if self._last is None or last_ms > self._last:
            self._last = last_ms
        for identifier in identifiers:
            node = identifier.node_id
            sight = self._sights.get(node)
            if sight is None:
                sight = self._sights[node] = Sight(identifier, since, until, source)
                known = self._started.seen.get(node)
                if known:
                    sight.extend(known.first_seen, known.last_seen, known.source)
            else:
                sight.extend(since, until, source)

    def count(self, name: str, properties: Mapping[str, Any], at: datetime) -> None:
        """Add the money of an order or a refund, one of `COUNTED`, which `see` was told of."""
        self._counters = counted(self._counters, name, properties, at)

    def say(self, traits: Mapping[str, Any], stamp: Stamp, source: str, identifiers: Sequence[Identifier]) -> None:
        """Add the traits that the latest of such events tells; all must tell the same."""
        self._words.say(traits, stamp, source, identifiers)

    def done(self) -> Projection:
        """What it all adds up to. Nothing can be added afterwards."""
        started, counters = self._started, self._counters
        seen = dict(started.seen) if started.seen else {}
        for node, sight in self._sights.items():
            seen[node] = sight.known()
        return Projection(
            traits=self._words.words,
            seen=latest_seen(seen),
            consent=self._consent,
            blocked=self._blocked,
            counters=Counters(
                self._events,
                counters.orders,
                counters.revenue,
                counters.refunded,
                counters.first_order,
                counters.last_order,
            ),
            first_ms=self._first,
            last_ms=self._last,
            linked=started.linked,
            folded=self._folded,
            erased_ms=started.erased_ms,
            doubts=self._words.doubts,
            computed=self._computed,
            generation=started.generation,
        )
