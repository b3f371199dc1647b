"""Loads a journey's definition: validates what an author wrote and compiles it to the program that the engine runs.

The only module of the engine that needs pydantic, and only functions that store definitions import it. A definition is
judged as a whole: every problem is reported with its path, what was expected and the nearest known name.
"""

from collections.abc import Collection, Mapping
from typing import Any, cast

from pydantic import ValidationError

from omnicascade.domain.deployment import Channel, Price
from omnicascade.domain.documents import read_document
from omnicascade.domain.errors import Problem, UnacceptableError
from omnicascade.domain.journeys.definition_model import (
    CascadeMessageModel,
    CascadeModel,
    EntryModel,
    GoalModel,
    JourneyModel,
    Names,
    ReentryModel,
    RuleModel,
    StepModel,
)
from omnicascade.domain.journeys.definition_problems import problems_of
from omnicascade.domain.journeys.journey import EventEntry, EventRule, Goal, Journey, QuietHours, Reentry
from omnicascade.domain.journeys.program import (
    DEFAULT_ANSWERS,
    Cascade,
    CascadeChannel,
    Check,
    End,
    Instruction,
    SendMessage,
    Wait,
)

_KINDS = ("push", "email", "sms", "cascade", "wait", "end")
_CHANNELS = ("push", "email", "sms")


def load_definition(
    source: str | Mapping[str, Any], *, version: int = 1, templates: Collection[str] | None = None
) -> Journey:
    """Read, validate and compile a definition.

    Args:
        source: YAML or JSON text, or the mapping itself.
        version: the version this definition will have.
        templates: names of the templates there are; None accepts any name.

    Raises:
        UnacceptableError: `problems` lists everything that is wrong, each with its dotted path.
    """
    document = read_document(source)
    ids = _step_ids(document)
    problems = _cross_problems(document, ids)
    try:
        model = JourneyModel.model_validate(document, context=Names(templates, frozenset(ids)))
    except ValidationError as error:
        problems = [*problems_of(error), *problems]
        raise _refusal(document, problems) from None
    if problems:
        raise _refusal(document, problems)
    return _journey(model, version, ids)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a definition, for editors; `load_definition` refuses more than it can say."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **JourneyModel.model_json_schema(by_alias=True),
        "title": "Journey",
    }


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


def _steps(document: Mapping[str, Any]) -> list[object]:
    steps: object = document.get("steps")
    return cast("list[object]", steps) if isinstance(steps, list) else []


def _step_ids(document: Mapping[str, Any]) -> list[str]:
    """Every step's id: its own, or its kind and position."""
    ids: list[str] = []
    for position, step in enumerate(_steps(document), start=1):
        entries = cast("Mapping[str, object]", step if isinstance(step, Mapping) else {})
        kind = next((kind for kind in _KINDS if kind in entries), "step")
        own = entries.get("id")
        ids.append(own if isinstance(own, str) else f"{kind}-{position}")
    return ids


def _cross_problems(document: Mapping[str, Any], ids: list[str]) -> list[Problem]:
    """What is wrong between steps, found also where single steps are wrong."""
    problems = [
        Problem(f"steps.{n}.id", "duplicate_step", f"the id {name!r} is already taken by step {ids.index(name) + 1}")
        for n, name in enumerate(ids)
        if ids.index(name) < n
    ]
    over = False
    for n, step in enumerate(_steps(document)):
        if over:
            problems.append(
                Problem(f"steps.{n}", "unreachable", "no run gets here: a step before it always ends the run")
            )
        over = over or (isinstance(step, Mapping) and "end" in step and "if" not in step)
    return problems


def _journey(model: JourneyModel, version: int, ids: list[str]) -> Journey:
    program = _program(model.steps, ids)
    quiet = model.quiet_hours
    return Journey(
        name=model.name,
        version=version,
        title=model.title or model.name,
        active=model.active,
        entry=_entry(model.entry) if model.entry else None,
        reentry=_reentry(model.reentry),
        exits=tuple(map(_rule, model.exit)),
        goal=_goal(model.goal) if model.goal else None,
        transactional=model.kind == "transactional",
        topic=model.topic or ("transactional" if model.kind == "transactional" else "promotions"),
        quiet_hours=quiet and QuietHours(quiet.start, quiet.end, quiet.weekdays(), quiet.zone, quiet.policy),
        holdout_percent=model.holdout,
        deadline=model.deadline,
        cap=None,
        own_segment=None,
        program=program,
        templates=frozenset(_templates(program)),
    )


def _entry(model: EntryModel) -> EventEntry:
    return EventEntry(model.event, model.where, model.key, model.after, model.restart)


def _reentry(model: ReentryModel) -> Reentry:
    return Reentry() if model.limit == 1 else Reentry("again", model.after, model.limit)


def _rule(model: RuleModel) -> EventRule:
    return EventRule(model.event, model.match, model.where)


def _goal(model: GoalModel) -> Goal:
    return Goal(_rule(model), model.within)


def _program(steps: list[StepModel], ids: list[str]) -> tuple[Instruction, ...]:
    """The steps one after another; a step with `if` is preceded by a check that jumps behind it."""
    program: list[Instruction] = []
    for name, step in zip(ids, steps, strict=True):
        if step.condition is not None:
            program.append(Check(name, step.condition, otherwise=len(program) + 2))
        program.append(_instruction(name, step))
    return tuple(program)


def _instruction(name: str, step: StepModel) -> Instruction:
    if step.cascade:
        return Cascade(name, step.cascade.order, tuple(_channels(step.cascade)))
    if step.wait is not None:
        return Wait(name, step.wait)
    for channel in _CHANNELS:
        message = getattr(step, channel)
        if message:
            return SendMessage(name, Channel(channel), message.template, message.budget)
    return End(name, (step.end and step.end.reason) or "the journey ends here")


def _channels(cascade: CascadeModel) -> list[CascadeChannel]:
    found: list[CascadeChannel] = []
    for listed in cascade.channels:
        name = next(channel for channel in _CHANNELS if getattr(listed, channel))
        part = cast("CascadeMessageModel", getattr(listed, name))
        answers = frozenset(part.answered_by or cascade.answered_by or DEFAULT_ANSWERS)
        budget: Price | None = part.budget
        found.append(CascadeChannel(Channel(name), part.template, part.wait, answers, budget))
    return found


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
