"""Conditions on the time of day: whose clock counts, both ends, and the days."""

from datetime import UTC, datetime
from typing import Any

import pytest

from omnicascade.domain.deployment import Deployment
from tests.domain.conditions.condition_builders import answer, holds, person

_TUESDAY = "2026-03-10"


def _at(clock: str, day: str = _TUESDAY) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("clock", "expected"), [("08:59:59", False), ("09:00:00", True), ("18:00:59", True), ("18:01:00", False)]
)
def test_both_ends_are_inclusive(clock: str, expected: bool) -> None:
    """From the first second of the first minute to the last second of the last."""
    assert holds({"now": "09:00-18:00", "zone": "UTC"}, now=_at(clock)) is expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (_at("22:00"), True),
        (_at("05:59", "2026-03-11"), True),
        (_at("06:01", "2026-03-11"), False),
        (_at("05:59"), False),
        (_at("22:00", "2026-03-11"), False),
    ],
)
def test_a_window_past_midnight_belongs_to_the_day_it_begins_on(moment: datetime, expected: bool) -> None:
    """Tuesday night lasts until Wednesday morning; the small hours of Tuesday are Monday's night."""
    assert holds({"now": "22:00-06:00", "zone": "UTC", "days": ["tue"]}, now=moment) is expected


_NOON = {"now": "12:00-12:59"}


@pytest.mark.parametrize(
    ("profile", "hour"),
    [
        (person({"timezone": "Asia/Tokyo"}, phone="+48601234567"), "03:30"),
        (person({"timezone": "Mars/Olympus"}, phone="+48601234567"), "11:30"),
        (person(phone="+48601234567"), "11:30"),
        (person({"address": {"country": "JP"}}), "03:30"),
        (person({"address": {"country": "US"}}, phone="+12025550123"), "16:30"),
        (person(), "16:30"),
        (None, "16:30"),
    ],
)
def test_the_recipients_clock_counts_as_far_as_it_is_known(profile: Any, hour: str) -> None:
    """Trait, phone's country, address's country, each only where it names one zone; else the deployment's default."""
    deployment = Deployment(default_zone="America/New_York")  # noon there is 16:00 UTC in this week of March
    assert holds(_NOON, profile=profile, deployment=deployment, now=_at(hour))
    assert not holds(_NOON, profile=profile, deployment=deployment, now=_at("20:30"))


def test_recipient_only_asks_for_a_clock_that_is_known() -> None:
    """Without one it is not that time, and the reason says why."""
    source = {**_NOON, "zone": "recipient-only"}
    assert answer(source, profile=person(), now=_at("12:30")) == (False, "the customer's own zone is not known")
    assert holds(source, profile=person({"timezone": "UTC"}), now=_at("12:30"))


def test_the_reason_says_what_time_it_is() -> None:
    """On which clock, and what was asked for."""
    source = {"now": "09:00-18:00", "zone": "Europe/Warsaw", "days": ["mon", "fri"]}
    assert answer(source)[1] == "it is tue 13:00 in Europe/Warsaw, not 09:00-18:00 on mon, fri"
    assert answer({"now": "09:00-18:00", "zone": "UTC"})[1] == "it is tue 12:00 in UTC, 09:00-18:00"
