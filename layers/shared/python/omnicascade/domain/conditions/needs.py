"""What must be gathered before a condition can be judged: which of the customer's events, and how far back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Needs:
    """What some conditions look at besides the profile.

    Attributes:
        names: events of the customer's history, by name (by type for page, screen, identify).
        back: how far back they are asked for; None: to the beginning.
    """

    names: frozenset[str] = frozenset()
    back: timedelta | None = timedelta()

    def __or__(self, other: Needs) -> Needs:
        """What both need together."""
        back = None if self.back is None or other.back is None else max(self.back, other.back)
        return Needs(self.names | other.names, back)
