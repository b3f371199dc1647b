"""Start audiences by the clock: a journey whose entry is a schedule has one errand under way, for its next moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from omnicascade.domain.journeys.journey import Journey, ScheduleEntry
from omnicascade.domain.schedules import next_moment
from omnicascade.usecases.store_ports import Errands, JourneyStore
from omnicascade.usecases.timer_port import RunTimer

SCHEDULE: Final = "schedule"
"""The errand: `{"kind", "journey", "expression"}`."""


class ScheduleMemory(Protocol):
    """For which moment the errand of each journey is kept."""

    def kept(self, journey: str) -> tuple[str, datetime] | None:
        """The expression and the moment, or None."""
        ...

    def keep(self, journey: str, expression: str, at: datetime) -> None:
        """Remember them."""
        ...


@dataclass(frozen=True, slots=True)
class ScheduleKeeper:
    """Winds the clocks of journeys, and starts their audiences."""

    journeys: JourneyStore
    timer: RunTimer
    errands: Errands
    memory: ScheduleMemory

    def wind(self, journey: Journey, now: datetime) -> None:
        """See that the next moment of a journey's schedule is kept, if it has one. May be repeated.

        A rate counts from now when it is new, and goes on as it was when the journey is put again.
        """
        entry = journey.entry
        if isinstance(entry, ScheduleEntry) and journey.active:
            self._wind(journey.name, entry.expression, now, now)

    def _wind(self, journey: str, expression: str, after: datetime, now: datetime) -> None:
        known = self.memory.kept(journey)
        if known and known[0] == expression and known[1] > max(after, now):
            return
        at = next_moment(expression, ZoneInfo(self.journeys.deployment().default_zone), max(after, now))
        if at is not None:
            self.errands.run_at(at, {"kind": SCHEDULE, "journey": journey, "expression": expression}, now)
            self.memory.keep(journey, expression, at)

    def fire(self, at: datetime, errand: Mapping[str, Any], now: datetime) -> None:
        """Start the audience of a moment and keep the next one; the same moment starts one execution.

        A journey that is paused lets the moment pass. One that has another schedule by now, or none, has another errand
        or none.
        """
        name, expression = str(errand["journey"]), str(errand["expression"])
        journey = self.journeys.journey(name)
        entry = journey and journey.entry
        if journey is None or not journey.active or not isinstance(entry, ScheduleEntry):
            return
        if entry.expression != expression:
            return
        if not any(line.paused for line in self.journeys.listing() if line.name == name):
            started = f"{name}-{at.astimezone(UTC):%Y%m%dT%H%M}"
            self.timer.start(started, {"journey": name, "segment": entry.segment})
        self._wind(name, expression, at, now)
