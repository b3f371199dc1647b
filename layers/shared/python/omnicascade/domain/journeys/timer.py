"""The timer's stimulus: what a run does when its moment has come, up to the next message, the next wait or its end."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from omnicascade.domain.conditions.facts import Facts
from omnicascade.domain.conditions.judging import judge
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.durations import seconds, spell
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.journeys.commands import Send, Step
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.moves import (
    behind_cascade,
    decided,
    ended,
    instruction_at,
    passed,
    require_pinned,
    settled,
    slot,
)
from omnicascade.domain.journeys.outcomes import record_outcome
from omnicascade.domain.journeys.person import Person
from omnicascade.domain.journeys.program import Cascade, CascadeChannel, Check, End, SendMessage, Wait
from omnicascade.domain.journeys.quiet import quiet
from omnicascade.domain.journeys.run import LedgerEntry, OpenCascade, Run
from omnicascade.domain.journeys.scene import step_states
from omnicascade.domain.reach import permission, reach
from omnicascade.domain.replacing import replace

ROOM_S: Final = 60
"""Seconds foreseen for a stop that ends the run: room for the call itself."""


@dataclass(frozen=True, slots=True)
class _Passed:
    """A channel passed over, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Held:
    """A message held back until a moment, and why."""

    until: datetime
    reason: str


def advance(journey: Journey, run: Run, person: Person, deployment: Deployment, now: datetime) -> Step:
    """Move a run whose moment has come; unchanged if it is due later or has ended. May be called at any time.

    Returns as soon as a message is to be sent (its ledger entry is claimed in the returned run: store that first, then
    send, then `record_outcome`), the run waits (`run.due` is later) or it ends. A channel that cannot or may not be
    used is passed over at once, with a decision. A message claimed earlier without an outcome means that the caller
    crashed between claim and outcome: it counts as possibly sent from its claim on, and is never sent again.

    Raises:
        ConflictError: the journey is not the version the run is pinned to.
    """
    require_pinned(journey, run)
    for entry in run.ledger:
        if entry.outcome == "claimed":
            lost = replace(entry, outcome="unknown", reason="claimed, and the outcome was never recorded")
            run = settled(journey, run, lost, since=entry.claimed_at, now=now)
    scene = _Scene(journey, person, deployment, now)
    while run.live and run.due is not None and run.due <= now:
        step = _execute(scene, run)
        if step.send:
            return step
        run = step.run
    return Step(run, None)


def next_moment(run: Run) -> datetime | None:
    """When the run wants `advance` next: its due moment, or an earlier look at a condition; None: ended or paused."""
    if not run.live or run.paused_at is not None or run.due is None:
        return None
    return min(run.due, run.look_at) if run.look_at else run.due


def foresee(journey: Journey, run: Run, person: Person, deployment: Deployment, now: datetime) -> tuple[int, ...]:
    """Whole seconds to wait at each stop if nobody reacts and every message is taken; each at least 1.

    The first is the wait behind what happens now; the stop that ends the run counts `ROOM_S`. A cascade of push 4h,
    email 20h and sms gives `(14400, 72000, 60)`; with an entry delay of an hour, `(3600, 14400, 72000, 60)`.
    """
    stops: list[int] = []
    while run.live:
        step = advance(journey, run, person, deployment, now)
        while step.send:
            run = record_outcome(journey, step.run, step.send.message_id, "sent", now=now)
            step = advance(journey, run, person, deployment, now)
        run = step.run
        if run.due is not None:
            stops.append(max(1, seconds(run.due - now)))
            now += timedelta(seconds=stops[-1])
    return (*stops, ROOM_S)


@dataclass(frozen=True, slots=True)
class _Scene:
    """Everything but the run that a move depends on."""

    journey: Journey
    person: Person
    deployment: Deployment
    now: datetime


def _execute(scene: _Scene, run: Run) -> Step:
    instruction, now = instruction_at(scene.journey, run), scene.now
    match instruction:
        case SendMessage(step):
            return _attempt(scene, run, step, instruction)
        case Cascade():
            return _cascade(scene, run, instruction)
        case Check():
            moved = _check(scene, run, instruction)
        case Wait(step, length):
            waiting = replace(run, pc=run.pc + 1, due=now + length)
            moved = decided(waiting, now, step, "waited", f"waits {spell(length)}")
        case End(step, reason):
            moved = ended(run, now, step, "completed", reason)
        case None:
            moved = ended(run, now, "", "completed", "nothing left to do")
    return Step(moved, None)


def _check(scene: _Scene, run: Run, check: Check) -> Run:
    facts = Facts(scene.person.profile, run.entry, scene.deployment, step_states(run))
    holds, reason = judge(check.condition, facts)
    if holds:
        return replace(run, pc=run.pc + 1)
    return replace(decided(run, scene.now, check.step, "skipped", reason), pc=check.otherwise)


def _cascade(scene: _Scene, run: Run, cascade: Cascade) -> Step:
    if run.cascade is None:
        # Until profiles know each channel's last engagement, `preferred` has nothing to prefer by: the listed order.
        run = replace(run, cascade=OpenCascade(tuple(range(len(cascade.channels)))))
    place = slot(scene.journey, run)
    return Step(behind_cascade(run), None) if place is None else _attempt(scene, run, cascade.step, place)


def _attempt(scene: _Scene, run: Run, step: str, place: SendMessage | CascadeChannel) -> Step:
    match _clearance(scene, run, step, place):
        case Identifier() as address:
            message_id = f"{run.run_id}-{len(run.ledger)}"
            entry = LedgerEntry(message_id, step, place.channel, place.template, address, scene.now)
            claimed = replace(run, ledger=(*run.ledger, entry), due=scene.now)
            return Step(claimed, Send(message_id, step, place.channel, place.template, address))
        case _Held(until, reason):
            held = replace(run, due=until, owed_since=_owed_since(scene, run))
            return Step(decided(held, scene.now, step, "held", f"{place.channel}: {reason}"), None)
        case _Passed(reason):
            return Step(passed(decided(run, scene.now, step, "skipped", f"{place.channel}: {reason}")), None)


def _clearance(scene: _Scene, run: Run, step: str, place: SendMessage | CascadeChannel) -> Identifier | _Held | _Passed:
    """The address to send to now, or why not; every rule is asked again at every attempt, also after a hold."""
    if any((entry.step, entry.channel) == (step, place.channel) for entry in run.ledger):
        return _Passed("this step has already used this channel")
    found = reach(scene.person.profile, place.channel, scene.deployment)
    if found.address is None:
        return _Passed(found.reason)
    allowed = permission(scene.person.profile, place.channel, scene.journey.topic, scene.deployment)
    if not allowed.granted:
        return _Passed(allowed.reason)
    return _timeliness(scene, run) or found.address


def _timeliness(scene: _Scene, run: Run) -> _Held | _Passed | None:
    """Whether it is too late for a message, or too quiet for one now."""
    deadline, hours, owed = scene.journey.deadline, scene.journey.quiet_hours, _owed_since(scene, run)
    if deadline is not None and scene.now - owed > deadline:
        return _Passed(f"was due at {owed.isoformat()}, longer ago than the deadline of {spell(deadline)}")
    if hours is None or scene.journey.transactional:
        return None
    silence = quiet(hours, scene.person.profile, scene.deployment, scene.now)
    if silence is None:
        return None
    if silence.until is None or hours.policy == "drop":
        return _Passed(f"dropped in {silence.reason}")
    return _Held(silence.until, silence.reason)


def _owed_since(scene: _Scene, run: Run) -> datetime:
    return run.owed_since or run.due or scene.now
