"""Errands carried out: never before their moment, twice without harm, and page by page where they are long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from omnicascade.domain.journeys.definition.loading import load_definition
from omnicascade.usecases.keep_schedules import ScheduleKeeper
from tests.usecases.segment_world import NO_ORDER, identify, listed, order, put
from tests.usecases.world import World

NINE = datetime(2026, 3, 11, 9, tzinfo=UTC)
DAILY: dict[str, Any] = {
    "name": "digest",
    "entry": {"schedule": "cron(0 9 * * ? *)", "segment": "all"},
    "steps": [{"push": {"template": "cart"}}],
}


def put_daily(world: World, **fields: Any) -> None:
    """Store the daily journey as the bench does: its clock is wound."""
    flow = {**DAILY, **fields}
    world.journeys.put_journey(load_definition(flow), flow)
    keeper = ScheduleKeeper(world.journeys, world.machine, world.errands, world.schedules)
    keeper.wind(load_definition(flow), world.now)


def started(world: World) -> list[str]:
    """The executions that were started, in order."""
    return list(world.machine.executions)


def test_an_errand_that_comes_too_early_is_kept_for_its_moment() -> None:
    """The queue cannot hold back longer than a quarter of an hour; nothing is done before."""
    world = World()
    put(world, "lapsed", NO_ORDER)
    order(world, "ann", "o1")
    world.advance(minutes=5)
    at = world.now + timedelta(hours=1)
    world.run_errand(at, {"kind": "look", "node": "a" * 26})
    assert world.errands.next_moment() == at


def test_an_errand_of_an_unknown_kind_is_not_ours() -> None:
    """It fails, and ends where failed messages end."""
    world = World()
    with pytest.raises(KeyError):
        world.run_errand(world.now, {"kind": "dance"})


def test_a_look_at_nobody_does_no_harm() -> None:
    """The customer may have been erased meanwhile."""
    world = World()
    put(world, "lapsed", NO_ORDER)
    world.run_errand(world.now, {"kind": "look", "node": "a" * 26})
    assert listed(world, "lapsed") == {}


def test_a_backfill_of_an_older_version_stops() -> None:
    """The newer one has an errand of its own; the old one neither counts nor says that it is done."""
    world = World()
    identify(world, "ann", "m1", plan="paid")
    put(world, "vip", {"trait": "plan", "is": "free"})
    put(world, "vip", {"trait": "plan", "is": "paid"}, settle=False)
    world.run_errand(world.now, {"kind": "backfill", "segment": "vip", "version": 1})
    world.run_errand(world.now, {"kind": "backfill", "segment": "gone", "version": 1})
    segment = world.segments.segment("vip")
    assert segment is not None
    assert (segment.version, segment.ready, listed(world, "vip")) == (2, False, {})


def test_a_backfill_goes_on_by_the_next_errand_until_all_are_judged() -> None:
    """Three of ten a page; repeating a page counts nobody twice."""
    world = World()
    for number in range(10):
        identify(world, f"u{number}", f"m{number}", plan="paid")
    put(world, "vip", {"trait": "plan", "is": "paid"}, settle=False)
    pages = 0
    while (segment := world.segments.segment("vip")) and not segment.ready:
        ((at, errand),) = world.errands.take(world.now)
        world.run_errand(at, errand)
        world.run_errand(at, errand)
        pages += 1
    assert pages >= 4
    assert world.segments.count("vip") == len(listed(world, "vip")) == 10


def test_a_schedule_starts_one_execution_at_each_of_its_moments() -> None:
    """Named after its moment, so that a second errand of the same moment starts nothing."""
    world = World()
    put_daily(world)
    put_daily(world)
    world.advance(days=2)
    assert started(world) == ["digest-20260311T0900", "digest-20260312T0900"]
    assert world.machine.executions["digest-20260311T0900"].input["segment"] == "all"
    world.run_errand(NINE, {"kind": "schedule", "journey": "digest", "expression": "cron(0 9 * * ? *)"})
    world.advance(days=1)
    assert started(world)[2:] == ["digest-20260313T0900"]


def test_another_schedule_takes_the_place_of_the_first() -> None:
    """What was kept for the old one comes and does nothing."""
    world = World()
    put_daily(world)
    put_daily(world, entry={"schedule": "cron(30 10 * * ? *)", "segment": "all"})
    world.advance(days=2)
    assert started(world) == ["digest-20260311T1030", "digest-20260312T1030"]


@pytest.mark.parametrize("fields", [{"active": False}, {"entry": {"event": "X"}}])
def test_a_journey_that_has_no_clock_any_more_is_started_no_more(fields: dict[str, Any]) -> None:
    """Switched off, or entered otherwise."""
    world = World()
    put_daily(world)
    put_daily(world, **fields)
    world.advance(days=2)
    assert started(world) == []
    assert world.errands.next_moment() is None


def test_a_rate_goes_on_from_its_own_last_moment() -> None:
    """Putting the journey again does not begin it anew."""
    world = World()
    put_daily(world, entry={"schedule": "rate(6 hours)", "segment": "all"})
    world.advance(hours=5)
    put_daily(world, entry={"schedule": "rate(6 hours)", "segment": "all"}, title="Again")
    world.advance(hours=8)
    assert started(world) == ["digest-20260310T1800", "digest-20260311T0000"]


def under_way(world: World) -> None:
    """Five customers in a journey that waits."""
    world.put_journey("slow", {"wait": "2d"}, {"push": {"template": "cart"}}, entry={"event": "Signed Up"})
    for number in range(5):
        who = {"userId": f"u{number}", "messageId": f"s{number}"}
        world.post({"type": "track", "event": "Signed Up", **who})
    world.settle()


def every(world: World, action: str, **more: Any) -> None:
    world.errands.run_at(world.now, {"kind": "every_run", "journey": "slow", "action": action, **more}, world.now)
    world.settle()


def statuses(world: World) -> set[str | None]:
    runs = [run for number in range(5) for run in world.runs_of(f"user_id:u{number}", "slow")]
    assert len(runs) == 5
    return {run.outcome or ("paused" if run.paused_at else run.status) for run in runs}


def test_all_runs_of_a_journey_are_paused_and_go_on() -> None:
    """Nothing is due while they rest; then what was due meanwhile is due at once."""
    world = World()
    under_way(world)
    every(world, "pause", reason="sale is over")
    assert statuses(world) == {"paused"}
    world.advance(days=5)
    assert statuses(world) == {"paused"}
    every(world, "resume")
    world.advance(minutes=1)
    assert statuses(world) == {"completed"}
    assert world.attended()


def test_all_runs_of_a_journey_are_stopped() -> None:
    """Their executions end too, and doing it again finds nothing left to do."""
    world = World()
    under_way(world)
    every(world, "stop", reason="wrong price")
    every(world, "stop")
    assert statuses(world) == {"stopped"}
    assert world.attended()


def test_all_runs_move_to_a_newer_version() -> None:
    """Each keeps its place; the version that is asked for must be there."""
    world = World()
    under_way(world)
    world.put_journey("slow", {"wait": "2d"}, {"push": {"template": "cart"}}, entry={"event": "Signed Up"}, title="New")
    every(world, "migrate", to=7)
    every(world, "migrate", to=2)
    versions = {run.version for number in range(5) for run in world.runs_of(f"user_id:u{number}", "slow")}
    assert versions == {2}
    world.advance(days=3)
    assert statuses(world) == {"completed"}
