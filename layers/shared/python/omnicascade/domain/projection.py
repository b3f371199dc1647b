"""The fold: what the events of one identifier add up to, and how several identifiers' sums join into a profile.

Folding is commutative and joining is associative: the same events give the same profile whatever their order, their
batches and the identifiers they were stored under. Idempotency is not the fold's business: the caller folds each event
once (the stream's watermark).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from omnicascade.domain.computed_reading import PLACES, currency_of, millionths
from omnicascade.domain.computed_shipped import SHIPPED
from omnicascade.domain.computed_traits import ComputedTraits
from omnicascade.domain.deployment import Channel
from omnicascade.domain.event import Event
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import Edge, judges_identities
from omnicascade.domain.identity_rules import DEFAULT_RULES
from omnicascade.domain.moments import epoch_ms, from_ms
from omnicascade.domain.profile import Consent, Counters, KnownIdentifier, Profile, ProfileId, Suppression
from omnicascade.domain.trait_words import Stamp, Trait, TraitWords, nested, standing_traits, void_events

ORDER_COMPLETED: Final = "Order Completed"
ORDER_REFUNDED: Final = "Order Refunded"
SUBSCRIBED: Final = "Subscribed"
UNSUBSCRIBED: Final = "Unsubscribed"
EMAIL_BOUNCED: Final = "Email Bounced"
EMAIL_MARKED_AS_SPAM: Final = "Email Marked as Spam"
MESSAGE_FAILED: Final = "Message Failed"
"""Our own: a provider refused an address for good (`permanent: true`). The others are names of Segment's specs."""

_MONEY_FIELDS: Final = ("revenue", "total", "value")

SPEAKING: Final = frozenset({SUBSCRIBED, UNSUBSCRIBED, EMAIL_BOUNCED, EMAIL_MARKED_AS_SPAM, MESSAGE_FAILED})
"""Events that say something of consent or of an address."""

COUNTED: Final = frozenset({ORDER_COMPLETED, ORDER_REFUNDED})
"""Events that move money. Of all others that say nothing of consent, those that name the same identifiers and tell the
same traits add up to how many they were, the first and the last (see `Fold.see`)."""

MOST_SEEN: Final = 64
"""Identifiers that one projection remembers with their times, latest first, so that an item stays small whoever shares
an account. Of the others the edges still tell when they were first seen."""


@dataclass(frozen=True, slots=True)
class Said:
    """The latest word on one consent key."""

    granted: bool
    stamp: Stamp
    source: str
    purpose: str | None = None
    proof: str | None = None


@dataclass(frozen=True, slots=True)
class Blocked:
    """The latest word on an address: a reason not to use it, or an empty reason that frees it again."""

    reason: str
    stamp: Stamp


def _nothing() -> dict[Any, Any]:  # a quarter of the cost of calling `dict[str, …]`, and a projection has seven
    return {}


NO_COUNTS: Final = Counters()


@dataclass(frozen=True, slots=True)
class Projection:
    """All events of one identifier, added up.

    Attributes:
        traits: the latest certain word on each leaf, by path (see trait_words).
        first_ms, last_ms: event times (Unix ms).
        linked: edges these events proposed and the store holds: `<other node>#<place>` to the event time (ms) it holds
            them from. Only saves asking the store again; it may know too little, never too much.
        folded: how many stored events were added, whatever they say; erased ones do not stay stored.
        erased_ms: when all of this was erased last (Unix ms); what was received until then does not count.
        doubts: words on traits that are void if their event turns out to be the first of its kind (see trait_words).
        computed: states of the computed traits, by key (see computed_traits).
        generation: the rebuild that made it last; empty until the first one.
    """

    traits: Mapping[str, Trait] = field(default_factory=_nothing)
    seen: Mapping[NodeId, KnownIdentifier] = field(default_factory=_nothing)
    consent: Mapping[str, Said] = field(default_factory=_nothing)
    blocked: Mapping[str, Blocked] = field(default_factory=_nothing)
    counters: Counters = NO_COUNTS
    first_ms: int | None = None
    last_ms: int | None = None
    linked: Mapping[str, int] = field(default_factory=_nothing)
    folded: int = 0
    erased_ms: int | None = None
    doubts: Mapping[str, Mapping[str, Trait]] = field(default_factory=_nothing)
    computed: Mapping[str, Any] = field(default_factory=_nothing)
    generation: str = ""


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
        self._sights: dict[NodeId, _Sight] = {}
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
            _hear(event, Stamp(at_ms, event.message_id), self._consent, self._blocked)
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
                sight = self._sights[node] = _Sight(identifier, since, until, source)
                known = self._started.seen.get(node)
                if known:
                    sight.extend(known.first_seen, known.last_seen, known.source)
            else:
                sight.extend(since, until, source)

    def count(self, name: str, properties: Mapping[str, Any], at: datetime) -> None:
        """Add the money of an order or a refund, one of `COUNTED`, which `see` was told of."""
        self._counters = _count(self._counters, name, properties, at)

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
            seen=_latest_seen(seen),
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


