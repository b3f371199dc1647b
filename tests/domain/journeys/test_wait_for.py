"""Waiting for an event or a condition: what ends the wait, what does not, and which side follows."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from omnicascade.domain.errors import ConflictError
from omnicascade.domain.event import Event
from omnicascade.domain.journeys import engine
from tests.domain.journeys.journey_builders import START, World, customer, event, hours, journey

ENTRY = {"event": "Product Added", "key": "properties.cart_id"}


def waiting(awaited: dict[str, Any], **fields: Any) -> World:
    """A customer of cart 7 who waits for something at once: then a push, otherwise a mail, and a text message after."""
    step = {
        "wait_for": awaited,
        "then": [{"push": {"template": "cart"}}],
        "otherwise": [{"email": {"template": "cart"}}],
    }
    flow = journey(step, {"sms": {"template": "cart"}}, entry=ENTRY, **fields)
    return World(flow).enter(event("Product Added", cart_id=7))


def paid(at: Any = START, event_id: str = "paid", **properties: Any) -> Event:
    """A payment that arrives at a moment."""
    return event("Paid", at, event_id=event_id, **properties)


def test_the_event_leads_to_then_and_its_absence_to_otherwise() -> None:
    """At the event's moment, or at the end of the time; both fall through to what follows."""
    came = waiting({"event": "Paid", "timeout": "3h"}).until(hours(1))
    assert came.happens("Paid")
    assert [(after, channel) for after, _, channel in came.sent] == [(3600, "push"), (3600, "sms")]
    assert came.run.arms == {"wait_for-1": "then"}
    absent = waiting({"event": "Paid", "timeout": "3h"}).until(hours(5))
    assert (absent.channels(), absent.run.ended_at) == (["email", "sms"], START + hours(3))
    assert absent.reasons("branched") == ["otherwise: Paid did not come within 3h"]


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({"cart_id": 8}, "Paid"),
        ({}, "Paid"),
        ({"cart_id": None, "total": 9}, "Paid"),
        ({"cart_id": 7, "total": 4}, "Paid"),
        ({"cart_id": 7, "total": "9"}, "Paid"),
        ({"cart_id": 7, "total": True}, "Paid"),
        ({"cart_id": 7, "total": None}, "Paid"),
        ({"cart_id": 7, "total": {"gt": 9}}, "Paid"),
        ({"cart_id": 7, "total": 9}, "Repaid"),
    ],
)
def test_another_event_another_key_and_a_wrong_value_do_not_end_the_wait(properties: dict[str, Any], name: str) -> None:
    """`match` is the run's own key, `where` is about the event alone, and unequal types never compare."""
    awaited = {
        "event": "Paid",
        "match": "properties.cart_id",
        "where": {"event": "properties.total", "gt": 5},
        "timeout": "3h",
    }
    world = waiting(awaited).until(hours(1))
    assert not world.happens(name, **properties)
    assert world.happens("Paid", cart_id="7", total=9)
    assert world.channels() == ["push", "sms"]


def test_a_run_without_a_key_has_nothing_to_match() -> None:
    """Started by hand, the wait takes the event of any key."""
    flow = journey({"wait_for": {"event": "Paid", "match": "properties.cart_id", "timeout": "3h"}}, entry=ENTRY)
    world = World(flow).enter()
    assert world.happens("Paid", cart_id=99)


@pytest.mark.parametrize(("seconds", "side"), [(-1, "then"), (0, "otherwise"), (1, "otherwise")])
def test_the_last_second_counts_and_the_end_itself_does_not(seconds: int, side: str) -> None:
    """An event exactly at the end came too late, however the two are ordered."""
    world = waiting({"event": "Paid", "timeout": "3h"})
    at = START + hours(3) + timedelta(seconds=seconds)
    world.now = at
    world.hears(paid(at))
    world.until(hours(4))
    assert world.run.arms == {"wait_for-1": side}


def test_an_event_stored_in_time_counts_where_the_timer_is_quicker() -> None:
    """It arrived a second before the end, and reaches the run after the timer did: the history has it."""
    world = waiting({"event": "Paid", "timeout": "3h"})
    world.history.append(paid(START + hours(3) - timedelta(seconds=1)))
    world.until(hours(4))
    assert (world.run.arms, world.channels()) == ({"wait_for-1": "then"}, ["push", "sms"])


def test_an_event_that_came_before_the_wait_was_noted_is_not_lost() -> None:
    """It arrived between the run's coming to the wait and a function's getting round to it."""
    flow = journey({"wait": "1h"}, {"wait_for": {"event": "Paid", "timeout": "3h"}}, {"push": {"template": "cart"}})
    world = World(flow).enter()
    world.history.append(paid(START + hours(1) + timedelta(seconds=5)))
    world.now = START + hours(1) + timedelta(seconds=30)
    world.move()
    assert (world.run.arms, world.channels()) == ({"wait_for-2": "then"}, ["push"])


def test_an_event_older_than_the_wait_does_not_end_it_delivered_late_or_again() -> None:
    """What arrived during the step before was not waited for; neither was the event that started the run."""
    flow = journey({"wait": "1h"}, {"wait_for": {"event": "Paid", "timeout": "3h"}}, {"push": {"template": "cart"}})
    world = World(flow).enter()
    early = paid(START + hours(1) - timedelta(seconds=1))
    world.until(hours(1.5))
    assert not world.hears(early)
    assert not world.hears(early)
    assert world.run.waiting is not None
    own = World(journey({"wait_for": {"event": "Product Added", "timeout": "3h"}}, entry=ENTRY))
    first = event("Product Added", cart_id=7)
    own.enter(first)
    assert not own.hears(first)
    assert own.hears(event("Product Added", START, event_id="m2", cart_id=7))


