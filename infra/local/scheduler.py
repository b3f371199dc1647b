"""One thing at a time, in an order that can be repeated: the heart of the embedded stack.

Everything that happens is either a timer (an execution's time-out, a message visible again) or a unit of work of a
source (a queue's or a stream's next batch). The scheduler runs them one by one under one lock: timers first, by due
moment and then by the order they were set, then the sources in the order they were added. Threads of the HTTP edge
take the same lock, so no two handlers ever run at once. Setting a timer takes another, short lock: a handler's own
threads may do it.
"""

import heapq
import itertools
import logging
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from infra.local.clock import VirtualClock

RUNAWAY_STEPS: Final = 200_000
"""So many steps without virtual time moving mean that the stack feeds itself for ever."""

YIELD_S: Final = 0.001
"""How long the background pump lets a waiting request through, in real seconds."""

log = logging.getLogger(__name__)


class UnsettledError(RuntimeError):
    """The stack makes work for itself faster than it finishes it."""


@dataclass(order=True, slots=True)
class Timer:
    """An action due at a virtual moment; ordered by that moment, then by the order of setting."""

    due: datetime
    sequence: int
    action: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Never run it; harmless when it has run."""
        self.cancelled = True


class Scheduler:
    """Runs timers and sources to quiescence, one step at a time."""

    def __init__(self, clock: VirtualClock) -> None:
        """Work on `clock`; nothing runs until somebody settles, advances, or starts the pump."""
        self.clock = clock
        self._lock = threading.RLock()
        self._timers_lock = threading.Lock()
        self._timers: list[Timer] = []
        self._sequence = itertools.count()
        self._sources: list[Callable[[], bool]] = []
        self._waiting = 0
        self._wake = threading.Event()
        self._pump: threading.Thread | None = None
        self._stopping = False

    @contextmanager
    def turn(self) -> Generator[None]:
        """Hold the one lock of the stack: nothing else runs inside."""
        with self._timers_lock:
            self._waiting += 1
        with self._lock:
            with self._timers_lock:
                self._waiting -= 1
            yield
        self._wake.set()

    def at(self, due: datetime, action: Callable[[], None]) -> Timer:
        """Run `action` at virtual moment `due` (at once when it is past)."""
        timer = Timer(due, next(self._sequence), action)
        with self._timers_lock:
            heapq.heappush(self._timers, timer)
        self._wake.set()
        return timer

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Run `action` so many virtual seconds from now."""
        return self.at(self.clock.now() + timedelta(seconds=seconds), action)

    def soon(self, action: Callable[[], None]) -> Timer:
        """Run `action` next, when the present step is done."""
        return self.at(self.clock.now(), action)

    def add_source(self, source: Callable[[], bool]) -> None:
        """Ask `source` for a unit of work whenever no timer is due; it answers whether it did any."""
        self._sources.append(source)

    def settle(self) -> None:
        """Return when no timer is due and no source has work.

        Raises:
            UnsettledError: the work never ends.
        """
        for _ in range(RUNAWAY_STEPS):
            with self._lock:
                if not self._step():
                    return
        msg = f"the stack did not settle within {RUNAWAY_STEPS} steps: something feeds itself"
        raise UnsettledError(msg)

    def advance(self, duration: timedelta) -> None:
        """Move virtual time forward; everything that falls due in between runs in order, at its own moment."""
        with self._lock:
            target = self.clock.now() + duration
            self.settle()
            while (due := self._next_due()) is not None and due <= target:
                self.clock.move_to(due)
                self.settle()
            self.clock.move_to(target)
            self.settle()

    def clear(self) -> None:
        """Forget every timer and source."""
        with self._lock, self._timers_lock:
            self._timers.clear()
            self._sources.clear()

    def start_pump(self) -> None:
        """Keep the stack moving from a thread of its own, as virtual time passes and requests bring work."""
        self._stopping = False
        self._pump = threading.Thread(target=self._run, name="omnicascade-pump", daemon=True)
        self._pump.start()

    def stop_pump(self) -> None:
        """Stop that thread; returns when it has ended."""
        self._stopping = True
        self._wake.set()
        if self._pump is not None:
            self._pump.join()
            self._pump = None

    def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                self.settle_politely()
            except Exception:
                log.exception("the embedded stack failed at its own work; going on")
            with self._lock:
                due = self._next_due()
                wait = None if due is None else self.clock.real_seconds_until(due)
            self._wake.wait(wait)

    def settle_politely(self) -> None:
        """Like `settle`, but a waiting request goes first between two steps."""
        while not self._stopping:
            if self._waiting:
                self._wake.wait(YIELD_S)
            with self._lock:
                if not self._step():
                    return

    def _step(self) -> bool:
        timer = self._due_timer()
        if timer is not None:
            timer.action()
            return True
        return any(source() for source in self._sources)

    def _due_timer(self) -> Timer | None:
        due = self._next_due()
        if due is None or due > self.clock.now():
            return None
        with self._timers_lock:
            return heapq.heappop(self._timers)

    def _next_due(self) -> datetime | None:
        with self._timers_lock:
            while self._timers and self._timers[0].cancelled:
                heapq.heappop(self._timers)
            return self._timers[0].due if self._timers else None
