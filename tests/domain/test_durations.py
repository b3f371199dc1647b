"""Durations as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omnicascade.domain.durations import LONGEST, parse_duration, seconds, spell


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", 90),
        ("15m", 900),
        ("4h", 14_400),
        ("2d", 172_800),
        ("1w", 604_800),
        ("1d12h", 129_600),
        ("0s", 0),
        ("PT4H", 14_400),
        ("P1D", 86_400),
        ("P1DT30M", 88_200),
        ("P2W", 1_209_600),
    ],
)
def test_short_and_iso_forms_are_read(text: str, expected: int) -> None:
    """Both spellings give whole seconds."""
    assert seconds(parse_duration(text)) == expected


@pytest.mark.parametrize(
    "text", ["", "4", "h", "4 hours", "-4h", "P", "PT", "P1Y", "P1M", "4h4h", "1.5h", "366d", "٤h", "9" * 5000 + "d"]
)
def test_anything_else_is_refused_with_a_sentence(text: str) -> None:
    """Calendar lengths, fractions, other digits and what no run can wait are refused, whatever their size."""
    with pytest.raises(ValueError, match=r"is not a duration|is longer than"):
        parse_duration(text)


@settings(deadline=None)
@given(st.timedeltas(min_value=timedelta(), max_value=LONGEST))
def test_spelling_a_length_and_reading_it_gives_its_whole_seconds(length: timedelta) -> None:
    """`spell` and `parse_duration` are inverses on whole seconds, and rounding is never down."""
    assert parse_duration(spell(length)) == timedelta(seconds=seconds(length))
    assert length <= timedelta(seconds=seconds(length)) < length + timedelta(seconds=1)
