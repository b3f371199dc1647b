"""Conditions on the past: how often somebody did something, and since when a trait has been what it is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from omnicascade.domain.conditions.facts import Facts
from omnicascade.domain.conditions.judging import judge
from omnicascade.domain.conditions.past import fits
from tests.domain.conditions.condition_builders import (
    CONDITIONS,
    DAY,
    EVENT_CONDITIONS,
    JSON,
    NOW,
    answer,
    call,
    holds,
    orders,
    past,
    person,
    read,
    worlds,
)

_ORDERED = "Order Completed"
_SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (None, True),
        ({"gte": 2}, True),
        ({"gte": 3}, False),
        ({"gt": 1}, True),
        ({"lt": 3}, True),
        ({"lte": 1}, False),
        ({"is": 2}, True),
        ({"is": 0}, False),
        ({"is_not": 2}, False),
        ({"in": [0, 2]}, True),
        ({"not_in": [0, 2]}, False),
    ],
)
def test_a_number_of_events_is_compared_as_asked(count: dict[str, Any] | None, expected: bool) -> None:
    """Every operator of a number; at least one where no number is said."""
    source = {"did": _ORDERED, **({"count": count} if count else {})}
    assert holds(source, history=orders(DAY, 2 * DAY)) is expected


def test_nothing_done_counts_as_none() -> None:
    """A customer without a history did it no times, which is a number too."""
    assert not holds({"did": _ORDERED})
    assert holds({"did": _ORDERED, "count": {"is": 0}})


def test_the_reason_counts_aloud() -> None:
    """How many, within what, and what was asked for."""
    source = {"did": _ORDERED, "within": "30d", "count": {"gte": 2}}
    assert answer(source, history=orders(DAY, 2 * DAY)) == (True, "2 Order Completed within 30d, at least 2")
    assert answer(source, history=orders(DAY)) == (False, "1 Order Completed within 30d, not at least 2")
    keyed = {"did": _ORDERED, "since_start": True, "match": "properties.cart_id", "count": {"is": 0}}
    reason = answer(keyed, started_at=NOW, key="c1")[1]
    assert reason == "0 Order Completed since the run began with properties.cart_id c1, exactly 0"


def test_a_window_is_open_at_its_far_end() -> None:
    """Exactly so long ago is out, a microsecond less is in; now itself is in."""
    source = {"did": _ORDERED, "within": "30d"}
    assert not holds(source, history=orders(30 * DAY))
    assert holds(source, history=orders(30 * DAY - timedelta(microseconds=1)))
    assert holds(source, history=orders(timedelta()))


def test_a_clock_that_runs_ahead_hides_nothing_and_keeps_nothing() -> None:
    """An event from the future counts from its arrival, and leaves the window as long after it."""
    ahead = past(call(_ORDERED, NOW + 90 * DAY, arrived=NOW))
    source = {"did": _ORDERED, "within": "7d"}
    assert holds(source, history=ahead)
    assert holds(source, history=ahead, now=NOW + 7 * DAY - _SECOND)
    assert not holds(source, history=ahead, now=NOW + 7 * DAY)


def test_where_looks_at_each_event_alone() -> None:
    """At the counted event's properties, not at the event at hand."""
    source = {"did": _ORDERED, "where": {"all": [{"event": "properties.total", "gte": 50}]}, "count": {"is": 1}}
    history = past(
        call(_ORDERED, NOW, properties={"total": 60}),
        call(_ORDERED, NOW, properties={"total": 49}),
        call(_ORDERED, NOW, properties={"total": "60"}),
        call(_ORDERED, NOW),
    )
    assert holds(source, history=history, event={"properties": {"total": 60}})


@settings(deadline=None)
@given(EVENT_CONDITIONS, JSON)
def test_where_says_what_the_judge_says(source: Any, body: Any) -> None:
    """The quick way through an event's values gives the judge's answer."""
    where, said = read(source), {"a": body}
    assert fits(where, said) is judge(where, Facts(event=said))[0]


def test_since_the_start_only_what_this_run_saw_counts() -> None:
    """The entry event is the first of it; what was before is not; outside a run nothing is since it."""
    source = {"did": _ORDERED, "since_start": True}
    history = orders(timedelta(hours=2))
    assert holds(source, history=history, started_at=NOW - timedelta(hours=2))
    assert not holds(source, history=history, started_at=NOW - timedelta(hours=1))
    assert not holds(source, history=history)
    assert not holds({**source, "count": {"is": 0}}, history=history)


def test_match_asks_for_the_runs_own_key() -> None:
    """Numbers and text are one key, other keys do not count, and without a key nothing is narrowed."""
    source = {"did": _ORDERED, "match": "properties.order", "count": {"is": 1}}
    history = past(call(_ORDERED, NOW, properties={"order": 7.0}), call(_ORDERED, NOW, properties={"order": 8}))
    assert holds(source, history=history, key="7")
    assert not holds(source, history=history, key="9")
    assert holds({**source, "count": {"is": 2}}, history=history)


def _status(*said: tuple[float, Any]) -> dict[str, Any]:
    """A customer of that many days of identify calls on one trait, the last of which stands."""
    calls = [call("identify", NOW - timedelta(days=ago), traits={"status": value}) for ago, value in said]
    return {"history": past(*calls), "profile": person({"status": said[-1][1]})}


