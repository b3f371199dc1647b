"""Until when an offer holds: to the moment it names, from wherever it names it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from omnicascade.domain.offers import offer_over

END = datetime(2026, 3, 10, 12, tzinfo=UTC)
ENTRY: dict[str, Any] = {"properties": {"until": "2026-03-10T12:00:00Z", "list": ["2026-03-10"]}}
TRAITS: dict[str, Any] = {"offer": {"until": "2026-03-10T13:00:00+01:00"}}


@pytest.mark.parametrize("said", ["2026-03-10T12:00:00Z", "event.properties.until", "offer.until"])
def test_an_offer_holds_to_its_last_moment(said: str) -> None:
    """A time, a path in the entry event, and a trait's path, in any zone; a microsecond later it is over."""
    assert offer_over(said, entry=ENTRY, traits=TRAITS, now=END) is None
    over = offer_over(said, entry=ENTRY, traits=TRAITS, now=END + timedelta(microseconds=1))
    assert over == "the offer ended at 2026-03-10T12:00:00+00:00"


def test_no_end_is_no_end() -> None:
    """A template that says nothing of it."""
    assert offer_over(None, entry=None, traits={}, now=END) is None


@pytest.mark.parametrize(
    ("said", "entry"),
    [
        ("event.properties.until", None),
        ("event.properties.list", ENTRY),
        ("event.properties.nothing", ENTRY),
        ("offer", ENTRY),
        ("never", ENTRY),
    ],
)
def test_an_end_that_is_no_time_lets_nothing_out(said: str, entry: dict[str, Any] | None) -> None:
    """Better no message than one that promises what nobody gets; the reason names the path."""
    over = offer_over(said, entry=entry, traits=TRAITS, now=END)
    assert over == f"the offer's end, {said}, is no time"
