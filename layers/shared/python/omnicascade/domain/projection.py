"""The fold: what the events of one identifier add up to, and how several identifiers' sums join into a profile.

Folding is commutative and joining is associative: the same events give the same profile whatever their order, their
batches and the identifiers they were stored under. Idempotency is not the fold's business: the caller folds each event
once (the stream's watermark).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast

from omnicascade.domain.deployment import Channel
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.identity import judges_identities
from omnicascade.domain.identity_rules import DEFAULT_RULES
from omnicascade.domain.json_text import mapping
from omnicascade.domain.moments import epoch_ms, from_ms
from omnicascade.domain.profile import Consent, Counters, KnownIdentifier, Profile, ProfileId, Suppression

ORDER_COMPLETED: Final = "Order Completed"
ORDER_REFUNDED: Final = "Order Refunded"
SUBSCRIBED: Final = "Subscribed"
UNSUBSCRIBED: Final = "Unsubscribed"
EMAIL_BOUNCED: Final = "Email Bounced"
EMAIL_MARKED_AS_SPAM: Final = "Email Marked as Spam"
MESSAGE_FAILED: Final = "Message Failed"
"""Our own: a provider refused an address for good (`permanent: true`). The others are names of Segment's specs."""

_MONEY_FIELDS: Final = ("revenue", "total", "value")

MOST_MONEY: Final = Decimal(10) ** 15
MONEY_PLACES: Final = 6
"""An order of more is a fault; finer parts are rounded. Sums of a million orders then stay within the 28 digits that
decimal arithmetic keeps exactly (Python, "decimal": default context), so that their order cannot matter."""


MOST_SEEN: Final = 64
"""Identifiers that one projection remembers with their times, latest first, so that an item stays small whoever shares
an account. Of the others the edges still tell when they were first seen."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A place in time that two different events never share: event time in ms, then message id."""

    at_ms: int
    message_id: MessageId

    def __lt__(self, other: Stamp) -> bool:
        """Earlier; ties are broken by message id, the same way everywhere."""
        return (self.at_ms, self.message_id) < (other.at_ms, other.message_id)


@dataclass(frozen=True, slots=True)
class Trait:
    """One leaf of the traits: its value (None: deleted), when and by whom it was said."""

    value: Any
    stamp: Stamp
    source: str


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


@dataclass(frozen=True, slots=True)
class Projection:
    """All events of one identifier, added up. Trait keys are JSON lists: the path to the leaf.

    Attributes:
        first_ms, last_ms: event times (Unix ms).
        linked: edges these events proposed and the store holds: `<other node>#<place>` to the event time (ms) it holds
            them from. Only saves asking the store again; it may know too little, never too much.
        folded: how many stored events were added, whatever they say; erased ones do not stay stored.
        generation: the rebuild that made it last; empty until the first one.
        erased_ms: when all of this was erased last (Unix ms); what was received until then does not count.
    """

    traits: Mapping[str, Trait] = field(default_factory=dict[str, Trait])
    seen: Mapping[NodeId, KnownIdentifier] = field(default_factory=dict[NodeId, KnownIdentifier])
    consent: Mapping[str, Said] = field(default_factory=dict[str, Said])
    blocked: Mapping[str, Blocked] = field(default_factory=dict[str, Blocked])
    counters: Counters = field(default_factory=Counters)
    first_ms: int | None = None
    last_ms: int | None = None
    linked: Mapping[str, int] = field(default_factory=dict[str, int])
    folded: int = 0
    erased_ms: int | None = None
    generation: str = ""


def fold(projection: Projection, events: Iterable[Event]) -> Projection:
    """Add events, each of which must not have been added before; order does not matter.

    Events received before an erasure, and what staff said of identifiers, say nothing about the customer.
    """
    traits, seen = dict(projection.traits), dict(projection.seen)
    consent, blocked = dict(projection.consent), dict(projection.blocked)
    counters, first, last = projection.counters, projection.first_ms, projection.last_ms
    folded, erased = projection.folded, projection.erased_ms
    for event in events:
        if erased is not None and epoch_ms(event.received_at) <= erased:
            continue
        folded += 1
        if judges_identities(event):
            continue
        stamp = Stamp(epoch_ms(event.timestamp), event.message_id)
        for path, value in _trait_leaves(event):
            _keep_latest(traits, path, Trait(value, stamp, event.source))
        for identifier in event.identifiers:
            _see(seen, KnownIdentifier(identifier, event.timestamp, event.timestamp, event.source))
        for key, granted in _consent_said(event):
            purpose, proof = event.properties.get("purpose"), event.properties.get("proof")
            _keep_latest(consent, key, Said(granted, stamp, event.source, _text(purpose), _text(proof)))
        for address, reason in _addresses_judged(event):
            _keep_latest(blocked, address, Blocked(reason, stamp))
        counters = _count(counters, event)
        first = stamp.at_ms if first is None else min(first, stamp.at_ms)
        last = stamp.at_ms if last is None else max(last, stamp.at_ms)
    return Projection(
        traits=traits,
        seen=_latest_seen(seen),
        consent=consent,
        blocked=blocked,
        counters=counters,
        first_ms=first,
        last_ms=last,
        linked=projection.linked,
        folded=folded,
        erased_ms=erased,
        generation=projection.generation,
    )