_ONBOARDING = {"trait": "status", "is": "onboarding", "for": "7d"}


def test_unchanged_means_since_the_first_call_of_the_last_unbroken_run() -> None:
    """Saying it again does not start the clock anew; saying something else in between does."""
    assert holds(_ONBOARDING, **_status((7, "onboarding"), (1, "onboarding")))
    assert not holds(_ONBOARDING, **_status((6.99, "onboarding")))
    assert not holds(_ONBOARDING, **_status((30, "onboarding"), (8, "done"), (3, "onboarding")))
    assert holds(_ONBOARDING, **_status((30, "onboarding"), (29, "done"), (8, "onboarding"), (3, "onboarding")))
    assert not holds(_ONBOARDING, **_status((30, "onboarding"), (8, "done")))


def test_unchanged_is_asked_of_the_test_not_of_the_value() -> None:
    """A score that rose from 60 to 70 has been above 50 all the while."""
    source = {"trait": "status", "gt": 50, "for": "7d"}
    assert holds(source, **_status((9, 60), (1, 70)))
    assert not holds(source, **_status((9, 60), (8, 40), (1, 70)))


def test_calls_that_do_not_speak_of_a_trait_leave_it_alone() -> None:
    """Another trait, or another field of the same object, breaks nothing; null does."""
    facts: dict[str, Any] = {"profile": person({"address": {"city": "Lodz"}})}
    city = {"trait": "address.city", "is": "Lodz", "for": "7d"}
    told = call("identify", NOW - 9 * DAY, traits={"address": {"city": "Lodz"}})
    silent = [
        call("identify", NOW - 5 * DAY, traits={"plan": "paid"}),
        call("identify", NOW - 4 * DAY, traits={"address": {"street": "Piotrkowska"}}),
        call("identify", NOW - 3 * DAY),
    ]
    assert holds(city, history=past(told, *silent), **facts)
    for replaced in (None, "elsewhere", {"city": None}):
        broken = call("identify", NOW - 3 * DAY, traits={"address": replaced})
        again = call("identify", NOW - 2 * DAY, traits={"address": {"city": "Lodz"}})
        assert not holds(city, history=past(told, broken, again), **facts)


def test_a_call_speaks_of_traits_in_its_context_too() -> None:
    """Its own traits count first, as they do in the profile."""
    facts: dict[str, Any] = {"profile": person({"status": "onboarding"})}
    aside: dict[str, Any] = {"context": {"traits": {"status": "onboarding"}}}
    assert holds(_ONBOARDING, history=past(call("identify", NOW - 8 * DAY, **aside)), **facts)
    overruled = call("identify", NOW - 8 * DAY, traits={"status": "done"}, **aside)
    again = call("identify", NOW - DAY, traits={"status": "onboarding"})
    assert not holds(_ONBOARDING, history=past(overruled, again), **facts)


def test_where_no_call_tells_the_profile_does() -> None:
    """Since the word that stands was said: without a history, or where something else than a call said it last."""
    told = person({"status": "onboarding"}, stated={"/status": NOW - 8 * DAY})
    assert holds(_ONBOARDING, profile=told)
    overruled = past(call("identify", NOW - 20 * DAY, traits={"status": "done"}))
    assert holds(_ONBOARDING, profile=told, history=overruled)
    assert not holds(_ONBOARDING, profile=person({"status": "onboarding"}, stated={"/status": NOW - 6 * DAY}))
    inner = person({"a/b": {"c~d": 1}}, stated={"/a~1b/c~0d": NOW - 8 * DAY, "/a": NOW})
    assert holds({"trait": "a/b.c~d", "is": 1, "for": "7d"}, profile=inner)
    assert holds({"trait": "a/b", "exists": True, "for": "7d"}, profile=inner)


def test_where_nothing_tells_it_is_not_so_and_says_why() -> None:
    """A guess would send; silence does not."""
    held, reason = answer(_ONBOARDING, profile=person({"status": "onboarding"}))
    assert not held
    assert reason == "trait status is 'onboarding', but since when is not known"
    assert not holds(_ONBOARDING)


def test_the_reason_says_since_when() -> None:
    """A person can check it."""
    reason = answer(_ONBOARDING, **_status((3, "onboarding")))[1]
    assert reason == "trait status is 'onboarding', since 2026-03-07T12:00:00+00:00, not yet for 7d"


@pytest.mark.parametrize(
    "source", [{"did": "A", "within": "1d"}, {"trait": "a", "is": 1, "for": "1d"}, {"now": "00:00-23:59"}]
)
def test_what_needs_the_time_does_not_hold_without_it(source: Any) -> None:
    """Whoever judges without a moment gets no for an answer, with a reason."""
    facts = Facts(profile=person({"a": 1}, stated={"/a": NOW}), history=past(call("A", NOW)))
    held, reason = judge(read(source), facts)
    assert not held
    assert "time is not known" in reason


@settings(deadline=None, max_examples=100)
@given(CONDITIONS, worlds())
def test_events_of_other_names_change_nothing(source: Any, facts: Facts) -> None:
    """A condition looks at the events it names, and at no other."""
    noise = {**facts.history, "Noise": (call("Noise", NOW, a="x", traits={"a": 1, "b": "z"}),)}
    more = replace(facts, history=noise)
    assert judge(read(source), more) == judge(read(source), facts)
