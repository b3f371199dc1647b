"""What goes out to one drawn customer, worked out from the published format of journeys alone.

Exists to be wrong in other places than the engine: it imports nothing of the product, keeps three numbers per basket
instead of a run, and adds hours to local dates instead of walking minutes. It knows one journey, `JOURNEY`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from hashlib import sha256
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tests.benchmarks.drawn_customers import Act, Customer

JOURNEY: Final[dict[str, Any]] = {
    "name": "population",
    "entry": {"event": "Product Added", "key": "properties.cart_id", "after": "1h", "restart": True},
    "exit": [{"event": "Order Completed", "match": "properties.cart_id"}],
    "topic": "promotions",
    "quiet_hours": {"from": "21:00", "to": "09:00", "zone": "recipient"},
    "holdout": "10%",
    "deadline": "10h",
    "steps": [
        {
            "cascade": {
                "channels": [
                    {"push": {"template": "cart", "wait": "4h"}},
                    {"email": {"template": "cart", "wait": "20h"}},
                    {"sms": {"template": "cart"}},
                ]
            }
        }
    ],
}
DEFAULT_ZONE: Final = "Europe/Berlin"

_DELAY: Final = timedelta(hours=1)
_DEADLINE: Final = timedelta(hours=10)
_CHANNELS: Final = ("push", "email", "sms")
_WAITS: Final = (timedelta(hours=4), timedelta(hours=20), timedelta())
_ANSWERS: Final = frozenset({"click", "tap", "visit", "reply"})
_NINE, _NINE_ONE, _TWENTY_ONE = time(9), time(9, 1), time(21)
_COUNTRY_ZONES: Final[Mapping[str, str]] = {
    "+48": "Europe/Warsaw",
    "+44": "Europe/London",
    "IN": "Asia/Kolkata",
    "PL": "Europe/Warsaw",
}
"""Of the drawn countries, those with one zone; the United States have several."""

type Message = tuple[str, datetime]
"""Channel and moment."""


@dataclass(slots=True)
class _Basket:
    """One basket's cascade.

    Attributes:
        due: when it wants to go on.
        place: the next channel's number.
        owed: since when that channel's message is held back.
        awaited: the channel whose wait is on.
        begun: whether the delay is over.
        over: whether it has ended.
    """

    due: datetime
    place: int = 0
    owed: datetime | None = None
    awaited: str | None = None
    begun: bool = False
    over: bool = False


def held_out(profile_id: str) -> bool:
    """Whether a customer is in the hold-out of a tenth: SHA-256 of journey and profile, as a fraction of one."""
    digest = sha256(f"{JOURNEY['name']}\n{profile_id}".encode()).digest()
    return int.from_bytes(digest[:8]) * 10 < 2**64


def messages(customer: Customer, profile_id: str) -> list[Message]:
    """Every message to a customer, in order of time."""
    return [] if held_out(profile_id) else _Shop(customer).day_by_day()


class _Shop:
    def __init__(self, customer: Customer) -> None:
        self._acts = customer.acts
        self._zone = _zone(customer)
        self._dead: set[str] = {channel for channel in _CHANNELS if channel not in customer.reached}
        if customer.email_suppressed:
            self._dead.add("email")
        self._denied = set(customer.denied)
        self._baskets: dict[str, _Basket] = {}
        self._latest: dict[str, _Basket] = {}
        self._sent: list[Message] = []

    def day_by_day(self) -> list[Message]:
        for act in self._acts:
            self._let_pass(act.at)
            self._happen(act)
        self._let_pass(None)
        return self._sent

    def _let_pass(self, end: datetime | None) -> None:
        while True:
            waiting = [basket for basket in self._baskets.values() if not basket.over]
            first = min(waiting, key=lambda basket: basket.due, default=None)
            if first is None or (end is not None and first.due >= end):
                return
            self._go_on(first)

    def _go_on(self, basket: _Basket) -> None:
        now = basket.due
        basket.begun, basket.awaited = True, None
        while basket.place < len(_CHANNELS):
            channel = _CHANNELS[basket.place]
            may = channel not in self._dead and channel not in self._denied
            if may and now - (basket.owed or now) <= _DEADLINE:
                morning = _quiet_until(self._zone, now)
                if morning:
                    basket.owed, basket.due = basket.owed or now, morning
                    return
                self._sent.append((channel, now))
                self._latest[channel] = basket
                basket.awaited = channel
            wait = _WAITS[basket.place] if basket.awaited == channel else timedelta()
            basket.place, basket.owed = basket.place + 1, None
            if wait:
                basket.due = now + wait
                return
        basket.over = True

    def _happen(self, act: Act) -> None:
        match act.kind:
            case "added":
                basket = self._baskets.setdefault(act.about, _Basket(act.at))
                if not basket.begun and not basket.over:
                    basket.due = act.at + _DELAY
            case "order":
                if act.about in self._baskets:
                    self._baskets[act.about].over = True
            case "deny":
                self._denied.add(act.about)
            case "grant":
                self._denied.discard(act.about)
            case _:
                self._hear(act)

    def _hear(self, act: Act) -> None:
        basket = self._latest.get(act.about)
        if basket is None:
            return
        if act.kind in _ANSWERS:
            basket.over = True
        elif act.kind == "bounce":
            if act.about == "email":  # a text message also fails where a phone is off: only mail condemns its address
                self._dead.add(act.about)
            if basket.awaited == act.about:
                basket.due = act.at


def _quiet_until(zone: ZoneInfo, now: datetime) -> datetime | None:
    local = now.astimezone(zone)
    clock = local.time().replace(second=0, microsecond=0)
    if _NINE < clock < _TWENTY_ONE:
        return None
    day = local.date() + timedelta(days=1 if clock >= _TWENTY_ONE else 0)
    return datetime.combine(day, _NINE_ONE, zone).astimezone(UTC)


def _zone(customer: Customer) -> ZoneInfo:
    countries = (_COUNTRY_ZONES.get(customer.phone_prefix), _COUNTRY_ZONES.get(customer.country or ""))
    known = (_known(name) for name in (customer.zone, *countries, DEFAULT_ZONE) if name)
    return next(zone for zone in known if zone)


@cache
def _known(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        return None
