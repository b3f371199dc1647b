"""A run whose moment an event brings forward is moved then, whatever dies between storing that and telling its task."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest

from tests.usecases.audience.test_move_batch import Campaign
from tests.usecases.port_proxy import straight
from tests.usecases.test_crash_matrix import ANN, FAULTS, IDENTIFY, CrashError, Fault, Faults, track
from tests.usecases.world import World

COLLECTS = {"digest": {"event": "Price Dropped", "window": "4h"}}
TELLS = {"push": {"template": "cart"}}


def _waits_for_the_first() -> World:
    """A run that collects price drops, of which there was none: it waits for as long as a run may."""
    world = World()
    world.put_journey("basket", COLLECTS, TELLS, entry={"event": "Basket Filled"})
    world.post(IDENTIFY, track("Basket Filled", "fill", ANN))
    world.advance(days=2)
    return world


@pytest.mark.parametrize("fault", FAULTS)
def test_a_moment_brought_forward_is_told_after_any_crash(fault: Fault) -> None:
    """The second delivery of the event finds the run as it should be, and its task still asleep for a year."""
    for number in range(12):
        world = _waits_for_the_first()
        (drop,) = world.store(track("Price Dropped", "drop", ANN))
        world.around = faults = Faults(number, fault)
        try:
            failed = world.project([drop]) is not None
        except CrashError:
            failed = True
        world.around = straight
        case = f"{fault} at write {number}: {faults.trace}"
        if number >= len(faults.trace):
            assert not failed, case
            assert any("timer.wake" in write for write in faults.trace), case
            return
        world.deliver([drop])
        (run,) = world.runs_of("user_id:ann")
        assert run.due == world.now + timedelta(hours=4), case
        assert world.attended(), case
        world.advance(hours=5)
        assert world.channels() == ["push"], case
    raise AssertionError("the writes never end")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_customer_of_an_audience_is_handed_over_after_any_crash(fault: Fault) -> None:
    """The audience comes again in a year: the second delivery knows that, and gives the run an execution of its own."""
    for number in range(12):
        campaign = Campaign("ann", steps=[COLLECTS, TELLS])
        world = campaign.world
        (place,) = campaign.move(campaign.places)
        (drop,) = world.store(track("Price Dropped", "drop", ANN))
        world.around = faults = Faults(number, fault)
        with suppress(CrashError):
            world.project([drop])
        world.around = straight
        world.deliver([drop])
        case = f"{fault} at write {number}: {faults.trace}"
        assert place.run in world.machine.executions, case
        world.advance(hours=5)
        assert world.channels() == ["push"], case
        if number >= len(faults.trace):
            return
    raise AssertionError("the writes never end")


def test_a_task_that_knows_is_not_told_again() -> None:
    """The same event once more, and one that changes no moment, wake nobody."""
    world = _waits_for_the_first()
    world.deliver(world.store(track("Price Dropped", "drop", ANN)))
    world.advance(minutes=1)
    world.around = counting = Faults()
    world.deliver(world.store(track("Price Dropped", "again", ANN)))
    assert [str(write) for write in counting.trace if "timer" in str(write)] == []
