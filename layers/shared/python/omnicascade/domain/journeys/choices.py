"""Where a run goes next: checks, branches and splits.

Exists so that every choice is recorded the same way: the arm, and why.
"""

import hashlib
from typing import Final

from omnicascade.domain.conditions.judging import judge
from omnicascade.domain.journeys.moves import decided
from omnicascade.domain.journeys.program import Arm, Check, Fork, Split
from omnicascade.domain.journeys.run import Run
from omnicascade.domain.journeys.scene import Scene, facts_of
from omnicascade.domain.replacing import replace

OTHERWISE: Final = "otherwise"
"""The arm of a branch none of whose conditions holds, and of a `wait_for` that timed out."""


def checked(scene: Scene, run: Run, check: Check) -> Run:
    """At the step whose condition holds, else behind it, with the reason."""
    holds, reason = judge(check.condition, facts_of(scene, run))
    if holds:
        return replace(run, pc=run.pc + 1)
    return replace(decided(run, scene.now, check.step, "skipped", reason), pc=check.otherwise)


def forked(scene: Scene, run: Run, fork: Fork) -> Run:
    """In the first arm whose condition holds, else behind the last condition; the reasons of the others are kept."""
    pc, refused = run.pc, list[str]()
    while True:
        holds, reason = judge(fork.condition, facts_of(scene, run))
        if holds:
            return _taken(scene, replace(run, pc=pc + 1), fork.step, fork.arm, reason)
        refused.append(f"not {fork.arm}: {reason}")
        pc = fork.otherwise
        following = scene.journey.program[pc] if pc < len(scene.journey.program) else None
        if not isinstance(following, Fork) or following.step != fork.step:
            return _taken(scene, replace(run, pc=pc), fork.step, OTHERWISE, "; ".join(refused))
        fork = following


def split(scene: Scene, run: Run, at: Split) -> Run:
    """In the arm that a stable hash of the journey, the step and the run's anchor chooses, the same for ever."""
    arm = arm_of(at, scene.journey.name, run.anchor or run.profile_id)
    return _taken(scene, replace(run, pc=arm.to), at.step, arm.name, f"{arm.share:g} % of all customers, by their id")


def arm_of(at: Split, journey: str, anchor: str) -> Arm:
    """The arm of a customer; also tells reports who belongs where. An arm without a share is never chosen."""
    digest = hashlib.sha256(f"{journey}\n{at.step}\n{anchor}".encode()).digest()
    place, reached = int.from_bytes(digest[:8]) / 2**64 * 100, 0.0
    for arm in at.arms:
        reached += arm.share
        if place < reached:
            return arm
    return next(arm for arm in reversed(at.arms) if arm.share > 0)


def _taken(scene: Scene, run: Run, step: str, arm: str, reason: str) -> Run:
    marked = replace(run, arms={**run.arms, step: arm})
    return decided(marked, scene.now, step, "branched", f"{arm}: {reason}")
