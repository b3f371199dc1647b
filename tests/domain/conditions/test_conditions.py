"""Conditions: every operator, every subject, and what is refused when one is loaded."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omnicascade.domain.conditions.comparisons import OPERATORS, operand_problem, same
from omnicascade.domain.conditions.condition import Condition, to_mapping
from omnicascade.domain.conditions.facts import Facts
from omnicascade.domain.conditions.judging import judge
from omnicascade.domain.conditions.reading import read_condition
from omnicascade.domain.deployment import Deployment
from tests.domain.journeys.journey_builders import customer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def condition(source: Any) -> Condition:
    """A condition that must be readable."""
    read, problems = read_condition(source)
    assert read is not None, problems
    return read


def holds(source: Any, **facts: Any) -> bool:
    """Whether a condition as written holds."""
    return judge(condition(source), Facts(**facts))[0]


@pytest.mark.parametrize(
    ("value", "operator", "operand", "expected"),
    [
        (1, "is", 1.0, True),
        (1, "is", "1", False),
        (1, "is", True, False),
        (True, "is", True, True),
        ([1, {"a": 2}], "is", [1, {"a": 2}], True),
        ([True], "is", [1], False),
        (1, "is_not", "1", True),
        (None, "is_not", "x", True),
        ("a", "in", ["b", "a"], True),
        (1, "in", ["1", True], False),
        (None, "not_in", ["a"], True),
        (3, "lt", 4, True),
        (4, "lte", 4, True),
        (5, "gt", 4, True),
        ("5", "gt", 4, False),
        (True, "gte", 0, False),
        (None, "lt", 4, False),
        ("2026-03-10T12:00:00+01:00", "lt", "2026-03-10T12:00:00Z", True),
        ("2026-03-11", "gte", "2026-03-10", True),
        ("banana", "gt", "2026-03-10", False),
        ("abc", "contains", "b", True),
        (["a", 1], "contains", "1", False),
        (["a", 1], "contains", 1, True),
        (5, "contains", 5, False),
        ("SKU-12", "matches", "^SKU-[0-9]+$", True),
        (12, "matches", "12", False),
        ("x", "exists", True, True),
        (None, "exists", True, False),
        (None, "exists", False, True),
    ],
)
def test_operators(value: object, operator: str, operand: object, expected: bool) -> None:
    """Unequal types are never equal, nothing is ordered by guessing, and nothing raises."""
    assert holds({"trait": "x", operator: operand}, profile=customer(traits={"x": value})) is expected


@settings(deadline=None)
@given(JSON, JSON, st.sampled_from(sorted(OPERATORS)))
def test_no_pair_of_values_makes_an_operator_raise(value: object, operand: object, operator: str) -> None:
    """Whatever an event carries, a test is true or false with a reason."""
    if operand_problem(operator, operand) is None:
        answer, reason = OPERATORS[operator](value, operand)
        assert isinstance(answer, bool)
        assert reason


@settings(deadline=None)
@given(JSON)
def test_a_value_is_the_same_as_itself_and_never_as_its_own_text(value: object) -> None:
    """Equality is reflexive and does not cross types."""
    assert same(value, value)
    assert isinstance(value, str) or not same(value, str(value))


def test_subjects_look_where_they_say() -> None:
    """Traits by path, the event by path, consent and reach of the customer, and the states of steps."""
    facts = {
        "profile": customer("email", traits={"plan": {"name": "paid"}}, consent={"sms/promotions": False}),
        "event": {"properties": {"total": 40}},
        "steps": {"hi": {"sent", "answered"}},
    }
    assert holds({"trait": "plan.name", "is": "paid"}, **facts)
    assert holds({"event": "properties.total", "gte": 20}, **facts)
    assert holds({"consent": "email/promotions", "is": "granted"}, **facts)
    assert holds({"consent": "sms/promotions", "is": "denied"}, **facts)
    assert holds({"reachable": "email"}, **facts)
    assert holds({"reachable": "sms", "is": False}, **facts)
    assert holds({"step": "hi", "is": "answered"}, **facts)
    assert holds({"step": "hi", "not_in": ["failed", "skipped"]}, **facts)
    assert not holds({"step": "never-reached", "is": "sent"}, **facts)
    assert not holds(
        {"reachable": "email"}, profile=facts["profile"], deployment=Deployment(channels_off=frozenset({"email"}))
    )


def test_all_any_and_not_decide_by_their_parts_and_say_which() -> None:
    """The reason names the part that decided."""
    paid, rich = {"trait": "plan", "is": "paid"}, {"trait": "total", "gt": 100}
    facts = Facts(profile=customer(traits={"plan": "paid", "total": 5}))
    assert judge(condition({"all": [paid, rich]}), facts) == (False, "trait total is 5, not greater than 100")
    assert judge(condition({"any": [rich, paid]}), facts) == (True, "trait plan is 'paid'")
    assert judge(condition({"not": rich}), facts)[0]


REFUSED: list[tuple[Any, str, str]] = [
    ({"trat": "plan", "is": "paid"}, "trat", "unknown_name"),
    ({"trait": "plan", "iss": "paid"}, "iss", "unknown_name"),
    ({"trait": "plan"}, "", "condition"),
    ({"trait": "plan", "is": 1, "gt": 2}, "", "condition"),
    ({"trait": "a", "event": "b", "is": 1}, "", "condition"),
    ({"trait": ["plan"], "is": 1}, "trait", "condition"),
    ({"all": []}, "all", "condition"),
    ({"all": [{"trait": "a", "is": 1}], "trait": "b"}, "", "condition"),
    ({"not": {"any": [{"trait": "a", "in": []}]}}, "not.any.0.in", "operand"),
    ({"trait": "a", "is": None}, "is", "operand"),
    ({"trait": "a", "gt": "soon"}, "gt", "operand"),
    ({"trait": "a", "matches": "("}, "matches", "operand"),
    ({"trait": "a", "matches": "(a+)+$"}, "matches", "operand"),
    ({"trait": "a", "exists": "yes"}, "exists", "operand"),
    ({"consent": "email", "is": "granted"}, "consent", "consent"),
    ({"consent": "fax/news", "is": "granted"}, "consent", "unknown_name"),
    ({"consent": "email/news", "is": "yes"}, "is", "operand"),
    ({"consent": "email/news", "gt": 1}, "gt", "operand"),
    ({"reachable": "post"}, "reachable", "unknown_name"),
    ({"step": "hi", "is": "seen"}, "is", "operand"),
    ({"step": "ho", "is": "sent"}, "step", "unknown_name"),
    ("paid", "", "condition"),
]


@pytest.mark.parametrize(("source", "path", "code"), REFUSED)
def test_what_cannot_be_judged_is_refused_when_loaded(source: object, path: str, code: str) -> None:
    """Each with the place and a code; nothing unknown quietly means false."""
    read, problems = read_condition(source, steps=["hi"])
    assert read is None
    assert (path, code) in [(problem.path, problem.code) for problem in problems]


def test_the_nearest_known_name_is_told() -> None:
    """A slip of the pen is answered with what was meant."""
    _, problems = read_condition({"trat": "plan", "cotains": 1})
    assert "did you mean 'trait'?" in problems[0].message
    assert "did you mean 'contains'?" in problems[1].message


def test_bottomless_conditions_are_refused() -> None:
    """Depth is bounded, so judging one cannot exhaust the stack."""
    source: dict[str, Any] = {"trait": "a", "is": 1}
    for _ in range(40):
        source = {"not": source}
    assert [problem.code for problem in read_condition(source)[1]] == ["too_deep"]


def test_a_condition_is_stored_as_it_was_written() -> None:
    """The stored mapping reads back as the same condition."""
    source = {"all": [{"not": {"trait": "a", "is": 1}}, {"any": [{"step": "x", "is": "sent"}, {"reachable": "sms"}]}]}
    read = condition(source)
    assert condition(to_mapping(read)) == read
