"""When quiet hours end, against a walk over every minute."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.journeys.journey import QuietHours
from omnicascade.domain.journeys.quiet import quiet
from omnicascade.domain.profile import Counters, Profile, ProfileId
from omnicascade.domain.zones import within_hours

ZONES = ("Europe/Warsaw", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kolkata", "UTC")
CLOCKS_GO_BACK = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
CLOCKS_GO_ON = datetime(2026, 3, 28, 22, 15, 30, tzinfo=UTC)
MINUTES = st.integers(0, 24 * 60 - 1)
DAYS = st.sets(st.integers(0, 6), min_size=1).map(frozenset)
MOMENTS = st.integers(0, 2 * 365 * 24 * 60).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=n))


def nobody() -> Profile:
    """A customer whose zone is not known."""
    then = datetime(2026, 1, 1, tzinfo=UTC)
    return Profile(ProfileId("p"), (), (), {}, {}, {}, Counters(), then, then)


def walked(hours: QuietHours, now: datetime) -> datetime | None:
    """The first whole minute after `now` that is not quiet, found by looking at each."""
    minute = now.replace(second=0, microsecond=0)
    for _ in range(8 * 24 * 60):
        minute += timedelta(minutes=1)
        local = minute.astimezone(ZoneInfo(hours.zone))
        if not within_hours(hours.start, hours.end, hours.days, local):
            return minute
    return None


@settings(max_examples=30)
@given(MINUTES, MINUTES, DAYS, st.sampled_from(ZONES), MOMENTS)
@example(21 * 60, 9 * 60, frozenset(range(7)), "Europe/Warsaw", CLOCKS_GO_BACK)
@example(21 * 60, 9 * 60, frozenset(range(7)), "Europe/Warsaw", CLOCKS_GO_ON)
@example(2 * 60 + 30, 9 * 60, frozenset(range(7)), "Europe/Warsaw", CLOCKS_GO_BACK.replace(day=25, hour=0, minute=40))
@example(0, 24 * 60 - 1, frozenset(range(7)), "Europe/Warsaw", CLOCKS_GO_ON)
@example(0, 24 * 60 - 1, frozenset({0, 2}), "Europe/Warsaw", CLOCKS_GO_ON)
def test_quiet_hours_end_at_the_first_minute_that_is_not_quiet(
    start: int, end: int, days: frozenset[int], zone: str, now: datetime
) -> None:
    """Whole windows are leapt over, and no minute is missed: neither by a clock change nor by the next window."""
    hours = QuietHours(start, end, days, zone, "hold")
    local = now.astimezone(ZoneInfo(zone))
    silence = quiet(hours, nobody(), Deployment(), now)
    assert (silence is not None) == within_hours(start, end, days, local)
    if silence:
        assert silence.until == walked(hours, now)
