"""The nouns of the story: who somebody is, what they do when, and what is promised about them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from infra.demo.shop import Shop

ZONE: Final = ZoneInfo("Europe/Warsaw")
"""Where the story plays; all its times are this zone's."""

OPENING: Final = time(10)
CHEAPEST_FIRST: Final = ("push", "email", "sms")


@dataclass(frozen=True, slots=True)
class Moment:
    """A time of the story: its day, counted from 1, and the local time."""

    day: int
    clock: time

    @classmethod
    def of(cls, text: str) -> "Moment":
        """Read `1 13:20`."""
        day, _, clock = text.partition(" ")
        return cls(int(day), time.fromisoformat(clock))

    def on(self, first_day: datetime) -> datetime:
        """This moment in a story whose day 1 is `first_day`'s."""
        return datetime.combine(first_day.date() + timedelta(days=self.day - 1), self.clock, ZONE)


@dataclass(frozen=True, slots=True)
class Act:
    """Something a person does, or staff do for them.

    Attributes:
        at: when.
        place: the channel it happens on, as printed.
        said: what is printed; `""` prints nothing.
        do: carries it out.
        occasion: whether a run of the journey starts from it.
    """

    at: Moment
    place: str
    said: str
    do: "Callable[[Shop, Person], None]"
    occasion: bool = False


@dataclass(frozen=True, slots=True)
class RunPromise:
    """What one run must turn out to be.

    Attributes:
        sent: the channels of its messages, in order.
        outcome: how the run ends.
        answered: the channel whose message was answered, if any.
        withheld: per channel, words that the reason for not sending (yet) must contain.
        converted: whether an order followed.
    """

    sent: tuple[str, ...]
    outcome: str = "completed"
    answered: str | None = None
    withheld: Mapping[str, str] = field(default_factory=dict[str, str])
    converted: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """A customer: who they are on each channel, what they do, what must come of it.

    Attributes:
        key: unique; their ids on each channel are made of it.
        account: whether they have an account (a user id) in the shop.
        device: `ios` or `android`, where they install the app.
        moral: the one line that their story shows.
        drawn: not one of the named: told as a number.
    """

    key: str
    name: str
    moral: str
    acts: tuple[Act, ...]
    runs: tuple[RunPromise, ...]
    email: str | None = None
    phone: str | None = None
    device: str | None = None
    account: bool = True
    orders: int = 0
    spent: Decimal = Decimal()
    identifiers: tuple[str, ...] = ()
    drawn: bool = False

    @property
    def user_id(self) -> str:
        """Their id in the shop's accounts."""
        return f"user-{self.key}"

    @property
    def anonymous_id(self) -> str:
        """Their browser's id."""
        return f"browser-{self.key}"

    @property
    def token(self) -> str:
        """Their app's push token."""
        return f"token-{self.key}"

    @property
    def addresses(self) -> frozenset[str]:
        """Where messages can reach them."""
        return frozenset(address for address in (self.token, self.email, self.phone) if address)

    @property
    def reference(self) -> str:
        """How staff would look them up."""
        if self.account:
            return f"user_id:{self.user_id}"
        return f"email:{self.email}" if self.email else f"phone:{self.phone}"
