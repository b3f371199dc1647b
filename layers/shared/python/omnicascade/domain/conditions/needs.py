"""What must be gathered before a condition can be judged: which of the customer's events, and how far back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from omnicascade.domain.conditions.condition import All, AnyOf, Condition, Did, LocalTime, Not, Test

if TYPE_CHECKING:
    from omnicascade.domain.segments import Segment


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


def needs_of(condition: Condition, segments: Mapping[str, Segment]) -> Needs:
    """What judging a condition looks at, the conditions of the segments it names included (each once)."""
    return _needs(condition, segments, set())


def _needs(condition: Condition, segments: Mapping[str, Segment], seen: set[str]) -> Needs:
    match condition:
        case All(parts) | AnyOf(parts):
            together = Needs()
            for part in parts:
                together |= _needs(part, segments, seen)
            return together
        case Not(part):
            return _needs(part, segments, seen)
        case Did(name, _, within):
            return Needs(frozenset({name}), within)
        case Test(subject, name):
            if subject == "segment" and name in segments and name not in seen:
                seen.add(name)
                return _needs(segments[name].condition, segments, seen)
            return Needs() if condition.unchanged_for is None else Needs(frozenset({"identify"}), None)
        case LocalTime():
            return Needs()
