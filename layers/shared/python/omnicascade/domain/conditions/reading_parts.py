"""Reads the small parts of conditions: counts, lengths, hours, days and zones. What is wrong is a sentence.

Exists apart from the walk through a condition, so that each part is a function of one value.
"""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Final, cast

from omnicascade.domain.conditions.comparisons import OPERATORS, show
from omnicascade.domain.conditions.grammar import COUNT_OPERATORS, OWN_ZONES, WEEKDAYS
from omnicascade.domain.durations import parse_duration
from omnicascade.domain.json_text import mapping

LARGEST_COUNT: Final = 1_000_000
"""More events than any customer has."""

_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d) ?- ?([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


def read_count(value: object) -> tuple[str, object]:
    """`{gte: 2}` as operator and operand, the numbers as int.

    Raises:
        ValueError: not one operator with a whole number, or with a list of them; the message says what to write.
    """
    entries = mapping(value)
    if len(entries) != 1:
        raise ValueError(f"expected one operator and a number, such as {{gte: 2}}, not {show(value)}")
    ((operator, operand),) = entries.items()
    if operator not in COUNT_OPERATORS:
        raise ValueError(_no_count_operator(str(operator)))
    if operator not in {"in", "not_in"}:
        return operator, _whole(operand)
    if not isinstance(operand, list | tuple) or not operand:
        raise ValueError(f"{operator} needs a list of at least one number")
    return operator, [_whole(item) for item in cast("list[object]", operand)]


def _no_count_operator(name: str) -> str:
    known = ", ".join(COUNT_OPERATORS)
    if name in OPERATORS:
        return f"a number is compared by one of {known}, not by {name}"
    return f"{name!r} is no operator of a number (known: {known})"


def _whole(value: object) -> int:
    number = None if isinstance(value, bool) or not isinstance(value, int | float | Decimal) else value
    if number is None or not 0 <= number <= LARGEST_COUNT or number != int(number):
        raise ValueError(f"expected a whole number from 0 to {LARGEST_COUNT:,}, not {show(value)}")
    return int(number)


def read_length(value: object) -> timedelta:
    """A length of time, longer than none.

    Raises:
        ValueError: it is none; the message says what to write.
    """
    length = parse_duration(value if isinstance(value, str) else show(value))
    if not length:
        raise ValueError("expected a duration of at least 1s")
    return length


def read_hours(value: str) -> tuple[int, int]:
    """`09:00-18:00` as two numbers of minutes after midnight.

    Raises:
        ValueError: it is no such text.
    """
    found = _HOURS.fullmatch(value.strip())
    if found is None:
        raise ValueError(f'expected two times of day such as "09:00-18:00", not {show(value)}')
    first, first_minute, last, last_minute = map(int, found.groups())
    return first * 60 + first_minute, last * 60 + last_minute


def read_days(value: object) -> frozenset[int]:
    """Names of weekdays as Python's numbers of them.

    Raises:
        ValueError: not a list of at least one of mon, tue, wed, thu, fri, sat, sun.
    """
    listed = cast("list[object]", value) if isinstance(value, list | tuple) else []
    if not listed or any(day not in WEEKDAYS for day in listed):
        raise ValueError(f"expected a list of some of {', '.join(WEEKDAYS)}, not {show(cast('object', value))}")
    return frozenset(WEEKDAYS.index(str(day)) for day in listed)


def read_zone(value: object) -> str:
    """`recipient`, `recipient-only`, or an IANA name that exists.

    Raises:
        ValueError: it is none of them.
    """
    from omnicascade.domain.zones import zone_named  # noqa: PLC0415 - zones are read for conditions that name one only

    if not isinstance(value, str) or not (value in OWN_ZONES or zone_named(value)):
        raise ValueError(f"expected recipient, recipient-only or a zone such as Europe/Warsaw, not {show(value)}")
    return value


def read_flag(value: object) -> bool:
    """True or false.

    Raises:
        ValueError: it is neither.
    """
    if value is True or value is False:
        return value
    raise ValueError(f"expected true or false, not {show(value)}")
