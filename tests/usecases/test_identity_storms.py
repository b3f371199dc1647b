"""Streams of conflicts through throttles, lost answers, crashes and late or repeated deliveries: the oracle's end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from omnicascade.domain.errors import UnavailableError
from tests.fresh_seeds import with_fresh_seeds
from tests.identity_streams import RULES, Posted, stream_of
from tests.usecases.identity_road import Road, mixed
from tests.usecases.port_proxy import Call, straight
from tests.usecases.test_profile_laws import CrashError, check_laws, check_readers, check_words

HERE = "tests/usecases/test_identity_storms.py"


class Storm:
    """Up to `left` faults, each at a call of chance: refused, answered in vain, or death before or after."""

    def __init__(self, random: Random, left: int) -> None:
        self.random, self.left = random, left

    def __call__(self, call: Call, proceed: Callable[[], Any]) -> Any:
        del call
        if not self.left or self.random.random() > 0.12:
            return proceed()
        self.left -= 1
        error = self.random.choice((CrashError(), UnavailableError("throttled, or the answer was lost")))
        if self.random.random() < 0.5:
            raise error
        proceed()
        raise error


def ends_as_the_oracle_says(seed: int) -> None:
    """One stream, its deliveries and its faults, all from one seed."""
    random = Random(seed)
    calls = stream_of(random, most=15)
    said = {posted.call["messageId"] for posted in calls}
    road = Road(RULES[random.choice(sorted(RULES))], Storm(random, left=random.randint(0, 5)))
    calls += random.sample(calls, len(calls) // 3)
    while calls:
        batch, calls = calls[:3], calls[3:]
        record(road, batch)
        if random.random() < 0.6:
            for late in mixed(random, road.take()):
                road.deliver(late)
    for late in mixed(random, road.take()):
        road.deliver(late)
    road.around = straight
    oracle = road.oracle()
    assert {event.message_id for event in road.accepted} == said
    check_readers(road, oracle)
    check_laws(road, oracle)
    check_words(oracle)


def record(road: Road, batch: list[Posted]) -> None:
    """As the queue does: again until it is confirmed."""
    for _ in range(20):
        with suppress(UnavailableError, CrashError):
            road.record(batch)
            return
    raise AssertionError("never stored")


def test_a_hundred_fresh_seeds() -> None:
    """Readers find exactly the customers that the accepted events make."""
    with_fresh_seeds(100, ends_as_the_oracle_says, f"{HERE}::test_a_hundred_fresh_seeds")


@pytest.mark.soak
def test_many_fresh_seeds() -> None:
    """The same search, long."""
    with_fresh_seeds(5_000, ends_as_the_oracle_says, f"-m soak {HERE}::test_many_fresh_seeds")


@pytest.mark.parametrize("seed", range(3))
def test_a_seed_replays_the_same(seed: int) -> None:
    """The same seed makes the same calls, deliveries and faults, so a failure can be looked at again."""
    calls: list[list[str]] = []
    for _ in range(2):
        seen: list[str] = []
        random = Random(seed)
        storm = Storm(random, left=5)

        def noting(call: Call, proceed: Callable[[], Any], storm: Storm = storm, seen: list[str] = seen) -> Any:
            seen.append(f"{call.port}.{call.method}")
            return storm(call, proceed)

        road = Road(RULES["tight"], noting)
        record(road, stream_of(random))
        for batch in mixed(random, road.take()):
            road.deliver(batch)
        calls.append(seen)
    assert calls[0] == calls[1]
    assert len(calls[0]) > 5
