"""Every segment's current version as one item of the table, read together with the settings.

Apart from the store of segments because whoever reads a deployment reads this, and nothing else of segments.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from omnicascade.domain.conditions.condition import to_mapping
from omnicascade.domain.conditions.reading import read_condition
from omnicascade.domain.segments import Segment


@dataclass(frozen=True, slots=True)
class Line:
    """A segment with its definition as it was put."""

    segment: Segment
    definition: Mapping[str, Any]


def dump_lines(lines: Sequence[Line]) -> str:
    """The item's text, by name; the same for the same segments."""
    return json.dumps([_out(line) for line in sorted(lines, key=lambda line: line.segment.name)], ensure_ascii=False)


@lru_cache(maxsize=4)
def load_lines(state: str) -> Mapping[str, Line]:
    """Read what `dump_lines` wrote, by name; an unchanged text is not read again."""
    return {line.segment.name: line for line in map(_in, json.loads(state))}


@lru_cache(maxsize=4)
def load_segments(state: str) -> Mapping[str, Segment]:
    """The segments of such a text alone."""
    return {name: line.segment for name, line in load_lines(state).items()}


def with_line(lines: Mapping[str, Line], segment: Segment, definition: Mapping[str, Any]) -> Line | None:
    """The line of a segment's next version, or None where nothing is new."""
    held = lines.get(segment.name)
    if held and held.definition == definition:
        return None
    version = held.segment.version + 1 if held else 1
    return Line(replace(segment, version=version, ready=False), definition)


def _out(line: Line) -> dict[str, Any]:
    segment = line.segment
    return {
        "name": segment.name,
        "version": segment.version,
        "title": segment.title,
        "when": to_mapping(segment.condition),
        "put_at": segment.put_at and segment.put_at.isoformat(),
        "ready": segment.ready,
        "definition": line.definition,
    }


def _in(stored: Mapping[str, Any]) -> Line:
    condition, problems = read_condition(stored["when"])
    if condition is None:
        raise ValueError(f"the stored segment {stored['name']} cannot be read: {problems}")
    put_at = stored["put_at"]
    segment = Segment(
        name=stored["name"],
        condition=condition,
        version=stored["version"],
        title=stored["title"],
        put_at=put_at and datetime.fromisoformat(put_at),
        ready=stored["ready"],
    )
    return Line(segment, stored["definition"])
