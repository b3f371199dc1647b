"""The published schema of conditions accepts what the reader accepts, and refuses the same shapes."""

from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from omnicascade.domain.conditions.reading import read_condition
from omnicascade.domain.conditions.schema import condition_definitions, condition_schema
from tests.domain.conditions.condition_builders import CONDITIONS

_STRICT = Draft202012Validator({"$ref": "#/$defs/Condition", "$defs": condition_definitions()})
_ALONE = Draft202012Validator({"$ref": "#/$defs/Condition", "$defs": {"Condition": condition_schema()}})


def _accepts(validator: Draft202012Validator, source: Any) -> bool:
    return not list(validator.iter_errors(source))  # pyright: ignore[reportUnknownMemberType]


def test_it_is_a_schema() -> None:
    """By the rules of the draft it names."""
    Draft202012Validator.check_schema(_STRICT.schema)
    Draft202012Validator.check_schema(_ALONE.schema)


@settings(deadline=None, max_examples=60)
@given(CONDITIONS)
def test_it_accepts_every_condition(source: Any) -> None:
    """Of every subject and nesting."""
    assert _accepts(_STRICT, source)
    assert _accepts(_ALONE, source)


@pytest.mark.parametrize(
    "source",
    [
        {},
        "paid",
        {"trat": "a", "is": 1},
        {"trait": "a"},
        {"trait": "a", "is": 1, "gt": 2},
        {"trait": "a", "is": None},
        {"trait": "a", "in": []},
        {"trait": "a", "is": 1, "within": "7d"},
        {"all": []},
        {"all": [{"trait": "a", "is": 1}], "trait": "b"},
        {"not": {"any": [{"trait": "a", "gt": True}]}},
        {"did": "A", "is": 2},
        {"did": "A", "count": 2},
        {"did": "A", "count": {"gte": 1, "lt": 3}},
        {"did": "A", "count": {"gte": -1}},
        {"did": "A", "where": {"trait": "a", "is": 1}},
        {"did": "A", "since_start": "yes"},
        {"segment": "vip", "is": "yes"},
        {"consent": "fax/news", "is": "granted"},
        {"consent": "email/news", "is": "yes"},
        {"reachable": "post"},
        {"step": "hi", "is": "seen"},
        {"now": "9-18"},
        {"now": "09:00-18:00", "days": ["monday"]},
    ],
)
def test_it_refuses_what_the_reader_refuses(source: Any) -> None:
    """An editor marks the mistake before anybody uploads it."""
    assert read_condition(source)[0] is None
    assert not _accepts(_STRICT, source)