def join(
    projections: Mapping[NodeId, Projection], members: Collection[NodeId] = (), named: Iterable[KnownIdentifier] = ()
) -> Profile | None:
    """The customer that these nodes make together, or None when no event ever named one of them.

    Args:
        projections: what the events of each node add up to.
        members: every node of the customer; those without events of their own have no projection.
        named: identifiers of members that are known from edges.

    Consent joins to the strictest word: where two nodes disagree on one key, the refusal stands.
    """
    traits, seen = dict[str, Trait](), dict[NodeId, KnownIdentifier]()
    consent, blocked = dict[str, Said](), dict[str, Blocked]()
    counters, firsts, lasts = Counters(), list[int](), list[int]()
    together = {*members, *projections}
    for known in named:
        _see(seen, known)
    for projection in projections.values():
        for path, trait in projection.traits.items():
            _keep_latest(traits, path, trait)
        for known in projection.seen.values():
            if not members or known.identifier.node_id in together:
                _see(seen, known)
        for key, said in projection.consent.items():
            _keep_strictest(consent, key, said)
        for address, word in projection.blocked.items():
            _keep_latest(blocked, address, word)
        counters = _add(counters, projection.counters)
        firsts += [] if projection.first_ms is None else [projection.first_ms]
        lasts += [] if projection.last_ms is None else [projection.last_ms]
    firsts = firsts or [epoch_ms(known.first_seen) for known in seen.values()]
    lasts = lasts or [epoch_ms(known.last_seen) for known in seen.values()]
    if not firsts:
        return None
    return Profile(
        profile_id=_profile_id(seen, together),
        members=tuple(sorted(together)),
        identifiers=tuple(sorted(seen.values(), key=_display_order)),
        traits=_nested(traits),
        consent={
            k: Consent(s.granted, from_ms(s.stamp.at_ms), s.source, s.purpose, s.proof) for k, s in consent.items()
        },
        suppressed={a: Suppression(b.reason, from_ms(b.stamp.at_ms)) for a, b in blocked.items() if b.reason},
        counters=counters,
        first_seen=from_ms(min(firsts)),
        last_seen=from_ms(max(lasts)),
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
    if key not in words or words[key].stamp < word.stamp:
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


def _see(seen: dict[NodeId, KnownIdentifier], known: KnownIdentifier) -> None:
    node = known.identifier.node_id
    held = seen.get(node)
    if held is None:
        seen[node] = known
        return
    first = min(held, known, key=lambda k: (k.first_seen, k.source))
    seen[node] = replace(first, last_seen=max(held.last_seen, known.last_seen))


def _trait_leaves(event: Event) -> Iterable[tuple[str, Any]]:
    if event.type in ("group", "alias"):
        own: Mapping[str, Any] = {}  # a group call's traits describe the group
    else:
        own = mapping(event.body.get("traits"))
    for traits in (mapping(event.context.get("traits")), own):
        yield from _leaves(traits, ())


def _leaves(value: Mapping[str, Any], path: tuple[str, ...]) -> Iterable[tuple[str, Any]]:
    for name, child in value.items():
        here = (*path, name)
        if isinstance(child, dict) and child:
            yield from _leaves(cast("Mapping[str, Any]", child), here)
        else:
            yield json.dumps(here, separators=(",", ":")), child


def _nested(traits: Mapping[str, Trait]) -> dict[str, Any]:
    """Set the leaves in the order they were said, so that a later scalar replaces an earlier object and vice versa."""
    tree: dict[str, Any] = {}
    for path, trait in sorted(
        traits.items(), key=lambda item: (item[1].stamp.at_ms, item[1].stamp.message_id, item[0])
    ):
        *parents, leaf = json.loads(path)
        place = tree
        for name in parents:
            if not isinstance(place.get(name), dict):
                place[name] = {}
            place = place[name]
        if trait.value is None:
            place.pop(leaf, None)
        else:
            place[leaf] = {} if trait.value == {} else trait.value  # a fresh one: later leaves are set in it
    return tree


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


def _count(counters: Counters, event: Event) -> Counters:
    counters = replace(counters, events=counters.events + 1)
    if event.type != "track" or event.name not in (ORDER_COMPLETED, ORDER_REFUNDED):
        return counters
    money = _money(event)
    if event.name == ORDER_REFUNDED:
        return replace(counters, refunded=_sum(counters.refunded, money))
    return replace(
        counters,
        orders=counters.orders + 1,
        revenue=_sum(counters.revenue, money),
        first_order=min(counters.first_order or event.timestamp, event.timestamp),
        last_order=max(counters.last_order or event.timestamp, event.timestamp),
    )


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
    return {currency: left.get(currency, Decimal()) + right.get(currency, Decimal()) for currency in (*left, *right)}


_CURRENCY: Final = re.compile(r"[A-Za-z]{3}")
NO_CURRENCY: Final = "XXX"
"""ISO 4217's code for "no currency": where the event names something that is none."""

LONGEST_TOPIC: Final = 100


def _money(event: Event) -> Mapping[str, Decimal]:
    """An order's value: `revenue`, else `total`, else `value`, in `currency` (Segment e-commerce v2; default USD)."""
    currency = _text(event.properties.get("currency")) or "USD"
    for name in _MONEY_FIELDS:
        value = event.properties.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        try:
            amount = Decimal(str(value).strip())
        except InvalidOperation:
            continue
        if amount.is_finite() and abs(amount) < MOST_MONEY:
            return {currency.upper() if _CURRENCY.fullmatch(currency) else NO_CURRENCY: round(amount, MONEY_PLACES)}
    return {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
