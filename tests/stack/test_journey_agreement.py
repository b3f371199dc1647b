"""Law 5 on the whole stack: what `simulate` tells is what happens, message by message, for journeys of fresh seeds."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, Final

import pytest

from tests.fresh_seeds import with_fresh_seeds
from tests.journey_streams import journey, story
from tests.stack.shop import Shop, opened
from tests.stack.told_and_lived import agree

HERE = "tests/stack/test_journey_agreement.py"
PROFILE: Final[dict[str, Any]] = {
    "identifiers": [
        {"type": "email", "value": "ann@example.com"},
        {"type": "phone", "value": "+48601234567"},
        {"type": "ios.push_token", "value": "t"},
    ],
    "traits": {"timezone": "Europe/Warsaw"},
}
TEMPLATE: Final = {"subject": "Basket", "text": "Your basket waits.", "url": "https://s.example/{{ step.id }}"}


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """One stack for all seeds, emptied between them."""
    with opened() as one:
        yield one


def rehearsal(seed: int) -> dict[str, Any]:
    """A journey and a story of one seed."""
    random = Random(seed)
    definition, events = journey(random), story(random)
    busy = {event["at"] for event in events}
    moments = sorted(minute * 60 for minute in random.sample(range(1, 72 * 60), 2))
    return {
        "definition": definition,
        "profile": PROFILE,
        "templates": {"cart": TEMPLATE},
        "until": "8d",
        "events": events,
        "enter": [at for at in moments if at not in busy],
    }


def test_the_stack_does_what_the_rehearsal_told(shop: Shop) -> None:
    """Four seeds nobody has seen."""
    path = f"{HERE}::test_the_stack_does_what_the_rehearsal_told"
    with_fresh_seeds(4, lambda seed: agree(shop, rehearsal(seed)), path)


@pytest.mark.soak
def test_the_stack_does_what_many_rehearsals_told(shop: Shop) -> None:
    """The same search, long."""
    path = f"-m soak {HERE}::test_the_stack_does_what_many_rehearsals_told"
    with_fresh_seeds(200, lambda seed: agree(shop, rehearsal(seed)), path)
