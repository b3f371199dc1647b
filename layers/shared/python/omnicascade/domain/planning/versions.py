"""What a new version of a journey, or of its templates, means for the customers who are under way.

Exists because the dearest mistake is an edit that reaches people who were promised something else: who is behind which
step, what its message says now and then, is shown before anything is stored.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from omnicascade.domain.deployment import Channel, Price
from omnicascade.domain.durations import spell
from omnicascade.domain.errors import ConflictError
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.program import Cascade, CascadeChannel, Instruction, Jump, SendMessage
from omnicascade.domain.journeys.program_json import instruction_to_json
from omnicascade.domain.journeys.run import Run
from omnicascade.domain.templates import Template

MOST_EXAMPLES: Final = 3
_PLACES: Final = frozenset({"op", "arm", "step", "otherwise"})
"""Parts of an instruction that say where it stands, not what it does."""
_LENGTHS: Final = frozenset({"length", "timeout", "window", "offset"})


@dataclass(frozen=True, slots=True)
class Change:
    """What a step does otherwise in another version."""

    step: str
    what: str
    before: str
    after: str


def changes(old: Journey, new: Journey) -> tuple[Change, ...]:
    """Every step that is gone, new or different, in the old version's order; what wakes nobody up is left out."""
    before, after = _steps(old), _steps(new)
    found = [change for step in before for change in _differences(step, before[step], after.get(step))]
    found += [Change(step, "new step", "", _short(parts)) for step, parts in after.items() if step not in before]
    return tuple(found)


def _differences(step: str, before: Mapping[str, str], after: Mapping[str, str] | None) -> Iterable[Change]:
    if after is None:
        yield Change(step, "step is gone", _short(before), "")
        return
    for part in dict.fromkeys([*before, *after]):
        was, now = before.get(part, ""), after.get(part, "")
        if was != now and not (_of_channel(part) and (_of_channel(part) not in _channels(before, after))):
            yield Change(step, part, was, now)


def _short(parts: Mapping[str, str]) -> str:
    """A whole step in a few words."""
    if "channels" in parts:
        return f"cascade of {parts['channels']}"
    if "channel" in parts:
        return f"{parts['channel']}, template {parts[f'{parts["channel"]} template']}"
    part, value = next(iter(parts.items()))
    return f"{part} {value}".strip()


def _of_channel(part: str) -> str:
    lead = part.partition(" ")[0]
    return lead if lead in list(Channel) else ""


def _channels(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    """Those in both: one that comes or goes is told by the step's channels."""
    return {_of_channel(part) for part in before} & {_of_channel(part) for part in after}


def _steps(journey: Journey) -> dict[str, dict[str, str]]:
    """What each step does, as named parts in words."""
    steps: dict[str, dict[str, str]] = {}
    for instruction in journey.program:
        if not isinstance(instruction, Jump):
            steps.setdefault(instruction.step, {}).update(_parts(instruction))
    return steps


def _parts(instruction: Instruction) -> dict[str, str]:
    match instruction:
        case SendMessage():
            return {"channel": instruction.channel.value} | _message(instruction)
        case Cascade(_, order, channels):
            parts = {"channels": ", ".join(channel.channel for channel in channels), "order": order}
            for channel in channels:
                parts |= _message(channel)
            return parts
        case _:
            told = instruction_to_json(instruction)
            lead = " ".join(str(told[part]) for part in ("op", "arm") if part in told)
            return {f"{lead} {part}": _words(part, said) for part, said in told.items() if part not in _PLACES}


def _message(place: SendMessage | CascadeChannel) -> dict[str, str]:
    lead = place.channel.value
    parts = {f"{lead} template": place.template}
    if place.to is not None:
        parts[f"{lead} to"] = place.to
    if place.budget is not None:
        parts[f"{lead} budget"] = _price(place.budget)
    if isinstance(place, CascadeChannel):
        parts |= {f"{lead} wait": spell(place.wait), f"{lead} answered_by": ", ".join(sorted(place.answered_by))}
    return parts


def _price(price: Price) -> str:
    return f"{price.amount:f} {price.currency}"


def _words(part: str, said: Any) -> str:
    if said is None:
        return ""
    if part == "arms":
        return ", ".join(f"{arm['name']} {arm['share']:g}%" for arm in said)
    if part in _LENGTHS:
        return spell(timedelta(seconds=said))
    return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)


