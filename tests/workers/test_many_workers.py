"""Law 1 on DynamoDB Local: many real workers at once leave what one pure computation makes of the same events.

Processes race, so a seed fixes what is sent, to whom, in which batches and how often, but not which of two calls comes
first: a seed that failed is likely to fail again, and `SEED=n SEEDS=1 make soak` tries it.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from omnicascade.domain.identity_rules import DEFAULT_RULES
from omnicascade.usecases.find_customer import Customer, find_customer
from tests.dynamodb_local import LocalDynamoDB, or_skip
from tests.identity_streams import Oracle, posted_call, seen_of
from tests.workers.shop_floor import Shifts, customers, stored_events, told, work

FIRST_SEED = int(os.environ.get("SEED", "1"))
SOAK_SEEDS = range(FIRST_SEED, FIRST_SEED + min(int(os.environ.get("SEEDS", "3")), 20))


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest) -> Iterator[LocalDynamoDB]:
    """DynamoDB Local; only the long search fetches it."""
    yield from or_skip(fetch=request.config.getoption("markexpr") == "soak")


def test_a_few_workers_at_once_leave_what_the_events_say(database: LocalDynamoDB) -> None:
    """The long search in a few seconds: duplicates, overlapping batches, processes that die."""
    _check(database, "short", 80, Shifts(recorders=2, projectors=2, kills=1), seed=FIRST_SEED)


@pytest.mark.soak
@pytest.mark.parametrize("seed", SOAK_SEEDS)
def test_sixteen_workers_at_once_leave_what_the_events_say(database: LocalDynamoDB, seed: int) -> None:
    """Partition of identifiers, traits and sums are those of a pure computation over all events; no limit is broken."""
    _check(database, f"soak-{seed}", 1_000, Shifts(recorders=8, projectors=8, kills=2), seed=seed)


def _check(database: LocalDynamoDB, table: str, count: int, shifts: Shifts, seed: int) -> None:
    sys.stderr.write(f"seed {seed}: {count} events, {shifts}\n")
    random = Random(seed)
    posted = [posted_call(random, number) for number in range(count)]
    work(database, table, posted, shifts, seed)
    events = stored_events(database, table)
    assert sorted(map(told, events)) == sorted(told(one) for one in posted)
    oracle = Oracle.of(events, DEFAULT_RULES)
    store = customers(database, table)
    stored = Counter(event.node_id for event in events)
    for node, name in oracle.names.items():
        customer = find_customer(node, store, DEFAULT_RULES)
        assert customer, name
        assert customer.component.members == oracle.resolution.component(node).members, name
        assert seen_of(customer.profile) == oracle.sums[node].seen, name
        assert _over_limit(customer) == {}, name
        projection = store.head(node, consistent=True).projection
        assert (projection.folded if projection else 0) == stored[node], name


def _over_limit(customer: Customer) -> dict[str, int]:
    """Types of which the customer has more than the rules allow; user ids that renamed each other count as one."""
    kinds = Counter(known.identifier.type for known in customer.profile.identifiers)
    names: dict[str, frozenset[str]] = {}
    for edge in customer.component.accepted:
        if edge.renames:
            ends = [str(edge.a), str(edge.b)]
            same = frozenset(ends).union(*(names.get(end, ()) for end in ends))
            names |= dict.fromkeys(same, same)
    kinds["user_id"] -= sum(len(same) - 1 for same in set(names.values()))
    return {kind: number for kind, number in kinds.items() if number > DEFAULT_RULES.limit_of(kind).most}
