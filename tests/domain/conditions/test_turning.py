"""Turning: the moment at which an answer changes by itself is found exactly, and time is never asked twice."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omnicascade.domain.conditions.facts import Facts
from omnicascade.domain.conditions.judging import judge
from omnicascade.domain.conditions.turning import HORIZON, turns
from tests.domain.conditions.condition_builders import (
    CONDITIONS,
    DAY,
    NOW,
    call,
    facts_of,
    orders,
    past,
    person,
    read,
    with_segments,
    worlds,
)

_JUST = timedelta(microseconds=1)


def turning(source: Any, **facts: Any) -> datetime | None:
    """When a condition as written turns, `NOW` unless told."""
    return turns(read(source), facts_of(**facts))


def _moments(facts: Facts, later: datetime | None) -> Iterator[datetime]:
    """Moments at which something could have changed: all that the drawn worlds are made of, and their neighbours."""
    assert facts.now is not None
    lengths = [timedelta(hours=hours) for hours in (1, 1.5, 24, 36, 72)]
    said = [*(event.timestamp for events in facts.history.values() for event in events), facts.now - DAY, facts.now]
    for moment in (*(at + length for at in said for length in lengths), later):
        if moment:
            yield from (moment - _JUST, moment, moment + _JUST)
    whole = facts.now.replace(minute=0, second=0, microsecond=0)
    for quarter in range(4 * 24 * 3):
        yield from (whole + timedelta(minutes=15 * quarter), whole + timedelta(minutes=15 * quarter + 1))


@settings(deadline=None, max_examples=100)
@given(CONDITIONS, worlds())
def test_the_answer_stays_until_it_turns_and_then_is_another(source: Any, facts: Facts) -> None:
    """Asked at a grid of moments, the judge says the same before, and otherwise from the very microsecond on."""
    condition = read(source)
    assert facts.now is not None
    now, turned = judge(condition, facts)[0], turns(condition, facts)
    if turned is not None:
        assert turned > facts.now
        assert judge(condition, replace(facts, now=turned))[0] is not now
    for moment in _moments(facts, turned):
        if facts.now < moment < (turned or facts.now + HORIZON):
            assert judge(condition, replace(facts, now=moment))[0] is now, moment


@pytest.mark.parametrize(
    ("count", "after"),
    [
        ({"gte": 3}, DAY),
        ({"gte": 2}, 2 * DAY),
        ({"lt": 2}, 2 * DAY),
        ({"is": 0}, 4 * DAY),
        ({"is": 1}, 2 * DAY),
        ({"is": 3}, DAY),
        ({"in": [1, 3]}, DAY),
        ({"gte": 4}, None),
        ({"gte": 0}, None),
    ],
)
def test_events_leave_a_window_one_by_one(count: dict[str, Any], after: timedelta | None) -> None:
    """Of the moments at which an event leaves, the first at which this number's answer changes."""
    history = orders(6 * DAY, 5 * DAY, 3 * DAY)
    turned = turning({"did": "Order Completed", "within": "7d", "count": count}, history=history)
    assert turned == (NOW + after if after else None)


def test_events_that_leave_together_count_as_one_change() -> None:
    """Two orders of one second never look like one order in between."""
    history = orders(6 * DAY, 6 * DAY)
    source = {"did": "Order Completed", "within": "7d", "count": {"is": 1}}
    assert turning(source, history=history) is None


def test_what_has_left_already_does_not_leave_again() -> None:
    """An event that is exactly as old as the window is out, and nothing turns now."""
    source = {"did": "Order Completed", "within": "7d", "count": {"is": 2}}
    assert turning(source, history=orders(7 * DAY, 5 * DAY, 3 * DAY)) == NOW + 2 * DAY
    assert turning({"did": "Order Completed", "within": "7d"}, history=orders(7 * DAY)) is None


def test_without_a_window_nothing_leaves() -> None:
    """What was done stays done."""
    assert turning({"did": "Order Completed"}, history=orders(DAY)) is None


def test_no_order_for_thirty_days_becomes_true_by_itself() -> None:
    """Thirty days after the last order, not when somebody looks."""
    source = {"did": "Order Completed", "count": {"is": 0}, "within": "30d"}
    assert turning(source, history=orders(40 * DAY, 10 * DAY)) == NOW + 20 * DAY


def test_a_trait_turns_when_it_has_been_so_for_long_enough() -> None:
    """A week after it was said; not at all once it is true, or while it is something else."""
    source = {"trait": "status", "is": "onboarding", "for": "7d"}
    told = past(call("identify", NOW - 5 * DAY, traits={"status": "onboarding"}))
    assert turning(source, profile=person({"status": "onboarding"}), history=told) == NOW + 2 * DAY
    assert turning(source, profile=person({"status": "done"}), history=told) is None
    for age in (7, 8):
        older = past(call("identify", NOW - age * DAY, traits={"status": "onboarding"}))
        assert turning(source, profile=person({"status": "onboarding"}), history=older) is None


