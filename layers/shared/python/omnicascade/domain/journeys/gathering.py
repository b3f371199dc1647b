"""What must be read of a customer before a run of a journey can be moved.

Exists so that nobody reads a timeline for a journey whose conditions ask for none.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from omnicascade.domain.conditions.condition import Condition
from omnicascade.domain.conditions.needs import Needs, needs_of
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.journeys.journey import ConditionRule, EventEntry, Journey
from omnicascade.domain.journeys.program import Check, Digest, Fork, WaitFor

LATENESS: Final = timedelta(days=1)
"""How much earlier than it arrived an event may have happened, by its own clock, and still be what a run waits for
when it came between the run's coming to the wait and the wait's being noted."""


def needs(journey: Journey, deployment: Deployment) -> Needs:
    """The events of the customer's history that the journey's conditions may ask for, and how far back."""
    together = Needs()
    for condition in _conditions(journey):
        together |= needs_of(condition, deployment.segments)
    awaited = {step.event for step in journey.program if isinstance(step, WaitFor | Digest) and step.event}
    return together | Needs(frozenset(awaited), LATENESS) if awaited else together


def _conditions(journey: Journey) -> Iterator[Condition]:
    entry = journey.entry
    if isinstance(entry, EventEntry) and entry.where:
        yield entry.where
    for rule in (*journey.exits, *((journey.goal.rule,) if journey.goal else ())):
        if isinstance(rule, ConditionRule):
            yield rule.condition
        elif rule.where:
            yield rule.where
    for step in journey.program:
        match step:
            case Check() | Fork():
                yield step.condition
            case WaitFor():
                yield from (condition for condition in (step.condition, step.where) if condition)
            case _:
                pass
