"""More customers, drawn from a seed with stated probabilities, each with the promise that follows from what was drawn.

| drawn | probability |
|---|---|
| has the app, an e-mail address, a phone number | 60 %, 85 %, 80 %, each apart; with none of them: a phone number |
| orders within the hour after leaving the basket | 15 % |
| buys the basket in the shop while the first message waits (with a phone number) | 10 % |
| answers the push, the e-mail, the SMS that reaches them | 30 %, 25 %, 20 % |
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from infra.demo import story
from infra.demo.lines import NAMES
from infra.demo.people import Act, Person, RunPromise

HAS_APP: Final = 0.60
HAS_EMAIL: Final = 0.85
HAS_PHONE: Final = 0.80
ORDERS_AT_ONCE: Final = 0.15
BUYS_IN_SHOP: Final = 0.10
ANSWERS: Final = {"push": 0.30, "email": 0.25, "sms": 0.20}
TOTAL: Final = 50
_REACTIONS: Final = {"push": "1 13:20", "email": "1 18:10", "sms": "2 15:10"}
"""When an answer comes: later than that channel's message, sooner than what would follow it."""

_IN_SHOP: Final = "1 15:10"


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What the dice said of one customer."""

    channels: tuple[str, ...]
    at_once: bool
    in_shop: bool
    answers: str | None


def drawn(count: int, seed: int) -> tuple[Person, ...]:
    """So many customers; the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - a story, not a secret
    return tuple(_person(number, _draw(dice)) for number in range(1, count + 1))


def _draw(dice: random.Random) -> _Drawn:
    has = {"push": dice.random() < HAS_APP, "email": dice.random() < HAS_EMAIL, "sms": dice.random() < HAS_PHONE}
    channels = tuple(channel for channel, there in has.items() if there) or ("sms",)
    at_once, in_shop = dice.random() < ORDERS_AT_ONCE, dice.random() < BUYS_IN_SHOP
    moods = {channel: dice.random() < chance for channel, chance in ANSWERS.items()}
    answers = next((channel for channel in channels if moods[channel]), None)
    return _Drawn(channels, at_once, in_shop and "sms" in channels and len(channels) > 1, answers)


def _person(number: int, fate: _Drawn) -> Person:
    key = f"drawn-{number}"
    moral, acts, promise = _fate(key, fate)
    device = "ios" if number % 2 else "android"
    return Person(
        key=key,
        name=f"Customer {number}",
        moral=moral,
        acts=(
            *story.site(),
            *(story.app() if "push" in fate.channels else ()),
            *story.cart("1 12:00", key, TOTAL),
            *acts,
        ),
        runs=(promise,),
        email=f"{key}@{story.MAIL}" if "email" in fate.channels else None,
        phone=f"+4860130{number:04d}" if "sms" in fate.channels else None,
        device=device if "push" in fate.channels else None,
        orders=1 if promise.converted else 0,
        spent=Decimal(TOTAL) if promise.converted else Decimal(),
        identifiers=tuple(sorted({"anonymous_id", "user_id", *_identifiers(fate.channels)})),
        drawn=True,
    )


def _identifiers(channels: tuple[str, ...]) -> Iterator[str]:
    kinds = {"push": "push_token", "email": "email", "sms": "phone"}
    return (kinds[channel] for channel in channels)


def _fate(key: str, fate: _Drawn) -> tuple[str, tuple[Act, ...], RunPromise]:
    """What is told of them, what they do after leaving the basket, and what must come of it."""
    first = fate.channels[0]
    if fate.at_once:
        order = story.ordered("1 12:40", key, TOTAL)
        return "order within the hour", order, RunPromise((), outcome="exited", converted=True)
    if fate.in_shop and not (fate.answers == first == "push"):
        paid = story.paid(_IN_SHOP, key, TOTAL)
        return "buy in the shop meanwhile", paid, RunPromise((first,), outcome="exited", converted=True)
    if fate.answers is None:
        return "answer nothing", (), RunPromise(fate.channels)
    sent = fate.channels[: fate.channels.index(fate.answers) + 1]
    at = _REACTIONS[fate.answers]
    reaction = story.tapped(at) if fate.answers == "push" else story.clicked(at, fate.answers)
    promise = RunPromise(sent, answered=fate.answers)
    return f"answer the {NAMES[fate.answers]}", reaction, promise
