"""Until when a message's offer holds: a message that comes later would promise what nobody gets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from omnicascade.domain.event import at_path
from omnicascade.domain.intake import read_time

_EVENT: Final = "event."


def offer_over(
    valid_until: str | None, *, entry: Mapping[str, Any] | None, traits: Mapping[str, Any], now: datetime
) -> str | None:
    """Why an offer does not hold now; None if it does, or has no end.

    Args:
        valid_until: a time in ISO 8601, a path in the entry event (`event.properties.until`), or a trait's dotted path.
        entry: the entry event, or None where a run was started by hand.
        traits: the customer's.
        now: aware UTC.
    """
    if valid_until is None:
        return None
    end = read_time(valid_until)
    if end is None and valid_until.startswith(_EVENT):
        end = read_time(at_path(entry or {}, valid_until.removeprefix(_EVENT)))
    elif end is None:
        end = read_time(at_path(traits, valid_until))
    if end is None:
        return f"the offer's end, {valid_until}, is no time"
    return f"the offer ended at {end.isoformat()}" if now > end else None