def test_each_event_ends_one_wait_only_in_any_order_of_delivery() -> None:
    """Three waits for the same event within one instant need three events, and a repeated one is none."""
    steps = [{"wait_for": {"event": "Paid", "timeout": "3h"}} for _ in range(3)]
    flow = journey(*steps, {"push": {"template": "cart"}})
    one, two, three = (paid(event_id=name) for name in ("one", "two", "three"))
    world = World(flow).enter()
    assert [world.hears(heard) for heard in (two, one, two, one, two)] == [True, True, False, False, False]
    assert world.run.heard == ("two", "one")
    assert world.sent == []
    assert world.hears(three)
    assert world.channels() == ["push"]


def test_all_at_once_from_the_history_is_the_same_as_one_by_one() -> None:
    """A sender that finds both events stored already goes through both waits, by one event each."""
    steps = [{"wait_for": {"event": "Paid", "timeout": "3h"}} for _ in range(2)]
    world = World(journey(*steps, {"push": {"template": "cart"}}), history=[paid(event_id="a"), paid(event_id="b")])
    world.enter()
    assert (world.run.heard, world.channels()) == (("a", "b"), ["push"])
    lone = World(journey(*steps, {"push": {"template": "cart"}}), history=[paid(event_id="a")]).enter()
    assert (lone.run.heard, lone.sent) == (("a",), [])


def test_an_exit_inside_the_wait_outranks_what_is_waited_for() -> None:
    """The same event may be both: the run is over, and neither side is taken."""
    world = waiting({"event": "Paid", "timeout": "3h"}, exit=[{"event": "Paid"}]).until(hours(1))
    assert world.happens("Paid")
    assert (world.sent, world.run.outcome, world.run.arms) == ([], "exited", {})


def test_a_condition_that_holds_already_is_not_waited_for() -> None:
    """At once, on the `then` side, with the condition's own reason."""
    flow = journey(
        {"wait_for": {"when": {"trait": "plan", "is": "paid"}, "timeout": "1d"}}, {"push": {"template": "c"}}
    )
    world = World(flow, customer(traits={"plan": "paid"})).enter()
    assert (world.channels(), world.run.arms) == (["push"], {"wait_for-1": "then"})
    assert world.reasons("branched")[0].startswith("then: trait plan")


def test_a_condition_becomes_true_by_an_event() -> None:
    """`observe` notices it after any event of the customer; nothing happens while it does not hold."""
    world = waiting({"when": {"trait": "plan", "is": "paid"}, "timeout": "1d"}).until(hours(1))
    assert not world.happens("Product Viewed")
    world.profile = customer(traits={"plan": "paid"})
    assert world.happens("identify")
    assert world.channels() == ["push", "sms"]
    assert world.run.decisions[-1].at == START + hours(1)


def test_a_condition_becomes_true_by_itself_to_the_second() -> None:
    """Six hours without another basket event: nobody has to ask in between."""
    world = waiting({"when": {"did": "Product Added", "within": "6h", "count": {"is": 0}}, "timeout": "1d"})
    assert world.run.next_moment == START + hours(6)
    world.until(hours(6) - timedelta(seconds=1))
    assert world.sent == []
    world.until(hours(6))
    assert world.channels() == ["push", "sms"]


def test_a_condition_that_an_event_puts_off_is_looked_at_later() -> None:
    """Another event after four hours makes it ten; the earlier look finds nothing to do."""
    world = waiting({"when": {"did": "Product Added", "within": "6h", "count": {"is": 0}}, "timeout": "1d"})
    world.until(hours(4))
    world.happens("Product Added", cart_id=7)
    assert world.run.next_moment == START + hours(10)
    world.until(hours(9))
    assert world.sent == []
    assert world.until(hours(10)).channels() == ["push", "sms"]


def test_a_condition_true_only_after_the_end_is_not_met() -> None:
    """The time-out decides by the moment it was due, not by when the timer got round to it."""
    world = waiting({"when": {"did": "Product Added", "within": "6h", "count": {"is": 0}}, "timeout": "5h"})
    world.now = START + hours(7)
    world.move()
    assert (world.run.arms, world.channels()) == ({"wait_for-1": "otherwise"}, ["email", "sms"])


def test_a_wait_without_sides_goes_on_either_way() -> None:
    """Neither `then` nor `otherwise` is needed, and which it was is on record."""
    flow = journey({"wait_for": {"event": "Paid", "timeout": "3h"}}, {"push": {"template": "cart"}})
    came, absent = World(flow).enter(), World(flow).enter().until(hours(3))
    came.happens("Paid")
    assert (came.channels(), absent.channels()) == (["push"], ["push"])
    assert (came.run.arms, absent.run.arms) == ({"wait_for-1": "then"}, {"wait_for-1": "otherwise"})


def test_another_version_hears_nothing() -> None:
    """A run is moved by its own version only, also by conditions."""
    world = waiting({"when": {"trait": "plan", "is": "paid"}, "timeout": "1d"})
    other = replace(world.journey, version=2)
    with pytest.raises(ConflictError, match="pinned"):
        engine.apply(other, world.run, paid(), START)
    with pytest.raises(ConflictError, match="pinned"):
        engine.observe(other, world.run, world.person, world.deployment, START)
