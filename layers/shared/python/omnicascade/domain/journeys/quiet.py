"""Quiet hours: whether a message may go out now on the recipient's clock, and when it may.

Exists because the answer needs three things at once: a zone, local time with its clock changes, and windows that
pass midnight.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from omnicascade.domain.zones import within_hours, zone_for

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from omnicascade.domain.deployment import Deployment
    from omnicascade.domain.journeys.journey import QuietHours
    from omnicascade.domain.profile import Profile

_MINUTE: Final = timedelta(minutes=1)
_DAY_MINUTES: Final = 24 * 60
_LONGEST: Final = timedelta(days=8)
"""A quiet time that has not ended after a week and a day never ends."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """It is quiet now: until when (UTC; None: for ever), and the sentence that says so."""

    until: datetime | None
    reason: str


def quiet(hours: QuietHours, profile: Profile, deployment: Deployment, now: datetime) -> Quiet | None:
    """Whether these quiet hours hold a message back now; None when it may go out.

    With `recipient-only` nothing is held back where the recipient's zone is unknown. Source: Amazon Pinpoint API
    reference, QuietTime: without a valid time zone "the endpoint will receive messages even if quiet time is enabled".
    """
    found = zone_for(hours.zone, profile, deployment)
    if found is None or not _is_quiet(hours, now.astimezone(found[0])):
        return None
    zone, origin = found
    until = _end(hours, zone, now)
    start, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in (hours.start, hours.end))
    return Quiet(until, f"quiet hours {start} to {end} in {zone.key} ({origin})")


def _is_quiet(hours: QuietHours, local: datetime) -> bool:
    return within_hours(hours.start, hours.end, hours.days, local)


def _end(hours: QuietHours, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The first whole minute that is not quiet. Walks real minutes, so that clock changes need no rule of their own."""
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    never = minute + _LONGEST
    while minute <= never:
        minute += _stride(hours, zone, minute)
        if not _is_quiet(hours, minute.astimezone(zone)):
            return minute
    return None


def _stride(hours: QuietHours, zone: ZoneInfo, minute: datetime) -> timedelta:
    """From a quiet minute to the last one of its window at once, unless the clock changes before; else a minute."""
    local = minute.astimezone(zone)
    left = timedelta(minutes=(hours.end - local.hour * 60 - local.minute) % _DAY_MINUTES)
    then = (minute + left).astimezone(zone)
    return left if left and local.utcoffset() == then.utcoffset() else _MINUTE
