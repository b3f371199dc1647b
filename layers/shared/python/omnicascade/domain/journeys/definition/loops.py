"""Endless loops: a journey that would start itself again, for ever, by what it says about its customer.

Within a run nothing can loop, because a program only leads forward. But `update` is an identify call like any other, so
a journey that begins with identify could be begun by its own update.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from omnicascade.domain.conditions.condition import All, AnyOf, Condition, Not, Test
from omnicascade.domain.conditions.facts import Facts
from omnicascade.domain.conditions.judging import judge
from omnicascade.domain.errors import Problem
from omnicascade.domain.event import at_path
from omnicascade.domain.journeys.definition.outline import Place, every
from omnicascade.domain.journeys.journey import EventEntry, Journey
from omnicascade.domain.journeys.program import Update


def loops_in(journey: Journey, places: Sequence[Place]) -> Iterator[Problem]:
    """A problem for each update that would start the journey again without end.

    Only what is certain is one: where the entry asks for more than the arriving event, its answer may change.
    """
    entry, reentry = journey.entry, journey.reentry
    bounded = reentry.mode == "never" or reentry.limit is not None or bool(reentry.after)
    if not isinstance(entry, EventEntry) or entry.event != "identify" or bounded:
        return
    paths = {place.id: ".".join(map(str, place.path)) for place in every(places)}
    for step in journey.program:
        if isinstance(step, Update) and _starts(entry, {"type": "identify", "traits": dict(step.traits)}):
            message = (
                "this is an identify call, so it would start the journey again without end: narrow `entry.where`, or "
                "bound `reentry` by `after` or `limit`"
            )
            yield Problem(f"{paths[step.step]}.update", "endless_loop", message)


def _starts(entry: EventEntry, call: dict[str, Any]) -> bool:
    if entry.key is not None and at_path(call, entry.key) is None:
        return False
    return entry.where is None or (_asks_the_event_only(entry.where) and judge(entry.where, Facts(event=call))[0])


def _asks_the_event_only(condition: Condition) -> bool:
    match condition:
        case All(parts) | AnyOf(parts):
            return all(map(_asks_the_event_only, parts))
        case Not(part):
            return _asks_the_event_only(part)
        case _:
            return isinstance(condition, Test) and condition.subject == "event"
