"""Streams of calls about a few people who get in each other's way, and what must come of them.

One generator serves the property tests (Hypothesis draws, and shrinks) and the seeds of the simulator. The oracle sees
all events at once, and adds them up by itself: only which edges hold it asks `Resolution`, with every edge there is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

from omnicascade.domain.deployment import Source
from omnicascade.domain.event import Event
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.identity import (
    BY_HAND,
    IDENTITIES_JUDGED,
    INCLUDE,
    STAFF_SOURCE,
    Edge,
    edges_of,
    judges_identities,
)
from omnicascade.domain.identity_rules import IdentityRules, Limit, Trust
from omnicascade.domain.profile import Profile
from omnicascade.domain.resolution import Resolution

T0: Final = datetime(2026, 3, 1, tzinfo=UTC)
STEP: Final = timedelta(hours=6)

SOURCES: Final = (
    Source("web", "web"),
    Source("app", "app"),
    Source("crm", "server"),
    Source("desk", "call_centre"),
    Source("till", "pos", shared_device=True),
)
TRUST: Final = {"crm": Trust.HIGH, "desk": Trust.LOW}

PEOPLE: Final = ("ann", "bob", "cid", "dee")
PLACEHOLDERS: Final = ("null", "undefined", "0")

RULES: Final[Mapping[str, IdentityRules]] = {
    "usual": IdentityRules(trust=TRUST),
    "tight": IdentityRules(
        limits={"user_id": Limit(1), "email": Limit(2), "anonymous_id": Limit(2), "session_id": Limit(2)},
        default_limit=Limit(1),
        trust=TRUST,
    ),
    "windows": IdentityRules(
        limits={
            "user_id": Limit(1),
            "email": Limit(1, timedelta(days=2)),
            "anonymous_id": Limit(2, timedelta(days=1)),
        },
        trust=TRUST,
    ),
    "caps": IdentityRules(max_merges=1, max_identifiers=5),
    "crowds": IdentityRules(max_identifiers=3, trust=TRUST),
}
"""Rules whose numbers are so small that a dozen events break each of them."""


@dataclass(frozen=True)
class Posted:
    """A call with the source it was sent from."""

    source: Source
    call: Mapping[str, Any]


def posted_call(random: Random, number: int, sources: Sequence[Source] = SOURCES) -> Posted:
    """One call: somebody visits, logs in, buys, gives an address, takes a new name, or stands at a till."""
    source = random.choice(sources)
    call: dict[str, Any] = {
        "messageId": f"m-{number:02d}",
        "timestamp": (T0 + STEP * random.randrange(32)).isoformat(),
        **_said(random),
    }
    if source.shared_device:
        till, session = random.choice(("till-1", "till-2")), random.choice(("s-1", "s-2", None))
        call["anonymousId"] = till
        call["context"] = {**call.get("context", {}), **({"sessionId": session} if session else {})}
    if random.random() < 0.08:
        call["userId" if random.random() < 0.5 else "anonymousId"] = random.choice(PLACEHOLDERS)
    return Posted(source, call)


def _said(random: Random) -> dict[str, Any]:
    who, other = random.choice(PEOPLE), random.choice(PEOPLE)
    visit = f"visit-{random.randrange(4)}"
    cards = [{"type": "card", "id": f"card-{other}", "collection": "users"}]
    ways: list[Callable[[], dict[str, Any]]] = [
        lambda: {"type": "page", "anonymousId": visit},
        lambda: {"type": "identify", "userId": f"u-{who}", "anonymousId": visit, "traits": _traits(random, who)},
        lambda: {"type": "identify", "anonymousId": visit, "traits": _traits(random, who)},
        lambda: {"type": "alias", "userId": f"u-{who}", "previousId": random.choice((f"u-{other}", visit))},
        lambda: {"type": "track", "event": "Order Completed", **_order(random), **_caller(random, who)},
        lambda: _track("Card Shown", context={"externalIds": cards, "traits": _traits(random, who)}),
        lambda: _track("Opened", userId=f"u-{who}", context={"device": _device(random, who)}),
        lambda: _track("Looked", anonymousId=visit, context={"traits": {"email": _mail(who)}}),
    ]
    return random.choice(ways)()


def _track(name: str, **call: Any) -> dict[str, Any]:
    return {"type": "track", "event": name, **call}


def _device(random: Random, who: str) -> dict[str, Any]:
    return {"type": "ios", "id": f"device-{random.randrange(2)}", "token": f"token-{who}"}


def _caller(random: Random, who: str) -> dict[str, Any]:
    ways: list[dict[str, Any]] = [
        {"userId": f"u-{who}"},
        {"context": {"traits": {"email": _mail(who)}}},
        {"context": {"traits": {"email": _mail(who), "phone": _phone(who)}}},
    ]
    return random.choice(ways)


def _traits(random: Random, who: str) -> dict[str, Any]:
    said: dict[str, Any] = {"plan": f"plan-{random.randrange(5)}"}
    if random.random() < 0.5:
        said["email"] = _mail(who)
    if random.random() < 0.3:
        said["phone"] = _phone(random.choice(PEOPLE))
    if random.random() < 0.3:
        said["nick"] = random.choice((who, None))
    return said


def _order(random: Random) -> dict[str, Any]:
    return {"properties": {"revenue": random.randrange(1, 9), "currency": random.choice(("EUR", "USD"))}}


def _mail(who: str) -> str:
    return f"{who}@example.com"


def _phone(who: str) -> str:
    return f"+4860000000{PEOPLE.index(who)}"


def judgement(number: int, pairs: Iterable[tuple[str, str, str]], at: datetime) -> Posted:
    """Staff's word on pairs of identifiers (`type:value`): from, to and the rule, said at a moment."""
    said = [{"from": a, "to": b, "rule": rule} for a, b, rule in pairs]
    kind, _, value = said[0]["from"].partition(":")
    call = {
        "type": "track",
        "event": IDENTITIES_JUDGED,
        "messageId": f"word-{number:02d}",
        "timestamp": at.isoformat(),
        "properties": {"pairs": said},
        "context": {"externalIds": [{"type": kind, "id": value, "collection": "users"}]},
    }
    return Posted(Source(STAFF_SOURCE, "staff"), call)


