"""When a schedule comes round: EventBridge Scheduler's `cron(…)`, `rate(…)` and `at(…)`, on a local clock.

Exists because three must agree on it: a journey's definition, which refuses what the service would refuse; the
rehearsal, which starts audiences on virtual time; and the embedded stack, which stands in for the service.

Source: EventBridge Scheduler user guide, "Schedule types" and "Daylight saving time" (2026): six fields, one of the two
days is `?`; a local time that the clocks skip is left out, one that comes twice counts once.
"""

import calendar
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Final

_MONTHS: Final = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS: Final = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), start=1)}
_UNITS: Final = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_LAST_YEAR: Final = 2199
_NAMES: Final = ("minutes", "hours", "day of month", "month", "day of week", "year")


@dataclass(frozen=True, slots=True)
class Cron:
    """A `cron(…)` expression.

    Attributes:
        days: of the month; None: any.
        special: `L`, `LW` or `15W` as the day of the month.
        weekdays: Sunday is 1; None: any.
        nth: (weekday, which of the month; 0: the last) as the day of the week.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None
    special: str | None
    months: frozenset[int]
    weekdays: frozenset[int] | None
    nth: tuple[int, int] | None
    years: frozenset[int]

    def on(self, day: date) -> bool:
        """Whether it comes round on this day."""
        if day.year not in self.years or day.month not in self.months:
            return False
        if self.days is not None:
            return day.day in self.days
        if self.special is not None:
            return day.day == _special_day(self.special, day)
        weekday = day.isoweekday() % 7 + 1
        if self.nth is not None:
            wanted, which = self.nth
            last = day.day + 7 > calendar.monthrange(day.year, day.month)[1]
            return weekday == wanted and (last if which == 0 else (day.day - 1) // 7 + 1 == which)
        return self.weekdays is None or weekday in self.weekdays


@dataclass(frozen=True, slots=True)
class Rate:
    """A `rate(…)` expression: every so long after the last time."""

    every: timedelta


@dataclass(frozen=True, slots=True)
class Once:
    """An `at(…)` expression: one local moment."""

    local: datetime


@lru_cache(maxsize=256)
def read_schedule(expression: str) -> Cron | Rate | Once:
    """Read an expression.

    Raises:
        ValueError: not one that EventBridge Scheduler takes; the message is a sentence for the author.
    """
    found = re.fullmatch(r"\s*(cron|rate|at)\((.*)\)\s*", expression)
    if found is None:
        raise ValueError(
            f"{expression!r} is no schedule: write cron(0 9 ? * MON *), rate(7 days) or at(2026-03-10T09:00:00)"
        )
    kind, inside = found[1], found[2].strip()
    if kind == "cron":
        return _cron(inside)
    return _rate(inside) if kind == "rate" else _once(inside)


def next_moment(expression: str, zone: tzinfo, after: datetime) -> datetime | None:
    """The first moment (UTC) later than `after` at which a schedule comes round; None: never again.

    A `rate` counts from `after`: whoever asks hands in when it came round last.

    Args:
        expression: as `read_schedule` takes it.
        zone: whose clock the expression means.
        after: aware.

    Raises:
        ValueError: see `read_schedule`.
    """
    match read_schedule(expression):
        case Rate(every):
            return (after + every).astimezone(UTC)
        case Once(local):
            moment = local.replace(tzinfo=zone).astimezone(UTC)
            return moment if moment > after else None
        case Cron() as cron:
            return next((moment for moment in _moments(cron, zone, after) if moment > after), None)


def _moments(cron: Cron, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """From the local day of `after` on, in order."""
    day, last = after.astimezone(zone).date(), date(max(cron.years), 12, 31)
    times = sorted((hour, minute) for hour in cron.hours for minute in cron.minutes)
    while day <= last:
        if day.year not in cron.years or day.month not in cron.months:
            day = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
            continue
        if cron.on(day):
            for hour, minute in times:
                local = datetime.combine(day, time(hour, minute), zone)
                moment = local.astimezone(UTC)
                if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                    yield moment
        if day == date.max:
            return
        day += timedelta(days=1)


def _special_day(special: str, day: date) -> int:
    """`L`: the last day; `LW`: the last weekday; `15W`: the weekday nearest to the 15th within the month."""
    last = calendar.monthrange(day.year, day.month)[1]
    if special == "L":
        return last
    wanted = last if special == "LW" else min(int(special[:-1]), last)
    weekday = date(day.year, day.month, wanted).isoweekday()
    if weekday == 6:
        return wanted - 1 if wanted > 1 else wanted + 2
    if weekday == 7:
        return wanted + 1 if wanted < last else wanted - 2
    return wanted


def _cron(inside: str) -> Cron:
    fields = inside.upper().split()
    if len(fields) != len(_NAMES):
        raise ValueError(f"cron({inside}) needs six fields, {', '.join(_NAMES)}, such as cron(0 9 ? * MON *)")
    minutes, hours, days, months, weekdays, years = fields
    if (days == "?") == (weekdays == "?"):
        raise ValueError(f"cron({inside}): exactly one of day of month and day of week must be `?`")
    special = days if re.fullmatch(r"L|LW|WL|([1-9]|[12]\d|3[01])W", days) else None
    return Cron(
        minutes=_numbers(minutes, 0, "minutes", 0, 59),
        hours=_numbers(hours, 1, "hours", 0, 23),
        days=None if days == "?" or special else _numbers(days, 2, "days", 1, 31),
        special="LW" if special == "WL" else special,
        months=_numbers(months, 3, "months", 1, 12, _MONTHS),
        weekdays=None if weekdays == "?" or _nth(weekdays) else _numbers(weekdays, 4, "weekdays", 1, 7, _DAYS),
        nth=_nth(weekdays),
        years=_numbers(years, 5, "years", 1970, _LAST_YEAR),
    )


def _nth(field: str) -> tuple[int, int] | None:
    found = re.fullmatch(r"([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)(?:L|#([1-5]))", field)
    if found is None:
        return (7, 0) if field == "L" else None
    return _DAYS.get(found[1]) or int(found[1]), int(found[2] or 0)


def _numbers(
    field: str, place: int, plural: str, low: int, high: int, names: Mapping[str, int] | None = None
) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        body, slash, step = part.partition("/")
        first, dash, last = body.partition("-")
        start = low if body == "*" else _number(first, names)
        end = high if body == "*" or (slash and not dash) else _number(last, names) if dash else start
        width = (int(step) if step.isdigit() and int(step) > 0 else None) if slash else 1
        if start is None or end is None or width is None or not low <= start <= high or not low <= end <= high:
            raise ValueError(f"{part!r} is no {_NAMES[place]} of a cron expression: {plural} go from {low} to {high}")
        if start <= end:
            found.update(range(start, end + 1, width))
        else:  # FRI-MON passes the end of the week
            found.update([*range(start, high + 1), *range(low, end + 1)][::width])
    return frozenset(found)


def _number(text: str, names: Mapping[str, int] | None) -> int | None:
    if names and text in names:
        return names[text]
    return int(text) if text.isascii() and text.isdigit() else None


def _rate(inside: str) -> Rate:
    found = re.fullmatch(r"([1-9]\d{0,8}) +(minute|hour|day)s?", inside)
    if found is None:
        raise ValueError(f"rate({inside}) needs a number and minutes, hours or days, such as rate(7 days)")
    return Rate(int(found[1]) * _UNITS[found[2]])


def _once(inside: str) -> Once:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", inside):
        raise ValueError(f"at({inside}) needs a local time such as at(2026-03-10T09:00:00)")
    return Once(datetime.fromisoformat(inside))
