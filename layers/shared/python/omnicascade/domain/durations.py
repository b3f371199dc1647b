"""Lengths of time as people write them in journeys: `90s 15m 4h 2d 1w`, or ISO 8601 (`PT4H`, `P1D`).

Exists so that every wait, delay, window and deadline is read by one function and stored as whole seconds.
"""

import re
from datetime import timedelta
from typing import Final

LONGEST: Final = timedelta(days=365)
"""No single wait may be longer. Source: Step Functions developer guide, "Standard workflow quotas": an execution lives
for at most one year."""

_UNITS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}

_SHORT: Final = re.compile(r"(?:(\d+)w)? ?(?:(\d+)d)? ?(?:(\d+)h)? ?(?:(\d+)m)? ?(?:(\d+)s)?", re.ASCII)
_ISO: Final = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """Read a length of time: `parse_duration("4h") == timedelta(hours=4)`; parts may be joined, as in `1d12h`.

    ISO 8601 years and months are refused, because their length depends on the calendar.

    Raises:
        ValueError: not a duration, or longer than `LONGEST`; the message is a sentence for the author.
    """
    bare = text.strip()
    found = _SHORT.fullmatch(bare) or _ISO.fullmatch(bare)
    if found is None or not any(found.groups()):
        raise ValueError(f"{text!r} is not a duration: write a number and a unit, such as 90s, 15m, 4h, 2d or 1w")
    total = sum(int(number[:12]) * size for number, size in zip(found.groups(), _UNITS.values(), strict=True) if number)
    if total > seconds(LONGEST):
        raise ValueError(f"{text!r} is longer than {LONGEST.days}d, the longest a run can live")
    return timedelta(seconds=total)


def seconds(length: timedelta) -> int:
    """Whole seconds of a length, rounded up, so that a timer never fires early."""
    return -(-length // timedelta(seconds=1))


def spell(length: timedelta) -> str:
    """The short spelling of a length for reasons and explanations: `spell(timedelta(hours=36)) == "1d12h"`."""
    left, parts = seconds(length), list[str]()
    for unit, size in list(_UNITS.items())[1:]:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
