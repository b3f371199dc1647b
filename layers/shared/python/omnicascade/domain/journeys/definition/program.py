"""Compiles the steps of a definition to the flat program that the engine runs.

Nested steps become jumps, all of them forward: arms fall through to what follows, and a step with `if` is preceded by
a check that jumps behind the whole of it.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from omnicascade.domain.conditions.grammar import WEEKDAYS
from omnicascade.domain.deployment import Channel
from omnicascade.domain.journeys.definition.messages import CHANNELS, CascadeModel, MessageModel
from omnicascade.domain.journeys.definition.outline import Arm as ArmPlaces
from omnicascade.domain.journeys.definition.outline import Place
from omnicascade.domain.journeys.definition.steps import (
    StepModel,
    WaitConditionModel,
    WaitEventModel,
    WaitLocalModel,
    WaitUntilModel,
)
from omnicascade.domain.journeys.definition.values import weekdays
from omnicascade.domain.journeys.program import (
    DEFAULT_ANSWERS,
    Arm,
    Cascade,
    CascadeChannel,
    Check,
    Digest,
    End,
    Fork,
    Instruction,
    Jump,
    SendMessage,
    Split,
    Update,
    Wait,
    WaitFor,
    WaitLocal,
    WaitUntil,
    Webhook,
)

_NOWHERE: Final = -1
"""Where a jump leads while the end of its step is not known yet."""


def compiled(places: Sequence[Place], steps: Sequence[StepModel]) -> tuple[Instruction, ...]:
    """The program of a journey's steps, each with the place that `outline` found for it."""
    return tuple(_block(places, steps, 0))


def _block(places: Sequence[Place], steps: Sequence[StepModel], start: int) -> list[Instruction]:
    """Steps one after another, the first at `start`."""
    code: list[Instruction] = []
    for place, step in zip(places, steps, strict=True):
        at = start + len(code) + (step.condition is not None)
        body = _body(place, step, at)
        if step.condition is not None:
            code.append(Check(place.id, step.condition, otherwise=at + len(body)))
        code += body
    return code


def _body(place: Place, step: StepModel, at: int) -> list[Instruction]:
    if step.wait_for:
        return _wait_for(place, step, step.wait_for, at)
    if step.branch:
        return _branch(place, step, at)
    if step.split:
        return _split(place, step, at)
    return [_plain(place.id, step)]


def _arms(
    place: Place, lists: Sequence[Sequence[StepModel]], at: int, heads: int
) -> tuple[list[int], list[list[Instruction]]]:
    """Each arm's address and code: `heads` instructions of the step's own stand before each, and behind each but the
    last a jump to the end."""
    starts, codes = list[int](), list[list[Instruction]]()
    for arm, steps in zip(place.arms, lists, strict=True):
        own = heads if arm.name != "otherwise" else 0
        starts.append(at + own)
        code = _block(arm.places, steps, at + own)
        if arm is not place.arms[-1]:
            code.append(Jump(place.id, _NOWHERE))
        codes.append(code)
        at += own + len(code)
    return starts, codes


def _landed(code: list[Instruction], step: str, end: int) -> list[Instruction]:
    return [Jump(step, end) if part == Jump(step, _NOWHERE) else part for part in code]


def _branch(place: Place, step: StepModel, at: int) -> list[Instruction]:
    arms = step.branch or []
    lists = [arm.then for arm in arms] + ([step.otherwise] if step.otherwise is not None else [])
    starts, codes = _arms(place, lists, at, heads=1)
    end = starts[-1] + len(codes[-1])
    code: list[Instruction] = []
    for n, body in enumerate(codes):
        if n < len(arms):
            behind = starts[n] + len(body)
            code.append(Fork(place.id, place.arms[n].name, arms[n].condition, otherwise=behind))
        code += body
    return _landed(code, place.id, end)


def _split(place: Place, step: StepModel, at: int) -> list[Instruction]:
    arms = step.split or []
    starts, codes = _arms(place, [arm.then or [] for arm in arms], at + 1, heads=0)
    chosen = tuple(Arm(arm.name, arm.share, to) for arm, to in zip(arms, starts, strict=True))
    code: list[Instruction] = [Split(place.id, chosen), *(part for body in codes for part in body)]
    return _landed(code, place.id, at + len(code))


def _wait_for(place: Place, step: StepModel, waited: WaitEventModel | WaitConditionModel, at: int) -> list[Instruction]:
    """The wait, `then`, a jump, `otherwise`."""
    arms = {arm.name: arm for arm in place.arms}
    then = _block(*_of(arms.get("then"), step.then), at + 1)
    if "otherwise" in arms:
        then.append(Jump(place.id, _NOWHERE))
    late = at + 1 + len(then)
    code: list[Instruction] = [_waits(place.id, waited, late), *then]
    code += _block(*_of(arms.get("otherwise"), step.otherwise), late)
    return _landed(code, place.id, at + len(code))


def _of(arm: ArmPlaces | None, steps: Sequence[StepModel] | None) -> tuple[Sequence[Place], Sequence[StepModel]]:
    return (arm.places, steps) if arm and steps else ((), ())


def _waits(step: str, waited: WaitEventModel | WaitConditionModel, late: int) -> WaitFor:
    if isinstance(waited, WaitConditionModel):
        return WaitFor(step, waited.timeout, late, condition=waited.when)
    return WaitFor(step, waited.timeout, late, event=waited.event, where=waited.where, match=waited.match)


def _plain(name: str, step: StepModel) -> Instruction:
    for channel in CHANNELS:
        message: MessageModel | None = getattr(step, channel)
        if message:
            return SendMessage(name, Channel(channel), message.template, message.budget, message.to)
    if step.cascade:
        return Cascade(name, step.cascade.order, tuple(_channels(step.cascade)))
    if step.wait is not None:
        return _wait(name, step.wait)
    return _act(name, step)


def _act(name: str, step: StepModel) -> Instruction:
    if step.digest:
        return Digest(name, step.digest.event, step.digest.window, step.digest.key)
    if step.update:
        return Update(name, step.update.traits)
    if step.webhook:
        return Webhook(name, step.webhook.url, step.webhook.body)
    return End(name, (step.end and step.end.reason) or "the journey ends here")


def _wait(name: str, wait: timedelta | WaitUntilModel | WaitLocalModel) -> Instruction:
    match wait:
        case WaitUntilModel():
            return WaitUntil(name, wait.until, wait.offset or timedelta())
        case WaitLocalModel():
            return WaitLocal(name, wait.until or 0, weekdays(wait.days or WEEKDAYS), wait.zone)
        case _:
            return Wait(name, wait)


def _channels(cascade: CascadeModel) -> list[CascadeChannel]:
    found: list[CascadeChannel] = []
    for listed in cascade.channels:
        channel, part = Channel(listed.channel), listed.message
        answers = frozenset(part.answered_by or cascade.answered_by or DEFAULT_ANSWERS)
        if channel is not Channel.PUSH:
            answers -= {"open"}  # said for all channels; mail programs open by themselves
        found.append(CascadeChannel(channel, part.template, part.wait or timedelta(), answers, part.budget, part.to))
    return found
