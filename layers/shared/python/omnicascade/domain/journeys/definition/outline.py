"""The outline of a definition's steps: which there are, how they are nested, what they are called, which are reached.

Made from the document as it was written, before its shape is known to be right, so that what is wrong between steps is
told together with what is wrong inside them. A run cannot loop: steps are read from top to bottom, arms fall through to
what follows, and nothing in the format goes back. What a journey does to itself is looked at in `definition_loops`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from omnicascade.domain.errors import Problem
from omnicascade.domain.journeys.definition.steps import KINDS
from omnicascade.domain.json_text import mapping

MOST_STEPS: Final = 100
"""Nested ones counted. What a run's decisions and ledger say of each must fit into one item of the table (400 KB)."""

DEEPEST: Final = 10

LONGEST_ID: Final = 200
"""Ids travel as message tags. Source: SES API v2 reference, "MessageTag": 256 characters of A-Z, a-z, 0-9, _ and -."""

type Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Arm:
    """One list of nested steps: `then`, `otherwise`, a branch's number or the name of a share."""

    name: str
    places: tuple["Place", ...]


@dataclass(frozen=True, slots=True)
class Place:
    """One step's place in the document.

    Attributes:
        path: from the root.
        id: the author's, or kind and position, after the outer step's id and arm: `email-1`, `branch-2-1-email-1`.
        kind: `step` where none is recognised.
        depth: 1 for the steps of the journey itself.
        conditional: whether an `if` stands beside it.
        arms: nested steps in the order they are written.
    """

    path: Path
    id: str
    kind: str
    depth: int
    conditional: bool
    arms: tuple[Arm, ...]


def outline(document: Mapping[str, Any]) -> tuple[Place, ...]:
    """The places of all steps; what is no step there has a place too."""
    return _places(document.get("steps"), ("steps",), "", 1)


def every(places: Sequence[Place]) -> Iterator[Place]:
    """All places, nested ones behind the one that holds them."""
    for place in places:
        yield place
        for arm in place.arms:
            yield from every(arm.places)


def _places(steps: object, path: Path, prefix: str, depth: int) -> tuple[Place, ...]:
    listed = cast("list[object]", steps) if isinstance(steps, list) else []
    return tuple(_place(mapping(step), (*path, n), prefix, depth) for n, step in enumerate(listed))


def _place(step: Mapping[str, Any], path: Path, prefix: str, depth: int) -> Place:
    kind = next((kind for kind in KINDS if kind in step), "step")
    own = step.get("id")
    name = own if isinstance(own, str) else f"{prefix}{kind}-{cast('int', path[-1]) + 1}"
    arms = tuple(
        Arm(arm, _places(steps, (*path, *inner), f"{name}-{_slug(arm)}-", depth + 1))
        for arm, inner, steps in _arms(kind, step)
    )
    return Place(path, name, kind, depth, step.get("if") is not None, arms)


def _slug(arm: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", arm)


def _arms(kind: str, step: Mapping[str, Any]) -> list[tuple[str, Path, object]]:
    """Name, path and steps of each arm; what is written in the wrong place is not looked into."""
    listed = cast("list[object]", step[kind]) if isinstance(step.get(kind), list) else []
    arms = list[tuple[str, Path, object]]()
    for n, arm in enumerate(listed if kind in {"branch", "split"} else []):
        said = mapping(arm)
        name = str(said.get("name", n + 1)) if kind == "split" else str(n + 1)
        arms.append((name, (kind, n, "then"), said.get("then")))
    beside = {"wait_for": ("then", "otherwise"), "branch": ("otherwise",)}.get(kind, ())
    return arms + [(name, (name,), step[name]) for name in beside if step.get(name) is not None]


def problems_between(places: tuple[Place, ...]) -> list[Problem]:
    """Doubled ids, steps that no run reaches, too many of them, too deep."""
    return [*_doubled(places), *_limits(places), *_unreached(places)]


def _doubled(places: tuple[Place, ...]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for place in every(places):
        earlier = first.setdefault(place.id, _dotted(place.path))
        if earlier != _dotted(place.path):
            yield Problem(
                f"{_dotted(place.path)}.id", "duplicate_step", f"the id {place.id!r} is already taken by {earlier}"
            )


def _limits(places: tuple[Place, ...]) -> Iterator[Problem]:
    listed = list(every(places))
    for place in listed:
        if place.depth == DEEPEST + 1:
            yield Problem(_dotted(place.path), "too_deep", f"steps may be nested {DEEPEST} deep")
        elif len(place.id) > LONGEST_ID:
            message = f"the id made from its place is longer than {LONGEST_ID} characters: give it an `id` of its own"
            yield Problem(_dotted(place.path), "too_long", message)
    if len(listed) > MOST_STEPS:
        yield Problem(
            "steps", "too_many", f"a journey may have {MOST_STEPS} steps, nested ones counted, not {len(listed)}"
        )


def _unreached(places: tuple[Place, ...]) -> Iterator[Problem]:
    over: Place | None = None
    for place in places:
        if over:
            message = f"no run gets here: {_dotted(over.path)} always ends the run"
            yield Problem(_dotted(place.path), "unreachable", message)
        for arm in place.arms:
            yield from _unreached(arm.places)
        over = over or (place if _always_ends(place) else None)


def _always_ends(place: Place) -> bool:
    if place.conditional or place.kind == "end":
        return not place.conditional
    ends = [any(map(_always_ends, arm.places)) for arm in place.arms]
    complete = {
        "branch": any(arm.name == "otherwise" for arm in place.arms),
        "wait_for": len(place.arms) == 2,
        "split": True,
    }.get(place.kind, False)
    return complete and bool(ends) and all(ends)


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))
