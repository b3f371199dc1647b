"""Quiet hours on a message's road: whose clock, what is judged again on release, days that are not 24 hours."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from omnicascade.domain.deployment import Cap, Channel, Deployment
from omnicascade.domain.journeys.person import Contact
from omnicascade.domain.profile import Profile
from tests.domain.journeys.journey_builders import START, World, customer, hours, journey

NIGHT: dict[str, Any] = {"from": "21:00", "to": "09:00", "zone": "recipient"}
PUSH, EMAIL = {"push": {"template": "cart"}}, {"email": {"template": "cart"}}
EVENING = datetime(2026, 3, 10, 22, tzinfo=UTC)
MORNING = datetime(2026, 3, 11, 9, 1, tzinfo=UTC)


def night(now: datetime = EVENING, who: Profile | None = None, **fields: Any) -> World:
    """A push that is due at a moment, in UTC unless the customer says otherwise."""
    who = who or customer("push", "email", traits={"timezone": "UTC"})
    world = World(journey(PUSH, quiet_hours=NIGHT | fields.pop("quiet", {}), **fields), who)
    world.now = now
    return world.enter()


def utc(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(f"{text}:00+00:00")


@pytest.mark.parametrize(
    ("traits", "channels", "default", "zone"),
    [
        ({"timezone": "Asia/Tokyo"}, ("push", "sms"), "UTC", "Asia/Tokyo (their own zone)"),
        ({}, ("push", "sms"), "UTC", "Europe/Warsaw (their phone's country)"),
        ({"timezone": "Mars/Base"}, ("push", "sms"), "UTC", "Europe/Warsaw (their phone's country)"),
        ({"timezone": ""}, ("push", "sms"), "UTC", "Europe/Warsaw (their phone's country)"),
        ({"timezone": "../../etc/passwd"}, ("push", "sms"), "UTC", "Europe/Warsaw (their phone's country)"),
        ({"timezone": 3}, ("push", "sms"), "UTC", "Europe/Warsaw (their phone's country)"),
        ({"address": {"country": "JP"}}, ("push",), "UTC", "Asia/Tokyo (their country)"),
        ({"address": {"country": "US"}}, ("push",), "Asia/Kolkata", "Asia/Kolkata (the deployment's default zone)"),
        ({"address": "Tokyo"}, ("push",), "Asia/Kolkata", "Asia/Kolkata (the deployment's default zone)"),
        ({}, ("push",), "No/Zone", "UTC (the deployment's default zone)"),
    ],
)
def test_whose_clock_counts(traits: dict[str, Any], channels: tuple[str, ...], default: str, zone: str) -> None:
    """The trait, the phone, the address's country with one zone, the default; what is no zone is passed over."""
    hour_of = {"Asia/Tokyo": 14, "Europe/Warsaw": 22, "Asia/Kolkata": 18, "UTC": 22}
    world = World(
        journey(PUSH, quiet_hours=NIGHT), customer(*channels, traits=traits), Deployment(default_zone=default)
    )
    world.now = START.replace(hour=hour_of[zone.partition(" ")[0]])
    world.enter()
    assert world.reasons("held") == [f"push: quiet hours 21:00 to 09:00 in {zone}"]


def test_a_bad_zone_of_one_customer_stops_neither_them_nor_others() -> None:
    """Both are released on a clock that exists."""
    worlds = [night(who=customer("push", traits={"timezone": name})) for name in ("Nowhere/Land", "UTC")]
    assert [world.run.due for world in worlds] == [MORNING, MORNING]


def test_held_once_sent_once() -> None:
    """A timer that rings during the hold changes nothing; the message goes at the first minute after."""
    world = night()
    for hour in (1, 5):
        world.now = EVENING + hours(hour)
        world.move()
    assert (world.sent, len(world.reasons("held"))) == ([], 1)
    world.until(MORNING - START)
    assert (world.channels(), world.now) == (["push"], MORNING)


def without_push(world: World) -> None:
    """Consent is withdrawn overnight."""
    world.profile = customer("push", traits={"timezone": "UTC"}, consent={"push/promotions": False})


def suppressed(world: World) -> None:
    """The address dies overnight."""
    world.profile = customer("push", traits={"timezone": "UTC"}, suppressed=("ios.push_token:t",))


def capped(world: World) -> None:
    """Another journey sends at a quarter to nine."""
    world.deployment = replace(world.deployment, caps=(Cap(1, timedelta(hours=1)),))
    world.contacts = (Contact(MORNING - timedelta(minutes=16), "x-0", Channel.SMS, "other"),)


def switched_off(world: World) -> None:
    """The deployment switches the channel off."""
    world.deployment = replace(world.deployment, channels_off=frozenset({"push"}))


@pytest.mark.parametrize("change", [without_push, suppressed, capped, switched_off])
def test_a_held_message_is_judged_again_by_every_rule_on_release(change: Any) -> None:
    """What was allowed in the evening may be forbidden in the morning: passed over, with the reason."""
    world = night()
    change(world)
    world.until(hours(48))
    assert (world.sent, world.run.outcome, len(world.reasons("skipped"))) == ([], "completed", 1)


