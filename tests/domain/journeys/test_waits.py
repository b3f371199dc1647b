"""Waits: for a length, until a moment that is named, until a local hour or weekday."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.journeys import engine
from omnicascade.domain.profile import Profile
from tests.domain.journeys.journey_builders import START, World, customer, event, hours, journey

PUSH = {"push": {"template": "cart"}}


def until(path: str, offset: str | None = None) -> dict[str, Any]:
    """A wait until the moment that a path names."""
    return {"wait": {"until": path, **({"offset": offset} if offset else {})}}


def flown(value: object, offset: str | None = None) -> World:
    """A customer whose booking says when they depart, waited for at once."""
    flow = journey(until("event.properties.departure_at", offset), PUSH, entry={"event": "Booked"})
    return World(flow).enter(event("Booked", departure_at=value))


@pytest.mark.parametrize(
    ("value", "offset", "due"),
    [
        ("2026-03-12T08:00:00Z", None, datetime(2026, 3, 12, 8, tzinfo=UTC)),
        ("2026-03-12T08:00:00+02:00", None, datetime(2026, 3, 12, 6, tzinfo=UTC)),
        ("2026-03-12T08:00:00", None, datetime(2026, 3, 12, 8, tzinfo=UTC)),
        ("2026-03-12T08:00:00Z", "-24h", datetime(2026, 3, 11, 8, tzinfo=UTC)),
        ("2026-03-12T08:00:00Z", "90m", datetime(2026, 3, 12, 9, 30, tzinfo=UTC)),
        (1_773_302_400, None, datetime(2026, 3, 12, 8, tzinfo=UTC)),
        (1_773_302_400_000, None, datetime(2026, 3, 12, 8, tzinfo=UTC)),
        (Decimal("1773302400.5"), None, datetime(2026, 3, 12, 8, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_a_wait_lasts_until_the_moment_that_is_named(value: object, offset: str | None, due: datetime) -> None:
    """ISO 8601 with or without a zone, seconds and milliseconds since 1970, moved by the offset."""
    world = flown(value, offset)
    assert (world.run.due, world.sent) == (due, [])
    world.until(due - START)
    assert world.channels() == ["push"]


@pytest.mark.parametrize("value", ["2026-03-10T11:59:59Z", "1999-01-01T00:00:00Z", 0, -1])
def test_a_moment_that_is_past_is_not_waited_for(value: object) -> None:
    """On at once, with the moment on record."""
    world = flown(value)
    assert (world.channels(), world.run.outcome) == (["push"], "completed")
    assert world.outcomes()[0] == ("wait-1", "waited")


@pytest.mark.parametrize(
    "value",
    [None, True, "soon", "", {}, [], ["2026-03-12"], {"at": "2026-03-12"}, 1e300, float("inf"), "2026-13-45T00:00:00Z"],
)
def test_a_moment_that_cannot_be_read_ends_the_run_and_says_so(value: object) -> None:
    """No message at a wrong time: the run fails with the path and the value in its reason."""
    world = flown(value)
    assert (world.sent, world.run.outcome) == ([], "failed")
    assert world.run.reason.startswith("event.properties.departure_at is ")


@pytest.mark.parametrize(
    ("value", "offset", "outcome"),
    [
        ("2027-03-10T12:00:00Z", None, None),
        ("2027-03-10T12:00:01Z", None, "failed"),
        ("2027-03-11T11:59:59Z", "-24h", None),
        ("9999-12-31T23:59:59Z", "1d", "failed"),
        ("0001-01-01T00:00:00Z", "-1d", "failed"),
    ],
)
def test_no_wait_is_longer_than_a_run_can_live(value: str, offset: str | None, outcome: str | None) -> None:
    """A year to the second is waited for; a second more, or beyond the calendar, ends the run with the reason."""
    world = flown(value, offset)
    assert (world.run.outcome, world.sent) == (outcome, [])


def test_a_trait_may_name_the_moment_also_where_it_is_nested_or_computed() -> None:
    """A path without `event.` is the customer's; a trait of that name is read before a computed one."""
    flow = journey(until("passport.expires_at", "-30d"), PUSH)
    world = World(flow, customer(traits={"passport": {"expires_at": "2026-06-01T00:00:00Z"}})).enter()
    assert world.run.due == datetime(2026, 5, 2, tzinfo=UTC)
    computed = replace(customer(), computed={"passport": {"expires_at": "2026-04-10T00:00:00Z"}})
    assert World(flow, computed).enter().run.due == datetime(2026, 3, 11, tzinfo=UTC)


