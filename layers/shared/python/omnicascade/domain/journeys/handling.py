"""What staff does with runs that are under way: pause, resume, stop, and move to a newer version.

Exists apart from the engine's stimuli because here a person decides, and may be told that it cannot be done.
"""

from dataclasses import replace
from datetime import datetime

from omnicascade.domain.errors import ConflictError
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.moves import decided, ended, instruction_at, require_pinned, watches
from omnicascade.domain.journeys.program import Cascade, Digest, Instruction, Jump, WaitFor
from omnicascade.domain.journeys.run import OpenCascade, Run


def pause(run: Run, now: datetime, reason: str) -> Run:
    """The run, which sends nothing until it is resumed; exits, goals and feedback still count. Unchanged if it rests.

    Raises:
        ConflictError: it is over.
    """
    _require_live(run, "paused")
    if run.paused_at is not None:
        return run
    return decided(replace(run, paused_at=now), now, "", "paused", reason)


def resume(run: Run, now: datetime) -> Run:
    """The run, going on: what was due meanwhile is due now, and counts as due since then. Unchanged if it goes on.

    Raises:
        ConflictError: it is over.
    """
    _require_live(run, "resumed")
    if run.paused_at is None:
        return run
    reason = f"was paused since {run.paused_at.isoformat()}"
    if run.due is not None and run.due < now:
        run = replace(run, due=now, owed_since=run.owed_since or run.due)
    return decided(replace(run, paused_at=None), now, "", "resumed", reason)


def stop(run: Run, now: datetime, reason: str) -> Run:
    """The run, over for good.

    Raises:
        ConflictError: it is over already.
    """
    _require_live(run, "stopped")
    return ended(run, now, "", "stopped", reason)


def migrate(run: Run, old: Journey, new: Journey, now: datetime) -> Run:
    """The run under another version of its journey, at the same place. Unchanged if it is pinned to that one already.

    The place is kept by step id: what waits before a step goes on before that step in the new version, and is asked
    the step's condition again. Inside a cascade the channels tried stay tried and the others follow in the new order;
    a `wait_for` or digest under way keeps its moment. What is in the ledger is never sent again.

    Raises:
        ConflictError: it is over; or the new version has no such step, or not of that kind. The message names the step.
    """
    _require_live(run, "migrated")
    if (new.name, new.version) == (run.journey, run.version):
        return run
    require_pinned(old, run)
    if new.name != run.journey:
        raise ConflictError(f"run {run.run_id} is of {run.journey}, not of {new.name}")
    at = _before_jumps(old, run)
    place = _place(at, new, run)
    moved = replace(run, version=new.version, pc=place, look_at=now if watches(new) else None)
    if run.cascade and isinstance(at, Cascade):
        moved = replace(moved, cascade=_reordered(run.cascade, at, new.program[place]))
    where = f"before {at.step}" if at else "with nothing left to do"
    return decided(
        moved, now, at.step if at else "", "migrated", f"from version {old.version} to {new.version}, {where}"
    )


def _require_live(run: Run, done: str) -> None:
    if not run.live:
        raise ConflictError(f"run {run.run_id} is over ({run.outcome}) and cannot be {done}")


def _before_jumps(journey: Journey, run: Run) -> Instruction | None:
    """What the run executes next: the end of an arm only leads there."""
    at = instruction_at(journey, run)
    while isinstance(at, Jump):
        at = instruction_at(journey, replace(run, pc=at.to))
    return at


def _place(at: Instruction | None, new: Journey, run: Run) -> int:
    if at is None:
        return len(new.program)
    inside = type(at) if run.waiting or run.cascade else None
    named = [
        number for number, found in enumerate(new.program) if found.step == at.step and not isinstance(found, Jump)
    ]
    if not named:
        raise ConflictError(f"version {new.version} of {new.name} has no step {at.step}, at which run {run.run_id} is")
    if inside is None:
        return named[0]
    for number in named:
        if isinstance(new.program[number], inside) and _same_wait(at, new.program[number]):
            return number
    raise ConflictError(
        f"step {at.step} is another kind of step in version {new.version} of {new.name}; run {run.run_id} is inside it"
    )


def _same_wait(old: Instruction, new: Instruction) -> bool:
    """Whether what is waited for is of one kind: a digest of the same events, an event, or a condition."""
    match old, new:
        case Digest(), Digest():
            return old.event == new.event
        case WaitFor(), WaitFor():
            return (old.event is None) == (new.event is None)
        case _:
            return True


def _reordered(cascade: OpenCascade, old: Cascade, new: Instruction) -> OpenCascade:
    """Tried channels first, as they were tried; the others as the new version has them."""
    if not isinstance(new, Cascade):
        return cascade
    numbers = {part.channel: number for number, part in enumerate(new.channels)}
    known = [old.channels[number].channel for number in cascade.order]
    tried = [numbers[channel] for channel in known[: cascade.position] if channel in numbers]
    wanted = [numbers[channel] for channel in known if channel in numbers] if new.order == "preferred" else []
    rest = [number for number in dict.fromkeys([*wanted, *numbers.values()]) if number not in tried]
    return OpenCascade((*tried, *rest), len(tried))