def test_an_exit_by_condition_is_judged_on_release() -> None:
    """Paid overnight, and nobody told the run."""
    world = night(exit=[{"when": {"trait": "plan", "is": "paid"}}])
    world.profile = customer("push", traits={"timezone": "UTC", "plan": "paid"})
    world.until(hours(48))
    assert (world.sent, world.run.outcome) == ([], "exited")


@pytest.mark.parametrize(("deadline", "sent"), [("11h", []), ("660m", []), ("661m", ["push"]), ("12h", ["push"])])
def test_a_deadline_counts_through_the_hold_to_the_minute(deadline: str, sent: list[str]) -> None:
    """Due at 22:00, released at 09:01: eleven hours and a minute."""
    assert night(deadline=deadline).until(hours(48)).channels() == sent


def test_a_zone_that_changes_overnight_counts_on_release() -> None:
    """They flew to New York: at 09:01 UTC it is night there, and the message is held once more."""
    world = night()
    world.profile = customer("push", traits={"timezone": "America/New_York"})
    world.until(hours(48))
    assert len(world.reasons("held")) == 2
    assert world.sent == [((utc("2026-03-11T13:01") - START).total_seconds(), "push-1", "push")]


def test_drop_passes_over_at_once() -> None:
    """The message is not sent later; what follows is tried at once and judged itself."""
    world = World(
        journey(PUSH, {"wait": "12h"}, EMAIL, quiet_hours=NIGHT | {"policy": "drop"}), customer("push", "email")
    )
    world.now = EVENING
    world.enter().until(hours(48))
    assert (world.channels(), world.now) == (["email"], START + hours(48))
    assert world.reasons("skipped") == [
        "push: dropped in quiet hours 21:00 to 09:00 in UTC (the deployment's default zone)"
    ]


def test_a_cascade_holds_each_message_and_waits_from_its_sending() -> None:
    """The mail is due at 02:00 and goes at 09:01; the text message follows 20 hours later, but not at night."""
    world = World(journey(quiet_hours=NIGHT), customer(traits={"timezone": "UTC"}))
    world.now = utc("2026-03-10T20:59")
    world.enter().until(timedelta(days=4))
    times = [START + timedelta(seconds=after) for after, _, _ in world.sent]
    assert times == [utc("2026-03-10T20:59"), MORNING, utc("2026-03-12T09:01")]


def test_an_answer_during_the_hold_releases_nothing() -> None:
    """Tapped at night: the mail that was held is not sent in the morning."""
    world = World(journey(quiet_hours=NIGHT), customer(traits={"timezone": "UTC"}))
    world.now = utc("2026-03-10T20:00")
    world.enter().until(hours(13))
    assert world.happens("Push Notification Tapped", message_id="r-0")
    world.until(hours(99))
    assert (world.channels(), world.run.outcome) == (["push"], "completed")


@pytest.mark.parametrize(
    ("window", "now", "released"),
    [
        # 23 hours: from Saturday 22:00 on, the night in Warsaw is an hour shorter
        (("21:00", "09:00"), "2026-03-28T21:00", "2026-03-29T07:01"),
        # 25 hours: and in autumn an hour longer
        (("21:00", "09:00"), "2026-10-24T20:00", "2026-10-25T08:01"),
        # the window ends in the hour that is skipped
        (("22:00", "02:30"), "2026-03-28T22:00", "2026-03-29T01:00"),
        # and in the hour that comes twice: quiet the second time, too
        (("22:00", "02:30"), "2026-10-24T22:00", "2026-10-25T00:31"),
        (("22:00", "02:30"), "2026-10-25T01:10", "2026-10-25T01:31"),
    ],
)
def test_nights_of_a_clock_change(window: tuple[str, str], now: str, released: str) -> None:
    """Release is by the wall clock: one hour less, one hour more."""
    who = customer("push", traits={"timezone": "Europe/Warsaw"})
    world = night(utc(now), who, quiet={"from": window[0], "to": window[1]})
    assert (world.run.due, world.sent) == (utc(released), [])


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-13T22:00", "2026-03-14T09:01"),  # Friday night lasts into Saturday
        ("2026-03-14T08:00", "2026-03-14T09:01"),
        ("2026-03-14T22:00", None),  # Saturday night is free
        ("2026-03-15T08:00", None),
        ("2026-03-15T22:00", None),  # Sunday night, too
        ("2026-03-16T20:59", None),
        ("2026-03-16T21:00", "2026-03-17T09:01"),
    ],
)
def test_days_are_those_on_which_the_night_begins(now: str, due: str | None) -> None:
    """Monday to Friday: the weekend's nights are free, Friday's reaches into Saturday."""
    world = night(utc(now), quiet={"days": ["mon", "tue", "wed", "thu", "fri"]})
    assert world.run.due == (utc(due) if due else None)
    assert (world.channels() == ["push"]) is (due is None)


def test_the_seconds_of_the_last_quiet_minute_are_quiet() -> None:
    """20:59:59 is not, 21:00:00 is, 09:00:59 is, 09:01:00 is not."""
    free = ("2026-03-10T20:59:59+00:00", "2026-03-11T09:01:00+00:00")
    quiet = ("2026-03-10T21:00:00+00:00", "2026-03-11T09:00:59+00:00")
    assert all(night(datetime.fromisoformat(text)).sent for text in free)
    assert not any(night(datetime.fromisoformat(text)).sent for text in quiet)
