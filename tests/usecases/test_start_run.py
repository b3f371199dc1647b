"""Who enters, and how often: what a reading that is no snapshot may show of runs and slots."""

from __future__ import annotations

from dataclasses import replace

import pytest

from omnicascade.domain.errors import StaleWriteError
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.start_run import Entry, enter
from tests.usecases.test_crash_matrix import IDENTIFY
from tests.usecases.world import World


def _known() -> World:
    world = World()
    world.put_journey("basket", reentry="always")
    world.post(IDENTIFY)
    world.settle()
    return world


def _enters(world: World, customer: Customer, occasion: str) -> Entry:
    journey = world.journeys.journey("basket")
    assert journey is not None
    return enter(journey, customer, occasion=occasion, event=None, runs=world.runs, now=world.now)


def test_a_slot_that_is_seen_before_the_run_that_took_it_is_not_free() -> None:
    """A head is read item by item: a run may start between the two, and must not get a second one beside it."""
    world = _known()
    first = _enters(world, world.customer("user_id:ann"), "one").stored
    assert first is not None
    torn = replace(world.customer("user_id:ann"), runs=())
    with pytest.raises(StaleWriteError):
        _enters(world, torn, "two")
    assert [run.run_id for run in world.runs_of("user_id:ann")] == [first.run.run_id]


def test_a_slot_whose_run_has_ended_is_free() -> None:
    """Whoever saw the run alive is told to wait; whoever reads again enters."""
    world = _known()
    first = _enters(world, world.customer("user_id:ann"), "one").stored
    assert first is not None
    before = world.customer("user_id:ann")
    world.runs.save(first, replace(first.run, status="ended", outcome="completed", due=None), token="")
    assert _enters(world, before, "two").stored is None
    assert _enters(world, world.customer("user_id:ann"), "two").stored is not None
    assert [slot.entries for slot in world.customer("user_id:ann").slots] == [2]
