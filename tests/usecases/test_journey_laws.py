"""Laws 4 and 6, and that every run is attended and ends, in storms of fresh seeds at the ports."""

from __future__ import annotations

import pytest

from tests.fresh_seeds import with_fresh_seeds
from tests.usecases.journey_storm import Storm

HERE = "tests/usecases/test_journey_laws.py"


def holds(seed: int, calls: list[int]) -> None:
    """One storm, during which the witness found nothing; how many provider calls it saw is noted."""
    storm = Storm(seed)
    storm.play()
    calls.append(storm.witness.calls)


def test_the_laws_of_sending_hold_in_storms() -> None:
    """A hundred seeds nobody has seen: at most once, not after an exit, with consent, within caps, budget and hours."""
    made: list[int] = []
    with_fresh_seeds(100, lambda seed: holds(seed, made), f"{HERE}::test_the_laws_of_sending_hold_in_storms")
    assert sum(made) >= len(made), "the storms send next to nothing, and prove next to nothing"


@pytest.mark.soak
def test_the_laws_of_sending_hold_in_many_storms() -> None:
    """The same search, long."""
    path = f"-m soak {HERE}::test_the_laws_of_sending_hold_in_many_storms"
    with_fresh_seeds(2_000, lambda seed: holds(seed, []), path)
