"""The published JSON Schema: valid, complete, and of one mind with the loader."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from omnicascade.domain.documents import read_document
from omnicascade.domain.errors import UnacceptableError
from omnicascade.domain.journeys.definition.loading import load_definition
from omnicascade.domain.journeys.definition.schema import json_schema
from tests.domain.journeys.definition.examples import (
    BROKEN_PARTS,
    BROKEN_STEPS,
    CONDITIONS,
    CONTRACT,
    DOCUMENTED,
    ENTRIES,
    with_part,
    with_step,
)

SCHEMA = json_schema()
VALIDATOR: Any = Draft202012Validator(SCHEMA)

ACCEPTED: list[dict[str, Any]] = [
    read_document(CONTRACT),
    read_document(DOCUMENTED),
    *(with_part({"entry": entry}) for entry in ENTRIES),
    *(with_step({"push": {"template": "a"}, "id": "cascade-1", "if": condition}) for condition in CONDITIONS),
    *(with_part({"reentry": word}) for word in ("never", "always", {"after": "PT4H"})),
    with_step({"end": None}),
    with_step({"wait": "1d12h"}),
    with_step({"split": [{"name": "A", "share": "10.5%"}, {"name": "B", "share": "89.5%", "then": []}]}),
]

BEYOND_A_SCHEMA = {"duplicate_channel", "split", "answered_by", "schedule"}
"""Codes of what only the loader can see: sums, calendars, and parts that must fit each other."""

BEYOND_ITS_CONDITIONS = {"entry.where.step", "entry.when.event", "exit.0.when.step"}
"""Paths of conditions that ask for what is not known there."""


def test_the_schema_is_one() -> None:
    """Valid by its own dialect's rules, plain JSON, closed to unknown names."""
    Draft202012Validator.check_schema(SCHEMA)
    json.dumps(SCHEMA)
    assert SCHEMA["additionalProperties"] is False
    assert {"name", "entry", "exit", "class", "quiet_hours", "cap", "steps"} <= set(SCHEMA["properties"])


@pytest.mark.parametrize("document", ACCEPTED, ids=lambda document: str(document)[:60])
def test_what_the_loader_accepts_the_schema_accepts(document: dict[str, Any]) -> None:
    """Every example of the documentation among it."""
    load_definition(document)
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


@pytest.mark.parametrize(
    ("document", "path", "code"),
    [(with_step(step), path, code) for step, path, code in BROKEN_STEPS]
    + [(with_part(part), path, code) for part, path, code in BROKEN_PARTS]
    + [({**with_part({}), "titel": "x"}, "titel", "unknown_name"), ({"name": "j"}, "steps", "missing")],
    ids=str,
)
def test_a_wrong_shape_is_seen_by_an_editor_already(document: dict[str, Any], path: str, code: str) -> None:
    """What the loader refuses the schema refuses, unless it is beyond a schema."""
    with pytest.raises(UnacceptableError):
        load_definition(document)
    beyond = path in BEYOND_ITS_CONDITIONS or code in BEYOND_A_SCHEMA
    assert VALIDATOR.is_valid(document) is beyond
