"""Every segment's current version as one item of the table, read together with the settings.

Apart from the store of segments because whoever reads a deployment reads this, and nothing else of segments.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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


@dataclass(frozen=True, slots=True)
class Index:
    """Every segment's line by name, and the last version of those that were dropped: versions never begin anew."""

    lines: Mapping[str, Line] = field(default_factory=dict[str, Line])
    dropped: Mapping[str, int] = field(default_factory=dict[str, int])

    def put(self, segment: Segment, definition: Mapping[str, Any]) -> Index:
        """With a segment's next version; the same index where nothing is new."""
        held = self.lines.get(segment.name)
        if held and held.definition == definition:
            return self
        before = held.segment.version if held else self.dropped.get(segment.name, 0)
        line = Line(replace(segment, version=before + 1, ready=False), definition)
        return Index({**self.lines, segment.name: line}, self.dropped)

    def ready(self, name: str, version: int) -> Index:
        """With everybody judged by a version; the same index where that is not the current one, or known."""
        held = self.lines.get(name)
        if held is None or held.segment.version != version or held.segment.ready:
            return self
        return Index({**self.lines, name: Line(replace(held.segment, ready=True), held.definition)}, self.dropped)

    def drop(self, name: str) -> Index:
        """Without a segment; the same index where there is none."""
        held = self.lines.get(name)
        if held is None:
            return self
        others = {other: line for other, line in self.lines.items() if other != name}
        return Index(others, {**self.dropped, name: held.segment.version})


def dump_index(index: Index) -> str:
    """The item's text; the same for the same index."""
    lines = [_out(line) for _, line in sorted(index.lines.items())]
    return json.dumps({"segments": lines, "dropped": dict(sorted(index.dropped.items()))}, ensure_ascii=False)


@lru_cache(maxsize=4)
def load_index(state: str) -> Index:
    """Read what `dump_index` wrote; an unchanged text is not read again."""
    stored = json.loads(state)
    return Index({line["name"]: _in(line) for line in stored["segments"]}, stored["dropped"])


@lru_cache(maxsize=4)
def load_segments(state: str) -> Mapping[str, Segment]:
    """The segments of such a text alone."""
    return {name: line.segment for name, line in load_index(state).lines.items()}


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
