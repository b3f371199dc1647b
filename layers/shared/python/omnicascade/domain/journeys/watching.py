"""Conditions that a run watches: exits with `when`, and a `wait_for` with `when`.

Exists because nothing may poll: such a condition is judged after each event of the customer, and at the moment at
which it turns by itself.
"""

from datetime import datetime, timedelta
from typing import Final

from omnicascade.domain.conditions.condition import Condition
from omnicascade.domain.conditions.judging import judge
from omnicascade.domain.conditions.turning import turns
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.journeys.choices import OTHERWISE
from omnicascade.domain.journeys.journey import ConditionRule, Journey
from omnicascade.domain.journeys.moves import decided, ended, finished, instruction_at, require_pinned, watches
from omnicascade.domain.journeys.person import Person
from omnicascade.domain.journeys.program import WaitFor
from omnicascade.domain.journeys.run import Run
from omnicascade.domain.journeys.scene import Scene, facts_of
from omnicascade.domain.replacing import replace

_SOONEST: Final = timedelta(seconds=1)
"""No look comes sooner after another: it bounds the looks of any condition."""


def observe(journey: Journey, run: Run, person: Person, deployment: Deployment, now: datetime) -> Run | None:
    """The run after any change of the customer, as far as its conditions go; None when nothing follows from it.

    An exit whose condition holds ends it, a `wait_for` whose condition holds goes on (call `advance` then), and
    `look_at` is set to the moment at which one of them may turn by itself.

    Raises:
        ConflictError: the journey is not the version the run is pinned to.
    """
    require_pinned(journey, run)
    if not run.live or not watches(journey):
        return None
    scene = Scene(journey, person, deployment, now)
    moved = exited(scene, run) or met(scene, run)
    if moved is None:
        moved = with_look(scene, run)
    elif moved.live:
        moved = with_look(scene, finished(journey, moved, now))
    return None if moved == run else moved


def exited(scene: Scene, run: Run) -> Run | None:
    """The run, ended by the first exit whose condition holds; None where none does."""
    for rule in scene.journey.exits:
        if isinstance(rule, ConditionRule):
            holds, reason = judge(rule.condition, facts_of(scene, run))
            if holds:
                at = instruction_at(scene.journey, run)
                return ended(run, scene.now, at.step if at else "", "exited", reason)
    return None


def met(scene: Scene, run: Run) -> Run | None:
    """The run behind the `wait_for` whose condition holds, within its time; None where it does not."""
    waiting, at = run.waiting, instruction_at(scene.journey, run)
    if waiting is None or waiting.until is None or not isinstance(at, WaitFor) or at.condition is None:
        return None
    if scene.now > waiting.until:
        return None
    holds, reason = judge(at.condition, facts_of(scene, run))
    return waited(run, at, scene.now, reason, came=True) if holds else None


def waited(run: Run, at: WaitFor, now: datetime, reason: str, *, came: bool) -> Run:
    """The run behind a `wait_for`: on its `then` side if what it waited for came, else on its `otherwise` side."""
    side, pc = ("then", run.pc + 1) if came else (OTHERWISE, at.otherwise)
    arms = {**run.arms, at.step: side}
    return decided(replace(run, pc=pc, due=now, waiting=None, arms=arms), now, at.step, "branched", f"{side}: {reason}")


def with_look(scene: Scene, run: Run) -> Run:
    """The run with the moment of its next look: the first at which a watched condition turns, if before `due`."""
    look_at = None
    watched = _watched(scene.journey, run)
    if watched and run.live and run.due is not None and run.due > scene.now:
        facts, soonest = facts_of(scene, run), scene.now + _SOONEST
        moments = [turn for condition in watched if (turn := turns(condition, facts))]
        look_at = min((max(turn, soonest) for turn in moments), default=None)
        look_at = look_at if look_at and look_at < run.due else None
    return run if look_at == run.look_at else replace(run, look_at=look_at)


def _watched(journey: Journey, run: Run) -> list[Condition]:
    watched = [rule.condition for rule in journey.exits if isinstance(rule, ConditionRule)]
    at = instruction_at(journey, run)
    if run.waiting and isinstance(at, WaitFor) and at.condition:
        watched.append(at.condition)
    return watched
