"""What a condition is once it was read: frozen values that the judge walks, and the mapping an author would write.

Exists apart from reading and judging because programs, segments and rules all keep conditions without doing either.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from omnicascade.domain.conditions.grammar import WEEKDAYS
from omnicascade.domain.durations import spell


@dataclass(frozen=True, slots=True)
class All:
    """Holds when every part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Holds when at least one part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Holds when its part does not."""

    part: Condition


@dataclass(frozen=True, slots=True)
class Test:
    """One subject (`trait`), its argument (`plan`), one operator and what it is compared with.

    `unchanged_for` (on `trait`): and it has been so for at least so long.
    """

    __test__ = False  # not a test class for pytest

    subject: str
    argument: str
    operator: str
    operand: Any
    unchanged_for: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Did:
    """How often the customer did something; `count: {gte: 1}` where the author says no number.

    An event is counted by when it happened, or by when it arrived where its own clock says that it happened later than
    that: a clock that runs ahead neither hides what somebody did nor keeps it in a window for longer.

    Attributes:
        event: a track event's name, or page, screen, identify.
        where: must hold for each event that counts.
        within: only events that happened less than so long before now: exactly so long ago is out.
        operator, operand: how the number is compared.
        since_start: only events since the run began, the one that began it included; none outside a run.
        match: only events whose value at this path equals the run's key (where the run has one).
    """

    event: str
    where: Condition | None = None
    within: timedelta | None = None
    operator: str = "gte"
    operand: Any = 1
    since_start: bool = False
    match: str | None = None


@dataclass(frozen=True, slots=True)
class LocalTime:
    """Whether it is a time of day, both ends inclusive, on one of some weekdays.

    Attributes:
        start, end: minutes after midnight; `end < start` passes midnight.
        days: weekdays (Monday is 0) on which the window begins.
        zone: `recipient`, `recipient-only` (false where theirs is not known) or an IANA name.
    """

    start: int
    end: int
    days: frozenset[int] = frozenset(range(7))
    zone: str = "recipient"


type Condition = All | AnyOf | Not | Test | Did | LocalTime


def to_mapping(condition: Condition) -> dict[str, Any]:
    """The mapping an author would write for a condition, in plain JSON types; `read_condition` turns it back."""
    match condition:
        case All(parts):
            return {"all": [to_mapping(part) for part in parts]}
        case AnyOf(parts):
            return {"any": [to_mapping(part) for part in parts]}
        case Not(part):
            return {"not": to_mapping(part)}
        case Test():
            written = {condition.subject: condition.argument, condition.operator: condition.operand}
            return written | ({"for": spell(condition.unchanged_for)} if condition.unchanged_for else {})
        case Did():
            return _did(condition)
        case LocalTime(start, end, days, zone):
            written = {"now": f"{clock(start)}-{clock(end)}", "zone": zone}
            return written | ({"days": [WEEKDAYS[day] for day in sorted(days)]} if len(days) < len(WEEKDAYS) else {})


def clock(minute: int) -> str:
    """Minutes after midnight as people write them: `clock(540) == "09:00"`."""
    return f"{minute // 60:02}:{minute % 60:02}"


def _did(condition: Did) -> dict[str, Any]:
    written: dict[str, Any] = {"did": condition.event, "count": {condition.operator: condition.operand}}
    if condition.where is not None:
        written["where"] = to_mapping(condition.where)
    if condition.within is not None:
        written["within"] = spell(condition.within)
    if condition.since_start:
        written["since_start"] = True
    if condition.match is not None:
        written["match"] = condition.match
    return written
