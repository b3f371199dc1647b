"""The engine's messages to drawn customers, against an oracle that shares no code with it."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from tests.benchmarks import population
from tests.benchmarks.drawn_customers import Customer
from tests.benchmarks.message_oracle import Message, messages
from tests.benchmarks.population import compare

CUSTOMERS = range(1_000_000, 1_002_000)
"""Others than the benchmark's."""


def test_messages_are_exactly_the_oracles() -> None:
    """Every customer gets the same messages over the same channels at the same moments."""
    found = compare(CUSTOMERS)
    assert found.shown == []
    assert found.different == 0
    assert set(found.messages) == {"push", "email", "sms"}
    assert set(found.facts) == {"held out", "written to", "not written to"}


@pytest.mark.parametrize("channel", ["push", "email", "sms"])
def test_a_message_a_second_late_is_noticed(channel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: an oracle that is a second late for one channel differs."""

    def late(customer: Customer, profile_id: str) -> Iterable[Message]:
        told = messages(customer, profile_id)
        return [(by, at + timedelta(seconds=by == channel)) for by, at in told]

    monkeypatch.setattr(population, "messages", late)
    assert compare(CUSTOMERS[:40]).different > 0
