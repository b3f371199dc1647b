"""Conflicting streams on the whole stack, from HTTP to HTTP, in storms of fresh seeds: the end is the oracle's."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import botocore.endpoint
import pytest

from infra.local.stack import Stack
from omnicascade.adapters.configuration_store import DynamoConfigurationStore
from omnicascade.adapters.dynamo import Table
from omnicascade.domain.deployment import Source
from omnicascade.domain.identity_rules import IdentityRules
from omnicascade.usecases.ports import Envelope
from omnicascade.usecases.record_events import event_of
from tests.fresh_seeds import with_fresh_seeds
from tests.identity_streams import Oracle, Posted, Sum, posted_call
from tests.stack.identity_storm import IdentityStorm
from tests.stack.shop import Shop, opened

HERE = "tests/stack/test_identity_seeds.py"
SOURCES = (
    Source("local-web", "web"),
    Source("local-app", "app"),
    Source("local-pos", "pos", shared_device=True),
)


@pytest.fixture(scope="module")
def storm() -> IdentityStorm:
    """The stack's trouble."""
    return IdentityStorm()


@pytest.fixture(scope="module")
def shop(storm: IdentityStorm) -> Iterator[Shop]:
    """One stack for all seeds, emptied between them; the SDK's pauses take no time, as the clock stands still."""
    with pytest.MonkeyPatch.context() as patch, opened(storm) as one:
        patch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=_no_time))
        yield one


def _no_time(_seconds: float) -> None:
    """A pause of the SDK between two attempts."""


def stream(random: Random) -> list[Posted]:
    """Eight to fifteen calls about four people, some of them twice."""
    calls = [posted_call(random, number, SOURCES) for number in range(random.randint(8, 15))]
    return calls + random.sample(calls, len(calls) // 4)


def rules_of(stack: Stack) -> IdentityRules:
    """What this deployment decides."""
    dynamodb: Any = stack.clients.dynamodb
    name = next(name for name in dynamodb.list_tables()["TableNames"] if "Customer" in name)
    return DynamoConfigurationStore(Table(dynamodb, name)).deployment().identity


def oracle_of(calls: list[Posted], shop: Shop) -> Oracle:
    """What these calls come to when each counts once."""
    rules, now = rules_of(shop.stack), shop.stack.now()
    events = {
        (event.node_id, event.message_id): event
        for one in calls
        for event in [event_of(one.call, Envelope(one.source.name, now, [], None, one.source.shared_device), rules)]
    }
    return Oracle.of(list(events.values()), rules)


def answer_of(shop: Shop, name: str) -> dict[str, Any]:
    """The profile that an identifier finds."""
    status, body = shop.call("GET", f"/v1/profiles/{quote(name, safe='')}")
    assert status == 200, (name, body)
    return body


def seen_in(profile: dict[str, Any]) -> dict[str, Any]:
    """What the oracle can tell of a profile, as the API shows it."""
    return {
        "identifiers": sorted(f"{one['type']}:{one['value']}" for one in profile["identifiers"]),
        "events": profile["counters"]["events"],
        "orders": profile["counters"]["orders"],
        "revenue": {currency: float(amount) for currency, amount in profile["counters"]["revenue"].items()},
        "plan": profile["traits"].get("plan"),
    }


def told_by(total: Sum) -> dict[str, Any]:
    """The same, from the oracle."""
    return {
        "identifiers": sorted(total.identifiers),
        "events": len(total.events),
        "orders": total.orders,
        "revenue": {currency: float(amount) for currency, amount in total.revenue.items()},
        "plan": total.plan and total.plan[2],
    }


def ends_as_the_oracle_says(seed: int, shop: Shop, storm: IdentityStorm) -> None:
    """One stream and its storm, both from one seed, on an empty stack."""
    storm.calm()
    shop.stack.reset()
    random = Random(seed)
    calls = stream(random)
    storm.begin(seed)
    for one in calls:
        shop.deliver({**one.call}, one.source.name)
        if random.random() < 0.3:
            shop.stack.settle()
    shop.stack.settle()
    storm.calm()
    shop.stack.advance("1d")
    oracle = oracle_of(calls, shop)
    profiles: dict[str, str] = {}
    for node, name in oracle.names.items():
        answer = answer_of(shop, name)
        assert seen_in(answer) == told_by(oracle.sums[node]), name
        profiles[name] = answer["profile_id"]
    groups = oracle.groups()
    assert {frozenset(n for n in profiles if profiles[n] == one) for one in profiles.values()} == groups


def test_fresh_seeds(shop: Shop, storm: IdentityStorm) -> None:
    """Every identifier finds exactly the customer that the accepted calls make."""
    with_fresh_seeds(6, lambda seed: ends_as_the_oracle_says(seed, shop, storm), f"{HERE}::test_fresh_seeds")


@pytest.mark.soak
def test_many_fresh_seeds(shop: Shop, storm: IdentityStorm) -> None:
    """The same search, long."""
    path = f"-m soak {HERE}::test_many_fresh_seeds"
    with_fresh_seeds(2_000, lambda seed: ends_as_the_oracle_says(seed, shop, storm), path)
