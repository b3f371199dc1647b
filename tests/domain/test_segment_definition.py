"""Segments as people write them: what is accepted, and everything that is refused, with the remedy."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from omnicascade.domain.conditions.condition import AnyOf, Test
from omnicascade.domain.errors import UnacceptableError
from omnicascade.domain.segment_definition import cycle_in, load_segment, segment_schema
from omnicascade.domain.segments import Segment

_PAID = {"trait": "plan", "is": "paid"}


def _problems(source: Any, **options: Any) -> list[tuple[str, str]]:
    with pytest.raises(UnacceptableError) as caught:
        load_segment(source, **options)
    return [(problem.path, problem.code) for problem in caught.value.problems]


def _message(source: Any, **options: Any) -> str:
    with pytest.raises(UnacceptableError) as caught:
        load_segment(source, **options)
    return caught.value.problems[0].message


def test_a_segment_is_a_name_and_a_condition() -> None:
    """As YAML, as a mapping, and with the condition beside the name."""
    loaded = Segment("vip", Test("trait", "plan", "is", "paid"), 3, "Very important")
    written = "name: vip\ntitle: Very important\nwhen: {trait: plan, is: paid}"
    assert load_segment(written, version=3) == loaded
    assert load_segment({"name": "vip", "title": "Very important", "when": _PAID}, version=3) == loaded
    assert load_segment({"name": "vip", "title": "Very important", **_PAID}, version=3) == loaded
    combined = load_segment({"name": "vip", "any": [_PAID, {"reachable": "sms"}]})
    assert isinstance(combined.condition, AnyOf)


@pytest.mark.parametrize(
    ("source", "problems"),
    [
        ({"when": _PAID}, [("name", "missing")]),
        ({"name": "VIP", "when": _PAID}, [("name", "name")]),
        ({"name": "journey:x", "when": _PAID}, [("name", "name")]),
        ({"name": 7, "when": _PAID}, [("name", "name")]),
        ({"name": "vip\n", "when": _PAID}, [("name", "name")]),
        ({"name": "vip", "title": 7, "when": _PAID}, [("title", "title")]),
        ({"name": "vip"}, [("when", "missing")]),
        ({"name": "vip", "when": None}, [("when", "condition")]),
        ({"name": "vip", "condition": _PAID}, [("condition", "unknown_name")]),
        ({"name": "vip", "when": _PAID, "tags": []}, [("tags", "unknown_name")]),
        ({"name": "vip", "trait": "plan", "iss": "paid"}, [("iss", "unknown_name")]),
        ({"name": "vip", "when": {"event": "a", "is": 1}}, [("when.event", "unknown_name")]),
        ({"name": "vip", "when": {"step": "a", "is": "sent"}}, [("when.step", "unknown_name")]),
        ({"name": "vip", "when": {"did": "A", "since_start": True}}, [("when.since_start", "misplaced")]),
        ({"name": "vip", "when": {"all": [{"segment": "vpi"}]}}, [("when.all.0.segment", "unknown_name")]),
        ({"name": "VIP", "when": {"did": "A", "count": 2}}, [("name", "name"), ("when.count", "count")]),
    ],
)
def test_a_wrong_segment_is_refused_with_every_mistake(source: Any, problems: list[tuple[str, str]]) -> None:
    """Each by its path and code, all at once."""
    assert _problems(source) == problems


def test_the_word_that_was_meant_is_told() -> None:
    """Other products say condition, where or if."""
    assert _message({"name": "vip", "where": _PAID}) == "a segment has no 'where' (write `when`)"
    assert "did you mean 'title'?" in _message({"name": "vip", "when": _PAID, "tilte": "x"})
    known = {"vip": Segment("vip", Test("trait", "a", "is", 1))}
    assert "did you mean 'vip'?" in _message({"name": "rich", "when": {"segment": "vipp"}}, segments=known)


def _accepts(validator: Draft202012Validator, source: Any) -> bool:
    return not list(validator.iter_errors(source))  # pyright: ignore[reportUnknownMemberType]


def _named(**conditions: str) -> dict[str, Segment]:
    """Segments each of which asks for one other."""
    return {name: Segment(name, Test("segment", other, "is", True)) for name, other in conditions.items()}


def test_a_segment_that_asks_for_itself_is_refused() -> None:
    """In one step or in several; naming others, even twice, is no cycle."""
    assert _problems({"name": "vip", "when": {"segment": "vip"}}) == [("when", "cycle")]
    known = _named(rich="gold", gold="vip", vip="none")
    assert _message({"name": "vip", "when": {"not": {"segment": "rich"}}}, segments=known) == (
        "the segment asks for itself: vip → rich → gold → vip"
    )
    assert load_segment({"name": "new", "any": [{"segment": "rich"}, {"segment": "gold"}]}, segments=known)


def test_cycles_behind_a_segment_are_found_too() -> None:
    """A stored cycle cannot be entered from outside."""
    assert cycle_in("new", Test("segment", "a", "is", True), _named(a="b", b="a")) == ["new", "a", "b", "a"]
    assert cycle_in("new", Test("segment", "a", "is", True), _named(a="b")) is None


def test_the_schema_accepts_segments_and_refuses_others() -> None:
    """It is a schema, and says what the reader says."""
    schema = segment_schema()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert _accepts(validator, {"name": "vip", "title": "t", "when": {"all": [_PAID, {"did": "A", "within": "30d"}]}})
    for wrong in ({"name": "vip"}, {"name": "VIP", "when": _PAID}, {"name": "v", "when": {"event": "a", "is": 1}}):
        assert not _accepts(validator, wrong)
