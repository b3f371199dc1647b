"""Queues and streams deliver in an order of their own: a seed's disorder changes nothing."""

import pytest

from infra.local.faults import SeededDeliveries
from tests.stack.shop import CASCADE, opened
from tests.stack.test_crashes import ENTRY, EXIT, EXPECTED, outcome, story


@pytest.mark.parametrize("seed", range(2))
def test_seeded_duplicates_and_disorder(seed: int) -> None:
    """Deliveries duplicated and mixed by a seed: the same end."""
    with opened(SeededDeliveries(seed, duplicate=0.5)) as shop:
        shop.put_journey({"name": "crash", "entry": ENTRY, "exit": EXIT, "steps": [CASCADE]})
        story(shop, "mixed")
        assert outcome(shop, "mixed") == EXPECTED


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 140))
def test_many_seeds(seed: int) -> None:
    """The same over many seeds."""
    test_seeded_duplicates_and_disorder(seed)
