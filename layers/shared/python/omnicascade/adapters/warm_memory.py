"""What a warm process remembers of the table, the latest used first to stay.

Only what is harmless when it is out of date may be kept here: the table's own conditions decide, never a memory.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Final

EVENTS_REMEMBERED: Final = 10_000
"""Keys of events known to be stored: 3 MB. A queue that delivers again does so within minutes."""

PROJECTIONS_REMEMBERED: Final = 4_000
"""Projections as they were written: some 20 MB, and at most 50 MB of a function's 512."""

LONGEST_REMEMBERED: Final = 2_000
"""Characters of a stored projection that is remembered; a usual one has 600. As objects it takes six times as much."""


class WarmMemory[Key: Hashable, Value]:
    """A mapping that forgets what was not used for longest; one of size 0 keeps nothing."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: dict[Key, Value] = {}

    def __contains__(self, key: Key) -> bool:
        """Whether it is remembered; does not count as use."""
        return key in self._kept

    def get(self, key: Key) -> Value | None:
        """What is remembered, or None."""
        value = self._kept.pop(key, None)
        if value is not None:
            self._kept[key] = value
        return value

    def keep(self, key: Key, value: Value) -> None:
        """Remember, in place of whatever was remembered under this key."""
        self._kept.pop(key, None)
        self._kept[key] = value
        if len(self._kept) > self._size:
            del self._kept[next(iter(self._kept))]

    def forget(self, keys: Iterable[Key]) -> None:
        """Forget these; one that is not remembered is no fault."""
        for key in keys:
            self._kept.pop(key, None)
