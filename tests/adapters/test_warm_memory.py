"""What a warm process remembers costs nothing to ask, and can never outvote the table."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, cast

import botocore.session
import pytest
from moto import mock_aws

from infra.constructs import customer_table
from infra.local.moto_dynamodb import quick_tables
from omnicascade.adapters import keys
from omnicascade.adapters.configuration_store import DynamoConfigurationStore
from omnicascade.adapters.customer_store import DynamoCustomerStore
from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.erasure_store import DynamoErasureStore
from omnicascade.adapters.event_store import DynamoEventStore
from omnicascade.adapters.memory_configuration import MemoryConfigurationStore
from omnicascade.adapters.memory_runs import MemoryRunStore
from omnicascade.adapters.memory_stores import MemoryCustomerStore
from omnicascade.adapters.warm_memory import LONGEST_REMEMBERED, WarmMemory
from omnicascade.contracts import TIMELINE_INDEX
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.erasure import Erasure, Receipt
from omnicascade.domain.errors import UnavailableError
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.moments import epoch_ms
from omnicascade.domain.projection import Projection
from omnicascade.usecases.move_runs import JourneyDesk
from omnicascade.usecases.project_profiles import Arrival, project_profiles
from omnicascade.usecases.reproject_node import Rebuilder, Rules
from omnicascade.usecases.store_ports import CustomerStore, ProjectionChange, StoredProjection
from tests.domain.journeys.journey_builders import journey as journey_of
from tests.usecases.machine import Machine

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ANN = Identifier("user_id", "ann")
_names = (f"warm-{number}" for number in itertools.count())


class Asked:
    """A table whose requests are counted; `down` makes every one of them fail."""

    def __init__(self, client: Any) -> None:
        name = next(_names)
        pk, sk, at = customer_table.PARTITION_KEY, customer_table.SORT_KEY, customer_table.TIMELINE_SORT_KEY
        index = {"IndexName": TIMELINE_INDEX, "Projection": {"ProjectionType": "KEYS_ONLY"}}
        client.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in (pk, sk, at)],
            KeySchema=[{"AttributeName": pk, "KeyType": "HASH"}, {"AttributeName": sk, "KeyType": "RANGE"}],
            LocalSecondaryIndexes=[
                index
                | {"KeySchema": [{"AttributeName": pk, "KeyType": "HASH"}, {"AttributeName": at, "KeyType": "RANGE"}]}
            ],
        )
        self.requests: Counter[str] = Counter()
        self.down = False
        self.table = Table(cast("Any", _Counting(client, self)), name)


class _Counting:
    """The client, told about before it is asked."""

    def __init__(self, client: Any, asked: Asked) -> None:
        self._client, self._asked = client, asked

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            self._asked.requests[operation] += 1
            if self._asked.down:
                raise UnavailableError("throttled")
            return getattr(self._client, operation)(**request)

        return call


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    """A DynamoDB in this process."""
    session = botocore.session.Session()
    session.set_credentials("AKIATEST", "secret")
    with mock_aws(), quick_tables():
        yield session.create_client("dynamodb", region_name="eu-central-1")


@pytest.fixture
def asked(dynamodb: Any) -> Asked:
    """An empty table."""
    return Asked(dynamodb)


def event(message_id: str, received: datetime = NOON) -> Event:
    body = {"messageId": message_id}
    return Event(MessageId(message_id), "track", "Seen", "web", NOON, received, (ANN,), body)


def change(watermark: str, previous: str = "", projection: Projection | None = None) -> ProjectionChange:
    return ProjectionChange(ANN.node_id, projection or Projection(folded=int(watermark)), watermark, previous)


def held(store: CustomerStore, *, consistent: bool) -> StoredProjection | None:
    return store.projections([ANN.node_id], consistent=consistent).get(ANN.node_id)


def test_the_longest_unused_is_forgotten() -> None:
    """What was asked for counts as used; a memory of size 0 keeps nothing."""
    memory = WarmMemory[str, int](2)
    memory.keep("a", 1)
    memory.keep("b", 2)
    assert memory.get("a") == 1
    memory.keep("c", 3)
    assert [memory.get(key) for key in "abc"] == [1, None, 3]
    memory.forget(["a", "never"])
    assert "a" not in memory
    nothing = WarmMemory[str, int](0)
    nothing.keep("a", 1)
    assert nothing.get("a") is None


def test_a_repeated_event_is_not_written_again(asked: Asked) -> None:
    """Whether this process stored it or found it stored; an unknown one still goes its way."""
    events = DynamoEventStore(asked.table, remembered=10)
    assert events.add_all([event("m1"), event("m2")]) == 2
    assert events.add(event("m3"))
    asked.requests.clear()
    assert events.add_all([event("m1"), event("m2"), event("m3")]) == 0
    assert not events.add(event("m1"))
    assert set(asked.requests) == {"query"}, "whether somebody was erased is all that is asked"
    another = DynamoEventStore(asked.table, remembered=10)
    assert another.add_all([event("m1"), event("m4")]) == 1
    asked.requests.clear()
    assert not another.add(event("m1"))
    assert set(asked.requests) == {"query"}


def test_an_event_that_was_erased_is_stored_when_it_comes_again(asked: Asked) -> None:
    """As by a process that remembers nothing: once anybody was erased, the table must say what is there."""
    events, at = DynamoEventStore(asked.table, remembered=10), event("m1").received_at
    assert events.add_all([event("m1"), event("m2")]) == 2
    order = Erasure(f"{epoch_ms(at) + 5:013d}-x", (event("m1").node_id,), at)
    DynamoErasureStore(asked.table).open(order, Receipt(order.erasure_id, at, "staff"))
    events.remove([event("m1")])
    assert events.add(event("m1"))
    assert not events.add(event("m2"))


def test_an_event_that_was_not_stored_is_not_remembered(asked: Asked) -> None:
    """A failed write says nothing about what is in the table."""
    events = DynamoEventStore(asked.table, remembered=10)
    asked.down = True
    for attempt in (lambda: events.add_all([event("m1"), event("m2")]), lambda: events.add(event("m3"))):
        with pytest.raises(UnavailableError):
            attempt()
    asked.down = False
    assert events.add_all([event("m1"), event("m2"), event("m3")]) == 3


def test_what_was_written_is_not_read_again(asked: Asked) -> None:
    """As long as a consistent answer is not asked for."""
    store = DynamoCustomerStore(asked.table, remembered=10)
    assert store.save_projections([change("1")]) == frozenset()
    asked.requests.clear()
    assert held(store, consistent=False) == StoredProjection(Projection(folded=1), "1")
    assert not asked.requests
    assert held(store, consistent=True) == StoredProjection(Projection(folded=1), "1")
    assert asked.requests == {"batch_get_item": 1}


def test_what_another_wrote_is_found_out_by_the_write(asked: Asked) -> None:
    """A change of what is remembered fails, and is forgotten; the next read asks the table."""
    store, other = DynamoCustomerStore(asked.table, remembered=10), DynamoCustomerStore(asked.table, remembered=10)
    store.save_projections([change("1")])
    other.save_projections([change("2", "1")])
    assert held(store, consistent=False) == StoredProjection(Projection(folded=1), "1")
    assert store.save_projections([change("3", "1")]) == {ANN.node_id}
    assert held(store, consistent=False) == StoredProjection(Projection(folded=2), "2")


def test_a_write_of_unknown_outcome_is_forgotten(asked: Asked) -> None:
    """It may have been carried out."""
    store = DynamoCustomerStore(asked.table, remembered=10)
    store.save_projections([change("1")])
    asked.down = True
    with pytest.raises(UnavailableError):
        store.save_projections([change("2", "1")])
    asked.down = False
    asked.requests.clear()
    held(store, consistent=False)
    assert asked.requests == {"batch_get_item": 1}


def test_what_a_batch_is_read_under_takes_one_request(asked: Asked) -> None:
    """Journeys and settings together are what each is alone, also before anything was configured."""
    store = DynamoConfigurationStore(asked.table)
    assert store.current() == ([], Deployment())
    store.put_deployment({"default_currency": "PLN"})
    store.put_journey(journey_of(name="one"), {"name": "one"})
    together = DynamoConfigurationStore(asked.table)
    asked.requests.clear()
    current = together.current()
    assert asked.requests == {"batch_get_item": 1}
    assert current == (store.listing(), store.deployment())
    assert [line.name for line in current[0]] == ["one"]
    assert current[1].default_currency == "PLN"


def test_a_large_projection_is_not_remembered(asked: Asked) -> None:
    """So that hostile customers cannot fill the process's memory."""
    store = DynamoCustomerStore(asked.table, remembered=10)
    large = Projection(linked={f"{'x' * 100}#{number}": 1 for number in range(LONGEST_REMEMBERED // 100)})
    store.save_projections([change("1", projection=large)])
    asked.requests.clear()
    assert held(store, consistent=False) == StoredProjection(large, "1")
    assert asked.requests == {"batch_get_item": 1}


class Lane:
    """A warm projector, which handles the events of one table one batch after the other."""

    def __init__(self, table: Table) -> None:
        self.events = DynamoEventStore(table, remembered=10)
        self.customers = DynamoCustomerStore(table, remembered=10)
        self.erasures = DynamoErasureStore(table)
        journeys = MemoryConfigurationStore(Deployment())
        machine = Machine(lambda: NOON)
        runs = MemoryRunStore(MemoryCustomerStore())
        self._desk = JourneyDesk(self.customers, runs, journeys, machine, [], Deployment(), self.events)

    def record(self, *events: Event) -> None:
        self.events.add_all(events)

    def project(self, *arrivals: tuple[Event, int]) -> None:
        batch = [Arrival(one, f"{sequence:021d}") for one, sequence in arrivals]
        answer = project_profiles(batch, customers=self.customers, events=self.events, desk=self._desk, now=NOON)
        assert answer is None

    def erase(self) -> None:
        def forget(_: Projection) -> Projection:
            return Projection(erased_ms=epoch_ms(NOON))

        self.erasures.revise(ANN.node_id, forget, until=None)

    @property
    def projection(self) -> Projection | None:
        stored = held(self.customers, consistent=True)
        return stored and stored.projection

    @property
    def stored(self) -> list[str]:
        return sorted(one.message_id for one in self.events.events_of(ANN.node_id))


def test_an_erasure_is_seen_by_a_projector_that_remembers(asked: Asked) -> None:
    """An event received before it does not stay, though the projector still remembers the customer from before."""
    lane = Lane(asked.table)
    lane.record(event("m1"))
    lane.project((event("m1"), 1))
    lane.erase()
    lane.record(event("m2"))
    lane.project((event("m2"), 2))
    assert lane.projection == Projection(erased_ms=epoch_ms(NOON))
    assert lane.stored == ["m1"]  # which is the erasure's own to delete


def test_a_batch_delivered_again_after_an_erasure_is_overtaken(asked: Asked) -> None:
    """Nothing of it is new, so no write tells that the customer was erased: the table is asked."""
    lane = Lane(asked.table)
    lane.record(event("m1"))
    lane.project((event("m1"), 1))
    lane.erase()
    lane.project((event("m1"), 1))
    assert lane.stored == []


def test_a_projection_that_expired_begins_anew(asked: Asked) -> None:
    """The remembered one is not written over what is not there."""
    lane = Lane(asked.table)
    lane.record(event("m1"), event("m2"))
    lane.project((event("m1"), 1))
    asked.table.delete(ANN.node_id, keys.PROJECTION)
    lane.project((event("m2"), 2))
    assert lane.projection is not None
    assert lane.projection.folded == 1


def test_a_rebuilt_projection_replaces_the_remembered_one(asked: Asked) -> None:
    """What a rebuild made is what the next event is added to, and what it counted is counted once."""
    lane = Lane(asked.table)
    lane.record(event("m1"), event("m2"))
    lane.project((event("m1"), 1), (event("m2"), 2))
    rebuilder = Rebuilder(DynamoEventStore(asked.table), DynamoCustomerStore(asked.table), Rules(Deployment(), {}, "g"))
    assert rebuilder.reproject(ANN.node_id).events == 2
    lane.record(event("m3"))
    lane.project((event("m3"), 3))
    lane.project((event("m2"), 2), (event("m3"), 3))
    assert lane.projection is not None
    assert (lane.projection.generation, lane.projection.folded) == ("g", 3)


def test_two_projectors_that_remember_count_each_event_once(asked: Asked) -> None:
    """A lane may go from one process to another and back, with a batch delivered to both."""
    here, there = Lane(asked.table), Lane(asked.table)
    arrivals = [(event(f"m{number}"), number) for number in range(1, 7)]
    here.record(*(one for one, _ in arrivals))
    for lane, batch in ((here, arrivals[:2]), (there, arrivals[:4]), (here, arrivals[2:5]), (there, arrivals[4:])):
        lane.project(*batch)
    assert here.projection is not None
    assert here.projection.counters.events == 6
