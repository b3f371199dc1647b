"""When a window of the day opens and closes on somebody's clock, clock changes included.

Exists apart from the other tests because only this one needs a calendar. The moments at which the answer can change
are few (both ends of the window on each day, and each clock change), so the answer is asked at these.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from omnicascade.domain.conditions.condition import LocalTime
from omnicascade.domain.zones import within_hours

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_MINUTES: Final = 24 * 60


def flips_of(window: LocalTime, zone: ZoneInfo, now: datetime, until: datetime) -> Iterator[datetime]:
    """Every moment (UTC) after `now` and up to `until` at which the window opens or closes, in order."""
    first, past = window.start, (window.end + 1) % _MINUTES
    if first == past and len(window.days) == 7:
        return  # always open
    clocks = (_at(first), _at(past))
    inside, day = _inside(window, zone, now), datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    while day <= until:
        for moment in _candidates(clocks, zone, day):
            if now < moment <= until and _inside(window, zone, moment) is not inside:
                inside = not inside
                yield moment
        day += _DAY


def _inside(window: LocalTime, zone: ZoneInfo, moment: datetime) -> bool:
    return within_hours(window.start, window.end, window.days, moment.astimezone(zone))


def _at(minute: int) -> time:
    return time(minute // 60, minute % 60)


def _candidates(clocks: tuple[time, ...], zone: ZoneInfo, day: datetime) -> list[datetime]:
    """Moments of one UTC day at which a clock in that zone shows one of some times, or is changed."""
    dates: list[date] = [(day + _DAY * shift).date() for shift in (-1, 0, 1)]
    shown = {
        datetime.combine(local, clock, zone).replace(fold=fold).astimezone(UTC)
        for local in dates
        for clock in clocks
        for fold in (0, 1)
    }
    if zone.utcoffset(day.astimezone(zone)) != zone.utcoffset((day + _DAY).astimezone(zone)):
        shown.add(_change(zone, day))
    return sorted(moment for moment in shown if day <= moment < day + _DAY)


def _change(zone: ZoneInfo, day: datetime) -> datetime:
    """The second of a UTC day at which the clocks of a zone are changed."""
    before, after = day, day + _DAY
    offset = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2 // _SECOND * _SECOND
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
