"""Durations as people write them to the clock: `90s 15m 4h 2d 1w`, or ISO 8601 (`P1DT2H`)."""

import re
from datetime import timedelta
from typing import Final

_SHORT: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_ISO: Final = re.compile(
    r"P(?=.)(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_UNITS: Final = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class DurationError(ValueError):
    """The text is no duration."""


def parse_duration(text: object) -> timedelta:
    """The duration `text` names.

    Raises:
        DurationError: it names none; the message says what would.
    """
    if isinstance(text, str):
        if short := _SHORT.fullmatch(text.strip()):
            return timedelta(**{_UNITS[short[2]]: float(short[1])})
        if iso := _ISO.fullmatch(text.strip()):
            return timedelta(**{unit: float(value) for unit, value in iso.groupdict().items() if value})
    msg = f"{text!r} is no duration: write 90s, 15m, 4h, 2d, 1w, or ISO 8601 like P1DT2H"
    raise DurationError(msg)
