"""Patterns that block identifiers: as much of a regular expression as no stranger can make slow."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from omnicascade.domain.errors import UnacceptableError
from omnicascade.domain.identifiers import LONGEST_VALUE
from omnicascade.domain.safe_patterns import WAYS, safe_pattern


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("test.*", "test-4711"),
        (r".*@test\.example\.com", "ann@test.example.com"),
        (r"^qa-(?:one|two)-\d{3}$", "QA-two-042"),
        (".*test.*", "a test of two lines\nis one too"),
        (r"[a-f0-9]{4,8}", "00ff00"),
        ("guest|visitor|nobody.*", "nobody-1"),
    ],
)
def test_what_teams_block_with_is_known(text: str, value: str) -> None:
    """The patterns people write for test accounts and placeholders are matched whole, whatever the case."""
    assert safe_pattern(text).pattern.fullmatch(value)
    assert not safe_pattern(text).pattern.fullmatch("ann@example.com")


@pytest.mark.parametrize(
    "text",
    ["(a+)+b", "(a|a)*b", "a*a*b", r"(?=a)a", r"(a)\1", "(?i)a", "a*?", ".*[a-z]{256}!", "(?:a|b)" * 14, r"\bfoo"],
)
def test_what_a_hostile_value_could_make_slow_is_refused(text: str) -> None:
    """Repeated groups, second open repetitions, look-arounds, back-references, and too many alternatives in a row."""
    with pytest.raises(UnacceptableError):
        safe_pattern(text)


@pytest.mark.parametrize("text", ["", "x" * 101, "(a", "a)", "[z-a]", "[a", "*", "{", "a{2,1}"])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    """With a sentence that ends in what to change, never with an error of the engine."""
    with pytest.raises(UnacceptableError) as refused:
        safe_pattern(text)
    assert refused.value.message


SIGNS = st.sampled_from([*"ab.*+?|()[]{}^$\\-,12", "(?:", r"\d", r"\.", "[ab]", "{1,3}"])


@given(st.lists(SIGNS, min_size=1, max_size=8).map("".join))
def test_whatever_is_accepted_is_quick(text: str) -> None:
    """An accepted pattern is a regular expression, and its ways bound what the engine tries on the longest values."""
    try:
        safe = safe_pattern(text)
    except UnacceptableError:
        assume(False)
        return
    assert safe.pattern == re.compile(text, re.IGNORECASE | re.DOTALL)
    assert 1 <= safe.ways <= WAYS
    for value in ("a" * LONGEST_VALUE, "ab" * (LONGEST_VALUE // 2), "a" * (LONGEST_VALUE - 1) + "1"):
        safe.pattern.fullmatch(value)  # a dangerous one would not end before the test's time does