def test_a_wait_for_a_trait_follows_what_the_run_itself_has_just_said() -> None:
    """An update before the wait counts, though the profile does not have it yet."""
    flow = journey({"update": {"traits": {"call_at": "2026-03-10T15:00:00Z"}}}, until("call_at"), PUSH)
    world = World(flow).enter()
    assert world.run.due == START + hours(3)


def test_a_plain_wait_is_over_to_the_second() -> None:
    """Nothing a second before, the message at the second."""
    world = World(journey({"wait": "2d"}, PUSH)).enter().until(timedelta(days=2, seconds=-1))
    assert world.sent == []
    assert world.until(timedelta(days=2)).sent == [(2 * 86_400, "push-2", "push")]


def local(until_clock: str | None, zone: str = "recipient", days: list[str] | None = None) -> dict[str, Any]:
    """A wait until a local moment."""
    parts: dict[str, Any] = {"until": until_clock, "days": days, "zone": zone}
    return {"wait": {name: value for name, value in parts.items() if value is not None}}


def due_at(step: dict[str, Any], now: str, who: Profile | None = None, default: str = "UTC") -> datetime | None:
    """When a run that comes to this wait at a moment goes on."""
    world = World(journey(step, PUSH), who or customer("email"), Deployment(default_zone=default))
    world.now = datetime.fromisoformat(now)
    run = world.enter().run
    return run.due or run.ended_at


