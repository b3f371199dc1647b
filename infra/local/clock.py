"""Virtual time: what lets a journey of three weeks run in a second, and the same way twice."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class VirtualClock:
    """A clock that runs `speed` virtual seconds per real second and can be moved forward, never back.

    With speed 0 it stands still between moves, which makes every run of the stack the same.
    """

    def __init__(
        self, start: datetime | None = None, *, speed: float = 0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Start at `start` (aware; None: the machine's present moment)."""
        self.speed = speed
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._base = (start or datetime.now(UTC)).astimezone(UTC)
        self._mark = monotonic()

    def now(self) -> datetime:
        """The present virtual moment, aware, UTC."""
        with self._lock:
            return self._read()

    def move_to(self, moment: datetime) -> None:
        """Jump to `moment` and run on from there; a moment already past changes nothing."""
        with self._lock:
            self._base = max(self._read(), moment.astimezone(UTC))
            self._mark = self._monotonic()

    def real_seconds_until(self, moment: datetime) -> float | None:
        """How many real seconds until `moment` comes by itself; None when the clock stands still."""
        if self.speed <= 0:
            return None
        return max(0.0, (moment - self.now()).total_seconds() / self.speed)

    def _read(self) -> datetime:
        return self._base + timedelta(seconds=(self._monotonic() - self._mark) * self.speed)
