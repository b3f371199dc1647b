"""Law 5, without a network: what is rehearsed is what the real use cases do, message by message, with every decision.

The same story is played twice: by the pure rehearsal, and by the use cases on memory stores with a state machine, a
stream, queues and errands between them.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omnicascade.adapters.liquid_renderer import LiquidRenderer
from omnicascade.domain.journeys.run import LedgerEntry, Run
from omnicascade.usecases.rehearse import RehearsalDesk
from tests.usecases.segment_world import bench
from tests.usecases.world import NOON, World

ANN: Final = "email:ann@example.com"
WHO: Final[dict[str, Any]] = {"context": {"traits": {"email": "ann@example.com"}}}
KNOWN: Final[dict[str, Any]] = {
    "type": "identify",
    "messageId": "!",
    "traits": {"timezone": "Europe/Warsaw"},
    "context": {
        "traits": {"email": "ann@example.com", "phone": "+48601234567"},
        "device": {"type": "ios", "token": "t"},
    },
}
NAMING: Final[dict[str, dict[str, Any]]] = {
    "push": {"context": {"device": {"type": "ios", "token": "t"}}},
    "email": WHO,
    "sms": {"context": {"traits": {"phone": "+48601234567"}}},
}
PROFILE: Final[dict[str, Any]] = {
    "identifiers": ["email:ann@example.com", "phone:+48601234567", "ios.push_token:t"],
    "traits": {"timezone": "Europe/Warsaw", "email": "ann@example.com", "phone": "+48601234567"},
}
FEEDBACK: Final = {
    ("push", "tap"): "Push Notification Tapped",
    ("push", "open"): "Push Notification Opened",
    ("push", "bounce"): "Push Notification Bounced",
    ("email", "click"): "Email Link Clicked",
    ("email", "open"): "Email Opened",
    ("sms", "reply"): "SMS Replied",
}
LENGTH: Final = timedelta(days=8)

type Told = list[tuple[str, str, str, str | None]]


def rehearsed(definition: dict[str, Any], events: list[dict[str, Any]], enter: list[int]) -> tuple[Told, Told]:
    """Messages (when, channel, step, key) and decisions (when, step, outcome, key) of the rehearsal."""
    world = World()
    desk = RehearsalDesk(world.journeys, world.journeys, LiquidRenderer())
    until = int(LENGTH.total_seconds())
    body = {"definition": definition, "start": NOON.isoformat(), "until": until, "profile": PROFILE}
    told = desk.simulate("basket", {**body, "events": events, "enter": enter}, NOON)
    messages = [(m["at"], m["channel"], m["step"], m["key"]) for m in told["messages"]]
    decisions = [(d["at"], d["step"], d["outcome"], d["key"]) for d in told["decisions"]]
    return messages, [decision for decision in decisions if decision[2] != "not_entered"]


def lived(definition: dict[str, Any], events: list[dict[str, Any]], enter: list[int]) -> tuple[Told, Told]:
    """The same of the use cases."""
    world = World()
    world.post(KNOWN)
    world.settle()
    world.put_journey("basket", *definition["steps"], **{k: v for k, v in definition.items() if k != "steps"})
    journey = world.journeys.journey("basket")
    assert journey is not None
    bench(world).follow(journey, world.now)
    world.settle()
    moments = sorted(
        [(event["at"], 0, n) for n, event in enumerate(events)] + [(at, 1, n) for n, at in enumerate(enter)]
    )
    for at, kind, number in sorted(moments):
        _wait_until(world, NOON + timedelta(seconds=at))
        if kind:
            world.start_by_hand("basket", ANN)
        else:
            _happens(world, events[number], number)
        world.settle()
    _wait_until(world, NOON + LENGTH)
    runs = sorted(world.runs_of(ANN), key=lambda run: (run.started_at, run.run_id))
    messages = [
        (_at(e.claimed_at), e.channel.value, e.step, run.key) for run in runs for e in run.ledger if e.outcome == "sent"
    ]
    decisions = [(_at(d.at), d.step, d.outcome, run.key) for run in runs for d in run.decisions]
    return messages, decisions


def _wait_until(world: World, moment: datetime) -> None:
    world.advance(seconds=(moment - world.now).total_seconds())
    world.settle()


def _happens(world: World, event: dict[str, Any], number: int) -> None:
    if "feedback" in event:
        latest = _latest(world.runs_of(ANN), event["channel"])
        if latest is None:
            return
        name = FEEDBACK[event["channel"], event["feedback"]]
        call = {"type": "track", "event": name, "properties": {"message_id": latest.message_id}}
        world.post({"messageId": f"r-{number}", **call, **NAMING[event["channel"]]}, source="feedback")
    elif "consent" in event:
        [(key, word)] = event["consent"].items()
        channel, _, topic = key.partition("/")
        name = "Subscribed" if word == "granted" else "Unsubscribed"
        properties = {"channel": channel, "topic": topic}
        world.post({"type": "track", "event": name, "messageId": f"r-{number}", "properties": properties, **WHO})
    else:
        said = {key: value for key, value in event.items() if key != "at"}
        world.post({"type": "track", "messageId": f"r-{number}", **said, **WHO})


def _latest(runs: list[Run], channel: str) -> LedgerEntry | None:
    sent = [entry for run in runs for entry in run.ledger if entry.channel == channel and entry.outcome == "sent"]
    return max(sent, key=lambda entry: entry.claimed_at, default=None)


def _when(event: Mapping[str, Any]) -> int:
    return event["at"]


def _at(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


WAITS: Final = st.sampled_from(["10m", "1h", "5h", "1d"])
MESSAGE: Final[st.SearchStrategy[dict[str, Any]]] = st.sampled_from(["push", "email", "sms"]).map(
    lambda channel: {channel: {"template": "cart"}}
)
CONDITION: Final[st.SearchStrategy[dict[str, Any]]] = st.sampled_from(
    [
        {"trait": "plan", "is": "paid"},
        {"not": {"did": "Order Completed"}},
        {"reachable": "push"},
        {"consent": "email/promotions", "is": "granted"},
        {"now": "09:00-18:00"},
    ]
)
CASCADE: Final[st.SearchStrategy[dict[str, Any]]] = st.tuples(
    st.permutations(["push", "email", "sms"]), st.lists(WAITS, min_size=3, max_size=3)
).map(
    lambda drawn: {"cascade": {"channels": [{c: {"template": "cart", "wait": w}} for c, w in zip(*drawn, strict=True)]}}
)
SIMPLE: Final[st.SearchStrategy[dict[str, Any]]] = st.one_of(
    MESSAGE, WAITS.map(lambda length: {"wait": length}), CASCADE
)
STEP: Final[st.SearchStrategy[dict[str, Any]]] = st.one_of(
    SIMPLE,
    st.tuples(MESSAGE, CONDITION).map(lambda drawn: {**drawn[0], "if": drawn[1]}),
    st.tuples(CONDITION, SIMPLE, SIMPLE).map(
        lambda drawn: {"branch": [{"if": drawn[0], "then": [drawn[1]]}], "otherwise": [drawn[2]]}
    ),
    st.tuples(SIMPLE, SIMPLE).map(
        lambda drawn: {
            "split": [
                {"name": "a", "share": "50%", "then": [drawn[0]]},
                {"name": "b", "share": "50%", "then": [drawn[1]]},
            ]
        }
    ),
    st.tuples(WAITS, MESSAGE).map(
        lambda drawn: {"wait_for": {"event": "Order Completed", "timeout": drawn[0]}, "otherwise": [drawn[1]]}
    ),
    st.tuples(CONDITION, WAITS, MESSAGE).map(
        lambda drawn: {"wait_for": {"when": drawn[0], "timeout": drawn[1]}, "then": [drawn[2]]}
    ),
    st.just({"wait": {"until": "09:30", "zone": "recipient"}}),
    st.just({"digest": {"event": "Product Added", "key": "properties.cart_id", "window": "1h"}}),
    st.just({"update": {"traits": {"plan": "paid"}}}),
)
JOURNEY: Final[st.SearchStrategy[dict[str, Any]]] = st.fixed_dictionaries(
    {"steps": st.lists(STEP, min_size=1, max_size=4)},
    optional={
        "entry": st.sampled_from(
            [
                {"event": "Product Added", "key": "properties.cart_id", "after": "1h"},
                {"event": "Product Added", "after": "20m", "restart": True},
                {"event": "Product Added"},
                {"when": {"trait": "plan", "is": "paid"}},
                {
                    "when": {
                        "all": [
                            {"did": "Order Completed"},
                            {"did": "Order Completed", "within": "1d", "count": {"is": 0}},
                        ]
                    }
                },
            ]
        ),
        "exit": st.sampled_from(
            [
                [{"event": "Order Completed"}],
                [{"event": "Order Completed", "match": "properties.cart_id"}],
                [{"when": {"trait": "plan", "is": "paid"}}],
            ]
        ),
        "goal": st.just({"event": "Order Completed"}),
        "reentry": st.sampled_from(["never", "always", {"after": "1d"}]),
        "quiet_hours": st.just({"from": "21:00", "to": "08:59", "zone": "recipient"}),
        "cap": st.just({"messages": 2, "per": "1d"}),
        "holdout": st.just("50%"),
        "deadline": st.just("6h"),
    },
)
MOMENT: Final = st.integers(1, 72 * 60).map(lambda minutes: minutes * 60)
EVENT: Final[st.SearchStrategy[dict[str, Any]]] = st.one_of(
    st.tuples(MOMENT, st.sampled_from(["Product Added", "Order Completed"]), st.sampled_from(["c1", "c2"])).map(
        lambda drawn: {"at": drawn[0], "event": drawn[1], "properties": {"cart_id": drawn[2]}}
    ),
    st.tuples(MOMENT, st.sampled_from(sorted(FEEDBACK))).map(
        lambda drawn: {"at": drawn[0], "feedback": drawn[1][1], "channel": drawn[1][0]}
    ),
    st.tuples(MOMENT, st.sampled_from(["free", "paid"])).map(
        lambda drawn: {"at": drawn[0], "type": "identify", "traits": {"plan": drawn[1]}}
    ),
    st.tuples(MOMENT, st.sampled_from(["granted", "denied"])).map(
        lambda drawn: {"at": drawn[0], "consent": {"email/promotions": drawn[1]}}
    ),
)
BEGINNING: Final[dict[str, Any]] = {"at": 0, "event": "Product Added", "properties": {"cart_id": "c1"}}
STORY: Final[st.SearchStrategy[list[dict[str, Any]]]] = st.lists(EVENT, min_size=3, max_size=9, unique_by=_when).map(
    lambda events: [BEGINNING, *sorted(events, key=_when)]
)


SEGMENTS: Final[st.SearchStrategy[dict[str, Any]]] = st.sampled_from(
    [
        {"trait": "plan", "is": "paid"},
        {"trait": "plan", "is": "paid", "for": "6h"},
        {"all": [{"did": "Order Completed"}, {"did": "Order Completed", "within": "1d", "count": {"is": 0}}]},
        {"did": "Product Added", "count": {"gte": 2}},
    ]
)
BY_SEGMENT: Final[st.SearchStrategy[dict[str, Any]]] = st.tuples(JOURNEY, SEGMENTS).map(
    lambda drawn: {**drawn[0], "entry": {"when": drawn[1]}}
)
_THOROUGHLY: Final = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@_THOROUGHLY
@given(JOURNEY, STORY, st.lists(MOMENT, min_size=1, max_size=2, unique=True))
def test_a_rehearsal_tells_what_will_happen(
    definition: dict[str, Any], story: list[dict[str, Any]], enter: list[int]
) -> None:
    """Whatever the journey and the story: the same messages at the same seconds, and the same decisions."""
    busy = {event["at"] for event in story}
    _agree(definition, story, [moment for moment in enter if moment not in busy])


@_THOROUGHLY
@given(BY_SEGMENT, STORY)
def test_a_rehearsal_tells_who_becomes_a_member_when(definition: dict[str, Any], story: list[dict[str, Any]]) -> None:
    """Also by time alone, where production needs an errand for the moment."""
    _agree(definition, story, [])


def _agree(definition: dict[str, Any], story: list[dict[str, Any]], enter: list[int]) -> None:
    messages, decisions = rehearsed(definition, story, enter)
    real_messages, real_decisions = lived(definition, story, enter)
    assert sorted(messages, key=str) == sorted(real_messages, key=str)
    assert sorted(decisions, key=str) == sorted(real_decisions, key=str)
