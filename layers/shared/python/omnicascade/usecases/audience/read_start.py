"""What a person started an execution with: a journey, and one customer or one segment.

The first state checks it, so that a mistyped name fails at once with the nearest known one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from omnicascade.domain.conditions.reading import nearest
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import ConflictError, InvalidInputError, Problem, UnacceptableError
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.segments import Segment
from omnicascade.usecases.store_ports import JourneyStore

GOES_ON: Final = "goes_on"
"""Only we write it: what an earlier execution of the same audience hands over."""
_KNOWN: Final = ("journey", "profile", "segment")
_OURS: Final = (GOES_ON, "step", "waits")


@dataclass(frozen=True, slots=True)
class Start:
    """A checked input: exactly one of `profile` and `segment` is given."""

    journey: Journey
    profile: str = ""
    segment: Segment | None = None


def read_start(given: Mapping[str, Any], journeys: JourneyStore, deployment: Deployment) -> Start:
    """Check an execution's input.

    Raises:
        InvalidInputError: it starts nothing; the message says what to change.
    """
    for key in given:
        if key not in _KNOWN and key not in _OURS:
            raise InvalidInputError(f'the input has an unknown key "{key}"{nearest(key, _KNOWN)}')
    journey = _journey(given, journeys)
    profile, segment = given.get("profile"), given.get("segment")
    if profile is not None and segment is not None:
        raise InvalidInputError('the input has both "profile" and "segment"; give one of them')
    if segment is not None:
        return Start(journey, segment=segment_to_start(segment, deployment))
    if not isinstance(profile, str) or not profile:
        message = 'the input needs "profile", such as "email:ann@example.com", or "segment", a segment\'s name'
        raise InvalidInputError(message)
    return Start(journey, profile=profile)


def _journey(given: Mapping[str, Any], journeys: JourneyStore) -> Journey:
    name = given.get("journey")
    if not isinstance(name, str) or not name:
        raise InvalidInputError('the input needs "journey", the name of a journey')
    journey = journeys.journey(name)
    lines = {line.name: line for line in journeys.listing()}
    if journey is None:
        raise InvalidInputError(f"there is no journey {name}{nearest(name, lines)}")
    if "waits" in given:
        return journey  # under way: only whoever starts is refused
    if not journey.active:
        raise InvalidInputError(f"journey {name} is not active")
    if name in lines and lines[name].paused:
        raise InvalidInputError(f"journey {name} is paused; resume it first")
    return journey


def segment_to_start(name: object, deployment: Deployment) -> Segment:
    """The segment that a journey is to be started for.

    Raises:
        UnacceptableError: there is none of this name.
        ConflictError: its members are not all known yet.
    """
    if not isinstance(name, str) or name not in deployment.segments:
        message = f"there is no segment {name}{nearest(str(name), deployment.segments)}"
        raise UnacceptableError(message, problems=[Problem("segment", "unknown_segment", message)])
    segment = deployment.segments[name]
    if not segment.ready:
        raise ConflictError(f"segment {name} is still being counted; start again when it is ready")
    return segment
