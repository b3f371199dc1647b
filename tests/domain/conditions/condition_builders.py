"""Builders for the tests of conditions: a customer, what they did, and conditions as authors write them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from hypothesis import strategies as st

from omnicascade.domain.conditions.condition import Condition
from omnicascade.domain.conditions.facts import Facts
from omnicascade.domain.conditions.grammar import SUBJECTS
from omnicascade.domain.conditions.judging import judge
from omnicascade.domain.conditions.reading import read_condition
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.profile import Counters, KnownIdentifier, Profile, ProfileId, TraitSource
from omnicascade.domain.segments import Segment

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)

DAY = timedelta(days=1)

_numbers = count()


def person(
    traits: Mapping[str, Any] | None = None,
    *,
    computed: Mapping[str, Any] | None = None,
    stated: Mapping[str, datetime] | None = None,
    phone: str = "",
) -> Profile:
    """A customer with these traits; `stated` says when, by JSON Pointer."""
    known = [KnownIdentifier(Identifier("phone", phone), NOW, NOW, "web")] if phone else []
    return Profile(
        profile_id=ProfileId("p1"),
        members=(NodeId("p1"),),
        identifiers=tuple(known),
        traits=traits or {},
        consent={},
        suppressed={},
        counters=Counters(),
        first_seen=NOW,
        last_seen=NOW,
        trait_sources={path: TraitSource("web", at) for path, at in (stated or {}).items()},
        computed=computed or {},
    )


def call(name: str, at: datetime, *, arrived: datetime | None = None, **body: Any) -> Event:
    """An event that happened at `at`: a track event of this name, or a call of this type."""
    kind = name if name in {"page", "screen", "identify"} else "track"
    return Event(MessageId(f"m{next(_numbers)}"), kind, name, "web", at, arrived or at, (), body)


def past(*events: Event) -> dict[str, tuple[Event, ...]]:
    """Events as conditions read them: by name."""
    names = {event.name for event in events}
    return {name: tuple(event for event in events if event.name == name) for name in names}


def orders(*ago: timedelta, **body: Any) -> dict[str, tuple[Event, ...]]:
    """A history of orders, each so long before `NOW`."""
    return past(*(call("Order Completed", NOW - length, **body) for length in ago))


def read(source: Any) -> Condition:
    """A condition that must be readable."""
    condition, problems = read_condition(source)
    assert condition is not None, problems
    return condition


def facts_of(**facts: Any) -> Facts:
    """These facts, at `NOW` unless told."""
    known: dict[str, Any] = {"now": NOW, **facts}
    return Facts(**known)


def answer(source: Any, **facts: Any) -> tuple[bool, str]:
    """What a condition as written says, `NOW` unless told."""
    return judge(read(source), facts_of(**facts))


def holds(source: Any, **facts: Any) -> bool:
    """Whether a condition as written holds."""
    return answer(source, **facts)[0]


def problems_of(source: Any, **options: Any) -> list[tuple[str, str]]:
    """Path and code of everything that is wrong with a condition."""
    condition, problems = read_condition(source, **options)
    assert (condition is None) is bool(problems)
    return [(problem.path, problem.code) for problem in problems]


def with_segments(**conditions: Any) -> Deployment:
    """A deployment with these segments."""
    return replace(Deployment(), segments={name: Segment(name, read(source)) for name, source in conditions.items()})


_LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
)


def _inside(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)


JSON: st.SearchStrategy[Any] = st.recursive(_LEAVES, _inside, max_leaves=5)

_VALUES = st.sampled_from(["x", "y", 1, 2.5, True, "2026-03-01"])
_LENGTHS = st.sampled_from(["1h", "90m", "1d", "36h", "3d"])
_CLOCKS = st.sampled_from(["00:00", "02:00", "02:30", "03:00", "09:15", "12:00", "18:45", "23:45"])
ZONES = ["UTC", "Europe/Warsaw", "America/New_York", "Australia/Lord_Howe"]
_PATHS = st.sampled_from(["a", "b", "a.b", "computed.c"])


@st.composite
def _of_value(draw: st.DrawFn, subject: str) -> dict[str, Any]:
    written: dict[str, Any] = {subject: draw(_PATHS)}
    operator = draw(st.sampled_from(["is", "is_not", "in", "gt", "lte", "contains", "exists"]))
    operand: Any = draw(_VALUES)
    if operator == "in":
        operand = [operand]
    elif operator == "exists":
        operand = draw(st.booleans())
    elif operator in {"gt", "lte"}:
        operand = draw(st.sampled_from([1, 2.5, "2026-03-01"]))
    if subject == "trait" and not written["trait"].startswith("computed.") and draw(st.booleans()):
        written["for"] = draw(_LENGTHS)
    return {**written, operator: operand}


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    parts = st.tuples(st.sampled_from(["all", "any"]), st.lists(inner, min_size=1, max_size=3)).map(_combined)
    return parts | inner.map(negated)


def _combined(drawn: tuple[str, list[Any]]) -> dict[str, Any]:
    word, parts = drawn
    return {word: parts}


def negated(part: Any) -> dict[str, Any]:
    """The opposite of a condition as written."""
    return {"not": part}


EVENT_CONDITIONS: st.SearchStrategy[Any] = st.recursive(_of_value("event"), _nested, max_leaves=3)
"""Conditions that look at an event alone."""


@st.composite
def _of_did(draw: st.DrawFn) -> dict[str, Any]:
    operators = st.sampled_from(["gte", "gt", "lte", "lt", "is", "is_not"])
    written: dict[str, Any] = {"did": draw(st.sampled_from(["A", "B", "identify"]))}
    if draw(st.booleans()):
        written["count"] = {draw(operators): draw(st.integers(0, 4))}
    if draw(st.integers(0, 4)):
        written["within"] = draw(_LENGTHS)
    if draw(st.booleans()):
        written["where"] = draw(EVENT_CONDITIONS)
    if draw(st.integers(0, 4)) == 0:
        written["since_start"] = True
    if draw(st.integers(0, 4)) == 0:
        written["match"] = "a"
    return written


@st.composite
def _of_now(draw: st.DrawFn) -> dict[str, Any]:
    written: dict[str, Any] = {"now": f"{draw(_CLOCKS)}-{draw(_CLOCKS)}"}
    if draw(st.booleans()):
        written["zone"] = draw(st.sampled_from([*ZONES, "recipient", "recipient-only"]))
    if draw(st.booleans()):
        days = st.lists(st.sampled_from(["mon", "tue", "wed", "sat", "sun"]), min_size=1, max_size=4, unique=True)
        written["days"] = draw(days)
    return written


def _lasting(length: str) -> dict[str, Any]:
    return {"trait": "b", "is": "x", "for": length}


TESTS: st.SearchStrategy[Any] = st.one_of(
    _of_did(),
    _of_now(),
    _LENGTHS.map(_lasting),
    _of_value("trait"),
    _of_value("event"),
    st.sampled_from(
        [
            {"segment": "one"},
            {"segment": "two", "is": False},
            {"segment": "none"},
            {"consent": "email/promotions", "is": "granted"},
            {"reachable": "sms"},
            {"step": "hi", "in": ["sent", "answered"]},
        ]
    ),
)


CONDITIONS: st.SearchStrategy[Any] = st.recursive(TESTS, _nested, max_leaves=4)
"""Conditions as authors write them, of every subject and nesting."""

STARTS = st.sampled_from(
    [
        NOW,
        datetime(2026, 3, 28, 20, 0, 0, 250_000, tzinfo=UTC),  # the night before Europe's clocks go forward
        datetime(2026, 10, 24, 21, 30, tzinfo=UTC),  # and before they go back
    ]
)


@st.composite
def worlds(draw: st.DrawFn) -> Facts:
    """A customer with a past, at some moment, and two segments."""
    now = draw(STARTS)
    traits = {"b": "x", **draw(st.dictionaries(st.sampled_from("ab"), JSON, max_size=2))}
    zone = draw(st.sampled_from([*ZONES, None, "Mars/Olympus"]))
    kinds, ages = st.sampled_from(["A", "B", "identify"]), st.integers(-60, 6_000)
    calls = list[Event]()
    for name, ago, said in draw(st.lists(st.tuples(kinds, ages, JSON), max_size=8)):
        at = now - timedelta(minutes=ago)
        calls.append(call(name, at, arrived=min(at, now), a=said, traits={"a": said, "b": "x"}))
    return Facts(
        profile=person({**traits, **({"timezone": zone} if zone else {})}, computed={"c": 1}, stated={"/a": now - DAY}),
        event={"a": draw(JSON)},
        deployment=with_segments(one=draw(TESTS), two={"any": [draw(TESTS), {"segment": "one"}]}),
        steps={"hi": {"sent"}},
        history=past(*calls),
        now=now,
        started_at=now - DAY,
        key=draw(st.sampled_from([None, "1", "x"])),
    )


assert set(SUBJECTS) == {"trait", "event", "did", "segment", "consent", "reachable", "step", "now"}, "extend TESTS"
