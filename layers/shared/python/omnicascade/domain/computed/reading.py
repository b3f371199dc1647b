"""What a computed trait reads of an event: a text to group by, an amount to add, a value to keep.

Apart from the kinds of computed traits so that all of them read hostile events in the same way: what has the wrong
type, is no number or is too long says nothing, and never fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

from omnicascade.domain.json_text import mapping

if TYPE_CHECKING:
    from omnicascade.domain.event import Event

PLACES: Final = 6
_SCALE: Final = 10**PLACES
MOST: Final = 10**15
"""An amount of this much or more is a fault; finer parts than a millionth are rounded. Amounts are then whole numbers
of millionths, and sums of them are exact whatever their order."""

LONGEST_TEXT: Final = 100
"""Characters of a text to group by or to keep: names of shops, products and plans are shorter."""

ROOTS: Final = ("properties", "context", "traits")
"""Where a path may begin."""

NO_CURRENCY: Final = "XXX"
"""ISO 4217's code for "no currency": where the event names something that is none."""

_CURRENCY: Final = re.compile(r"[A-Za-z]{3}")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Reading:
    """The first of some places of an event that holds something readable.

    Attributes:
        word: a place that is no path, one of `WORDS`; then there are no paths.
        paths: such as `("properties", "shop_id")`, looked at in this order.
        zone: IANA name of the zone for `hour` and `weekday` where the event names none (`context.timezone`).
    """

    word: str = ""
    paths: tuple[tuple[str, ...], ...] = ()
    zone: str = "UTC"

    def text(self, event: Event) -> str | None:
        """A text to group by: also a whole number as its digits, or None."""
        if self.word:
            return WORDS[self.word](event, self.zone)
        for path in self.paths:
            value = _at(event, path)
            if isinstance(value, int) and not isinstance(value, bool) and abs(value) < MOST:
                return str(value)
            if isinstance(value, str) and (text := value.strip()) and len(text) <= LONGEST_TEXT:
                return text
        return None

    def amount(self, event: Event) -> int | None:
        """A number in millionths, or None."""
        for path in self.paths:
            amount = millionths(_at(event, path))
            if amount is not None:
                return amount
        return None

    def value(self, event: Event) -> str | int | float | bool | None:
        """A text, a number or a truth value to keep, or None."""
        for path in self.paths:
            value = _at(event, path)
            if isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT:
                return value
            if isinstance(value, int | float) and abs(value) < MOST:  # not true of NaN
                return value
        return None

    def holds(self, event: Event) -> bool:
        """Whether something is there that is neither false, nor zero, nor empty."""
        return any(_at(event, path) for path in self.paths)


def millionths(value: object) -> int | None:
    """A number, or a text that spells one, in whole millionths; None for anything else and for `MOST` or more."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value * _SCALE if -MOST < value < MOST else None
    if isinstance(value, float):
        if not -MOST < value < MOST:  # nor is NaN
            return None
        number, parts = value.as_integer_ratio()
        return (2 * _SCALE * number + parts) // (2 * parts)
    return _spelled(value) if isinstance(value, str) else None


def _spelled(text: str) -> int | None:
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        return None
    if not amount.is_finite() or abs(amount) >= MOST:
        return None
    return int(round(amount, PLACES).scaleb(PLACES))


def currency_of(properties: Mapping[str, Any]) -> str:
    """The currency an event's money is in: its ISO 4217 code in capitals (Segment's default: USD)."""
    stated = properties.get("currency")
    currency = stated if isinstance(stated, str) and stated else "USD"
    return currency.upper() if _CURRENCY.fullmatch(currency) else NO_CURRENCY


def zone_named(name: object) -> tzinfo | None:
    """The zone of an IANA name; None where there is no such zone."""
    return _zone(name) if isinstance(name, str) and 0 < len(name) <= LONGEST_TEXT else None


@lru_cache(maxsize=512)
def _zone(name: str) -> tzinfo | None:
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - only events that name a zone should pay for it

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return None


def _at(event: Event, path: tuple[str, ...]) -> Any:
    value: Any = event.body
    for name in path:
        if not isinstance(value, dict):
            return None
        value = cast("dict[str, Any]", value).get(name)
    return value


def _channel(event: Event, _zone: str) -> str | None:
    """The channel of a message the event speaks of: by the event's name, else by the address it is about."""
    word = event.name.partition(" ")[0].lower()
    if word in ("email", "sms", "push"):
        return word
    kind = event.identifiers[0].type if event.identifiers else ""
    if kind.endswith(".push_token"):
        return "push"
    return {"email": "email", "phone": "sms"}.get(kind)


def _hour(event: Event, zone: str) -> str:
    return str(event.timestamp.astimezone(_local(event, zone)).hour)


def _weekday(event: Event, zone: str) -> str:
    return _DAYS[event.timestamp.astimezone(_local(event, zone)).weekday()]


def _local(event: Event, zone: str) -> tzinfo:
    return zone_named(event.context.get("timezone")) or zone_named(zone) or UTC


def _short_source(event: Event, _zone: str) -> str | None:
    return event.source if 0 < len(event.source) <= LONGEST_TEXT else None


def _currency(event: Event, _zone: str) -> str:
    return currency_of(mapping(event.properties))


WORDS: Final[Mapping[str, Callable[[Event, str], str | None]]] = {
    "source": _short_source,
    "channel": _channel,
    "currency": _currency,
    "hour": _hour,
    "weekday": _weekday,
}
"""Places of an event that are no paths: the source's name, the message's channel, the money's currency, and the local
hour (0 to 23) and day of the event in `context.timezone`, else in the definition's zone."""
