"""Conditions: every operator, every subject, and what is refused when one is loaded."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omnicascade.domain.conditions.comparisons import OPERATORS, key_text, operand_problem, same
from omnicascade.domain.conditions.condition import to_mapping
from omnicascade.domain.conditions.facts import Facts
from omnicascade.domain.conditions.grammar import ENTRY_SUBJECTS, EVENT_SUBJECTS, SEGMENT_SUBJECTS
from omnicascade.domain.conditions.judging import judge
from omnicascade.domain.conditions.reading import read_condition
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.documents import read_document
from tests.domain.conditions.condition_builders import (
    CONDITIONS,
    JSON,
    NOW,
    answer,
    call,
    holds,
    negated,
    past,
    person,
    problems_of,
    read,
    with_segments,
    worlds,
)
from tests.domain.journeys.journey_builders import customer


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
        ("see SKU-12 here", "matches", ".*SKU-[0-9]+.*", True),
        ("a.b@example.com", "matches", r"^[a-z.]+@[a-z*?]+\.(com|org)$", True),
        ("x...", "matches", r"^x\.*$", True),
        ("xy", "matches", r"x\.*$", False),
        ("Foo", "matches", "(?i)foo", True),
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
    assert judge(read({"all": [paid, rich]}), facts) == (False, "trait total is 5, not greater than 100")
    assert judge(read({"any": [rich, paid]}), facts) == (True, "trait plan is 'paid'")
    assert judge(read({"not": rich}), facts)[0]


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
    ({"trait": "a", "matches": "a*a*b"}, "matches", "operand"),
    ({"trait": "a", "matches": "^a*a*a*b"}, "matches", "operand"),
    ({"trait": "a", "matches": "a?a?a?a?a?aaaaa"}, "matches", "operand"),
    ({"trait": "a", "matches": "^(a|b)(a|b)(a|b)(a|b)(a|b)$"}, "matches", "operand"),
    ({"trait": "a", "exists": "yes"}, "exists", "operand"),
    ({"consent": "email", "is": "granted"}, "consent", "consent"),
    ({"consent": "fax/news", "is": "granted"}, "consent", "unknown_name"),
    ({"consent": "email/news", "is": "yes"}, "is", "operand"),
    ({"consent": "email/news", "gt": 1}, "gt", "operand"),
    ({"reachable": "post"}, "reachable", "unknown_name"),
    ({"step": "hi", "is": "seen"}, "is", "operand"),
    ({"step": "ho", "is": "sent"}, "step", "unknown_name"),
    ({"did": ""}, "did", "condition"),
    ({"did": "A", "is": 2}, "is", "misplaced"),
    ({"did": "A", "count": 2}, "count", "count"),
    ({"did": "A", "count": {}}, "count", "count"),
    ({"did": "A", "count": {"gte": 2, "lt": 5}}, "count", "count"),
    ({"did": "A", "count": {"gte": -1}}, "count", "count"),
    ({"did": "A", "count": {"gte": 1.5}}, "count", "count"),
    ({"did": "A", "count": {"gte": "2"}}, "count", "count"),
    ({"did": "A", "count": {"gte": True}}, "count", "count"),
    ({"did": "A", "count": {"in": []}}, "count", "count"),
    ({"did": "A", "count": {"matches": "2"}}, "count", "count"),
    ({"did": "A", "count": {"atleast": 2}}, "count", "count"),
    ({"did": "A", "within": "soon"}, "within", "duration"),
    ({"did": "A", "within": 30}, "within", "duration"),
    ({"did": "A", "within": "0s"}, "within", "duration"),
    ({"did": "A", "within": "2y"}, "within", "duration"),
    ({"did": "A", "since_start": "yes"}, "since_start", "operand"),
    ({"did": "A", "match": 7}, "match", "condition"),
    ({"did": "A", "for": "7d"}, "for", "misplaced"),
    ({"did": "A", "where": {"trait": "a", "is": 1}}, "where.trait", "unknown_name"),
    ({"did": "A", "where": {"did": "B"}}, "where.did", "unknown_name"),
    ({"did": "A", "where": {"any": [{"event": "a", "gt": "x"}]}}, "where.any.0.gt", "operand"),
    ({"did": "A", "where": "paid"}, "where", "condition"),
    ({"did": "A", "wihtin": "30d"}, "wihtin", "unknown_name"),
    ({"trait": "a", "is": 1, "within": "7d"}, "within", "misplaced"),
    ({"trait": "a", "is": 1, "for": "long"}, "for", "duration"),
    ({"trait": "a", "for": "7d"}, "", "condition"),
    ({"trait": "computed.orders", "gt": 1, "for": "7d"}, "for", "misplaced"),
    ({"event": "a", "is": 1, "for": "7d"}, "for", "misplaced"),
    ({"segment": "vip", "is": "yes"}, "is", "operand"),
    ({"segment": "vip", "is": 1}, "is", "operand"),
    ({"segment": "vipp"}, "segment", "unknown_name"),
    ({"now": "9-18"}, "now", "time"),
    ({"now": "09:00-24:00"}, "now", "time"),
    ({"now": "09:00-18:00", "is": True}, "is", "misplaced"),
    ({"now": "09:00-18:00", "days": []}, "days", "days"),
    ({"now": "09:00-18:00", "days": ["monday"]}, "days", "days"),
    ({"now": "09:00-18:00", "days": "mon"}, "days", "days"),
    ({"now": "09:00-18:00", "zone": "Mars/Olympus"}, "zone", "zone"),
    ({"now": "09:00-18:00", "zone": 1}, "zone", "zone"),
    ("paid", "", "condition"),
]


@pytest.mark.parametrize(("source", "path", "code"), REFUSED)
def test_what_cannot_be_judged_is_refused_when_loaded(source: object, path: str, code: str) -> None:
    """Each with the place and a code; nothing unknown quietly means false."""
    found, problems = read_condition(source, steps=["hi"], segments=["vip"])
    assert found is None
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


@pytest.mark.parametrize(
    "source",
    [
        "{trait: plan, is: paid}",
        "{trait: status, is: onboarding, for: 7d}",
        "{event: properties.late_minutes, gte: 15}",
        "{did: Order Completed, where: {event: properties.total, gte: 50}, within: 30d, count: {gte: 2}}",
        "{did: Order Completed, count: {is: 0}, within: 30d}",
        "{did: Order Completed, since_start: true, match: properties.cart_id}",
        "{segment: vip}",
        "{consent: email/promotions, is: granted}",
        "{reachable: sms}",
        "{step: welcome-mail, is: answered}",
        '{now: "09:00-18:00", zone: recipient, days: [mon, fri]}',
        "{now: 09:00-18:00}",
        "all: [{trait: plan, in: [paid, trial]}, {any: [{reachable: push}, {not: {reachable: sms}}]}]",
    ],
)
def test_documented_conditions_are_read(source: str) -> None:
    """From YAML, as an author writes them."""
    assert problems_of(read_document(source)) == []


def test_endless_conditions_are_refused() -> None:
    """A hundred tests are enough, wherever they stand."""
    test, where = {"trait": "a", "is": 1}, {"any": [{"event": "a", "is": 1}] * 99}
    assert problems_of({"all": [test] * 100}) == problems_of({"did": "A", "where": where}) == []
    assert problems_of({"not": {"all": [test] * 101}}) == [("", "too_many")]
    assert problems_of({"all": [test, {"did": "A", "where": where}]}) == [("", "too_many")]


def test_a_condition_is_stored_as_it_was_written() -> None:
    """The stored mapping reads back as the same condition."""
    source = {"all": [{"not": {"trait": "a", "is": 1}}, {"any": [{"step": "x", "is": "sent"}, {"reachable": "sms"}]}]}
    written = read(source)
    assert read(to_mapping(written)) == written


def test_a_remedy_is_told() -> None:
    """What to write instead, and where a word belongs."""
    told = {path: read_condition(source)[1][0].message for path, source in _SLIPS.items()}
    assert told["is"] == "did takes no operator: write count: {is: …}"
    assert told["within"] == "'within' belongs to did, not to trait"
    assert "such as {gte: 2}" in told["count"]
    assert "did you mean 'within'?" in told["wihtin"]


_SLIPS: dict[str, Any] = {
    "is": {"did": "A", "is": 0},
    "within": {"trait": "a", "is": 1, "within": "7d"},
    "count": {"did": "A", "count": 2},
    "wihtin": {"did": "A", "wihtin": "7d"},
}


def test_only_what_can_be_known_somewhere_can_be_asked_there() -> None:
    """An arriving event knows no customer, and before a run there is no step, no start and no key."""
    assert problems_of({"event": "a", "is": 1}, subjects=EVENT_SUBJECTS) == []
    assert problems_of({"trait": "a", "is": 1}, subjects=EVENT_SUBJECTS) == [("trait", "unknown_name")]
    assert problems_of({"step": "hi", "is": "sent"}, subjects=ENTRY_SUBJECTS) == [("step", "unknown_name")]
    assert problems_of({"did": "A", "match": "a", "since_start": True}, subjects=ENTRY_SUBJECTS) == [
        ("since_start", "misplaced"),
        ("match", "misplaced"),
    ]
    assert problems_of({"did": "A", "match": "a", "since_start": True}) == []
    assert problems_of({"event": "a", "is": 1}, subjects=SEGMENT_SUBJECTS) == [("event", "unknown_name")]


def test_computed_traits_are_traits() -> None:
    """By their full name, or by their bare one where no trait has it."""
    facts = {
        "profile": person({"orders": "many", "computed": {"tier": 1}}, computed={"orders": 3, "money": {"USD": 5}})
    }
    assert holds({"trait": "computed.orders", "is": 3}, **facts)
    assert holds({"trait": "orders", "is": "many"}, **facts)
    assert holds({"trait": "money.USD", "gte": 5}, **facts)
    assert holds({"trait": "computed.tier", "is": 1}, **facts)
    assert holds({"trait": "computed.unheard", "exists": False}, **facts)


def test_a_segment_is_what_its_condition_says_now() -> None:
    """Members and others, its opposite, and one segment within another; the reason goes down to the test."""
    named = with_segments(paid={"trait": "plan", "is": "paid"}, silent={"not": {"segment": "paid"}})
    facts = {"profile": person({"plan": "paid"}), "deployment": named}
    assert answer({"segment": "paid"}, **facts) == (True, "in segment paid: trait plan is 'paid'")
    assert not holds({"segment": "paid", "is": False}, **facts)
    assert not holds({"segment": "silent"}, **facts)
    assert holds({"segment": "silent", "is_not": True}, **facts)


def test_an_unknown_segment_has_no_members() -> None:
    """Neither asking for it nor for its opposite holds, and the reason says that it is not there."""
    assert answer({"segment": "vip"}) == (False, "there is no segment vip")
    assert answer({"segment": "vip", "is": False}) == (False, "there is no segment vip")


def test_segments_that_ask_for_each_other_are_answered() -> None:
    """A cycle that slipped in ends with a reason and not with the stack."""
    circle = with_segments(a={"segment": "b"}, b={"any": [{"segment": "a"}, {"trait": "plan", "is": "paid"}]})
    assert holds({"segment": "a"}, deployment=circle, profile=person({"plan": "paid"}))
    held, reason = answer({"segment": "a"}, deployment=circle, profile=person())
    assert not held
    assert "segment a asks for itself" in reason


@settings(deadline=None)
@given(CONDITIONS, JSON, JSON, JSON)
def test_no_customer_and_no_event_makes_a_condition_raise(source: Any, said: Any, told: Any, body: Any) -> None:
    """Whatever traits, events and histories hold, a condition is true or false, with a reason."""
    history = past(call("A", NOW, a=told), call("identify", NOW, traits=told), call("B", NOW, properties=body))
    event: dict[str, Any] = {"a": body, "properties": body}
    held, reason = answer(source, profile=person({"a": said, "timezone": told}), event=event, history=history, key="1")
    assert isinstance(held, bool)
    assert reason


@settings(deadline=None)
@given(CONDITIONS)
def test_every_condition_survives_being_stored(source: Any) -> None:
    """Written out as plain JSON and read again it is the same condition."""
    written = read(source)
    assert read(json.loads(json.dumps(to_mapping(written)))) == written


@settings(deadline=None, max_examples=60)
@given(CONDITIONS, CONDITIONS, worlds())
def test_not_all_is_any_not(one: Any, other: Any, facts: Facts) -> None:
    """De Morgan's law, and that the opposite of the opposite is the thing itself."""
    left, right = {"not": {"all": [one, other]}}, {"any": [negated(one), negated(other)]}
    assert judge(read(left), facts)[0] is judge(read(right), facts)[0]
    assert judge(read(negated(negated(one))), facts)[0] is judge(read(one), facts)[0]


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (7, "7"),
        (7.0, "7"),
        ("7", "7"),
        (Decimal("7.00"), "7"),
        (7.5, "7.5"),
        (Decimal("7.50"), "7.5"),
        (Decimal("1E+30"), "1" + "0" * 30),
        (Decimal(12345678901234567890123456789012345678), "12345678901234567890123456789012345678"),
        (" c1 ", "c1"),
        ("", None),
        (True, None),
        (None, None),
        ([7], None),
    ],
)
def test_a_key_is_one_whatever_type_it_was_sent_in(value: object, key: str | None) -> None:
    """Clients send numbers as text and as decimals; the table gives every number back as a decimal."""
    assert key_text(value) == key