def test_hours_turn_on_the_recipients_clock() -> None:
    """At nine in Warsaw it opens, and a minute after the last minute it closes."""
    warsaw, source = person({"timezone": "Europe/Warsaw"}), {"now": "09:00-18:00", "days": ["fri"]}
    opens = datetime(2026, 3, 13, 8, tzinfo=UTC)
    assert turning(source, profile=warsaw) == opens
    assert turning(source, profile=warsaw, now=opens) == datetime(2026, 3, 13, 17, 1, tzinfo=UTC)


def test_hours_turn_with_the_clocks() -> None:
    """A window that a clock change skips does not open; one that a change repeats opens twice."""
    source = {"now": "02:15-02:44", "zone": "Europe/Warsaw"}
    spring, autumn = datetime(2026, 3, 29, 0, tzinfo=UTC), datetime(2026, 10, 24, 23, tzinfo=UTC)
    assert turning(source, now=spring) == datetime(2026, 3, 30, 0, 15, tzinfo=UTC)
    first = datetime(2026, 10, 25, 0, 15, tzinfo=UTC)
    assert turning(source, now=autumn) == first
    assert turning(source, now=first + timedelta(minutes=30)) == first + timedelta(hours=1)


def test_a_window_whose_beginning_is_skipped_opens_with_the_clock_change() -> None:
    """At the jump from two to three, to the second; and one whose end is skipped closes there."""
    jump = datetime(2026, 3, 29, 1, tzinfo=UTC)
    for source in ({"now": "02:15-03:30"}, {"now": "00:30-02:30"}):
        zoned = {**source, "zone": "Europe/Warsaw"}
        assert turning(zoned, now=jump - timedelta(minutes=10)) == jump


@pytest.mark.parametrize(
    ("zone", "opens"),
    [
        ("Asia/Tokyo", datetime(2026, 3, 11, 23, tzinfo=UTC)),
        ("Pacific/Kiritimati", datetime(2026, 3, 11, 18, tzinfo=UTC)),
        ("Pacific/Pago_Pago", datetime(2026, 3, 12, 19, tzinfo=UTC)),
    ],
)
def test_days_are_the_recipients_too(zone: str, opens: datetime) -> None:
    """Thursday morning begins on Wednesday in UTC, far enough east."""
    assert turning({"now": "08:00-09:00", "days": ["thu"], "zone": zone}) == opens


def test_hours_that_never_close_never_turn() -> None:
    """A window of a whole day on every day is no window."""
    assert turning({"now": "00:00-23:59"}) is None
    assert turning({"now": "10:00-09:59"}) is None


def test_a_whole_turns_only_where_its_answer_does() -> None:
    """Parts that turn without changing the whole are passed over, nested ones and segments included."""
    window = {"now": "09:00-18:00", "zone": "UTC"}
    quiet = {"did": "Order Completed", "count": {"is": 0}, "within": "7d"}
    opens = datetime(2026, 3, 15, 9, tzinfo=UTC)
    assert turning({"all": [window, quiet]}, history=orders(2.5 * DAY)) == opens
    assert turning({"not": {"any": [{"not": window}, {"not": quiet}]}}, history=orders(2.5 * DAY)) == opens
    named = with_segments(silent=quiet)
    both = {"all": [window, {"segment": "silent"}]}
    assert turning(both, history=orders(2.5 * DAY), deployment=named) == opens
    assert turning({"all": [window, {"trait": "plan", "is": "paid"}]}, profile=person()) is None


def test_parts_that_turn_together_are_weighed_together() -> None:
    """One opens in the very moment the other closes: `any` of both never sees a gap."""
    day, night = {"now": "06:00-17:59", "zone": "UTC"}, {"now": "18:00-05:59", "zone": "UTC"}
    assert turning({"any": [day, night]}) is None
    assert turning({"all": [day, night]}) is None


def test_nothing_turns_where_the_time_is_not_known() -> None:
    """Facts without a moment have no later one."""
    assert turns(read({"now": "09:00-18:00"}), Facts()) is None


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 20), worlds())
def test_segments_that_ask_for_each_other_do_not_turn_for_ever(wait: int, facts: Facts) -> None:
    """A cycle that slipped in is answered with no, and ends."""
    circle = with_segments(
        one={"any": [{"segment": "two"}, {"now": f"{wait:02}:00-23:00"}]}, two={"not": {"segment": "one"}}
    )
    asked, now = read({"segment": "two"}), replace(facts, deployment=circle)
    turned = turns(asked, now)
    assert turned is None or judge(asked, replace(now, now=turned))[0] is not judge(asked, now)[0]
