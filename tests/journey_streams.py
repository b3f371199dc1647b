"""Journeys and what happens to their customers, drawn by chance as plain data.

Every generator takes a `Random`: a seed of its own replays a search, and Hypothesis's `randoms()` makes the same draws
shrink (`JOURNEYS`, `STORIES`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from hypothesis import strategies as st

from omnicascade.domain.errors import UnacceptableError
from omnicascade.domain.journeys.definition.loading import load_definition

TEMPLATE: Final = "cart"
WAITS: Final = ("10m", "1h", "5h", "1d")
CHANNELS: Final = ("push", "email", "sms")
CONDITIONS: Final[Sequence[dict[str, Any]]] = (
    {"trait": "plan", "is": "paid"},
    {"not": {"did": "Order Completed"}},
    {"did": "Order Completed", "since_start": True},
    {"did": "Product Added", "count": {"gte": 2}, "within": "1d"},
    {"reachable": "push"},
    {"consent": "email/promotions", "is": "granted"},
    {"now": "09:00-18:00", "zone": "recipient"},
    {"any": [{"trait": "plan", "is": "paid"}, {"now": "18:00-23:00"}]},
    {"trait": "plan", "is": "free", "for": "6h"},
)
ENTRIES: Final[Sequence[dict[str, Any]]] = (
    {"event": "Product Added", "key": "properties.cart_id", "after": "1h"},
    {"event": "Product Added", "key": "properties.cart_id"},
    {"event": "Product Added", "after": "20m", "restart": True},
    {"event": "Product Added", "where": {"event": "properties.total", "gte": 20}},
    {"when": {"trait": "plan", "is": "paid"}},
    {"when": {"all": [{"did": "Order Completed"}, {"did": "Order Completed", "within": "1d", "count": {"is": 0}}]}},
)
EXITS: Final[Sequence[list[dict[str, Any]]]] = (
    [{"event": "Order Completed"}],
    [{"event": "Order Completed", "match": "properties.cart_id"}],
    [{"when": {"trait": "plan", "is": "paid"}}],
    [
        {"event": "Order Completed", "match": "properties.cart_id"},
        {"when": {"did": "Order Completed", "count": {"gte": 2}}},
    ],
)
FEEDBACK: Final = (("push", "tap"), ("push", "open"), ("email", "click"), ("email", "open"), ("sms", "reply"))


def message(random: Random) -> dict[str, Any]:
    """One message of any channel."""
    return {random.choice(CHANNELS): {"template": TEMPLATE}}


def cascade(random: Random) -> dict[str, Any]:
    """One to three channels in any order; the last may have a wait, too."""
    channels = random.sample(CHANNELS, random.randint(1, 3))
    parts: list[dict[str, dict[str, Any]]] = [
        {channel: {"template": TEMPLATE, "wait": random.choice(WAITS)}} for channel in channels
    ]
    if random.random() < 0.5:
        parts[-1] = {channels[-1]: {"template": TEMPLATE}}
    if channels[0] != "email" and random.random() < 0.2:  # the embedded SES delivers every mail at once
        next(iter(parts[0].values()))["answered_by"] = ["delivered"]
    order = {"order": "preferred"} if random.random() < 0.3 else {}
    return {"cascade": {**order, "channels": parts}}


def _wait_for(random: Random, depth: int) -> dict[str, Any]:
    timeout = random.choice(WAITS)
    awaited: dict[str, Any] = {"event": "Order Completed", "timeout": timeout}
    if random.random() < 0.5:
        awaited = {"when": random.choice(CONDITIONS), "timeout": timeout}
    elif random.random() < 0.5:
        awaited["match"] = "properties.cart_id"
    return {"wait_for": awaited, **_sides(random, depth, ("then", "otherwise"))}


def _sides(random: Random, depth: int, names: Sequence[str]) -> dict[str, Any]:
    taken = random.sample(names, random.randint(1, len(names)))
    return {name: steps(random, depth - 1, most=2) for name in names if name in taken}


def _branch(random: Random, depth: int) -> dict[str, Any]:
    arms = [
        {"if": random.choice(CONDITIONS), "then": steps(random, depth - 1, most=2)} for _ in range(random.randint(1, 2))
    ]
    return {"branch": arms, **_sides(random, depth, ("otherwise",))}


def _split(random: Random, depth: int) -> dict[str, Any]:
    share = random.randint(1, 9) * 10
    shares = {"a": share, "b": 100 - share}
    return {
        "split": [
            {"name": name, "share": f"{share}%", "then": steps(random, depth - 1, most=2)}
            for name, share in shares.items()
        ]
    }


def _simple(random: Random, depth: int) -> dict[str, Any]:
    del depth
    kinds: list[Callable[[], dict[str, Any]]] = [
        lambda: message(random),
        lambda: message(random) | {"if": random.choice(CONDITIONS)},
        lambda: {"wait": random.choice(WAITS)},
        lambda: cascade(random),
        lambda: {"wait": {"until": random.choice(["09:30", "20:00"]), "zone": "recipient"}},
        lambda: {"digest": {"event": "Product Added", "key": "properties.cart_id", "window": "1h"}},
        lambda: {"update": {"traits": {"plan": random.choice(["paid", "free"])}}},
    ]
    return random.choice(kinds)()


_NESTING: Final = (_branch, _split, _wait_for)


def steps(random: Random, depth: int = 2, most: int = 4) -> list[dict[str, Any]]:
    """So many steps, nested so deep."""
    return [
        random.choice(_NESTING)(random, depth) if depth and random.random() < 0.4 else _simple(random, depth)
        for _ in range(random.randint(1, most))
    ]


def journey(random: Random) -> dict[str, Any]:
    """A definition without a name that loads; every optional part may be there."""
    for _ in range(20):
        drawn = _journey(random)
        try:
            load_definition({"name": "basket", **drawn})
        except UnacceptableError:
            continue  # an update that would start the journey again, for one
        return drawn
    return {"steps": [message(random)]}


def _journey(random: Random) -> dict[str, Any]:
    optional: dict[str, Sequence[Any]] = {
        "entry": ENTRIES,
        "exit": EXITS,
        "goal": [{"event": "Order Completed"}, {"event": "Order Completed", "match": "properties.cart_id"}],
        "reentry": ["never", "always", {"after": "1d"}, {"after": "1h", "limit": 2}],
        "quiet_hours": [
            {"from": "21:00", "to": "08:59", "zone": "recipient"},
            {"from": "13:00", "to": "13:30", "zone": "UTC", "policy": "drop"},
        ],
        "cap": [{"messages": 2, "per": "1d"}, {"messages": 1, "per": "2h"}],
        "holdout": ["50%"],
        "deadline": ["6h"],
        "class": ["transactional"],
    }
    often = {"entry": 0.7, "holdout": 0.15, "class": 0.1}
    drawn = {
        name: random.choice(choices) for name, choices in optional.items() if random.random() < often.get(name, 0.4)
    }
    return {**drawn, "steps": steps(random)}


def story(random: Random, events: int = 9) -> list[dict[str, Any]]:
    """What happens to one customer within three days, no two things at once, in order; at 0 a product is added."""
    moments = sorted(random.sample(range(1, 72 * 60), random.randint(2, events)))
    beginning = {"at": 0, "event": "Product Added", "properties": {"cart_id": "c1", "total": 40}}
    return [beginning, *(_happening(random, minute * 60) for minute in moments)]


def _happening(random: Random, at: int) -> dict[str, Any]:
    kind = random.randint(0, 5)
    if kind <= 1:
        properties = {"cart_id": random.choice(["c1", "c2"]), "total": random.choice([10, 40])}
        return {"at": at, "event": random.choice(["Product Added", "Order Completed"]), "properties": properties}
    if kind <= 3:
        channel, feedback = random.choice(FEEDBACK)
        return {"at": at, "feedback": feedback, "channel": channel}
    if kind == 4:
        return {"at": at, "type": "identify", "traits": {"plan": random.choice(["free", "paid"])}}
    return {
        "at": at,
        "consent": {random.choice(["email/promotions", "sms/promotions"]): random.choice(["granted", "denied"])},
    }


JOURNEYS: Final[st.SearchStrategy[dict[str, Any]]] = st.randoms(use_true_random=False).map(journey)
STORIES: Final[st.SearchStrategy[list[dict[str, Any]]]] = st.randoms(use_true_random=False).map(story)


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that happens in a storm: to `who`, at so many minutes after the beginning."""

    minute: int
    kind: str
    who: str
    word: str = ""
    other: str = ""


