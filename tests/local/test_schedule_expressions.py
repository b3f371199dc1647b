"""Schedule expressions: what they mean, also where a zone's clocks are put forward or back."""

from datetime import UTC, datetime, timedelta

import pytest

from infra.local.schedule_expressions import ExpressionError, read_expression

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def _next(text: str, zone: str = "UTC", *, count: int = 1, start: datetime = NOON) -> list[str]:
    expression = read_expression(text, zone)
    moment, found = expression.first(start), list[str]()
    while moment is not None and len(found) < count:
        found.append(moment.astimezone(UTC).isoformat(timespec="minutes").removesuffix("+00:00"))
        moment = expression.following(moment)
    return found


def test_at_is_one_moment_of_its_zone() -> None:
    """One o'clock in Warsaw is noon in UTC, in winter; it comes once."""
    assert _next("at(2026-03-10T13:00:00)", "Europe/Warsaw", count=3) == ["2026-03-10T12:00"]
    assert read_expression("at(2026-03-10T13:00:00)").once


def test_a_rate_begins_at_once_and_goes_on_evenly() -> None:
    """Every 90 minutes from now."""
    assert _next("rate(90 minutes)", count=3) == ["2026-03-10T12:00", "2026-03-10T13:30", "2026-03-10T15:00"]
    assert read_expression("rate(1 hour)").following(NOON) == NOON + timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cron(0 9 * * ? *)", ["2026-03-11T09:00", "2026-03-12T09:00"]),
        ("cron(0/20 12 10 3 ? 2026)", ["2026-03-10T12:00", "2026-03-10T12:20"]),
        ("cron(15 10 ? * MON-FRI *)", ["2026-03-11T10:15", "2026-03-12T10:15"]),
        ("cron(0 8 1 JAN,JUL ? *)", ["2026-07-01T08:00", "2027-01-01T08:00"]),
        ("cron(0 0 29 2 ? *)", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("cron(30 6 ? * 1 *)", ["2026-03-15T06:30", "2026-03-22T06:30"]),
    ],
)
def test_cron_fields(text: str, expected: list[str]) -> None:
    """Lists, spans, steps, names and the question mark, as AWS counts them: Sunday is 1."""
    assert _next(text, count=2) == expected


def test_a_local_time_that_does_not_exist_is_left_out() -> None:
    """Half past two on the last Sunday of March is skipped by Warsaw's clocks, and so by the schedule."""
    found = _next("cron(30 2 * * ? *)", "Europe/Warsaw", count=3, start=datetime(2026, 3, 27, 12, tzinfo=UTC))
    assert found == ["2026-03-28T01:30", "2026-03-30T00:30", "2026-03-31T00:30"]


def test_a_local_time_that_comes_twice_counts_once() -> None:
    """Half past two on the last Sunday of October comes twice; the schedule takes the first."""
    found = _next("cron(30 2 * * ? *)", "Europe/Warsaw", count=3, start=datetime(2026, 10, 24, 12, tzinfo=UTC))
    assert found == ["2026-10-25T00:30", "2026-10-26T01:30", "2026-10-27T01:30"]


@pytest.mark.parametrize(
    "text",
    [
        "rate(0 hours)",
        "rate(1 week)",
        "at(2026-13-01T00:00:00)",
        "at(tomorrow)",
        "cron(0 9 * * * *)",
        "cron(0 9 ? * ? *)",
        "cron(0 9 L * ? *)",
        "cron(61 9 * * ? *)",
        "cron(0 9 * *)",
        "every day",
    ],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    """Also what AWS reads and this stack does not: it says so instead of firing at another moment."""
    with pytest.raises(ExpressionError):
        read_expression(text)


def test_an_unknown_zone_is_refused() -> None:
    """A zone of nowhere is not taken for UTC."""
    with pytest.raises(ExpressionError, match="Mars/Olympus"):
        read_expression("rate(1 hour)", "Mars/Olympus")
