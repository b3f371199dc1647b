"""The one clock the handlers read, so that the embedded stack can move time and AWS never notices.

The domain takes `now` as an argument; somebody has to supply it. On AWS that is the machine's clock. The embedded stack
and tests put their own clock here instead.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

type Clock = Callable[[], datetime]
"""Answers the present moment as an aware UTC datetime."""


def _wall_clock() -> datetime:
    return datetime.now(UTC)


_current: Final[list[Clock]] = [_wall_clock]


def now() -> datetime:
    """The present moment, aware, UTC."""
    return _current[0]()


def use(clock: Clock | None) -> None:
    """Read `clock` from now on; None goes back to the machine's own."""
    _current[0] = clock or _wall_clock
