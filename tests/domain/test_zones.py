"""Zones: whose clock counts, and that no name of a zone can stop anybody."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.zones import recipient_zone, within_hours, zone_for, zone_named
from tests.domain.conditions.condition_builders import person

_EVERY_DAY = frozenset(range(7))


@given(st.text(max_size=30) | st.sampled_from(["", "..", "/etc/passwd", "../UTC", "Mars/Olympus", "UTC\0", "."]))
def test_a_name_that_is_no_zone_is_none(name: str) -> None:
    """Whatever a client sends as its zone, asking for it never raises."""
    zone = zone_named(name)
    assert zone is None or zone.key == name


@pytest.mark.parametrize(
    ("traits", "phone", "expected"),
    [
        ({"timezone": "Asia/Tokyo"}, "+48601234567", ("Asia/Tokyo", "their own zone")),
        ({"timezone": "nowhere"}, "+48601234567", ("Europe/Warsaw", "their phone's country")),
        ({"timezone": 2}, "nonsense", None),
        ({"address": {"country": "pl"}}, "+12025550123", ("Europe/Warsaw", "their country")),
        ({"address": {"country": "US"}}, "", None),
        ({"address": "Poland"}, "", None),
        ({}, "", None),
    ],
)
def test_the_first_source_that_names_a_zone_counts(traits: Any, phone: str, expected: tuple[str, str] | None) -> None:
    """Trait, phone, address; a country of several zones names none."""
    found = recipient_zone(person(traits, phone=phone))
    assert (found and (found[0].key, found[1])) == expected


def test_a_word_for_a_zone_always_means_one_unless_it_asks_for_theirs_only() -> None:
    """Recipient falls back to the deployment's default, and a default that is no zone to UTC."""
    here = Deployment(default_zone="Europe/Paris")
    assert [zone_for(word, None, here) for word in ("recipient", "recipient-only", "Asia/Tokyo")] == [
        (zone_named("Europe/Paris"), "the deployment's default zone"),
        None,
        (zone_named("Asia/Tokyo"), "the journey's zone"),
    ]
    assert zone_for("recipient", None, Deployment(default_zone="nowhere")) == (
        zone_named("UTC"),
        "the deployment's default zone",
    )


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 7 * 1440 - 1))
def test_a_window_and_the_rest_of_the_day_share_no_minute(start: int, end: int, minute: int) -> None:
    """Each minute lies in the window or in its complement, never in both, except in a window that is always open."""
    local = datetime.fromtimestamp(minute * 60, UTC)
    inside = within_hours(start, end, _EVERY_DAY, local)
    if (end + 1) % 1440 == start:
        assert inside
    else:
        assert within_hours((end + 1) % 1440, (start - 1) % 1440, _EVERY_DAY, local) is not inside
