"""Replacing fields of frozen values quickly."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.journeys.run import Decision, Run
from omnicascade.domain.replacing import replace

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
RUN = Run("r", "j", 1, "p", "k", {"a": 1}, NOON, NOON, decisions=(Decision(NOON, "s", "sent", "why"),))


@pytest.mark.parametrize("changes", [{}, {"pc": 3}, {"status": "ended", "due": NOON, "key": None}])
def test_it_says_what_the_standard_function_says(changes: dict[str, Any]) -> None:
    """Equal to `dataclasses.replace`, and the value itself stays as it was."""
    before = dataclasses.astuple(RUN)
    assert replace(RUN, **changes) == dataclasses.replace(RUN, **changes)
    assert dataclasses.astuple(RUN) == before


def test_an_unknown_field_is_an_error() -> None:
    """A misspelt name does not get lost."""
    with pytest.raises(KeyError):
        replace(RUN, colour="red")


def test_a_value_that_its_constructor_completes_is_refused() -> None:
    """A copy that skips `__post_init__` would be wrong in silence."""
    with pytest.raises(TypeError):
        replace(Identifier("email", "ann@example.com"), value="bob@example.com")
