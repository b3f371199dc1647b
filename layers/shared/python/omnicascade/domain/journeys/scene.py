"""Everything but the run that a move depends on, and the facts that conditions of a run are judged on.

Exists so that the timer, the watch over conditions and the rules of sending judge on the same facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from omnicascade.domain.conditions.facts import Facts
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.person import Person
from omnicascade.domain.journeys.run import Run
from omnicascade.domain.profile import Profile, TraitSource
from omnicascade.domain.replacing import replace

SAID_FOR: Final = timedelta(hours=1)
"""How long a run remembers what its own updates said; by then the profile has it, or the road is down."""

JOURNEY_SOURCE: Final = "journey"
"""The source of what journeys say about customers."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One move's surroundings; `now` is aware UTC."""

    journey: Journey
    person: Person
    deployment: Deployment
    now: datetime


def facts_of(scene: Scene, run: Run, now: datetime | None = None) -> Facts:
    """What the conditions of a run are judged on, now or at another moment."""
    return Facts(
        profile=profile_of(scene, run),
        event=run.entry,
        deployment=scene.deployment,
        steps=step_states(run),
        history=scene.person.history,
        now=now or scene.now,
        started_at=beginning(run),
        key=run.key,
    )


def beginning(run: Run) -> datetime:
    """When the run's occasion happened: what is older cannot be its success."""
    if run.entry is None:
        return run.started_at
    return datetime.fromisoformat(run.entry["timestamp"])


def profile_of(scene: Scene, run: Run) -> Profile:
    """The customer, with what this run's updates said and the profile does not have yet.

    The latest word on a trait stands, by time, as in the fold of events; so this is the profile that will be.
    """
    profile = scene.person.profile
    for said in run.said:
        if scene.now - said.at <= SAID_FOR:
            sources = dict(profile.trait_sources)
            traits = _overlaid(profile.traits, said.traits, "", said.at, sources)
            profile = replace(profile, traits=traits, trait_sources=sources)
    return profile


def _overlaid(
    traits: Mapping[str, Any], said: Mapping[str, Any], path: str, at: datetime, sources: dict[str, TraitSource]
) -> Mapping[str, Any]:
    merged = dict(traits)
    for name, value in said.items():
        pointer = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
        if isinstance(value, Mapping) and value:
            inner: object = merged.get(name)
            known: Mapping[str, Any] = cast("Mapping[str, Any]", inner) if isinstance(inner, Mapping) else {}
            merged[name] = _overlaid(known, cast("Mapping[str, Any]", value), pointer, at, sources)
        elif pointer not in sources or sources[pointer].at < at:
            merged[name] = value
            sources[pointer] = TraitSource(JOURNEY_SOURCE, at)
    return merged


_STATES: Final = {"delivered": "delivered", "open": "opened", "click": "clicked", "tap": "clicked", "bounce": "failed"}


def step_states(run: Run) -> dict[str, set[str]]:
    """What conditions may ask of each step so far: sent, skipped, delivered, opened, clicked, answered, failed."""
    states: dict[str, set[str]] = {}
    for entry in run.ledger:
        known = states.setdefault(entry.step, set())
        known.update(_STATES[mark] for mark in entry.marks if mark in _STATES)
        if entry.outcome in {"sent", "unknown"}:
            known.add("sent")
        if entry.outcome == "failed":
            known.add("failed")
        if entry.answered_at is not None:
            known.add("answered")
    for decision in run.decisions:
        if decision.outcome == "skipped" and not states.get(decision.step):
            states[decision.step] = {"skipped"}
    return states
