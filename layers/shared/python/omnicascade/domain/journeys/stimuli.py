"""The event's stimulus: what an event does to a run that is under way, or over.

Feedback marks messages, an answer leaves the cascade, the goal converts, an exit rule ends, what was waited for is met
or collected, a repeated entry event restarts the delay. Each part is idempotent, so the same event may be applied any
number of times.
"""

from dataclasses import dataclass
from datetime import datetime

from omnicascade.domain.deployment import Channel
from omnicascade.domain.event import Event
from omnicascade.domain.journeys.arrivals import arrived
from omnicascade.domain.journeys.journey import EventEntry, EventRule, Journey
from omnicascade.domain.journeys.marks import Mark, mark_of
from omnicascade.domain.journeys.moves import (
    behind_cascade,
    decided,
    ended,
    finished,
    instruction_at,
    require_pinned,
    with_entry,
)
from omnicascade.domain.journeys.program import DEFAULT_ANSWERS, Cascade
from omnicascade.domain.journeys.rules import concerns, key_of, late
from omnicascade.domain.journeys.run import LedgerEntry, Run
from omnicascade.domain.journeys.scene import beginning
from omnicascade.domain.replacing import replace


def apply(journey: Journey, run: Run, event: Event, now: datetime) -> Run | None:
    """The run after an event; None when the event does not concern it, or was applied before.

    `now` is when the run learns of it. A run left with `due` at or before `now` is moved on by `advance`; this function
    never sends. Only the event is looked at, by `where` too: conditions about the customer are `observe`'s.

    Raises:
        ConflictError: the journey is not the version the run is pinned to.
    """
    require_pinned(journey, run)
    if run.entry is not None and run.entry.get("message_id") == event.message_id:
        return None
    moved = _feedback(journey, run, event, now)
    moved = _goal(journey, moved, event, now)
    moved = _exit(journey, moved, event, now)
    moved = arrived(journey, moved, event, now)
    moved = _restart(journey, moved, event)
    if moved.live and moved.pc != run.pc:
        moved = finished(journey, moved, now)
    return None if moved == run else moved


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a customer did, in which event, and when the run learns of it."""

    kind: str
    event: Event
    now: datetime


def _feedback(journey: Journey, run: Run, event: Event, now: datetime) -> Run:
    mark = mark_of(event)
    entry = run.entry_of(mark.message_id) if mark else None
    if mark is None or entry is None or mark.kind in entry.marks:
        return run
    entry = replace(entry, marks=entry.marks | {mark.kind})
    run = with_entry(run, entry)
    if _answers(journey, entry, mark.kind):
        return _answered(journey, run, entry, _Answer(mark.kind, event, now))
    if mark.kind == "bounce":
        return _bounced(journey, run, entry, mark, now)
    return run


def _answers(journey: Journey, entry: LedgerEntry, kind: str) -> bool:
    """Whether this kind of feedback answers this message. An e-mail open never does: mail programs open unasked."""
    if kind == "open" and entry.channel is Channel.EMAIL:
        return False
    for instruction in journey.program:
        if isinstance(instruction, Cascade) and instruction.step == entry.step:
            return any(kind in part.answered_by for part in instruction.channels if part.channel is entry.channel)
    return kind in DEFAULT_ANSWERS


def _answered(journey: Journey, run: Run, entry: LedgerEntry, answer: _Answer) -> Run:
    """The message is answered; if its cascade is still open, the run leaves it at once."""
    if entry.answered_at is None:
        run = with_entry(run, replace(entry, answered_at=answer.event.timestamp))
    if _open_step(journey, run) != entry.step:
        return run
    left = replace(behind_cascade(run), due=answer.now)
    reason = f"{entry.channel} answered by {answer.kind} ({answer.event.message_id})"
    return decided(left, answer.now, entry.step, "answered", reason)


def _bounced(journey: Journey, run: Run, entry: LedgerEntry, mark: Mark, now: datetime) -> Run:
    """A message that will not arrive is not waited for."""
    cascade, instruction = run.cascade, instruction_at(journey, run)
    if not mark.permanent or cascade is None or cascade.position == 0 or not isinstance(instruction, Cascade):
        return run
    latest = instruction.channels[cascade.order[cascade.position - 1]]
    waited_for = (instruction.step, latest.channel) == (entry.step, entry.channel)
    if not waited_for or run.owed_since is not None or run.due is None or run.due <= now:
        return run
    return decided(replace(run, due=now), now, entry.step, "failed", f"{entry.channel} did not arrive; on at once")


def _open_step(journey: Journey, run: Run) -> str | None:
    instruction = instruction_at(journey, run)
    return instruction.step if run.live and run.cascade and instruction else None


def _goal(journey: Journey, run: Run, event: Event, now: datetime) -> Run:
    """A conversion, counted once, within its window, also after the end; and an answer where goals answer."""
    goal = journey.goal
    if goal is None or not concerns(goal.rule, run, event) or event.timestamp < beginning(run):
        return run
    if goal.within is not None and event.timestamp > run.started_at + goal.within:
        return run
    if run.converted_at == event.timestamp:
        return run  # this very conversion, delivered again: it must not answer a cascade that opened since
    if run.converted_at is None:
        run = replace(run, converted_at=event.timestamp)
    step = _open_step(journey, run)
    sent = [entry for entry in run.ledger if entry.step == step and entry.claimed_at <= event.received_at]
    goals = [entry for entry in sent if _answers(journey, entry, "goal")]
    return _answered(journey, run, goals[-1], _Answer("goal", event, now)) if goals else run


def _exit(journey: Journey, run: Run, event: Event, now: datetime) -> Run:
    rules = [rule for rule in journey.exits if isinstance(rule, EventRule)]
    if not run.live or not any(concerns(rule, run, event) for rule in rules):
        return run
    instruction = instruction_at(journey, run)
    step = instruction.step if instruction else ""
    return ended(run, now, step, "exited", f"{event.name} ({event.message_id})")


def _restart(journey: Journey, run: Run, event: Event) -> Run:
    """The same key's entry event counts the delay again while nothing has happened yet. The latest arrival decides."""
    entry = journey.entry
    if (
        not isinstance(entry, EventEntry)
        or not entry.restart
        or run.entry is None
        or event.name != entry.event
        or late(event)
    ):
        return run
    untouched = run.live and run.pc == 0 and run.cascade is None and not run.ledger and not run.decisions
    if not untouched or run.due is None or event.received_at >= run.due or key_of(journey, event) != run.key:
        return run
    return replace(run, due=max(run.due, event.received_at + entry.after))
