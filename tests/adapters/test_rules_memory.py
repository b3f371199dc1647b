"""The rules of identity as recorder and projector get to see them: from the table, remembered or read with a batch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from omnicascade.adapters import keys
from omnicascade.adapters.configuration_store import DynamoConfigurationStore
from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.rules_memory import RULES_MEMORY, RulesMemory
from omnicascade.domain.errors import UnavailableError
from omnicascade.domain.identity_rules import DEFAULT_RULES

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


class OneItem:
    """A table of one item, which counts its readers."""

    def __init__(self, state: Mapping[str, Any] | None) -> None:
        self.state = state
        self.reads = 0
        self.down = False

    def get(self, pk: str, sk: str, *, consistent: bool = True) -> Mapping[str, Any] | None:
        assert (pk, sk, consistent) == (keys.CONFIG, keys.DEPLOYMENT, False)
        self.reads += 1
        if self.down:
            raise UnavailableError("throttled")
        return None if self.state is None else {"state": {"S": json.dumps(self.state)}}

    def get_many(self, places: Sequence[tuple[str, str]], *, consistent: bool = True) -> list[Mapping[str, Any]]:
        assert (keys.CONFIG, keys.DEPLOYMENT) in places
        assert consistent
        self.reads += 1
        return [{"sk": {"S": keys.DEPLOYMENT}, "state": {"S": json.dumps(self.state)}}]


def memory(table: OneItem) -> RulesMemory:
    return RulesMemory(cast("Table", table))


def test_rules_are_read_once_a_minute() -> None:
    """A thousand events cost one read; a changed rule is known a minute later."""
    table = OneItem({"identity": {"max_merges": 7}})
    rules = memory(table)
    assert [rules.rules(NOON + timedelta(seconds=n)).max_merges for n in range(0, 60, 5)] == [7] * 12
    assert table.reads == 1
    table.state = {"identity": {"max_merges": 8}}
    assert rules.rules(NOON + RULES_MEMORY).max_merges == 8
    assert table.reads == 2


@pytest.mark.parametrize("state", [None, {}, {"topics": {}}])
def test_before_anything_is_configured_the_defaults_hold(state: Mapping[str, Any] | None) -> None:
    """Also in a deployment that was configured before there were rules."""
    assert memory(OneItem(state)).rules(NOON) == DEFAULT_RULES


def test_rules_too_old_are_not_guessed() -> None:
    """Events wait in the queue rather than being recorded by rules that may not hold any more."""
    table = OneItem({})
    rules = memory(table)
    rules.rules(NOON)
    table.down = True
    assert rules.rules(NOON + timedelta(seconds=59)) == DEFAULT_RULES
    with pytest.raises(UnavailableError):
        rules.rules(NOON + timedelta(minutes=2))


def test_settings_are_read_each_time_and_understood_once() -> None:
    """A changed rule counts with the next batch of the stream; an unchanged one costs no parsing."""
    table = OneItem({"identity": {"max_merges": 7}})
    store = DynamoConfigurationStore(cast("Table", table))
    first = store.deployment()
    assert store.deployment() is first
    assert (first.identity.max_merges, table.reads) == (7, 2)
    table.state = {"identity": {"max_merges": 8}}
    assert store.deployment().identity.max_merges == 8