@dataclass(slots=True, eq=False)
class _Sight:
    """An identifier with when and where it was seen, while that is being found out."""

    identifier: Identifier
    first: datetime
    last: datetime
    source: str

    def extend(self, first: datetime, last: datetime, source: str) -> None:
        """Seen from then to then, too; the source is that of the first time."""
        if last > self.last:  # noqa: PLR1730 - asked for every event, and `max` is a call
            self.last = last
        if first < self.first or (first == self.first and source < self.source):
            self.first, self.source = first, source

    def known(self) -> KnownIdentifier:
        return KnownIdentifier(self.identifier, self.first, self.last, self.source)


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
    traits, sights = dict[str, Trait](), dict[NodeId, _Sight]()
    consent, blocked = dict[str, Said](), dict[str, Blocked]()
    counters, firsts, lasts = Counters(), list[int](), list[int]()
    together = {*members, *projections}
    void = void_events(edges if any(projection.doubts for projection in projections.values()) else ())
    for known in named:
        _see(sights, known)
    for node, projection in projections.items():
        for path, trait in standing_traits(projection.traits, projection.doubts, void.get(node, ())).items():
            _keep_latest(traits, path, trait)
        for known in projection.seen.values():
            if not members or known.identifier.node_id in together:
                _see(sights, known)
        for key, said in projection.consent.items():
            _keep_strictest(consent, key, said)
        for address, word in projection.blocked.items():
            _keep_latest(blocked, address, word)
        counters = _add(counters, projection.counters)
        firsts += [] if projection.first_ms is None else [projection.first_ms]
        lasts += [] if projection.last_ms is None else [projection.last_ms]
    seen = {node: sight.known() for node, sight in sights.items()}
    firsts = firsts or [epoch_ms(known.first_seen) for known in seen.values()]
    lasts = lasts or [epoch_ms(known.last_seen) for known in seen.values()]
    if not firsts:
        return None
    values, sources = nested(traits)
    return Profile(
        profile_id=_profile_id(seen, together),
        members=tuple(sorted(together)),
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


def _keep_latest[Word: (Trait, Said, Blocked)](words: dict[str, Word], key: str, word: Word) -> None:
    """The later word; one message stored under two identifiers may say two things at one moment, which is a tie."""
    held = words.get(key)
    if held is None or held.stamp < word.stamp or (held.stamp == word.stamp and repr(held) < repr(word)):
        words[key] = word


def _keep_strictest(words: dict[str, Said], key: str, word: Said) -> None:
    held = words.get(key)
    if held is None or (held.granted and not word.granted):
        words[key] = word
    elif held.granted == word.granted:
        _keep_latest(words, key, word)


def _latest_seen(seen: dict[NodeId, KnownIdentifier]) -> Mapping[NodeId, KnownIdentifier]:
    if len(seen) <= MOST_SEEN:
        return seen
    by_age = sorted(seen.items(), key=lambda item: (item[1].last_seen, item[0]), reverse=True)
    return dict(by_age[:MOST_SEEN])


def _see(seen: dict[NodeId, _Sight], known: KnownIdentifier) -> None:
    held = seen.get(known.identifier.node_id)
    if held is None:
        held = _Sight(known.identifier, known.first_seen, known.last_seen, known.source)
        seen[known.identifier.node_id] = held
    else:
        held.extend(known.first_seen, known.last_seen, known.source)


def _hear(event: Event, stamp: Stamp, consent: dict[str, Said], blocked: dict[str, Blocked]) -> None:
    for key, granted in _consent_said(event):
        purpose, proof = event.properties.get("purpose"), event.properties.get("proof")
        _keep_latest(consent, key, Said(granted, stamp, event.source, _text(purpose), _text(proof)))
    for address, reason in _addresses_judged(event):
        _keep_latest(blocked, address, Blocked(reason, stamp))


def _consent_said(event: Event) -> Iterable[tuple[str, bool]]:
    if event.name in (SUBSCRIBED, UNSUBSCRIBED) and event.type == "track":
        channel = _text(event.properties.get("channel")) or "email"
        topic = _text(event.properties.get("topic")) or "*"
        if channel in list(Channel) and len(topic) <= LONGEST_TOPIC:
            yield f"{channel}/{topic}", event.name == SUBSCRIBED
    elif event.name == EMAIL_MARKED_AS_SPAM:
        yield "email/*", False


def _addresses_judged(event: Event) -> Iterable[tuple[str, str]]:
    """Addresses that an event condemns (a reason) or frees (an empty one: the customer subscribed again)."""
    kinds = {"email"}
    reason = None
    if event.name == EMAIL_MARKED_AS_SPAM:
        reason = "marked as spam"
    elif event.name == EMAIL_BOUNCED and event.properties.get("permanent") is True:
        reason = f"bounced: {_text(event.properties.get('reason')) or 'permanent'}"
    elif event.name == MESSAGE_FAILED and event.properties.get("permanent") is True:
        kinds = {"email", "phone", "ios.push_token", "android.push_token"}
        reason = f"refused by the provider: {_text(event.properties.get('reason')) or 'permanent'}"
    elif event.name == SUBSCRIBED:
        kinds = {"email", "phone", "ios.push_token", "android.push_token"}
        reason = ""
    if reason is not None:
        yield from ((str(i), reason) for i in event.identifiers if i.type in kinds)


def _count(counters: Counters, name: str, properties: Mapping[str, Any], at: datetime) -> Counters:
    money, first, last = _money(properties), counters.first_order, counters.last_order
    if name == ORDER_REFUNDED:
        refunded = _sum(counters.refunded, money)
        return Counters(counters.events, counters.orders, counters.revenue, refunded, first, last)
    revenue = _sum(counters.revenue, money)
    first, last = min(first or at, at), max(last or at, at)
    return Counters(counters.events, counters.orders + 1, revenue, counters.refunded, first, last)


def _add(left: Counters, right: Counters) -> Counters:
    firsts = [t for t in (left.first_order, right.first_order) if t]
    lasts = [t for t in (left.last_order, right.last_order) if t]
    return Counters(
        events=left.events + right.events,
        orders=left.orders + right.orders,
        revenue=_sum(left.revenue, right.revenue),
        refunded=_sum(left.refunded, right.refunded),
        first_order=min(firsts, default=None),
        last_order=max(lasts, default=None),
    )


def _sum(left: Mapping[str, Decimal], right: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
    if not right:
        return left
    total = dict(left)
    for currency, amount in right.items():
        total[currency] = total.get(currency, _ZERO) + amount
    return total


_ZERO: Final = Decimal()

LONGEST_TOPIC: Final = 100


def _money(properties: Mapping[str, Any]) -> Mapping[str, Decimal]:
    """An order's value: `revenue`, else `total`, else `value`, in `currency` (Segment e-commerce v2; default USD)."""
    for name in _MONEY_FIELDS:
        amount = millionths(properties.get(name))
        if amount is not None:
            return {currency_of(properties): Decimal(amount).scaleb(-PLACES)}
    return {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