NAMED: Final = (
    *("user_id:u-ann", "user_id:u-bob", "email:ann@example.com", "email:bob@example.com"),
    *("anonymous_id:visit-0", "anonymous_id:visit-1", "card:card-ann"),
)
"""Identifiers of which staff speak."""


def any_judgement(random: Random, number: int) -> Posted:
    """Staff say something of two identifiers, or take it back."""
    a, b = random.sample(NAMED, 2)
    return judgement(number, [(a, b, random.choice(BY_HAND))], T0 + STEP * random.randrange(64))


def stream_of(random: Random, most: int = 20) -> list[Posted]:
    """Calls of channels, and sometimes words of staff."""
    calls = [posted_call(random, number) for number in range(random.randint(4, most))]
    if random.random() < 0.5:
        calls += [any_judgement(random, number) for number in range(random.randint(1, 3))]
    random.shuffle(calls)
    return calls


@dataclass
class Sum:
    """What one customer must add up to, counted without any of the product's code."""

    identifiers: dict[str, datetime] = field(default_factory=dict[str, datetime])
    events: set[str] = field(default_factory=set[str])
    orders: int = 0
    revenue: Counter[str] = field(default_factory=Counter[str])
    plan: tuple[datetime, str, str] | None = None

    @property
    def seen(self) -> tuple[Any, ...]:
        """In the form of `seen_of`."""
        return (
            sorted(self.identifiers.items()),
            len(self.events),
            self.orders,
            sorted(self.revenue.items()),
            self.plan and self.plan[2],
        )


def seen_of(profile: Profile) -> tuple[Any, ...]:
    """What a reader sees of a profile, as far as `Sum` knows it."""
    counters = profile.counters
    return (
        sorted((str(known.identifier), known.first_seen) for known in profile.identifiers),
        counters.events,
        counters.orders,
        sorted((currency, amount) for currency, amount in counters.revenue.items()),
        profile.traits.get("plan"),
    )


@dataclass
class Oracle:
    """All events at once: every identifier's customer.

    Attributes:
        resolution: with every edge there is.
        names: `type:value` of every identifier that an event named, by node.
        sums: by node; members of one customer share one.
    """

    resolution: Resolution
    names: Mapping[NodeId, str]
    sums: Mapping[NodeId, Sum]

    @classmethod
    def of(cls, events: Collection[Event], rules: IdentityRules, edges: Iterable[Edge] | None = None) -> Oracle:
        """What these events come to, each being there once; `edges`: instead of what they propose."""
        proposed = [edge for event in events for edge in edges_of(event, rules)] if edges is None else list(edges)
        telling = [event for event in events if not judges_identities(event)]
        since: dict[NodeId, datetime] = {}
        names: dict[NodeId, str] = {}
        for event in telling:
            for identifier in event.identifiers:
                node = identifier.node_id
                names[node] = str(identifier)
                since[node] = min(since.get(node, event.timestamp), event.timestamp)
        resolution = Resolution.of(proposed, since, rules)
        for word in (word for word in resolution.by_hand if word.rule == INCLUDE):
            for end in (word.a, word.b):
                names[end.node_id] = str(end)
                since[end.node_id] = min(since.get(end.node_id, word.at), word.at)
        return cls(resolution, names, _added_up(resolution, telling, names, since))

    def groups(self) -> set[frozenset[str]]:
        """The partition of all identifiers."""
        return {
            frozenset(self.names[m] for m in self.resolution.component(node).members if m in self.names)
            for node in self.names
        }


def _added_up(
    resolution: Resolution, events: Collection[Event], names: Mapping[NodeId, str], since: Mapping[NodeId, datetime]
) -> Mapping[NodeId, Sum]:
    by_members: defaultdict[frozenset[NodeId], Sum] = defaultdict(Sum)
    sums: dict[NodeId, Sum] = {}
    never_visitors = _never_visitors(events)
    for node in names:
        members = resolution.component(node).members
        sums[node] = by_members[members]
        shown = {names[m] for m in members if m in names}
        misread = {f"anonymous_id:{name}" for name in never_visitors if f"user_id:{name}" in shown}
        sums[node].identifiers = {names[m]: since[m] for m in members if m in names and names[m] not in misread}
    for event in events:
        if event.identifiers:
            _count(sums[event.node_id], event)
    return sums


def _never_visitors(events: Collection[Event]) -> set[str]:
    """Values that only aliases gave, as their previous id."""
    visitors = {
        i.value
        for event in events
        for i in event.identifiers
        if i.type == "anonymous_id" and (event.type != "alias" or event.body.get("anonymousId") == i.value)
    }
    return {str(event.body.get("previousId")) for event in events if event.type == "alias"} - visitors


def _count(total: Sum, event: Event) -> None:
    total.events.add(event.message_id)
    if event.name == "Order Completed":
        total.orders += 1
        total.revenue[event.properties["currency"]] += Decimal(event.properties["revenue"])  # pyright: ignore[reportArgumentType]
    traits = {**event.context.get("traits", {}), **event.body.get("traits", {})}
    if "plan" in traits:
        word = (event.timestamp, str(event.message_id), traits["plan"])
        total.plan = max(total.plan or word, word)
