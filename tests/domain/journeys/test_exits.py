"""Exits by condition: at once, by themselves, and before the very send."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.journeys import engine
from tests.domain.journeys.journey_builders import START, World, customer, event, hours, journey

PAID: dict[str, Any] = {"when": {"trait": "plan", "is": "paid"}}
QUIET: dict[str, Any] = {"when": {"did": "Product Added", "within": "6h", "count": {"is": 0}}}
PUSH = {"push": {"template": "cart"}}


def test_who_is_out_from_the_start_gets_nothing() -> None:
    """The condition is asked before the first message."""
    world = World(journey(exit=[PAID]), customer(traits={"plan": "paid"})).enter()
    assert (world.sent, world.run.outcome) == ([], "exited")
    assert world.run.reason.startswith("trait plan")


def test_an_event_that_makes_it_true_ends_the_run_inside_a_wait() -> None:
    """Any event of the customer may have changed them; the next channel is never tried."""
    world = World(journey(exit=[PAID])).enter().until(hours(1))
    assert not world.happens("Product Viewed")
    world.profile = customer(traits={"plan": "paid"})
    assert world.happens("identify")
    assert (world.run.outcome, world.run.ended_at, world.until(hours(99)).channels()) == (
        "exited",
        START + hours(1),
        ["push"],
    )


def test_a_change_that_nobody_told_of_is_seen_before_the_very_send() -> None:
    """Between two instructions of one instant the run's own update may have made it true."""
    flow = journey({"update": {"traits": {"plan": "paid"}}}, PUSH, exit=[PAID])
    world = World(flow).enter()
    assert (len(world.said), world.sent, world.run.outcome) == (1, [], "exited")


@pytest.mark.parametrize("behind", [{"email": {"template": "cart"}}, {"webhook": {"url": "https://h.example.com/x"}}])
def test_what_the_run_itself_does_may_end_it_within_one_move(behind: dict[str, Any]) -> None:
    """The push is skipped, and who cannot be pushed is out: nothing further leaves the run in that very call."""
    flow = journey({"id": "first", **PUSH}, behind, exit=[{"when": {"step": "first", "is": "skipped"}}])
    world = World(flow, customer("email")).enter()
    assert (world.sent, world.calls, world.run.outcome) == ([], [], "exited")


def test_an_exit_comes_before_a_webhook_too() -> None:
    """Nothing leaves the run once its condition holds."""
    flow = journey(
        {"update": {"traits": {"plan": "paid"}}}, {"webhook": {"url": "https://h.example.com/x"}}, exit=[PAID]
    )
    world = World(flow).enter()
    assert (world.calls, world.run.outcome) == ([], "exited")


def test_a_condition_that_turns_by_itself_ends_the_run_to_the_second() -> None:
    """Six hours without a basket event: the look is foreseen and nobody asks in between."""
    flow = journey({"wait": "1d"}, PUSH, exit=[QUIET], entry={"event": "Product Added"})
    world = World(flow).enter(event("Product Added"))
    assert world.run.next_moment == START + hours(6)
    assert engine.foresee(flow, world.run, world.person, world.deployment, START) == (6 * 3600, engine.ROOM_S)
    assert world.until(hours(6) - timedelta(seconds=1)).run.live
    world.until(hours(6))
    assert (world.run.outcome, world.run.ended_at, world.sent) == ("exited", START + hours(6), [])


def test_the_look_moves_on_when_an_event_puts_it_off_and_is_gone_when_it_is_needless() -> None:
    """Another basket event puts it off beyond the run's own moment: then that is next."""
    flow = journey({"wait": "8h"}, PUSH, exit=[QUIET], entry={"event": "Product Added"})
    world = World(flow).enter(event("Product Added")).until(hours(5))
    world.happens("Product Added")
    assert (world.run.look_at, world.run.next_moment) == (None, START + hours(8))
    assert world.until(hours(8)).channels() == ["push"]


def test_a_segment_is_judged_by_what_it_is_now() -> None:
    """An unknown segment is nobody's, and says so; it stops no run."""
    world = World(journey(exit=[{"when": {"segment": "staff"}}]), deployment=Deployment()).enter()
    assert world.run.live
    assert world.channels() == ["push"]


def test_an_exit_on_the_entry_event_itself_does_not_end_the_run() -> None:
    """The event that began it is no reason to leave; another of its kind is."""
    flow = journey(entry={"event": "Product Added"}, exit=[{"event": "Product Added"}])
    first = event("Product Added")
    world = World(flow).enter(first)
    assert not world.hears(first)
    assert world.happens("Product Added")
    assert world.run.outcome == "exited"


@pytest.mark.parametrize(
    ("key", "properties", "over"),
    [
        (7, {"cart_id": "7"}, True),
        ("7", {"cart_id": 7}, True),
        (7, {"cart_id": 7.0}, True),
        (7, {"cart_id": 70}, False),
        (7, {}, False),
        (7, {"cart_id": None}, False),
        (7, {"cart_id": {"id": 7}}, False),
    ],
)
def test_match_is_exact_for_the_runs_own_key(key: object, properties: dict[str, Any], over: bool) -> None:
    """Numbers and strings are equal, nothing else is, and a missing value matches no run."""
    flow = journey(
        entry={"event": "Product Added", "key": "properties.cart_id"},
        exit=[{"event": "Order Completed", "match": "properties.cart_id"}],
    )
    world = World(flow).enter(event("Product Added", cart_id=key))
    assert world.happens("Order Completed", **properties) is over
    assert world.run.live is not over


def test_what_arrived_before_the_run_ends_nothing_and_in_the_same_instant_does() -> None:
    """An order of last week, delivered again; and one that arrived with the entry event."""
    world = World(journey(entry={"event": "Product Added"}, exit=[{"event": "Order Completed"}])).enter(
        event("Product Added")
    )
    old = event("Order Completed", START - timedelta(seconds=1), event_id="old")
    assert engine.apply(world.journey, world.run, old, START + hours(1)) is None
    same = engine.apply(world.journey, world.run, replace(old, received_at=START), START)
    assert same is not None
    assert same.outcome == "exited"
