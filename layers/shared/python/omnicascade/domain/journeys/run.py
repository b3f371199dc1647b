"""A run: one customer's way through one version of a journey, and the truth about everything sent on it.

Exists apart from the engine so that stores, reports and the rehearsal can read runs without knowing how they move.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.journeys.run_parts import (
    Decision,
    LedgerEntry,
    OpenCascade,
    RunOutcome,
    Said,
    SendOutcome,
    Waiting,
    entry_in,
    entry_out,
    time_in,
    time_out,
    waiting_in,
    waiting_out,
)

__all__ = (
    "RUN_MARK_DIGITS",
    "Decision",
    "LedgerEntry",
    "OpenCascade",
    "Run",
    "RunOutcome",
    "Said",
    "SendOutcome",
    "Waiting",
    "from_json",
    "home_of",
    "is_run_id",
    "make_run_id",
    "run_id_of",
    "to_json",
)


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
        heard: the ids of the events that ended its `wait_for`s: each ends one only. At most one for each such step.
        look_at: when a condition that is watched may turn by itself, if that is before `due`.
        owed_since: when the message at `pc` was first due, while quiet hours hold it back.
        converted_at: when the goal was reached, also after the end.
        anchor: the profile id that hold-out and splits are decided by: that of the customer's first entry into the
            journey, so that a merge or a re-entry does not change them. Empty: `profile_id`.
        waiting: what a `wait_for` or a `digest` waits for, while it does.
        arms: the arm taken at each branch, split and wait_for so far, by step.
        digest: what the latest digest collected.
        paused_at: since when nothing is sent; exits and goals still count.
        merged_into: the run that goes on in this one's stead.
        absorbed: the runs that ended in this one's favour and whose messages are in its ledger.
        said: traits that this run's updates said, newest last, while the profile may not have them yet.
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
    look_at: datetime | None = None
    heard: tuple[str, ...] = ()
    absorbed: tuple[str, ...] = ()
    said: tuple[Said, ...] = ()

    @property
    def live(self) -> bool:
        """Whether the run may still send."""
        return self.status == "live"

    @property
    def next_moment(self) -> datetime | None:
        """When the run wants to be moved: its due moment, or an earlier look at a condition; None: ended or paused."""
        if not self.live or self.paused_at is not None or self.due is None:
            return None
        return min(self.due, self.look_at) if self.look_at else self.due

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
        "due": time_out(run.due),
        "owed_since": time_out(run.owed_since),
        "status": run.status,
        "outcome": run.outcome,
        "reason": run.reason,
        "ended_at": time_out(run.ended_at),
        "converted_at": time_out(run.converted_at),
        "cascade": run.cascade and {"order": list(run.cascade.order), "position": run.cascade.position},
        "ledger": [entry_out(entry) for entry in run.ledger],
        "decisions": [
            {"at": d.at.isoformat(), "step": d.step, "outcome": d.outcome, "reason": d.reason} for d in run.decisions
        ],
        **_rarer_out(run),
    }


def _rarer_out(run: Run) -> dict[str, Any]:
    """What most runs do not have is left out: a run is written at every stop."""
    rarer: dict[str, Any] = {
        "anchor": run.anchor,
        "waiting": waiting_out(run.waiting),
        "arms": dict(run.arms),
        "digest": list(run.digest),
        "paused_at": time_out(run.paused_at),
        "merged_into": run.merged_into,
        "audience": run.audience,
        "look_at": time_out(run.look_at),
        "heard": list(run.heard),
        "absorbed": list(run.absorbed),
        "said": [{"traits": dict(said.traits), "at": said.at.isoformat()} for said in run.said],
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
        due=time_in(stored["due"]),
        owed_since=time_in(stored["owed_since"]),
        status=stored["status"],
        outcome=stored["outcome"],
        reason=stored["reason"],
        ended_at=time_in(stored["ended_at"]),
        converted_at=time_in(stored["converted_at"]),
        cascade=cascade and OpenCascade(tuple(map(int, cascade["order"])), int(cascade["position"])),
        ledger=tuple(entry_in(entry) for entry in stored["ledger"]),
        decisions=tuple(
            Decision(datetime.fromisoformat(d["at"]), d["step"], d["outcome"], d["reason"]) for d in stored["decisions"]
        ),
        anchor=stored.get("anchor", ""),
        waiting=waiting_in(stored.get("waiting")),
        arms=stored.get("arms", {}),
        digest=tuple(stored.get("digest", ())),
        paused_at=time_in(stored.get("paused_at")),
        merged_into=stored.get("merged_into"),
        audience=stored.get("audience", ""),
        look_at=time_in(stored.get("look_at")),
        heard=tuple(stored.get("heard", ())),
        absorbed=tuple(stored.get("absorbed", ())),
        said=tuple(Said(said["traits"], datetime.fromisoformat(said["at"])) for said in stored.get("said", ())),
    )
