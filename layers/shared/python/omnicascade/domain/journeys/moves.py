"""The small moves every stimulus is made of: decide, settle a message, pass a channel, leave a cascade, end.

Exists so that the timer (`timer.py`), the provider's answer (`outcomes.py`) and events (`stimuli.py`) move a run the
same way.
"""

from datetime import datetime, timedelta
from typing import Any

from omnicascade.domain.errors import ConflictError
from omnicascade.domain.journeys.journey import ConditionRule, Journey
from omnicascade.domain.journeys.program import Cascade, CascadeChannel, End, Instruction, Jump, SendMessage, WaitFor
from omnicascade.domain.journeys.run import Decision, LedgerEntry, OpenCascade, Run, RunOutcome
from omnicascade.domain.replacing import replace


def require_pinned(journey: Journey, run: Run) -> None:
    """Refuse to move a run by any journey but the version it is pinned to.

    Raises:
        ConflictError: a programming fault of the caller; nothing was changed.
    """
    if (journey.name, journey.version) != (run.journey, run.version):
        raise ConflictError(
            f"run {run.run_id} is pinned to {run.journey} version {run.version}, "
            f"not to {journey.name} version {journey.version}"
        )


def instruction_at(journey: Journey, run: Run) -> Instruction | None:
    """The instruction a run executes next; None behind the last."""
    return journey.program[run.pc] if run.pc < len(journey.program) else None


def slot(journey: Journey, run: Run) -> SendMessage | CascadeChannel | None:
    """The message a run is to send next, or is sending: a step's, or its open cascade's next channel's."""
    instruction = instruction_at(journey, run)
    if isinstance(instruction, SendMessage):
        return instruction
    if isinstance(instruction, Cascade) and run.cascade and run.cascade.position < len(run.cascade.order):
        return instruction.channels[run.cascade.order[run.cascade.position]]
    return None


def watches(journey: Journey) -> bool:
    """Whether conditions are to be noticed once they hold: `observe` matters to the journey's runs."""
    return any(isinstance(rule, ConditionRule) for rule in journey.exits) or any(
        isinstance(step, WaitFor) and step.condition is not None for step in journey.program
    )


def decided(run: Run, now: datetime, step: str, outcome: str, reason: str) -> Run:
    """The run with one more decision on record."""
    return replace(run, decisions=(*run.decisions, Decision(now, step, outcome, reason)))


def passed(run: Run) -> Run:
    """The run behind its current slot: at the cascade's next channel, or the next instruction."""
    return replace(run, **_behind_slot(run))


def _behind_slot(run: Run) -> dict[str, Any]:
    if run.cascade:
        return {"owed_since": None, "cascade": OpenCascade(run.cascade.order, run.cascade.position + 1)}
    return {"owed_since": None, "pc": run.pc + 1}


def behind_cascade(run: Run) -> Run:
    """The run behind its cascade, whatever channels are left."""
    return replace(run, owed_since=None, cascade=None, pc=run.pc + 1)


def ended(run: Run, now: datetime, step: str, outcome: RunOutcome, reason: str) -> Run:
    """The run, over: nothing is due any more."""
    return replace(
        run,
        decisions=(*run.decisions, Decision(now, step, outcome, reason)),
        status="ended",
        outcome=outcome,
        reason=reason,
        ended_at=now,
        due=None,
        owed_since=None,
        cascade=None,
        look_at=None,
        waiting=None,
        paused_at=None,
    )


def with_entry(run: Run, entry: LedgerEntry) -> Run:
    """The run with one ledger entry replaced by its newer state."""
    return replace(run, ledger=_ledger_with(run, entry))


def _ledger_with(run: Run, entry: LedgerEntry) -> tuple[LedgerEntry, ...]:
    return tuple(entry if old.message_id == entry.message_id else old for old in run.ledger)


def in_flight(journey: Journey, run: Run, entry: LedgerEntry) -> SendMessage | CascadeChannel | None:
    """The run's current slot if this message is the one it is sending there, else None."""
    place, instruction = (slot(journey, run), instruction_at(journey, run)) if run.live else (None, None)
    if place is None or instruction is None or (instruction.step, place.channel) != (entry.step, entry.channel):
        return None
    return place


def settled(journey: Journey, run: Run, entry: LedgerEntry, *, since: datetime, now: datetime) -> Run:
    """The run after a message's outcome is known (or known to be unknown).

    A message that went out, or may have, is waited for from `since` on; any other outcome goes on at once. Only the
    ledger changes when the run has ended or moved on meanwhile.
    """
    place = in_flight(journey, run, entry)
    reason = f"{entry.channel}: {entry.reason}" if entry.reason else str(entry.channel)
    told: dict[str, Any] = {
        "ledger": _ledger_with(run, entry),
        "decisions": (*run.decisions, Decision(now, entry.step, entry.outcome, reason)),
    }
    if place is None:
        return replace(run, **told)
    went_out = entry.outcome in {"sent", "unknown"} and "bounce" not in entry.marks
    wait = place.wait if went_out and isinstance(place, CascadeChannel) else timedelta()
    return replace(run, **told, **_behind_slot(run), due=since + wait if wait else now)


def finished(journey: Journey, run: Run, now: datetime) -> Run:
    """A run that was moved on and has nothing left to do ends here, without another call."""
    at, pc = instruction_at(journey, run), run.pc
    while isinstance(at, Jump):
        pc = at.to
        at = journey.program[pc] if pc < len(journey.program) else None
    if at is None:
        latest = run.decisions[-1]
        return ended(run, now, latest.step, "completed", latest.reason)
    if isinstance(at, End):
        return ended(run, now, at.step, "completed", at.reason)
    return run if pc == run.pc else replace(run, pc=pc)
