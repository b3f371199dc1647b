"""Customers of a shop, drawn from a seed as plain values: who can be reached, what they allow, what they do and when.

Exists apart from both the engine and its oracle, so that neither draws anything itself. Every happening of a customer
has a fraction of a second of its own, so that none coincides with a timer: journeys.md does not say which comes first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

SEED: Final = 20260325
START: Final = datetime(2026, 3, 25, tzinfo=UTC)
"""Clocks change within the fortnight that follows: in Europe on 29 March, on Lord Howe Island on 5 April."""

REACHED: Final[Mapping[str, float]] = {"push": 0.45, "email": 0.75, "sms": 0.6}
DENIED: Final = 0.12
DENIED_LATER: Final = 0.06
GRANTED_LATER: Final = 0.3
SUPPRESSED: Final = 0.03
ENGAGED: Final[Mapping[str, float]] = {"push": 0.35, "email": 0.3, "sms": 0.2}
ORDERED: Final = 0.25
OTHER_ORDER: Final = 0.05
SECOND_BASKET: Final = 0.1
REPEATED: Final = 0.12
ZONE_STATED: Final = 0.4
COUNTRY_STATED: Final = 0.3
FEEDBACK: Final[Mapping[str, Mapping[str, float]]] = {
    "push": {"tap": 0.4, "visit": 0.1, "open": 0.2, "delivered": 0.2, "bounce": 0.1},
    "email": {"click": 0.35, "visit": 0.1, "open": 0.25, "delivered": 0.2, "bounce": 0.1},
    "sms": {"reply": 0.3, "click": 0.3, "delivered": 0.3, "bounce": 0.1},
}
ZONES: Final = (
    "Europe/Warsaw",
    "Europe/London",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Mars/Base",
)
PHONES: Final[Mapping[str, str]] = {"+48": "601{:06}", "+44": "7400{:06}", "+1": "202555{:04}"}
COUNTRIES: Final = ("IN", "PL", "US")
DAYS_OF_ENTRY: Final = 7
DAYS_OF_ACTS: Final = 3

PARAMETERS: Final = (
    f"seed {SEED}, entries over {DAYS_OF_ENTRY} days from {START:%Y-%m-%d}; reached {dict(REACHED)}; "
    f"denied {DENIED:g} a channel, {DENIED_LATER:g} later, {GRANTED_LATER:g} of the denied grant later; "
    f"suppressed e-mail {SUPPRESSED:g}; feedback {dict(ENGAGED)}; "
    f"orders {ORDERED:g}, of another basket {OTHER_ORDER:g}; second basket {SECOND_BASKET:g}; "
    f"same basket again {REPEATED:g}; zone stated {ZONE_STATED:g}, country stated {COUNTRY_STATED:g}"
)


@dataclass(frozen=True, slots=True)
class Act:
    """Something happens: `added` and `order` to a basket, `deny` and `grant` of a channel, or feedback from one."""

    at: datetime
    kind: str
    about: str


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer; `phone_prefix` is empty where there is no phone; `acts` are in order of time."""

    number: int
    reached: frozenset[str]
    phone_prefix: str
    zone: str | None
    country: str | None
    denied: frozenset[str]
    email_suppressed: bool
    acts: tuple[Act, ...]

    @property
    def phone(self) -> str:
        """The number in E.164, or nothing."""
        if not self.phone_prefix:
            return ""
        form = PHONES[self.phone_prefix]
        return self.phone_prefix + form.format(self.number % (10_000 if "04" in form else 1_000_000))


def customer(number: int, seed: int = SEED) -> Customer:
    """The customer of a number; always the same."""
    luck = Random(seed * 1_000_003 + number)
    reached = frozenset(channel for channel, share in REACHED.items() if luck.random() < share)
    denied = frozenset(channel for channel in REACHED if luck.random() < DENIED)
    entered = START + timedelta(seconds=luck.randrange(DAYS_OF_ENTRY * 24 * 60) * 60 + luck.randint(1, 59))
    return Customer(
        number=number,
        reached=reached,
        phone_prefix=luck.choice(tuple(PHONES)) if "sms" in reached else "",
        zone=luck.choice(ZONES) if luck.random() < ZONE_STATED else None,
        country=luck.choice(COUNTRIES) if luck.random() < COUNTRY_STATED else None,
        denied=denied,
        email_suppressed="email" in reached - denied and luck.random() < SUPPRESSED,
        acts=(Act(entered, "added", "first"), *_later(luck, entered, denied)),
    )


def _later(luck: Random, entered: datetime, denied: frozenset[str]) -> list[Act]:
    drawn = [(kind, about, _moment(luck, entered)) for kind, about in _whims(luck, denied)]
    if luck.random() < REPEATED:
        drawn.append(("added", "first", entered + timedelta(seconds=luck.randint(60, 5400))))
    acts = [Act(at + timedelta(milliseconds=place), kind, about) for place, (kind, about, at) in enumerate(drawn, 1)]
    return sorted(acts, key=lambda act: act.at)


def _whims(luck: Random, denied: frozenset[str]) -> list[tuple[str, str]]:
    whims: list[tuple[str, str]] = []
    for channel, share in ENGAGED.items():
        if luck.random() < share:
            kinds = FEEDBACK[channel]
            whims.append((luck.choices(tuple(kinds), tuple(kinds.values()))[0], channel))
        if luck.random() < (GRANTED_LATER if channel in denied else DENIED_LATER):
            whims.append(("grant" if channel in denied else "deny", channel))
    if luck.random() < SECOND_BASKET:
        whims.append(("added", "second"))
        if luck.random() < ORDERED:
            whims.append(("order", "second"))
    if luck.random() < ORDERED:
        whims.append(("order", "first"))
    if luck.random() < OTHER_ORDER:
        whims.append(("order", "other"))
    return whims


def _moment(luck: Random, entered: datetime) -> datetime:
    """Most things happen soon."""
    hours = DAYS_OF_ACTS * 24 * luck.random() ** 2
    return entered + timedelta(seconds=60 + int(hours * 3600))
