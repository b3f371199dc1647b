"""Schedules: what EventBridge Scheduler's expressions mean on a local clock."""

import re
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from omnicascade.domain.schedules import next_moment, read_schedule

TUESDAY = datetime(2026, 3, 10, 12, tzinfo=UTC)
WARSAW = ZoneInfo("Europe/Warsaw")


def times(expression: str, count: int, zone: ZoneInfo | None = None, after: datetime = TUESDAY) -> list[str]:
    """The next moments, local, without seconds."""
    found: list[str] = []
    moment: datetime | None = after
    while len(found) < count and (moment := next_moment(expression, zone or ZoneInfo("UTC"), moment)) is not None:
        found.append(moment.astimezone(zone or UTC).strftime("%Y-%m-%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 9 ? * MON *)", ["2026-03-16 09:00", "2026-03-23 09:00"]),
        ("cron(0 9 ? * 2 *)", ["2026-03-16 09:00", "2026-03-23 09:00"]),
        ("cron(0/30 12 * * ? *)", ["2026-03-10 12:30", "2026-03-11 12:00"]),
        ("cron(15 10 ? * MON-FRI 2026)", ["2026-03-11 10:15", "2026-03-12 10:15"]),
        ("cron(0 18 ? * FRI-SUN *)", ["2026-03-13 18:00", "2026-03-14 18:00", "2026-03-15 18:00"]),
        ("cron(0 8 L * ? *)", ["2026-03-31 08:00", "2026-04-30 08:00"]),
        ("cron(0 8 LW * ? *)", ["2026-03-31 08:00", "2026-04-30 08:00", "2026-05-29 08:00"]),
        ("cron(0 8 1W * ? *)", ["2026-04-01 08:00", "2026-05-01 08:00", "2026-06-01 08:00"]),
        ("cron(0 8 1W 8 ? *)", ["2026-08-03 08:00"]),
        ("cron(0 8 ? * TUE#2 *)", ["2026-04-14 08:00", "2026-05-12 08:00"]),
        ("cron(0 8 ? * 6L *)", ["2026-03-27 08:00", "2026-04-24 08:00"]),
        ("cron(0 8 29 FEB ? *)", ["2028-02-29 08:00", "2032-02-29 08:00"]),
        ("rate(7 days)", ["2026-03-17 12:00", "2026-03-24 12:00"]),
        ("rate(1 hour)", ["2026-03-10 13:00"]),
        ("at(2026-04-01T07:30:00)", ["2026-04-01 07:30"]),
    ],
)
def test_a_schedule_comes_round_as_the_service_says(expression: str, expected: list[str]) -> None:
    """Each form of each field, at the moments that follow a Tuesday's noon."""
    assert times(expression, len(expected)) == expected


@pytest.mark.parametrize("expression", ["at(2026-03-10T12:00:00)", "cron(0 9 1 1 ? 2025)"])
def test_what_is_over_never_comes_again(expression: str) -> None:
    """A moment of the past, or of a year that is gone, has no next one."""
    assert next_moment(expression, UTC, TUESDAY) is None


def test_a_local_time_that_clocks_skip_is_left_out() -> None:
    """At 02:30 on the day clocks go forward nothing happens; the next day it does."""
    after = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert times("cron(30 2 * * ? *)", 2, WARSAW, after) == ["2026-03-30 02:30", "2026-03-31 02:30"]


def test_a_local_time_that_comes_twice_counts_once() -> None:
    """On the day clocks go back 02:30 comes twice, the schedule once."""
    moment, found = datetime(2026, 10, 24, 12, tzinfo=UTC), list[datetime]()
    while len(found) < 3:
        following = next_moment("cron(30 2 * * ? *)", WARSAW, moment)
        assert following is not None
        moment = following
        found.append(moment)
    assert [(b - a).total_seconds() / 3600 for a, b in pairwise(found)] == [25, 24]


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("every monday", "write cron"),
        ("cron(0 9 * * *)", "six fields"),
        ("cron(0 9 * * * *)", "exactly one"),
        ("cron(0 9 ? * ? *)", "exactly one"),
        ("cron(60 9 ? * MON *)", "minutes go from 0 to 59"),
        ("cron(0 9 ? * 8 *)", "weekdays go from 1 to 7"),
        ("cron(0/0 9 ? * MON *)", "minutes"),
        ("cron(0 9 ? XYZ MON *)", "months"),
        ("rate(0 days)", "rate(7 days)"),
        ("rate(1 week)", "minutes, hours or days"),
        ("at(tomorrow)", "local time"),
    ],
)
def test_what_the_service_would_refuse_is_refused_with_a_remedy(expression: str, hint: str) -> None:
    """The author is told what to write instead."""
    with pytest.raises(ValueError, match=re.escape(hint)):
        read_schedule(expression)
