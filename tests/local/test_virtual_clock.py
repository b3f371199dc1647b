"""The virtual clock."""

from datetime import UTC, datetime, timedelta, timezone

from infra.local.clock import VirtualClock

START = datetime(2026, 3, 10, 12, tzinfo=UTC)


def test_speed_zero_stands_still() -> None:
    """However much real time passes, a clock of speed 0 shows its start."""
    real = iter((0.0, 50.0, 99.0))
    clock = VirtualClock(START, speed=0, monotonic=lambda: next(real))
    assert clock.now() == START


def test_runs_at_its_speed_and_on_from_a_jump() -> None:
    """At speed 60 a real second is a minute, before and after a move."""
    real = [0.0]
    clock = VirtualClock(START, speed=60, monotonic=lambda: real[0])
    real[0] = 2.0
    assert clock.now() == START + timedelta(minutes=2)
    clock.move_to(START + timedelta(hours=1))
    real[0] = 3.0
    assert clock.now() == START + timedelta(hours=1, minutes=1)
    assert clock.real_seconds_until(clock.now() + timedelta(minutes=5)) == 5.0


def test_never_goes_back() -> None:
    """A move to the past changes nothing."""
    clock = VirtualClock(START)
    clock.move_to(START - timedelta(days=1))
    assert clock.now() == START


def test_answers_in_utc() -> None:
    """A start in another zone is the same moment in UTC."""
    clock = VirtualClock(datetime(2026, 3, 10, 14, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now() == START
    assert clock.now().utcoffset() == timedelta(0)
