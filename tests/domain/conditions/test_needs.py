"""What a condition needs: the events that are read before it is judged, no more and no fewer."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from omnicascade.domain.conditions.facts import Facts
from omnicascade.domain.conditions.judging import judge
from omnicascade.domain.conditions.needs import Needs, needs_of
from omnicascade.domain.conditions.past import happened
from tests.domain.conditions.condition_builders import CONDITIONS, read, with_segments, worlds

_SEGMENTS = with_segments(
    buyers={"did": "Order Completed", "within": "90d"},
    old={"not": {"segment": "buyers"}},
    a={"segment": "b"},
    b={"segment": "a"},
).segments


_NEEDS: list[tuple[Any, set[str], int | None]] = [
    ({"trait": "plan", "is": "paid"}, set(), 0),
    ({"did": "A", "within": "30d"}, {"A"}, 30),
    ({"did": "A"}, {"A"}, None),
    ({"did": "A", "since_start": True}, {"A"}, None),
    ({"trait": "plan", "is": "paid", "for": "7d"}, {"identify"}, None),
    ({"any": [{"did": "A", "within": "2d"}, {"not": {"did": "B", "within": "5d"}}]}, {"A", "B"}, 5),
    ({"all": [{"did": "A", "within": "2d"}, {"did": "B"}]}, {"A", "B"}, None),
    ({"segment": "old"}, {"Order Completed"}, 90),
    ({"segment": "nobody"}, set(), 0),
    ({"segment": "a"}, set(), 0),
    ({"now": "09:00-18:00"}, set(), 0),
]


@pytest.mark.parametrize(("source", "names", "days"), _NEEDS)
def test_events_are_asked_for_by_name_and_as_far_back_as_needed(source: Any, names: set[str], days: int | None) -> None:
    """The longest window counts; what has none asks for everything."""
    back = None if days is None else timedelta(days=days)
    assert needs_of(read(source), _SEGMENTS) == Needs(frozenset(names), back)


@settings(deadline=None, max_examples=100)
@given(CONDITIONS, worlds())
def test_a_history_cut_down_to_what_is_needed_says_the_same(source: Any, facts: Facts) -> None:
    """Whoever reads only what is asked for judges as if they had read everything."""
    condition = read(source)
    needs = needs_of(condition, facts.deployment.segments)
    assert facts.now is not None
    since = None if needs.back is None else facts.now - needs.back
    cut = {
        name: tuple(event for event in events if since is None or happened(event) > since)
        for name, events in facts.history.items()
        if name in needs.names
    }
    assert judge(condition, replace(facts, history=cut)) == judge(condition, facts)
