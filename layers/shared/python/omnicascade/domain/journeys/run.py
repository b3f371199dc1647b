"""A run: one customer's way through one version of a journey, and the truth about everything sent on it.

Exists apart from the engine so that stores, reports and the rehearsal can read runs without knowing how they move.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from omnicascade.domain.deployment import Channel, Price
from omnicascade.domain.identifiers import Identifier, NodeId

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
    """

    step: str
    since: datetime
    until: datetime | None
    group: str | None = None
    events: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """One run. Times are UTC.

    Attributes:
        version: of the journey; pinned for the run's whole life.
        key: the business key as text; None for a run without one.
        entry: the entry event: message_id, name, timestamp, properties, context; None when started by hand.
        entered_at: when the entry event arrived, or the start of a run started by hand.
        pc: the instruction to execute next.
        due: when; None once the run has ended.
        owed_since: when the message at `pc` was first due, while quiet hours hold it back.
        converted_at: when the goal was reached, also after the end.
        anchor: the profile id that hold-out and splits are decided by: that of the customer's first entry into the
            journey, so that a merge or a re-entry does not change them. Empty: `profile_id`.
        waiting: what a `wait_for` or a `digest` waits for, while it does.
        arms: the arm taken at each branch, split and wait_for so far, by step.
        digest: what the latest digest collected.
        paused_at: since when nothing is sent; exits and goals still count.
        merged_into: the run that goes on in this one's stead.
        audience: the name of the audience's execution that moves this run; empty: it has one of its own.
    """

    run_id: str
    journey: str
    version: int
    profile_id: str
    key: str | None
    entry: Mapping[str, Any] | None
    started_at: datetime
    entered_at: datetime
    pc: int = 0
    due: datetime | None = None
    owed_since: datetime | None = None
    status: Literal["live", "ended"] = "live"
    outcome: RunOutcome | None = None
    reason: str = ""
    ended_at: datetime | None = None
    converted_at: datetime | None = None
    cascade: OpenCascade | None = None
    ledger: tuple[LedgerEntry, ...] = ()
    decisions: tuple[Decision, ...] = ()
    anchor: str = ""
    waiting: Waiting | None = None
    arms: Mapping[str, str] = field(default_factory=dict[str, str])
    digest: tuple[Mapping[str, Any], ...] = ()
    paused_at: datetime | None = None
    merged_into: str | None = None
    audience: str = ""

    @property
    def live(self) -> bool:
        """Whether the run may still send."""
        return self.status == "live"

    def entry_of(self, message_id: str) -> LedgerEntry | None:
        """The ledger entry of a message, or None if this run did not claim it."""
        return next((entry for entry in self.ledger if entry.message_id == message_id), None)


RUN_MARK_DIGITS: Final = 12

_RUN_ID: Final = re.compile(r"[a-z0-9-]{1,64}_[a-z0-9]{1,26}_[0-9a-f]{12}")


def make_run_id(journey: str, profile_id: str, mark: str) -> str:
    """`<journey>_<profile id>_<mark>`: names the run, its execution, and, by the profile, where it is stored.

    Args:
        mark: `RUN_MARK_DIGITS` hexadecimal digits that tell the occasions apart.
    """
    return f"{journey}_{profile_id}_{mark}"


def home_of(run_id: str) -> NodeId:
    """The node at which a run is kept: the profile's when it started."""
    return NodeId(run_id.rsplit("_", 2)[1])


def is_run_id(text: str) -> bool:
    """Whether a text from outside has the form of a run id; says nothing of whether there is such a run."""
    return _RUN_ID.fullmatch(text) is not None


def run_id_of(message_id: str) -> str:
    """The run that claimed a message: `run_id_of("r1-0") == "r1"`."""
    return message_id.rpartition("-")[0]


