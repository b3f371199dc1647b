"""What a run is made of: its messages, its decisions, and what it is in the middle of, with their stored forms.

Exists apart from the run itself so that reports read one message or one decision without the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from omnicascade.domain.deployment import Channel, Price
from omnicascade.domain.identifiers import Identifier

type SendOutcome = Literal["claimed", "sent", "failed", "unknown", "withdrawn"]
type RunOutcome = Literal["completed", "exited", "held_out", "failed", "stopped", "merged"]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One message: claimed before the provider is called, at most once per step and channel.

    Attributes:
        message_id: `<run id>-<position in the ledger>`.
        outcome: claimed (not yet known), sent, failed, unknown (may have been sent) or withdrawn (surely not sent).
        cost: what the provider charges; None until known.
        marks: what came back: delivered, open, click, tap, visit, reply, bounce, complaint.
        answered_at: when the customer first answered (UTC), by the step's own idea of an answer.
    """

    message_id: str
    step: str
    channel: Channel
    template: str
    address: Identifier
    claimed_at: datetime
    outcome: SendOutcome = "claimed"
    reason: str = ""
    provider_id: str | None = None
    cost: Price | None = None
    marks: frozenset[str] = frozenset()
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Something the engine decided, and why.

    `outcome` is sent, failed, unknown, withdrawn, skipped, held, waited, answered, branched, collected, updated,
    called, paused, resumed, migrated, merged, or the outcome of the run's end.
    """

    at: datetime
    step: str
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class OpenCascade:
    """A cascade under way: channel numbers in the order they are tried, and the place of the next one to try."""

    order: tuple[int, ...]
    position: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a run waits for at a `wait_for` or a `digest`.

    Attributes:
        step: the step's id.
        since: when the run began to wait.
        until: when it stops waiting; None while a digest has not seen its first event.
        group: a digest's group, as text; None: everything is collected.
        events: a digest's events so far, oldest first: message_id, timestamp, properties.
        more: how many events a digest counted without keeping them.
        lately: the newest of those, each as its arrival and its id, oldest first.
    """

    step: str
    since: datetime
    until: datetime | None
    group: str | None = None
    events: tuple[Mapping[str, Any], ...] = ()
    more: int = 0
    lately: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """Traits that an `update` said at a moment (UTC): they hold until the profile has them or newer ones."""

    traits: Mapping[str, Any]
    at: datetime


def waiting_out(waiting: Waiting | None) -> dict[str, Any] | None:
    """What is waited for, as plain JSON types."""
    return waiting and {
        "step": waiting.step,
        "since": waiting.since.isoformat(),
        "until": time_out(waiting.until),
        "group": waiting.group,
        "events": list(waiting.events),
        **({"more": waiting.more, "lately": list(waiting.lately)} if waiting.more else {}),
    }


def waiting_in(stored: Mapping[str, Any] | None) -> Waiting | None:
    """What `waiting_out` wrote."""
    if not stored:
        return None
    return Waiting(
        stored["step"],
        datetime.fromisoformat(stored["since"]),
        time_in(stored["until"]),
        stored["group"],
        tuple(stored["events"]),
        int(stored.get("more", 0)),
        tuple(stored.get("lately", ())),
    )


def entry_out(entry: LedgerEntry) -> dict[str, Any]:
    """A message as plain JSON types."""
    return {
        "message_id": entry.message_id,
        "step": entry.step,
        "channel": str(entry.channel),
        "template": entry.template,
        "address": {"type": entry.address.type, "value": entry.address.value},
        "claimed_at": entry.claimed_at.isoformat(),
        "outcome": entry.outcome,
        "reason": entry.reason,
        "provider_id": entry.provider_id,
        "cost": entry.cost and {"amount": str(entry.cost.amount), "currency": entry.cost.currency},
        "marks": sorted(entry.marks),
        "answered_at": time_out(entry.answered_at),
    }


def entry_in(stored: Mapping[str, Any]) -> LedgerEntry:
    """What `entry_out` wrote."""
    cost = stored["cost"]
    return LedgerEntry(
        message_id=stored["message_id"],
        step=stored["step"],
        channel=Channel(stored["channel"]),
        template=stored["template"],
        address=Identifier(stored["address"]["type"], stored["address"]["value"]),
        claimed_at=datetime.fromisoformat(stored["claimed_at"]),
        outcome=stored["outcome"],
        reason=stored["reason"],
        provider_id=stored["provider_id"],
        cost=cost and Price(Decimal(cost["amount"]), cost["currency"]),
        marks=frozenset(stored["marks"]),
        answered_at=time_in(stored["answered_at"]),
    )


def time_out(moment: datetime | None) -> str | None:
    """A moment as ISO 8601."""
    return moment and moment.isoformat()


def time_in(stored: str | None) -> datetime | None:
    """What `time_out` wrote."""
    return datetime.fromisoformat(stored) if stored else None
