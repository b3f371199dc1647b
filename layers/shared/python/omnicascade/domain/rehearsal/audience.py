"""Whether the rehearsal's customer comes to a journey by being of a segment: by becoming a member, or by the clock.

Exists apart from the world because entries by events and by hand need none of it.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from omnicascade.domain.conditions.judging import judge
from omnicascade.domain.conditions.turning import turns
from omnicascade.domain.journeys.journey import ScheduleEntry, SegmentEntry
from omnicascade.domain.rehearsal.customer import Customer
from omnicascade.domain.rehearsal.stage import Stage
from omnicascade.domain.schedules import next_moment
from omnicascade.domain.zones import zone_named

_JUST_BEFORE: Final = timedelta(microseconds=1)


class Membership:
    """Membership in the segment of a journey's entry, noticed as the stream would.

    Who is a member before anything happens does not enter by it: that became true at some other time.
    """

    __slots__ = ("_customer", "_entry", "_member", "_stage", "turn")

    def __init__(self, stage: Stage, customer: Customer, start: datetime) -> None:
        self._stage, self._customer = stage, customer
        entry = stage.journey.entry
        self._entry = entry if isinstance(entry, SegmentEntry) else None
        self._member = False
        self.turn: datetime | None = None
        """When the answer may change by itself."""
        self._judge(start)

    def noticed(self, now: datetime) -> str | None:
        """Judge anew; the occasion, if the customer enters by it."""
        if self._entry is None:
            return None
        was = self._member
        self._judge(now)
        if was == self._member or self._member != (self._entry.on == "enter"):
            return None
        return f"{self._entry.segment} {self._entry.on} {now.isoformat()}"

    def _judge(self, now: datetime) -> None:
        condition = self._stage.condition
        if self._entry is not None and condition is not None:
            facts = self._customer.facts(now)
            self._member, self.turn = judge(condition, facts)[0], turns(condition, facts)


class Rounds:
    """The moments at which a journey's schedule starts an audience."""

    __slots__ = ("_customer", "_entry", "_stage", "next")

    def __init__(self, stage: Stage, customer: Customer, start: datetime) -> None:
        self._stage, self._customer = stage, customer
        entry = stage.journey.entry
        self._entry = entry if isinstance(entry, ScheduleEntry) else None
        self.next = self._following(start - _JUST_BEFORE)
        """The next of them."""

    def come(self, now: datetime) -> tuple[bool, str]:
        """The clock has come round: whether the customer is of the audience, and the occasion or why not."""
        self.next = self._following(now)
        if self._entry is None:
            return False, "no schedule"
        if self._stage.condition is None:
            return False, f"there is no segment {self._entry.segment}"
        holds, reason = judge(self._stage.condition, self._customer.facts(now))
        return holds, f"{self._entry.expression} {now.isoformat()}" if holds else f"not in the segment: {reason}"

    def _following(self, after: datetime) -> datetime | None:
        if self._entry is None:
            return None
        zone = zone_named(self._stage.deployment.default_zone) or UTC
        return next_moment(self._entry.expression, zone, after)
