"""The JSON Schema of a definition, for editors and for whoever writes journeys by program."""

from typing import Any, Final, cast

from omnicascade.domain.conditions.schema import condition_definitions
from omnicascade.domain.journeys.definition.model import JourneyModel
from omnicascade.domain.journeys.definition.values import CONDITION_MARK, EVENT_CONDITION_MARK

_REFERENCES: Final = {CONDITION_MARK: "#/$defs/Condition", EVENT_CONDITION_MARK: "#/$defs/EventCondition"}


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a definition.

    It says everything about the shape. `load_definition` checks also what a schema cannot say: names, and what steps
    mean to each other.
    """
    schema = cast("dict[str, Any]", _with_conditions(JourneyModel.model_json_schema(by_alias=True)))
    schema["$defs"] |= condition_definitions()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Journey"}


def _with_conditions(part: object) -> object:
    """The schema with a reference wherever a condition stands."""
    if isinstance(part, list):
        return [_with_conditions(item) for item in cast("list[object]", part)]
    if not isinstance(part, dict):
        return part
    entries = cast("dict[str, object]", part)
    reference = _REFERENCES.get(str(entries.get("$comment")))
    return {"$ref": reference} if reference else {name: _with_conditions(value) for name, value in entries.items()}