def utc(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(f"{text}:00+00:00")


@pytest.mark.parametrize(
    ("zone", "now", "due"),
    [
        ("UTC", "2026-03-10T08:59:59Z", "2026-03-10T09:00"),
        ("UTC", "2026-03-10T09:00:00Z", "2026-03-10T09:00"),
        ("UTC", "2026-03-10T09:00:01Z", "2026-03-11T09:00"),
        ("Pacific/Auckland", "2026-06-10T20:59:00Z", "2026-06-10T21:00"),
        ("Pacific/Auckland", "2026-06-10T21:30:00Z", "2026-06-11T21:00"),
        ("Pacific/Pago_Pago", "2026-06-10T21:30:00Z", "2026-06-11T20:00"),
        ("Asia/Kathmandu", "2026-06-10T00:00:00Z", "2026-06-10T03:15"),
        ("Europe/Warsaw", "2026-03-28T20:00:00Z", "2026-03-29T07:00"),
        ("Europe/Warsaw", "2026-10-24T20:00:00Z", "2026-10-25T08:00"),
    ],
)
def test_the_next_nine_oclock_is_the_customers_own(zone: str, now: str, due: str) -> None:
    """In every zone, ahead and behind, and across both clock changes; at once if it is that second."""
    assert due_at(local("09:00"), now, customer("email", traits={"timezone": zone})) == utc(due)


@pytest.mark.parametrize(
    ("clock", "now", "due"),
    [
        ("02:30", "2026-03-28T12:00:00Z", "2026-03-29T01:30"),  # skipped by the clock: as long after midnight
        ("02:30", "2026-10-24T12:00:00Z", "2026-10-25T00:30"),  # shown twice: the first time
        ("02:30", "2026-10-25T00:30:01Z", "2026-10-26T01:30"),  # and not a second time
        ("00:00", "2026-03-28T23:00:00Z", "2026-03-28T23:00"),
    ],
)
def test_an_hour_that_a_clock_change_skips_or_repeats_comes_once(clock: str, now: str, due: str) -> None:
    """The night of a clock change has one such moment, never none and never two."""
    assert due_at(local(clock, "Europe/Warsaw"), now) == utc(due)


@pytest.mark.parametrize(
    ("days", "clock", "now", "due"),
    [
        (["mon", "tue", "wed", "thu", "fri"], "09:00", "2026-03-13T09:00:01Z", "2026-03-16T09:00"),
        (["sat"], None, "2026-03-10T12:00:00Z", "2026-03-14T00:00"),
        (["tue"], None, "2026-03-10T00:00:00Z", "2026-03-10T00:00"),
        (["tue"], None, "2026-03-10T12:00:00Z", "2026-03-17T00:00"),
        (["tue"], "11:59", "2026-03-10T12:00:00Z", "2026-03-17T11:59"),
    ],
)
def test_only_these_weekdays_count(days: list[str], clock: str | None, now: str, due: str) -> None:
    """A week at most; without an hour it is the day's beginning."""
    assert due_at(local(clock, "UTC", days), now) == utc(due)


def test_an_hour_that_is_skipped_into_the_next_day_still_comes() -> None:
    """In Nuuk 23:00 is followed by midnight: half past eleven of Saturday is then half past midnight on Sunday."""
    assert due_at(local("23:30", "America/Nuuk"), "2026-03-29T01:10:00Z") == utc("2026-03-29T01:30")
    assert due_at(local("23:30", "America/Nuuk"), "2026-03-29T01:30:01Z") == utc("2026-03-30T00:30")


def test_a_weekday_is_the_customers_and_not_utcs() -> None:
    """Saturday begins in Auckland on Friday at noon UTC."""
    who = customer("email", traits={"timezone": "Pacific/Auckland"})
    assert due_at(local(None, days=["sat"]), "2026-06-10T12:00:00Z", who) == utc("2026-06-12T12:00")


def test_the_zone_is_theirs_else_their_phones_else_the_deployments() -> None:
    """A name that is no zone is passed over and stops nobody."""
    now = "2026-06-10T00:00:00Z"
    assert due_at(local("09:00"), now, customer("sms")) == utc("2026-06-10T07:00")
    assert due_at(local("09:00"), now, customer("sms", traits={"timezone": "Mars/Base"})) == utc("2026-06-10T07:00")
    assert due_at(local("09:00"), now, customer("email"), "Asia/Tokyo") == utc("2026-06-10T00:00")
    assert due_at(local("09:00"), now, customer("email", traits={"timezone": 7}), "Nowhere/At_All") == utc(
        "2026-06-10T09:00"
    )


def test_a_timer_that_comes_a_second_late_does_not_cost_a_day() -> None:
    """The run was due at nine: nine is now. A timer that comes an hour late waits for the next nine."""
    flow = journey({"wait": "1h"}, local("13:00", "UTC"), PUSH)
    for late, due in ((30, START + hours(1)), (3600, START + hours(25))):
        world = World(flow).enter()
        world.now = START + hours(1) + timedelta(seconds=late)
        step = engine.advance(flow, world.run, world.person, world.deployment, world.now)
        assert (step.send is not None) == (late == 30)
        assert late == 30 or step.run.due == due


def test_waits_are_foreseen_to_the_second() -> None:
    """Until a moment, a length and a local hour, in this order."""
    flow = journey(until("event.properties.departs"), {"wait": "90s"}, local("18:00", "UTC"), entry={"event": "Booked"})
    run = World(flow).enter(event("Booked", departs="2026-03-10T14:00:00Z"))
    foreseen = engine.foresee(flow, run.run, run.person, run.deployment, START)
    assert foreseen == (7200, 90, 4 * 3600 - 90, engine.ROOM_S)
