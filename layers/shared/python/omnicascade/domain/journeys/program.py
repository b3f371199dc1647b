"""The instructions that a journey's steps compile to.

A program is a flat tuple of instructions and a run points into it with a program counter: nested steps compile to jumps
(`Check.otherwise`), so a run's place is one number whatever the nesting.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from omnicascade.domain.conditions.condition import Condition
from omnicascade.domain.deployment import Channel, Price

DEFAULT_ANSWERS: Final = frozenset({"click", "tap", "visit", "reply", "goal"})
"""What counts as an answer unless a journey says otherwise. Never an e-mail open: mail programs open by themselves."""

ANSWERS: Final = DEFAULT_ANSWERS | {"delivered", "open"}


@dataclass(frozen=True, slots=True)
class Check:
    """Goes on at `otherwise` when the condition does not hold; `step` is the step that is then left out."""

    step: str
    condition: Condition
    otherwise: int


@dataclass(frozen=True, slots=True)
class Fork:
    """One arm of a branch: behind itself when the condition holds, else at `otherwise` (the next arm)."""

    step: str
    arm: str
    condition: Condition
    otherwise: int


@dataclass(frozen=True, slots=True)
class Jump:
    """Goes on elsewhere, silently: from the end of an arm to behind the last."""

    step: str
    to: int


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm of a split: its name, its share of all customers (percent), and where it begins."""

    name: str
    share: float
    to: int


@dataclass(frozen=True, slots=True)
class Split:
    """Chooses an arm by a stable hash of the run's anchor, the journey and the step; the shares add up to 100."""

    step: str
    arms: tuple[Arm, ...]


@dataclass(frozen=True, slots=True)
class SendMessage:
    """One message on one channel, then on at once.

    `to` is the path of the address to use instead of the customer's own: `event.…` in the entry event, else a trait.
    """

    step: str
    channel: Channel
    template: str
    budget: Price | None = None
    to: str | None = None


@dataclass(frozen=True, slots=True)
class CascadeChannel:
    """One channel of a cascade: what to send, how long to wait for an answer, what is one, and what all of them may
    cost per calendar month (`budget`). `to` as in `SendMessage`."""

    channel: Channel
    template: str
    wait: timedelta
    answered_by: frozenset[str]
    budget: Price | None = None
    to: str | None = None


@dataclass(frozen=True, slots=True)
class Cascade:
    """Channels in turn until one is answered. `order` is listed or preferred."""

    step: str
    order: str
    channels: tuple[CascadeChannel, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing happens for so long."""

    step: str
    length: timedelta


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Nothing happens until a moment that the entry event or a trait names, plus `offset`.

    `path` begins with `event.` for the entry event, else it is a trait's.
    """

    step: str
    path: str
    offset: timedelta


@dataclass(frozen=True, slots=True)
class WaitLocal:
    """Nothing happens until the next such local moment.

    Attributes:
        minute: minutes after midnight.
        days: weekdays (Monday is 0).
        zone: `recipient` or an IANA name.
    """

    step: str
    minute: int
    days: frozenset[int]
    zone: str


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Waits for an event, or until a condition is true; then behind itself, after `timeout` at `otherwise`.

    Exactly one of `event` (with `where` and `match`) and `condition` is given.
    """

    step: str
    timeout: timedelta
    otherwise: int
    event: str | None = None
    where: Condition | None = None
    match: str | None = None
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Digest:
    """Collects events from the first on and goes on once, so long after it. The entry event counts if it is one.

    `key` is the path of what tells groups apart: only events that agree with the first are collected.
    """

    step: str
    event: str
    window: timedelta
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Says traits about the customer, on the one road that all events come."""

    step: str
    traits: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Webhook:
    """A request to a host that the deployment allows."""

    step: str
    url: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class End:
    """The run is over, for the author's own reason."""

    step: str
    reason: str


type Instruction = (
    Check
    | Fork
    | Jump
    | Split
    | SendMessage
    | Cascade
    | Wait
    | WaitUntil
    | WaitLocal
    | WaitFor
    | Digest
    | Update
    | Webhook
    | End
)