def to_json(run: Run) -> dict[str, Any]:
    """A run as plain JSON types; times in ISO 8601, money as decimal text. `from_json` turns it back."""
    return {
        "run_id": run.run_id,
        "journey": run.journey,
        "version": run.version,
        "profile_id": run.profile_id,
        "key": run.key,
        "entry": dict(run.entry) if run.entry is not None else None,
        "started_at": run.started_at.isoformat(),
        "entered_at": run.entered_at.isoformat(),
        "pc": run.pc,
        "due": _time_out(run.due),
        "owed_since": _time_out(run.owed_since),
        "status": run.status,
        "outcome": run.outcome,
        "reason": run.reason,
        "ended_at": _time_out(run.ended_at),
        "converted_at": _time_out(run.converted_at),
        "cascade": run.cascade and {"order": list(run.cascade.order), "position": run.cascade.position},
        "ledger": [_entry_out(entry) for entry in run.ledger],
        "decisions": [
            {"at": d.at.isoformat(), "step": d.step, "outcome": d.outcome, "reason": d.reason} for d in run.decisions
        ],
        **_rarer_out(run),
    }


def _rarer_out(run: Run) -> dict[str, Any]:
    """What most runs do not have is left out: a run is written at every stop."""
    waiting = run.waiting
    rarer: dict[str, Any] = {
        "anchor": run.anchor,
        "waiting": waiting
        and {
            "step": waiting.step,
            "since": waiting.since.isoformat(),
            "until": _time_out(waiting.until),
            "group": waiting.group,
            "events": list(waiting.events),
        },
        "arms": dict(run.arms),
        "digest": list(run.digest),
        "paused_at": _time_out(run.paused_at),
        "merged_into": run.merged_into,
        "audience": run.audience,
    }
    return {name: value for name, value in rarer.items() if value}


def from_json(stored: Mapping[str, Any]) -> Run:
    """The run that `to_json` wrote."""
    cascade = stored["cascade"]
    return Run(
        run_id=stored["run_id"],
        journey=stored["journey"],
        version=int(stored["version"]),
        profile_id=stored["profile_id"],
        key=stored["key"],
        entry=stored["entry"],
        started_at=datetime.fromisoformat(stored["started_at"]),
        entered_at=datetime.fromisoformat(stored["entered_at"]),
        pc=int(stored["pc"]),
        due=_time_in(stored["due"]),
        owed_since=_time_in(stored["owed_since"]),
        status=stored["status"],
        outcome=stored["outcome"],
        reason=stored["reason"],
        ended_at=_time_in(stored["ended_at"]),
        converted_at=_time_in(stored["converted_at"]),
        cascade=cascade and OpenCascade(tuple(map(int, cascade["order"])), int(cascade["position"])),
        ledger=tuple(_entry_in(entry) for entry in stored["ledger"]),
        decisions=tuple(
            Decision(datetime.fromisoformat(d["at"]), d["step"], d["outcome"], d["reason"]) for d in stored["decisions"]
        ),
        anchor=stored.get("anchor", ""),
        waiting=_waiting_in(stored.get("waiting")),
        arms=stored.get("arms", {}),
        digest=tuple(stored.get("digest", ())),
        paused_at=_time_in(stored.get("paused_at")),
        merged_into=stored.get("merged_into"),
        audience=stored.get("audience", ""),
    )


def _waiting_in(stored: Mapping[str, Any] | None) -> Waiting | None:
    return stored and Waiting(
        stored["step"],
        datetime.fromisoformat(stored["since"]),
        _time_in(stored["until"]),
        stored["group"],
        tuple(stored["events"]),
    )


def _entry_out(entry: LedgerEntry) -> dict[str, Any]:
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
        "answered_at": _time_out(entry.answered_at),
    }


def _entry_in(stored: Mapping[str, Any]) -> LedgerEntry:
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
        answered_at=_time_in(stored["answered_at"]),
    )


def _time_out(moment: datetime | None) -> str | None:
    return moment and moment.isoformat()


def _time_in(stored: str | None) -> datetime | None:
    return datetime.fromisoformat(stored) if stored else None
