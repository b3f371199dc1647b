"""Segments in real time: who enters and leaves, by event and by time alone, and the journeys that this starts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from omnicascade.usecases.name_customer import node_of
from tests.usecases.port_proxy import Call, straight
from tests.usecases.segment_world import NO_ORDER, WELCOME, check, identify, judged, listed, order, put
from tests.usecases.staff_room import StaffRoom
from tests.usecases.world import World

PAID: dict[str, Any] = {"trait": "plan", "is": "paid"}


def world_with(name: str = "vip", when: dict[str, Any] = PAID) -> World:
    world = World()
    put(world, name, when)
    return world


def test_a_customer_enters_and_leaves_with_the_event_that_says_so() -> None:
    """A trait that becomes true is membership at once, since then; one that ceases ends it."""
    world = world_with()
    identify(world, "ann", "m1", plan="free")
    assert listed(world, "vip") == {}
    world.advance(minutes=5)
    identify(world, "ann", "m2", plan="paid")
    assert listed(world, "vip") == {node_of("user_id:ann"): world.now}
    identify(world, "ann", "m3", plan="free")
    assert (listed(world, "vip"), world.segments.count("vip")) == ({}, 0)


def test_time_alone_makes_a_member_at_the_exact_second() -> None:
    """No order for thirty days: true a moment after the thirtieth, and no event came."""
    world = world_with("lapsed", NO_ORDER)
    order(world, "ann", "o1")
    ordered = world.now
    world.advance(days=20)
    order(world, "ann", "o2")
    assert listed(world, "lapsed") == {}
    world.advance(days=29, hours=23, minutes=59, seconds=59)
    assert listed(world, "lapsed") == {}
    world.advance(seconds=2)
    since = listed(world, "lapsed")[node_of("user_id:ann")]
    assert timedelta(0) <= since - (ordered + timedelta(days=50)) <= timedelta(seconds=1)
    order(world, "ann", "o3")
    assert listed(world, "lapsed") == {}


def test_many_events_keep_one_errand_under_way() -> None:
    """Each order moves the moment on, but only the errand of the first one is waiting."""
    world = world_with("lapsed", NO_ORDER)
    world.advance(minutes=5)
    kept: list[Any] = []

    def around(call: Call, proceed: Callable[[], Any]) -> Any:
        if (call.port, call.method) == ("errands", "run_at"):
            kept.append(call)
        return proceed()

    world.around = around
    for number in range(10):
        order(world, "ann", f"o{number}")
        world.advance(days=1)
    assert len(kept) == 1


def test_entering_starts_the_journey_that_waits_for_it_and_leaving_the_other() -> None:
    """Once each, whatever is delivered twice."""
    world = World(shuffle=Random(3))
    put(world, "vip", PAID)
    world.put_journey("welcome", WELCOME, entry={"segment": "vip"})
    world.put_journey("goodbye", WELCOME, entry={"segment": "vip", "on": "leave"})
    identify(world, "ann", "m1", plan="paid")
    identify(world, "ann", "m2", plan="paid", city="Riga")
    assert (len(world.runs_of("user_id:ann", "welcome")), len(world.runs_of("user_id:ann", "goodbye"))) == (1, 0)
    identify(world, "ann", "m3", plan="free")
    assert (len(world.runs_of("user_id:ann", "welcome")), len(world.runs_of("user_id:ann", "goodbye"))) == (1, 1)


def test_time_alone_starts_the_journey_once() -> None:
    """An errand that is carried out twice starts one run."""
    world = World(shuffle=Random(5))
    put(world, "lapsed", NO_ORDER)
    world.put_journey("win-back", WELCOME, entry={"segment": "lapsed"})
    order(world, "ann", "o1")
    world.advance(days=31)
    assert len(world.runs_of("user_id:ann", "win-back")) == 1


def test_writing_a_segment_down_starts_nothing_for_those_who_were_in_it() -> None:
    """They are counted, and their next event does not make them enter either."""
    world = World()
    identify(world, "ann", "m1", plan="paid")
    identify(world, "bob", "m2", plan="free")
    world.put_journey("welcome", WELCOME, entry={"segment": "vip"})
    world.advance(hours=1)
    put(world, "vip", PAID, settle=False)
    identify(world, "ann", "m3", city="Riga")
    world.settle()
    segment = world.segments.segment("vip")
    assert segment
    assert segment.ready
    assert list(listed(world, "vip")) == [node_of("user_id:ann")]
    assert world.runs_of("user_id:ann", "welcome") == []
    identify(world, "bob", "m4", plan="paid")
    assert len(world.runs_of("user_id:bob", "welcome")) == 1
    world.advance(hours=1)
    check(world)


def test_another_definition_moves_members_silently() -> None:
    """Whoever is in by the new words did not enter, and whoever is out did not leave."""
    world = world_with()
    identify(world, "ann", "m1", plan="paid")
    identify(world, "bob", "m2", plan="trial")
    for on in ("enter", "leave"):
        world.put_journey(f"on-{on}", WELCOME, entry={"segment": "vip", "on": on})
    put(world, "vip", {"trait": "plan", "is": "trial"})
    assert list(listed(world, "vip")) == [node_of("user_id:bob")]
    runs = [world.runs_of(f"user_id:{who}", f"on-{on}") for who in ("ann", "bob") for on in ("enter", "leave")]
    assert runs == [[], [], [], []]


def test_customers_who_turn_out_to_be_one_are_one_member() -> None:
    """A merge unites memberships, and nobody enters."""
    world = world_with()
    world.put_journey("welcome", WELCOME, entry={"segment": "vip"})
    world.post({"type": "identify", "messageId": "m1", "anonymousId": "app", "traits": {"plan": "paid"}})
    world.advance(minutes=1)
    identify(world, "ann", "m2", plan="paid")
    assert world.segments.count("vip") == 2
    world.advance(minutes=1)
    world.post({"type": "identify", "messageId": "m3", "anonymousId": "app", "userId": "ann"})
    world.settle()
    assert world.segments.count("vip") == 1
    check(world)
    assert len(world.runs_of("user_id:ann", "welcome")) == 2


def test_staffs_word_parts_and_joins_members() -> None:
    """Whom a split takes a member from is none any more, whoever comes of it is judged, and joining unites them."""
    world = world_with()
    world.post({"type": "identify", "messageId": "m1", "anonymousId": "app", "traits": {"plan": "paid"}})
    world.advance(minutes=1)
    world.post({"type": "identify", "messageId": "m2", "anonymousId": "app", "userId": "ann"})
    world.settle()
    assert list(listed(world, "vip")) == [node_of("anonymous_id:app")]
    room = StaffRoom(world)
    room.split("user_id:ann", {"identifiers": ["anonymous_id:app"]})
    world.settle()
    check(world)
    assert world.customer("user_id:ann").profile.profile_id not in listed(world, "vip")
    world.advance(minutes=1)
    room.link("user_id:ann", "anonymous_id:app", "include")
    world.settle()
    check(world)
    assert list(listed(world, "vip")) == [world.customer("user_id:ann").profile.profile_id]


def test_a_segment_within_a_segment_follows_it() -> None:
    """Whoever leaves the inner one leaves the outer one with the same event."""
    world = world_with()
    put(world, "calm", {"all": [{"segment": "vip"}, {"did": "Complained", "count": {"is": 0}}]})
    identify(world, "ann", "m1", plan="paid")
    assert list(listed(world, "calm")) == [node_of("user_id:ann")]
    identify(world, "ann", "m2", plan="free")
    assert listed(world, "calm") == {}


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_anywhere_on_the_way_is_repaired_by_the_next_delivery(after: bool) -> None:
    """At every call of a port, before it is made and after: one run, one member, one count."""
    for number in range(1, 200):
        world = world_with()
        world.put_journey("welcome", WELCOME, entry={"segment": "vip"})
        left = [number]

        def around(call: Call, proceed: Callable[[], Any], left: list[int] = left) -> Any:
            del call
            left[0] -= 1
            if left[0] == 0 and not after:
                raise RuntimeError("the process dies here")
            answer = proceed()
            if left[0] == 0:
                raise RuntimeError("the process dies here")
            return answer

        world.around = around
        identify(world, "ann", "m1", plan="paid")
        world.around = straight
        assert len(world.runs_of("user_id:ann", "welcome")) == 1
        check(world)
        if left[0] > 0:
            return
    raise AssertionError("this never ends")


def test_nothing_is_read_for_segments_where_there_are_none() -> None:
    """A deployment without segments pays nothing for them."""
    world = World()
    asked: list[str] = []

    def around(call: Call, proceed: Callable[[], Any]) -> Any:
        asked.append(str(call))
        return proceed()

    world.around = around
    identify(world, "ann", "m1", plan="paid")
    assert not [call for call in asked if call.startswith(("segments", "errands", "customers.head"))]


def test_an_event_that_no_segment_asks_for_reads_no_history() -> None:
    """Only orders can change who has not ordered lately; of one identifier alone, nobody can be joined."""
    world = world_with("lapsed", NO_ORDER)
    order(world, "ann", "o1")
    asked: list[str] = []

    def around(call: Call, proceed: Callable[[], Any]) -> Any:
        asked.append(str(call))
        return proceed()

    world.around = around
    world.post({"type": "page", "messageId": "p1", "userId": "ann"})
    world.settle()
    assert "events.arrived" not in asked
    assert judged(world, "lapsed") == set()
