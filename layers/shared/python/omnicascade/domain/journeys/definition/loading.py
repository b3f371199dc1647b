"""Loads a journey's definition: validates what an author wrote and compiles it to the program that the engine runs.

Only functions that store or rehearse definitions import it, because it needs pydantic. A definition is judged as a
whole: every problem is reported with its path, what was expected and the nearest known name.
"""

import json
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, Final, cast

from pydantic import ValidationError

from omnicascade.domain.conditions.condition import Condition
from omnicascade.domain.documents import read_document
from omnicascade.domain.errors import Problem, UnacceptableError
from omnicascade.domain.journeys.definition.loops import loops_in
from omnicascade.domain.journeys.definition.model import (
    EventEntryModel,
    GoalModel,
    JourneyModel,
    QuietHoursModel,
    ReentryModel,
    RuleModel,
    ScheduleEntryModel,
    SegmentEntryModel,
    WhenEntryModel,
    WhenRuleModel,
)
from omnicascade.domain.journeys.definition.outline import Place, every, outline, problems_between
from omnicascade.domain.journeys.definition.problems import problems_of
from omnicascade.domain.journeys.definition.program import compiled
from omnicascade.domain.journeys.definition.values import Names, weekdays
from omnicascade.domain.journeys.journey import (
    ConditionRule,
    EventEntry,
    EventRule,
    Goal,
    Journey,
    JourneyCap,
    QuietHours,
    Reentry,
    ScheduleEntry,
    SegmentEntry,
    to_json,
)
from omnicascade.domain.journeys.program import Cascade, Instruction, SendMessage
from omnicascade.domain.segments import JOURNEY_PREFIX

LARGEST_COMPILED_BYTES: Final = 200_000
"""A compiled journey is stored beside its definition (100 KB) in one item. Source: DynamoDB developer guide, "Item
size": 400 KB."""


def load_definition(
    source: str | Mapping[str, Any],
    *,
    version: int = 1,
    templates: Collection[str] | None = None,
    segments: Collection[str] | None = None,
    hosts: Collection[str] | None = None,
    currency: str | None = None,
) -> Journey:
    """Read, validate and compile a definition.

    Args:
        source: YAML or JSON text, or the mapping itself.
        version: the version this definition will have.
        templates: names of the templates there are; None accepts any name.
        segments: names of the segments there are; None accepts any name.
        hosts: what webhooks may call; None accepts any host.
        currency: what budgets must be in; None accepts any.

    Raises:
        UnacceptableError: `problems` lists everything that is wrong, each with its dotted path.
    """
    document = read_document(source)
    places = outline(document)
    problems = problems_between(places)
    names = Names(frozenset(place.id for place in every(places)), templates, segments, hosts, currency)
    try:
        model = JourneyModel.model_validate(document, context=names)
    except ValidationError as error:
        raise _refusal(document, [*problems_of(error), *problems]) from None
    if problems:
        raise _refusal(document, problems)
    journey = _journey(model, version, places)
    loops = list(loops_in(journey, places))
    if loops:
        raise _refusal(document, loops)
    if len(json.dumps(to_json(journey))) > LARGEST_COMPILED_BYTES:
        message = f"the journey is too large: compiled it may have {LARGEST_COMPILED_BYTES} bytes"
        raise _refusal(document, [Problem("steps", "too_large", message)])
    return journey


def _refusal(document: Mapping[str, Any], problems: list[Problem]) -> UnacceptableError:
    ordered = sorted(problems, key=lambda problem: _place(document, problem.path))
    first = ordered[0]
    more = f" (and {len(ordered) - 1} more)" if len(ordered) > 1 else ""
    where = f"{first.path}: " if first.path else ""
    return UnacceptableError(f"{where}{first.message}{more}", path=first.path or None, problems=ordered)


def _place(document: object, path: str) -> list[int]:
    """Where a path stands in the document: problems are listed as the author wrote, what is missing last."""
    places: list[int] = []
    for part in path.split("."):
        names: list[str] = []
        if isinstance(document, Mapping):
            names = list(cast("Mapping[str, object]", document))
        elif isinstance(document, list):
            names = [str(n) for n in range(len(cast("list[object]", document)))]
        if part not in names:
            return [*places, len(names)]
        places.append(names.index(part))
        document = cast("Any", document)[int(part) if isinstance(document, list) else part]
    return places


def _journey(model: JourneyModel, version: int, places: tuple[Place, ...]) -> Journey:
    program = compiled(places, model.steps)
    return Journey(
        name=model.name,
        version=version,
        title=model.title or model.name,
        active=model.active,
        entry=_entry(model),
        reentry=_reentry(model.reentry),
        exits=tuple(map(_exit, model.exit)),
        goal=_goal(model.goal) if model.goal else None,
        transactional=model.kind == "transactional",
        topic=model.topic or ("transactional" if model.kind == "transactional" else "promotions"),
        quiet_hours=_quiet(model.quiet_hours) if model.quiet_hours else None,
        holdout_percent=model.holdout,
        deadline=model.deadline,
        cap=JourneyCap(model.cap.messages, model.cap.per) if model.cap else None,
        own_segment=_own_segment(model),
        program=program,
        templates=frozenset(_templates(program)),
    )


def _entry(model: JourneyModel) -> EventEntry | SegmentEntry | ScheduleEntry | None:
    match model.entry:
        case EventEntryModel(event=event, where=where, key=key, after=after, restart=restart):
            return EventEntry(event, where, key, after or timedelta(), restart)
        case SegmentEntryModel(segment=segment, on=on):
            return SegmentEntry(segment, on)
        case WhenEntryModel():
            return SegmentEntry(f"{JOURNEY_PREFIX}{model.name}", "enter")
        case ScheduleEntryModel(schedule=schedule, segment=segment):
            return ScheduleEntry(schedule, segment)
        case None:
            return None


def _own_segment(model: JourneyModel) -> Condition | None:
    return model.entry.when if isinstance(model.entry, WhenEntryModel) else None


def _reentry(model: ReentryModel) -> Reentry:
    return Reentry() if model.limit == 1 else Reentry("again", model.after, model.limit)


def _exit(model: RuleModel | WhenRuleModel) -> EventRule | ConditionRule:
    return ConditionRule(model.when) if isinstance(model, WhenRuleModel) else _rule(model)


def _rule(model: RuleModel) -> EventRule:
    return EventRule(model.event, model.match, model.where)


def _goal(model: GoalModel) -> Goal:
    return Goal(_rule(model), model.within)


def _quiet(model: QuietHoursModel) -> QuietHours:
    return QuietHours(model.start, model.end, weekdays(model.days), model.zone, model.policy)


def _templates(program: tuple[Instruction, ...]) -> set[str]:
    named: set[str] = set()
    for instruction in program:
        match instruction:
            case SendMessage():
                named.add(instruction.template)
            case Cascade():
                named.update(part.template for part in instruction.channels)
            case _:
                pass
    return named
