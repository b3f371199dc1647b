"""The JSON Schema of a condition, for editors and for whoever writes conditions by program.

Exists apart from the reader because only published schemas need it. It says everything about the shape; names (steps,
segments, zones) and the meaning of operands are checked when a condition is read.
"""

from typing import Any, Final

from omnicascade.domain.conditions.comparisons import LONGEST_PATTERN, OPERATORS
from omnicascade.domain.conditions.grammar import (
    CHOICES,
    COUNT_OPERATORS,
    EVENT_SUBJECTS,
    MEMBERSHIP,
    OPERATOR_MAY_LACK,
    SUBJECTS,
    WEEKDAYS,
)
from omnicascade.domain.conditions.reading_parts import LARGEST_COUNT
from omnicascade.domain.deployment import Channel

_CHANNELS: Final = "|".join(str(channel) for channel in Channel)
_TIME: Final = r"([01]\d|2[0-3]):[0-5]\d"
_MOMENT_OR_NUMBER: Final = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^\d{4}.*-"}]}
_SOME: Final[dict[str, Any]] = {"not": {"type": "null"}}

_OPERANDS: Final[dict[str, dict[str, Any]]] = {
    "is": _SOME,
    "is_not": _SOME,
    "in": {"type": "array", "minItems": 1},
    "not_in": {"type": "array", "minItems": 1},
    **dict.fromkeys(("lt", "lte", "gt", "gte"), _MOMENT_OR_NUMBER),
    "contains": _SOME,
    "matches": {"type": "string", "minLength": 1, "maxLength": LONGEST_PATTERN},
    "exists": {"type": "boolean"},
}

_ARGUMENTS: Final[dict[str, dict[str, Any]]] = {
    "consent": {"type": "string", "pattern": f"^({_CHANNELS})/.+$", "examples": ["email/promotions"]},
    "reachable": {"enum": [str(channel) for channel in Channel]},
}


def condition_definitions(subjects: tuple[str, ...] = SUBJECTS) -> dict[str, dict[str, Any]]:
    """What belongs into `$defs` of a schema that refers to `#/$defs/Condition`: it, and those of single events."""
    return {
        "Condition": condition_schema(subjects, where="#/$defs/EventCondition"),
        "EventCondition": condition_schema(EVENT_SUBJECTS, "#/$defs/EventCondition"),
    }


def condition_schema(
    subjects: tuple[str, ...] = SUBJECTS, reference: str = "#/$defs/Condition", where: str = ""
) -> dict[str, Any]:
    """What belongs at `reference` in the schema of whoever uses conditions (JSON Schema 2020-12).

    Args:
        subjects: those allowed there (see grammar).
        reference: where the schema will stand, because conditions hold conditions.
        where: where the conditions of single events stand; left out, `where` of `did` is described as any condition.
    """
    itself = {"$ref": reference}
    listed = {"type": "array", "items": itself, "minItems": 1}
    combined = [_shape(all=listed), _shape(any=listed), _shape(**{"not": itself})]
    return {
        "title": "Condition",
        "description": "all, any, not, or one test: a subject and one operator",
        "type": "object",
        "anyOf": [*combined, *(_test(subject, subjects, where or reference) for subject in subjects)],
    }


def _test(subject: str, subjects: tuple[str, ...], where: str) -> dict[str, Any]:
    if subject == "did":
        return _did(where, within_run="step" in subjects)
    if subject == "now":
        return _now()
    argument = _ARGUMENTS.get(subject, {"type": "string", "minLength": 1})
    operators = _operators(subject)
    qualifiers = {"for": _duration()} if subject == "trait" else {}
    shape = {
        "type": "object",
        "additionalProperties": False,
        "required": [subject],
        "properties": {subject: argument, **operators, **qualifiers},
    }
    chosen: list[dict[str, Any]] = [{"required": [name]} for name in operators]
    if subject in OPERATOR_MAY_LACK:
        chosen.append({"maxProperties": 1})
    return {**shape, "oneOf": chosen}


def _operators(subject: str) -> dict[str, Any]:
    choices = CHOICES.get(subject)
    if choices is None:
        return {name: _OPERANDS[name] for name in OPERATORS}
    one: dict[str, Any] = {"enum": list(choices)}
    several: dict[str, Any] = {"type": "array", "items": one, "minItems": 1}
    return {name: several if name in {"in", "not_in"} else one for name in MEMBERSHIP}


def _did(where: str, *, within_run: bool) -> dict[str, Any]:
    number: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": LARGEST_COUNT}
    several: dict[str, Any] = {"type": "array", "items": number, "minItems": 1}
    counts: dict[str, Any] = {name: several if name in {"in", "not_in"} else number for name in COUNT_OPERATORS}
    properties: dict[str, Any] = {
        "did": {"type": "string", "minLength": 1},
        "where": {"$ref": where},
        "within": _duration(),
        "count": {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
            "properties": counts,
        },
    }
    if within_run:
        properties |= {"since_start": {"type": "boolean"}, "match": {"type": "string", "minLength": 1}}
    return {"type": "object", "additionalProperties": False, "required": ["did"], "properties": properties}


def _now() -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["now"],
        "properties": {
            "now": {"type": "string", "pattern": f"^{_TIME} ?- ?{_TIME}$", "examples": ["09:00-18:00"]},
            "zone": {"type": "string", "examples": ["recipient", "recipient-only", "Europe/Warsaw"]},
            "days": {"type": "array", "items": {"enum": list(WEEKDAYS)}, "minItems": 1},
        },
    }


def _duration() -> dict[str, Any]:
    return {"type": "string", "examples": ["90s", "15m", "4h", "2d", "1w", "PT4H"]}


def _shape(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }
