"""The JSON Schema of a definition, for editors and for whoever writes journeys by program."""

from typing import Any, Final, cast

from omnicascade.domain.conditions.comparisons import OPERATORS
from omnicascade.domain.conditions.grammar import COMBINATORS, QUALIFIERS, SUBJECTS
from omnicascade.domain.journeys.definition_model import JourneyModel
from omnicascade.domain.journeys.definition_values import CONDITION_MARK

_CONDITION: Final[dict[str, Any]] = {"$ref": "#/$defs/Condition"}


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a definition; `load_definition` refuses more than it can say."""
    schema = cast("dict[str, Any]", _with_conditions(JourneyModel.model_json_schema(by_alias=True)))
    schema["$defs"]["Condition"] = _condition_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Journey"}


def _with_conditions(part: object) -> object:
    """The schema with a reference wherever a condition stands."""
    if isinstance(part, list):
        return [_with_conditions(item) for item in cast("list[object]", part)]
    if not isinstance(part, dict):
        return part
    entries = cast("dict[str, object]", part)
    if entries.get("$comment") == CONDITION_MARK:
        return _CONDITION
    return {name: _with_conditions(value) for name, value in entries.items()}


def _condition_schema() -> dict[str, Any]:
    several = {"type": "array", "items": _CONDITION, "minItems": 1}
    combined: list[dict[str, Any]] = [
        {"type": "object", "properties": {name: several}, "required": [name], "additionalProperties": False}
        for name in COMBINATORS
        if name != "not"
    ]
    negated = {"type": "object", "properties": {"not": _CONDITION}, "required": ["not"], "additionalProperties": False}
    return {"oneOf": [*combined, negated, *map(_test_schema, SUBJECTS)]}


def _test_schema(subject: str) -> dict[str, Any]:
    properties: dict[str, Any] = {subject: {"type": "string"}}
    properties |= {operator: {} for operator in OPERATORS}
    properties |= {name: {} for name in QUALIFIERS.get(subject, ())}
    return {"type": "object", "properties": properties, "required": [subject], "additionalProperties": False}
