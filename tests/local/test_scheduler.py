"""The scheduler: what runs when, and in which order."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from infra.local import scheduler as module
from infra.local.clock import VirtualClock
from infra.local.scheduler import Scheduler, UnsettledError

START = datetime(2026, 3, 10, 12, tzinfo=UTC)


def _scheduler(speed: float = 0) -> Scheduler:
    return Scheduler(VirtualClock(START, speed=speed))


def test_timers_run_at_their_moment_in_order_of_due_then_of_setting() -> None:
    """An advance runs all that falls due in between, each at its own moment, ties in the order they were set."""
    scheduler = _scheduler()
    ran: list[tuple[str, float]] = []

    def note(name: str) -> None:
        ran.append((name, (scheduler.clock.now() - START).total_seconds()))

    scheduler.after(20, lambda: note("late"))
    scheduler.after(10, lambda: note("first"))
    scheduler.after(10, lambda: note("second"))
    scheduler.after(31, lambda: note("beyond"))
    scheduler.advance(timedelta(seconds=30))
    assert ran == [("first", 10), ("second", 10), ("late", 20)]
    assert scheduler.clock.now() == START + timedelta(seconds=30)


def test_what_a_timer_sets_within_the_window_runs_within_it() -> None:
    """A timer that sets another, due before the end of the advance, sees it run in the same advance."""
    scheduler = _scheduler()
    ran: list[datetime] = []

    def again() -> None:
        scheduler.after(5, lambda: ran.append(scheduler.clock.now()))

    scheduler.after(5, again)
    scheduler.advance(timedelta(seconds=10))
    assert ran == [START + timedelta(seconds=10)]


def test_a_cancelled_timer_never_runs() -> None:
    """Cancelling takes a timer back, also the next one due."""
    scheduler = _scheduler()
    ran: list[str] = []
    scheduler.after(1, lambda: ran.append("cancelled")).cancel()
    scheduler.after(2, lambda: ran.append("kept"))
    scheduler.advance(timedelta(seconds=3))
    assert ran == ["kept"]


def test_settle_drains_sources_in_their_order_and_timers_before_them() -> None:
    """Sources give their work in the order they were added, but a timer that is due goes first."""
    scheduler = _scheduler()
    ran: list[str] = []
    work = {"a": 2, "b": 1}

    def source(name: str) -> bool:
        if not work[name]:
            return False
        work[name] -= 1
        ran.append(name)
        if name == "a":
            scheduler.soon(lambda: ran.append("timer"))
        return True

    scheduler.add_source(lambda: source("a"))
    scheduler.add_source(lambda: source("b"))
    scheduler.settle()
    assert ran == ["a", "timer", "a", "timer", "b"]


def test_endless_work_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack that feeds itself for ever says so instead of hanging."""
    monkeypatch.setattr(module, "RUNAWAY_STEPS", 50)
    scheduler = _scheduler()
    scheduler.add_source(lambda: True)
    with pytest.raises(UnsettledError, match="50 steps"):
        scheduler.settle()


def test_the_pump_fires_timers_as_virtual_time_passes() -> None:
    """With a running clock nobody has to call settle: an hour at speed 100,000 is over in no time."""
    scheduler = _scheduler(speed=100_000)
    fired = threading.Event()
    scheduler.start_pump()
    scheduler.after(3600, fired.set)
    assert fired.wait(5)
    scheduler.stop_pump()


def test_the_pump_survives_a_failing_action(caplog: pytest.LogCaptureFixture) -> None:
    """An action of our own that raises is logged, and the next one runs."""
    scheduler = _scheduler(speed=1000)
    fired = threading.Event()

    def fail() -> None:
        raise RuntimeError("broken")

    scheduler.soon(fail)
    scheduler.after(1, fired.set)
    scheduler.start_pump()
    assert fired.wait(5)
    scheduler.stop_pump()
    assert "going on" in caplog.text


def test_a_turn_excludes_every_other_step() -> None:
    """While a thread holds its turn, nothing of the stack runs."""
    scheduler = _scheduler(speed=1000)
    fired = threading.Event()
    with scheduler.turn():
        scheduler.soon(fired.set)
        scheduler.start_pump()
        assert not fired.wait(0.05)
    assert fired.wait(5)
    scheduler.stop_pump()