class UnderWay:
    """The live runs of a journey, by the version they are pinned to; mutable while they are counted."""

    __slots__ = ("_moving", "_new", "_now", "_olds", "_paused", "_standing", "_stuck")

    def __init__(self, new: Journey, now: datetime) -> None:
        self._new, self._now = new, now
        self._olds: dict[int, Journey] = {}
        self._standing: dict[int, Counter[int]] = {}
        self._paused: Counter[int] = Counter()
        self._moving: Counter[int] = Counter()
        self._stuck: dict[int, dict[str, list[str]]] = {}

    def see(self, run: Run, old: Journey) -> None:
        """Count one live run; `old` is the version it is pinned to."""
        version = run.version
        self._olds[version] = old
        self._standing.setdefault(version, Counter())[run.pc] += 1
        self._paused[version] += run.paused_at is not None
        refusal = why_not(run, old, self._new, self._now)
        if refusal is None:
            self._moving[version] += 1
        else:
            self._stuck.setdefault(version, {}).setdefault(refusal, []).append(run.run_id)

    def report(self, *, complete: bool) -> dict[str, Any]:
        """All of them as plain JSON."""
        return {
            "runs": sum(self._standing[version].total() for version in self._standing),
            "complete": complete,
            "versions": [self._version(version) for version in sorted(self._standing)],
        }

    def _version(self, version: int) -> dict[str, Any]:
        old, standing = self._olds[version], self._standing[version]
        stuck = self._stuck.get(version, {})
        return {
            "version": version,
            "runs": standing.total(),
            "paused": self._paused[version],
            "can_migrate": self._moving[version],
            "cannot_migrate": [
                {"reason": reason, "runs": len(runs), "examples": runs[:MOST_EXAMPLES]}
                for reason, runs in sorted(stuck.items())
            ],
            "changes": [
                {
                    "step": change.step,
                    "what": change.what,
                    "before": change.before,
                    "after": change.after,
                    "runs_before_it": before_step(old, change.step, standing),
                }
                for change in changes(old, self._new)
            ],
        }

    def reworded(self, template: Template, before: Template | None) -> dict[str, Any]:
        """Who has a message of this template still ahead: templates are not pinned, so new words reach them at once.

        Args:
            template: with the new words.
            before: as it is stored, if it is.
        """
        was, now = dict(before.sources()) if before else {}, dict(template.sources())
        ahead = 0
        steps: set[str] = set()
        for version, standing in self._standing.items():
            places = _naming(self._olds[version], template.name)
            steps |= {self._olds[version].program[place].step for place in places}
            ahead += sum(runs for pc, runs in standing.items() if places and pc <= max(places))
        return {
            "template": template.name,
            "steps": sorted(steps),
            "runs_before_it": ahead,
            "changes": [
                {"field": part, "before": was.get(part), "after": now.get(part)}
                for part in dict.fromkeys([*was, *now])
                if was.get(part) != now.get(part)
            ],
        }


def why_not(run: Run, old: Journey, new: Journey, now: datetime) -> str | None:
    """Why a run cannot be moved to another version, without naming the run; None if it can."""
    try:
        engine.migrate(run, old, new, now)
    except ConflictError as error:
        return error.message.replace(f"run {run.run_id}", "the run")
    return None


def before_step(journey: Journey, step: str, standing: Mapping[int, int]) -> int:
    """How many runs, by where they stand, have a step still ahead, or are inside it; branches may yet lead past it."""
    places = [place for place, instruction in enumerate(journey.program) if instruction.step == step]
    if not places:
        return sum(standing.values())
    return sum(runs for pc, runs in standing.items() if pc <= max(places))


def _naming(journey: Journey, template: str) -> list[int]:
    def says(instruction: Instruction) -> bool:
        match instruction:
            case SendMessage():
                return instruction.template == template
            case Cascade():
                return any(channel.template == template for channel in instruction.channels)
            case _:
                return False

    return [place for place, instruction in enumerate(journey.program) if says(instruction)]
