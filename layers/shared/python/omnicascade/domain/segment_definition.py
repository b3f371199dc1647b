"""Reading a segment that a person wrote: strict, and with every mistake listed at once.

Exists apart from `segments` because a document is read when it is put, and judged with every event.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from omnicascade.domain.conditions.comparisons import show
from omnicascade.domain.conditions.condition import All, AnyOf, Condition, Not, Test
from omnicascade.domain.conditions.grammar import COMBINATORS, SEGMENT_SUBJECTS, SUBJECTS
from omnicascade.domain.conditions.reading import nearest, read_condition
from omnicascade.domain.conditions.schema import condition_definitions
from omnicascade.domain.documents import read_document
from omnicascade.domain.errors import Problem, UnacceptableError
from omnicascade.domain.segments import Segment

LONGEST_TITLE: Final = 200

_NAME: Final = r"^[a-z0-9][a-z0-9-]{0,39}$"
_WORDS: Final = ("name", "title", "when")
_MEANT_WHEN: Final = ("condition", "conditions", "where", "if", "filter", "rules", "definition")
"""What authors of other products' segments write for `when`."""


def load_segment(source: str | Mapping[str, Any], *, version: int = 1, segments: Mapping[str, Segment] = {}) -> Segment:
    """Check a segment's document, `name`, `title` and `when: <condition>`, and return it.

    The condition may also stand beside the name without a `when`.

    Args:
        source: YAML or JSON text, or nested mappings.
        version: that it gets.
        segments: those that its condition may name.

    Raises:
        UnacceptableError: its `problems` name every mistake by path, with what was expected and the nearest known name;
            a segment that names itself, in however many steps, is one.
    """
    document = read_document(source)
    name, title = document.get("name"), document.get("title", "")
    problems = [*_name_problems(name), *_title_problems(title)]
    condition, wrong = _condition(document, segments, name if isinstance(name, str) else "")
    problems += wrong
    if isinstance(name, str) and condition is not None:
        problems += _cycle_problems(name, condition, segments)
    if problems or condition is None:
        raise UnacceptableError(_summary(problems), problems=problems)
    return Segment(str(name), condition, version, title)


def _summary(problems: Sequence[Problem]) -> str:
    """The first mistake, and how many more there are."""
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0].path}: {problems[0].message}{more}" if problems else "expected a condition"


def cycle_in(name: str, condition: Condition, segments: Mapping[str, Segment]) -> list[str] | None:
    """The way by which a segment of this name and condition would ask for itself, from it to it; None if it does not.

    Cycles among other segments that it names are found as well: `["vip", "rich", "vip"]`, or `["new", "a", "b", "a"]`.
    """
    return _cycle([name], condition, segments, set())


def segment_schema() -> dict[str, Any]:
    """The JSON Schema of a segment's document (2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Segment",
        "description": "A named condition: who belongs to it is always what the condition says now.",
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "when"],
        "properties": {
            "name": {"type": "string", "pattern": _NAME},
            "title": {"type": "string", "maxLength": LONGEST_TITLE},
            "when": {"$ref": "#/$defs/Condition"},
        },
        "$defs": condition_definitions(SEGMENT_SUBJECTS),
    }


def _name_problems(name: object) -> list[Problem]:
    if name is None:
        return [Problem("name", "missing", "a segment needs a `name`")]
    if isinstance(name, str) and re.fullmatch(_NAME, name):
        return []
    return [Problem("name", "name", f"expected 1 to 40 of a-z, 0-9 and -, beginning with no -, not {show(name)}")]


def _title_problems(title: object) -> list[Problem]:
    fits = isinstance(title, str) and len(title) <= LONGEST_TITLE
    return [] if fits else [Problem("title", "title", f"expected text of at most {LONGEST_TITLE} characters")]


def _condition(
    document: Mapping[str, Any], segments: Mapping[str, Segment], name: str
) -> tuple[Condition | None, list[Problem]]:
    """The condition, from under `when` or from the document itself."""
    known, inline = {*segments, name}, {key: value for key, value in document.items() if key not in _WORDS}
    if "when" in document:
        condition, problems = read_condition(document["when"], subjects=SEGMENT_SUBJECTS, segments=known)
        problems = [Problem(f"when.{wrong.path}".rstrip("."), wrong.code, wrong.message) for wrong in problems]
        return condition, problems + [_unknown(key) for key in inline]
    if any(key in (*SUBJECTS, *COMBINATORS) for key in inline):
        return read_condition(inline, subjects=SEGMENT_SUBJECTS, segments=known)
    if inline:
        return None, [_unknown(key) for key in inline]
    return None, [Problem("when", "missing", "expected `when: <condition>`, such as when: {trait: plan, is: paid}")]


def _unknown(key: str) -> Problem:
    hint = " (write `when`)" if key in _MEANT_WHEN else nearest(key, _WORDS)
    return Problem(key, "unknown_name", f"a segment has no {key!r}{hint}")


def _cycle_problems(name: str, condition: Condition, segments: Mapping[str, Segment]) -> list[Problem]:
    way = cycle_in(name, condition, segments)
    return [Problem("when", "cycle", f"the segment asks for itself: {' → '.join(way)}")] if way else []


def _cycle(way: list[str], condition: Condition, segments: Mapping[str, Segment], safe: set[str]) -> list[str] | None:
    for name in sorted(_named_in(condition)):
        if name in way:
            return [*way, name]
        if name in segments and name not in safe:
            found = _cycle([*way, name], segments[name].condition, segments, safe)
            if found:
                return found
            safe.add(name)
    return None


def _named_in(condition: Condition) -> set[str]:
    """Segments that a condition asks for by name."""
    match condition:
        case All(parts) | AnyOf(parts):
            return set[str]().union(*map(_named_in, parts))
        case Not(part):
            return _named_in(part)
        case Test("segment", name):
            return {name}
        case _:
            return set()
