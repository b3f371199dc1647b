"""Schedule expressions of EventBridge Scheduler: `at(…)`, `rate(…)` and `cron(…)`, and when they come round next.

Source: EventBridge Scheduler user guide, "Schedule types" and "Time zones": local times that a zone skips are left
out, those it has twice come once. Not read: `L`, `W` and `#` in cron expressions; they are refused by name.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_AT: Final = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)")
_RATE: Final = re.compile(r"rate\(([1-9]\d*) (minute|hour|day)s?\)")
_CRON: Final = re.compile(r"cron\(([^)]+)\)")
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: Final = ((0, 59, ()), (0, 23, ()), (1, 31, ()), (1, 12, _MONTHS), (1, 7, _DAYS), (1970, 2199, ()))
_PARTS: Final = 6
_FURTHEST: Final = timedelta(days=366 * 8)
"""The 29th of February comes again after eight years at the latest."""


class ExpressionError(ValueError):
    """No schedule expression, or one that is not read here; the message says which."""


type Next = Callable[[datetime], datetime | None]
"""The first moment after another, or None when there is none any more."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A schedule expression that was read.

    Attributes:
        first: the first moment from one on, which counts itself.
        following: the first moment after one at which it came round; None: never again.
        once: whether it comes round once only.
    """

    first: Callable[[datetime], datetime | None]
    following: Next
    once: bool = False


def read_expression(text: str, zone_name: str = "UTC") -> Expression:
    """Read an expression in a time zone.

    Raises:
        ExpressionError: see there.
    """
    try:
        zone = ZoneInfo(zone_name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        msg = f"Invalid Schedule Expression Timezone {zone_name}."
        raise ExpressionError(msg) from error
    if found := _AT.fullmatch(text):
        return _at(found[1], zone)
    if found := _RATE.fullmatch(text):
        step = timedelta(**{f"{found[2]}s": int(found[1])})
        # Without a start date a rate begins at once.
        return Expression(first=lambda moment: moment, following=lambda moment: moment + step)
    if found := _CRON.fullmatch(text):
        return _cron(found[1].split(), zone)
    msg = f"Invalid Schedule Expression {text}."
    raise ExpressionError(msg)


def _at(text: str, zone: ZoneInfo) -> Expression:
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    except ValueError as error:
        msg = f"Invalid Schedule Expression at({text})."
        raise ExpressionError(msg) from error
    return Expression(first=lambda _: moment, following=lambda _: None, once=True)


def _cron(parts: Sequence[str], zone: ZoneInfo) -> Expression:
    if len(parts) != _PARTS or (parts[2] == "?") == (parts[4] == "?"):
        msg = f"Invalid Schedule Expression cron({' '.join(parts)})."
        raise ExpressionError(msg)
    minutes, hours, days, months, weekdays, years = (
        _values(part, *field) for part, field in zip(parts, _FIELDS, strict=True)
    )
    times = [time(hour, minute) for hour in sorted(hours) for minute in sorted(minutes)]

    def wanted(day: date) -> bool:
        weekday = day.isoweekday() % 7 + 1
        return day.year in years and day.month in months and day.day in days and weekday in weekdays

    def moments(moment: datetime) -> Iterator[datetime]:
        first = moment.astimezone(zone).date()
        for day in (first + timedelta(days=number) for number in range(_FURTHEST.days)):
            if wanted(day):
                yield from (_utc(datetime.combine(day, at, zone)) for at in times if _exists(day, at, zone))

    return Expression(
        first=lambda moment: next((one for one in moments(moment) if one >= moment), None),
        following=lambda moment: next((one for one in moments(moment) if one > moment), None),
    )


def _utc(local: datetime) -> datetime:
    return local.astimezone(UTC)


def _exists(day: date, at: time, zone: ZoneInfo) -> bool:
    local = datetime.combine(day, at, zone)
    return local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)


def _values(part: str, least: int, most: int, names: Sequence[str]) -> frozenset[int]:
    """The numbers a field allows: `*`, `?`, `5`, `MON-FRI`, `0/15`, `1,3`."""
    if part in ("*", "?"):
        return frozenset(range(least, most + 1))
    found: set[int] = set()
    for piece in part.split(","):
        span, _, step = piece.partition("/")
        first, dash, last = span.partition("-")
        begin = least if first == "*" else _number(first, least, names)
        end = _number(last, least, names) if dash else (most if step or first == "*" else begin)
        if not least <= begin <= most or not least <= end <= most or (step and not step.isdigit()):
            msg = f"Invalid Schedule Expression: {part} is not within {least} and {most}."
            raise ExpressionError(msg)
        found.update(range(begin, end + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, least: int, names: Sequence[str]) -> int:
    if text.upper() in names:
        return names.index(text.upper()) + least
    if not text.isdigit():
        msg = f"the embedded stack does not read {text!r} in a cron expression"
        raise ExpressionError(msg)
    return int(text)
