"""The law of segments: who is listed is who belongs, whatever arrives in whatever order, twice, and at once."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from omnicascade.usecases.project_profiles import Arrival
from tests.usecases.port_proxy import straight
from tests.usecases.segment_world import NO_ORDER, check, put
from tests.usecases.turns import Turns
from tests.usecases.world import World

SEGMENTS: dict[str, dict[str, Any]] = {
    "paid": {"trait": "plan", "is": "paid"},
    "lapsed": NO_ORDER,
    "twice": {"did": "Order Completed", "count": {"gte": 2}},
    "settled": {"trait": "plan", "is": "paid", "for": "7d"},
    "calm": {"all": [{"segment": "paid"}, {"not": {"did": "Complained", "within": "3d"}}]},
    "morning": {"now": "06:00-11:59", "zone": "UTC"},
    "mailed": {"consent": "email/promotions", "is": "granted"},
}
PEOPLE = [{"userId": "ann"}, {"userId": "bob"}, {"anonymousId": "app"}, {"anonymousId": "web"}]
BOTH = [{"userId": "ann", "anonymousId": "app"}, {"userId": "bob", "anonymousId": "web"}]
ACTS: list[dict[str, Any]] = [
    {"type": "identify", "traits": {"plan": "paid"}},
    {"type": "identify", "traits": {"plan": "free"}},
    {"type": "track", "event": "Order Completed", "properties": {"total": 20, "order_id": "o"}},
    {"type": "track", "event": "Complained"},
    {"type": "page", "name": "Home"},
]
acts = st.tuples(st.sampled_from(PEOPLE + BOTH), st.sampled_from(ACTS), st.integers(0, 40), st.integers(0, 60))
"""Who, what, how many days pass before it, and how many days ago its device says that it happened."""


def happen(world: World, number: int, act: tuple[dict[str, Any], dict[str, Any], int, int]) -> None:
    who, what, _, ago = act
    said = (world.now - timedelta(days=ago)).isoformat()
    world.post({**what, **who, "messageId": f"m{number}", "timestamp": said})


@settings(max_examples=20, deadline=None)
@given(st.lists(acts, min_size=1, max_size=12), st.integers(0, 2**32), st.sampled_from(sorted(SEGMENTS)))
def test_who_is_listed_is_who_belongs(stream: list[Any], seed: int, late: str) -> None:
    """Shuffled, duplicated, in batches, with time between; one segment is written down on the way."""
    world = World(shuffle=Random(seed))
    for name, when in SEGMENTS.items():
        if name != late and (name, late) != ("calm", "paid"):
            put(world, name, when)
    for number, act in enumerate(stream):
        world.advance(days=act[2])
        if number == len(stream) // 2:
            for name in dict.fromkeys((late, "calm")):
                put(world, name, SEGMENTS[name], settle=False)
        happen(world, number, act)
        if act[2]:
            world.settle()
            check(world)
    world.settle()
    check(world)
    world.advance(days=11, hours=5)
    check(world)


@settings(max_examples=20, deadline=None)
@given(st.lists(acts, min_size=2, max_size=6), st.integers(0, 2**32))
def test_two_workers_at_once_leave_no_wrong_member(stream: list[Any], seed: int) -> None:
    """Batches of two shards are at work at the same time, in every interleaving of their calls."""
    world = World()
    for name, when in SEGMENTS.items():
        put(world, name, when)
    arrivals = [
        arrival
        for number, (who, what, _, ago) in enumerate(stream)
        for arrival in world.store(
            {**what, **who, "messageId": f"m{number}", "timestamp": (world.now - timedelta(days=ago)).isoformat()}
        )
    ]
    by_node: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        by_node.setdefault(arrival.event.node_id, []).append(arrival)
    world.around = turns = Turns(Random(seed))
    turns.play(*(partial(world.deliver, own) for own in by_node.values()))
    world.around = straight
    check(world)


def test_a_worker_that_found_nothing_to_write_is_not_overwritten_by_one_that_read_before() -> None:
    """One identifier says paid, the other free at once; whoever looked first must not have the last word."""
    for seed in range(150):
        world = World()
        put(world, "paid", SEGMENTS["paid"])
        world.post({"type": "identify", "userId": "ann", "anonymousId": "app", "messageId": "m0"})
        world.advance(minutes=1)
        calls: list[dict[str, Any]] = [
            {"anonymousId": "app", "messageId": "m1", "traits": {"plan": "paid"}},
            {"userId": "ann", "messageId": "m2", "traits": {"plan": "free"}},
        ]
        arrivals = [world.store({"type": "identify", **call}) for call in calls]
        world.around = turns = Turns(Random(seed))
        turns.play(*(partial(world.deliver, own) for own in arrivals))
        world.around = straight
        check(world)