def life(random: Random, people: Sequence[str], *, days: int = 4, most: int = 22) -> list[Act]:
    """What two people, who may turn out to be one, do and say; in order."""
    moments = sorted(random.sample(range(days * 24 * 60), random.randint(10, most)))
    return [_act(random, minute, random.choice(people)) for minute in moments]


_ACTS: Final = (
    "add",
    "add",
    "add",
    "add",
    "order",
    "react",
    "react",
    "consent",
    "merge",
    "merge",
    "bounce",
    "zone",
    "plan",
    "hand",
    "hold",
    "hold",
)


def _act(random: Random, minute: int, who: str) -> Act:
    kind = random.choice(_ACTS)
    cart = random.choice(["c1", "c2"])
    match kind:
        case "add" | "order":
            return Act(minute, kind, who, cart)
        case "react":
            channel, feedback = random.choice(FEEDBACK)
            return Act(minute, kind, who, channel, feedback)
        case "consent":
            return Act(minute, kind, who, random.choice(CHANNELS), random.choice(["granted", "denied", "denied"]))
        case "zone":
            return Act(minute, kind, who, random.choice(["Asia/Tokyo", "America/New_York", "Europe/Warsaw", "no zone"]))
        case "plan":
            return Act(minute, kind, who, random.choice(["free", "paid"]))
        case _:
            return Act(minute, kind, who)


def campaign(random: Random) -> dict[str, Any]:
    """A journey for a storm: with as many policies as chance will have it.

    Cascades whose text messages have a budget are called `paid-…`.
    """
    drawn = journey(random)
    if random.random() < 0.6:
        drawn["steps"] = [cascade(random), *drawn["steps"]]
    if random.random() < 0.6:
        for number, found in enumerate(_cascades(drawn["steps"])):
            if any("sms" in part for part in found["cascade"]["channels"]):
                found["id"] = f"paid-{number}"
            for part in found["cascade"]["channels"]:
                if "sms" in part:
                    part["sms"]["budget"] = BUDGET
    return {**drawn, "reentry": random.choice(["always", {"after": "1h"}, {"limit": 3, "after": "10m"}])}


BUDGET: Final = "0.07 USD"
"""Two short text messages to a Polish number."""


def _cascades(within: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for step in within:
        found += [step] if "cascade" in step else []
        inner = [step.get("then", []), step.get("otherwise", [])]
        inner += [arm["then"] for kind in ("branch", "split") for arm in step.get(kind, [])]
        for steps_of_arm in inner:
            found += _cascades(steps_of_arm)
    return found
