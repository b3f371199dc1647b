"""What every store promises, asked of both makes: in memory, and on a DynamoDB table (moto's, and Amazon's own)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

import botocore.session
import pytest
from moto import mock_aws

from infra.constructs import customer_table
from infra.local.moto_dynamodb import quick_tables
from omnicascade.adapters.configuration_store import DynamoConfigurationStore
from omnicascade.adapters.customer_store import DynamoCustomerStore
from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.event_store import DynamoEventStore
from omnicascade.adapters.link_store import DynamoLinkStore
from omnicascade.adapters.memory_configuration import MemoryConfigurationStore
from omnicascade.adapters.memory_runs import MemoryRunStore
from omnicascade.adapters.memory_stores import MemoryCustomerStore, MemoryEventStore, MemoryLinkStore
from omnicascade.adapters.run_store import DynamoRunStore
from omnicascade.contracts import TIMELINE_INDEX
from omnicascade.domain.deployment import Channel, Deployment, Price
from omnicascade.domain.errors import MalformedBodyError, NotFoundError, StaleWriteError
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.folding import fold
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import ALIAS, EXCLUDE, INCLUDE, RELEASE, SEPARATE, Edge
from omnicascade.domain.identity_rules import Trust
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.run import LedgerEntry, Run
from omnicascade.domain.links import ClickLink
from omnicascade.domain.projection import Projection
from omnicascade.domain.templates import Template, Wording
from omnicascade.usecases.deliver_message import LinkStore, TemplateStore
from omnicascade.usecases.store_ports import (
    MOST_PARTNERS,
    CustomerStore,
    EventStore,
    Head,
    JourneyStore,
    ProjectionChange,
    RunStore,
    SentMessage,
    Slot,
    StoredProjection,
    StoredRun,
)
from tests.domain.journeys.journey_builders import journey as journey_of
from tests.dynamodb_local import or_skip

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ANN, BOB, APP = Identifier("user_id", "ann"), Identifier("user_id", "bob"), Identifier("anonymous_id", "app")


class Templates(TemplateStore, Protocol):
    """Where templates are kept, and put."""

    def put_template(self, template: Template) -> None: ...


class Links(LinkStore, Protocol):
    """Where links are kept, and found."""

    def find(self, code: str) -> ClickLink: ...


@dataclass(frozen=True)
class Stores:
    """One store of every kind."""

    events: EventStore
    customers: CustomerStore
    runs: RunStore
    journeys: JourneyStore
    templates: Templates
    links: Links


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    """A DynamoDB in this process."""
    session = botocore.session.Session()
    session.set_credentials("AKIATEST", "secret")
    with mock_aws(), quick_tables():
        yield session.create_client("dynamodb", region_name="eu-central-1")


@pytest.fixture(scope="module")
def dynamodb_local() -> Iterator[Any]:
    """Amazon's own DynamoDB Local, which the one in this process is measured by."""
    yield from (database.client() for database in or_skip(fetch=True))


@pytest.fixture(params=["memory", "dynamodb", pytest.param("dynamodb_local", marks=pytest.mark.soak)])
def stores(request: pytest.FixtureRequest) -> Stores:
    """Empty stores of one make."""
    if request.param == "memory":
        customers, configuration = MemoryCustomerStore(), MemoryConfigurationStore()
        runs = MemoryRunStore(customers)
        return Stores(MemoryEventStore(), customers, runs, configuration, configuration, MemoryLinkStore())
    table = _table(request.getfixturevalue(request.param))
    on_table = DynamoConfigurationStore(table)
    return Stores(
        DynamoEventStore(table),
        DynamoCustomerStore(table),
        DynamoRunStore(table),
        on_table,
        on_table,
        DynamoLinkStore(table),
    )


_names = (f"table-{number}" for number in itertools.count())


def _table(client: Any) -> Table:
    """A table with the keys and the index of the template."""
    pk, sk, at = customer_table.PARTITION_KEY, customer_table.SORT_KEY, customer_table.TIMELINE_SORT_KEY
    name = next(_names)
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in (pk, sk, at)],
        KeySchema=[{"AttributeName": pk, "KeyType": "HASH"}, {"AttributeName": sk, "KeyType": "RANGE"}],
        LocalSecondaryIndexes=[
            {
                "IndexName": TIMELINE_INDEX,
                "KeySchema": [{"AttributeName": pk, "KeyType": "HASH"}, {"AttributeName": at, "KeyType": "RANGE"}],
                "Projection": {
                    "ProjectionType": "INCLUDE",
                    "NonKeyAttributes": list(customer_table.TIMELINE_ATTRIBUTES),
                },
            }
        ],
    )
    return Table(client, name)


def minutes(number: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=number)


def event(
    message_id: str, name: str = "Basket Filled", *, who: Identifier = ANN, happened: float = 0, received: float = 0
) -> Event:
    """A track call of one identifier."""
    body = {"type": "track", "event": name, "messageId": message_id, "properties": {"cart_id": "ż", "total": 1.5}}
    return Event(MessageId(message_id), "track", name, "web", minutes(happened), minutes(received), (who,), body)


def run(mark: str = "abc", *, key: str | None = "c1", who: Identifier = ANN, started: float = 0) -> Run:
    """A live run on a home node."""
    run_id = f"basket_{who.node_id}_{mark}"
    return Run(run_id, "basket", 1, who.node_id, key, None, minutes(started), minutes(started), due=minutes(started))


def ended(one: Run) -> Run:
    """The run, over."""
    return replace(one, status="ended", outcome="exited", reason="bought", ended_at=minutes(5), due=None)


def slots(stores: Stores, who: Identifier = ANN) -> list[Slot]:
    """The slots at a node."""
    return list(stores.customers.head(who.node_id, consistent=True).slots)


# Events


def test_an_event_is_added_once(stores: Stores) -> None:
    """The message id alone decides: a retry with another time changes nothing."""
    assert stores.events.add(event("m1")) is True
    assert stores.events.add(event("m1", happened=3, received=4)) is False
    assert stores.events.timeline([ANN.node_id], 10, None).events == [event("m1")]


def test_many_events_are_added_at_a_time(stores: Stores) -> None:
    """More than one request takes: each once, those already there and those twice in the batch are not new."""
    stores.events.add(event("m3", happened=-9))
    batch = [event(f"m{number}", happened=number) for number in range(60)]
    assert stores.events.add_all([*batch, event("m7", happened=99), *batch[:30]]) == 59
    assert stores.events.add_all(batch) == stores.events.add_all([]) == 0
    told = stores.events.timeline([ANN.node_id], 100, None).events
    assert told == [*reversed([one for one in batch if one.message_id != "m3"]), event("m3", happened=-9)]


def test_a_removed_event_is_gone(stores: Stores) -> None:
    """From the timeline too; what was never there is no fault, and others stay."""
    stores.events.add_all([event("m1"), event("m2"), event("m1", who=BOB)])
    stores.events.remove([event("m1"), event("m9")])
    stores.events.remove([])
    left = stores.events.timeline([ANN.node_id, BOB.node_id], 9, None).events
    assert sorted(e.message_id for e in left) == ["m1", "m2"]
    assert stores.events.add(event("m1")) is True


def test_a_long_or_strange_message_id_is_an_id(stores: Stores) -> None:
    """Two ids that differ only far behind are two, and come back whole."""
    ids = ["x" * 1000 + "1", "x" * 1000 + "2", "a#b#c", "ż" * 40]
    assert [stores.events.add(event(message_id)) for message_id in ids] == [True] * 4
    assert [stores.events.add(event(message_id)) for message_id in ids] == [False] * 4
    assert {e.message_id for e in stores.events.timeline([ANN.node_id], 10, None).events} == set(ids)


def test_a_timeline_of_several_nodes_is_read_page_by_page(stores: Stores) -> None:
    """Newest first by the event's own time, each event once, whatever the page's length; others' stay out."""
    expected: list[str] = []
    for number in range(9):
        who = (ANN, APP, BOB)[number % 3]
        stores.events.add(event(f"m{number}", who=who, happened=-number, received=number))
        expected += [] if who is BOB else [f"m{number}"]
    for limit in (1, 2, 4, 5, 6, 7):
        seen, cursor, pages = list[str](), None, 0
        while pages == 0 or cursor:
            page = stores.events.timeline([ANN.node_id, APP.node_id], limit, cursor)
            assert len(page.events) <= limit
            seen += [e.message_id for e in page.events]
            cursor, pages = page.cursor, pages + 1
        assert seen == expected
        assert pages == -(-len(expected) // limit)


@pytest.mark.parametrize("oldest_first", [False, True])
def test_a_timeline_is_exact_either_way_where_events_share_a_moment_and_an_id(
    stores: Stores, *, oldest_first: bool
) -> None:
    """One id at two nodes is two events; pages of any size give each once, in one order, while others are added."""
    here = [event(f"m{n}", who=who, happened=n // 3) for n in range(9) for who in (ANN, APP, BOB)]
    stores.events.add_all(here)
    nodes = [ANN.node_id, APP.node_id, BOB.node_id]
    for limit in (1, 2, 4, 30):
        found, cursor = list[Event](), None
        while True:
            page = stores.events.timeline(nodes, limit, cursor, oldest_first=oldest_first)
            found += page.events
            cursor = page.cursor
            if cursor is None:
                break
            early = event(f"early-{limit}-{len(found)}", happened=-1 if oldest_first else 99)
            stores.events.add(early)
        places = [(e.node_id, e.message_id) for e in found if not e.message_id.startswith("early")]
        assert sorted(places) == sorted((e.node_id, e.message_id) for e in here)
        moments = [e.timestamp for e in found]
        assert moments == sorted(moments, reverse=not oldest_first)


def test_a_timeline_of_nobody_is_empty(stores: Stores) -> None:
    """No node, or an unknown one, has no events."""
    assert stores.events.timeline([], 5, None).events == []
    page = stores.events.timeline([BOB.node_id], 5, None)
    assert (page.events, page.cursor) == ([], None)


def test_a_foreign_cursor_is_refused(stores: Stores) -> None:
    """A cursor that no page gave is the caller's mistake."""
    with pytest.raises(MalformedBodyError):
        stores.events.timeline([ANN.node_id], 5, "what? ever")


def test_what_arrived_is_told_by_name_node_and_both_times(stores: Stores) -> None:
    """Each bound counts from its very moment on; an event of another name, node or time is not told."""
    bought = {"happened_from": minutes(-10), "received_from": minutes(0)}
    stores.events.add(event("right", "Order Completed", happened=-10, received=0))
    stores.events.add(event("app", "Unsubscribed", who=APP, happened=5, received=5))
    stores.events.add(event("other name", "Basket Filled"))
    stores.events.add(event("other node", "Order Completed", who=BOB))
    stores.events.add(event("happened before", "Order Completed", happened=-10.001, received=0))
    stores.events.add(event("arrived before", "Order Completed", happened=-5, received=-0.001))
    names = ["Order Completed", "Unsubscribed"]
    found = stores.events.arrived([ANN.node_id, APP.node_id], names, **bought)
    assert sorted(e.message_id for e in found) == ["app", "right"]
    assert event("right", "Order Completed", happened=-10, received=0) in found
    assert stores.events.arrived([ANN.node_id], [], **bought) == []


# Customers


def test_an_unknown_node_is_an_empty_head(stores: Stores) -> None:
    """Nothing is known, and nothing is made by asking."""
    for _ in range(2):
        head = stores.customers.head(BOB.node_id, consistent=True)
        assert (head.projection, head.watermark, list(head.edges), list(head.slots)) == (None, "", [], [])


def test_an_edge_is_seen_from_both_ends_from_its_earliest_event(stores: Stores) -> None:
    """Proposed again and again, in any order, it stays one, and the earliest event keeps it."""
    late, early = Edge(ANN, APP, minutes(3), MessageId("late")), Edge(ANN, APP, minutes(1), MessageId("early"))
    stores.customers.propose([late])
    stores.customers.propose([early, early])
    stores.customers.propose([late])
    for end in (ANN, APP):
        assert list(stores.customers.head(end.node_id, consistent=True).edges) == [early]


def test_an_alias_is_another_edge(stores: Stores) -> None:
    """Two rules may join the same two identifiers."""
    edges = [Edge(ANN, BOB, minutes(1), MessageId("m")), Edge(ANN, BOB, minutes(1), MessageId("m"), ALIAS)]
    stores.customers.propose(edges)
    assert sorted(e.rule for e in stores.customers.head(BOB.node_id, consistent=True).edges) == ["alias", "same call"]


def save(stores: Stores, projection: Projection, watermark: str, previous: str, who: Identifier = ANN) -> bool:
    """Save one projection; False when it was stale."""
    return not stores.customers.save_projections([ProjectionChange(who.node_id, projection, watermark, previous)])


def test_a_projection_is_replaced_by_who_read_it_last(stores: Stores) -> None:
    """A write on an older reading, or on none, fails and changes nothing."""
    node, first = ANN.node_id, fold(Projection(), [event("m1")])
    second = fold(first, [event("m2", "Order Completed")])
    assert save(stores, first, "1", "")
    assert not save(stores, second, "2", "")
    assert save(stores, second, "2", "1")
    for previous in ("", "1", "3"):
        assert not save(stores, first, "9", previous)
    head = stores.customers.head(node, consistent=False)
    assert head == Head(node, second, "2", head.edges, head.slots, None, head.memberships, head.runs)
    assert second.counters.revenue == {"USD": Decimal("1.5")}


def test_a_projection_that_was_never_saved_cannot_be_replaced(stores: Stores) -> None:
    """A watermark that nobody wrote is no reading."""
    assert not save(stores, Projection(), "2", "1")
    assert stores.customers.projections([ANN.node_id], consistent=True) == {}


def test_projections_are_read_and_saved_many_at_a_time(stores: Stores) -> None:
    """More than one request takes; unknown nodes are left out, and no node is no fault."""
    people = [Identifier("user_id", f"u{number}") for number in range(120)]
    folded = {who.node_id: fold(Projection(), [event(f"m-{who}", who=who)]) for who in people}
    changes = [ProjectionChange(node, projection, "1", "") for node, projection in folded.items()]
    assert stores.customers.save_projections(changes) == frozenset()
    found = stores.customers.projections([*folded, BOB.node_id], consistent=True)
    assert found == {node: StoredProjection(projection, "1") for node, projection in folded.items()}
    assert stores.customers.projections([], consistent=False) == {}
    assert stores.customers.save_projections([]) == frozenset()


def test_a_stale_projection_stops_no_other(stores: Stores) -> None:
    """New, replaced and stale ones in one batch: only the stale are told, and only they are unchanged."""
    mine, later = fold(Projection(), [event("m1")]), fold(Projection(), [event("m1"), event("m2")])
    assert save(stores, mine, "1", "")
    assert save(stores, mine, "1", "", BOB)
    changes = [
        ProjectionChange(APP.node_id, mine, "5", ""),
        ProjectionChange(BOB.node_id, later, "5", "0"),
        ProjectionChange(ANN.node_id, later, "5", "1"),
    ]
    assert stores.customers.save_projections(changes) == {BOB.node_id}
    found = stores.customers.projections([ANN.node_id, BOB.node_id, APP.node_id], consistent=True)
    assert {node: (p.projection, p.watermark) for node, p in found.items()} == {
        ANN.node_id: (later, "5"),
        BOB.node_id: (mine, "1"),
        APP.node_id: (mine, "5"),
    }


def test_words_by_hand_are_kept_by_the_latest(stores: Stores) -> None:
    """What staff said last of a pair stands, however the words arrive, also within one batch."""

    def word(at: float, rule: str) -> Edge:
        return Edge(ANN, APP, minutes(at), MessageId(f"w{at}"), rule, "staff", Trust.HIGH)

    stores.customers.propose([word(2, EXCLUDE), word(3, RELEASE), word(1, INCLUDE)])
    for end in (ANN, APP):
        assert [e.rule for e in stores.customers.head(end.node_id, consistent=True).edges] == [RELEASE]
    stores.customers.propose([word(4, SEPARATE)])
    stores.customers.propose([word(3.5, INCLUDE)])
    assert list(stores.customers.head(APP.node_id, consistent=True).edges) == [word(4, SEPARATE)]


def test_edges_are_proposed_many_at_a_time(stores: Stores) -> None:
    """Of one pair at different places, of many pairs, and twice the same: each place keeps its earliest."""
    others = [Identifier("anonymous_id", f"a{number}") for number in range(40)]
    many = [Edge(ANN, other, minutes(2), MessageId("m2")) for other in others]
    earlier = [Edge(ANN, other, minutes(1), MessageId("m1")) for other in others[:7]]
    stores.customers.propose([*many, *earlier, *many])
    stores.customers.propose(many)
    expected = {*earlier, *many[7:]}
    assert set(stores.customers.head(ANN.node_id, consistent=True).edges) == expected
    assert {edge for o in others for edge in stores.customers.head(o.node_id, consistent=True).edges} == expected


def test_the_head_of_a_crowded_node_has_an_end(stores: Stores) -> None:
    """Somebody's ten-thousand-fold identifier is read as far as it is known to be one, with all that follows it."""
    crowd = [Identifier("anonymous_id", f"a{number}") for number in range(MOST_PARTNERS + 10)]
    stores.customers.propose([Edge(ANN, one, minutes(1), MessageId("m")) for one in crowd])
    assert save(stores, fold(Projection(), [event("m1")]), "1", "")
    stores.runs.start(run(), None)
    head = stores.customers.head(ANN.node_id, consistent=True)
    assert len({edge.b for edge in head.edges}) == len(head.edges) == MOST_PARTNERS
    assert (head.watermark, [slot.live for slot in head.slots]) == ("1", [True])


# Runs


def test_a_run_starts_once(stores: Stores) -> None:
    """It takes its slot; started again, it is returned as it has become, and nothing changes."""
    stored = stores.runs.start(run(), None)
    assert stored == StoredRun(run(), 1)
    moved = stores.runs.save(stored, replace(run(), pc=1), token="t")
    assert stores.runs.start(run(), None) == moved == stores.runs.load(run().run_id)
    assert slots(stores) == [Slot(ANN.node_id, "basket", "c1", run().run_id, True, 1, NOON, NOON, run().anchor)]


def test_a_taken_slot_refuses_another_run(stores: Stores) -> None:
    """Who decided on an older reading of the slot must decide again; nothing is stored of it."""
    first = stores.runs.start(run("one"), None)
    (read,) = slots(stores)
    with pytest.raises(StaleWriteError):
        stores.runs.start(run("two"), None)
    stores.runs.save(first, ended(first.run), token="")
    with pytest.raises(StaleWriteError):
        stores.runs.start(run("two"), read)
    with pytest.raises(StaleWriteError):
        stores.runs.start(run("two"), replace(slots(stores)[0], entries=2))
    assert stores.runs.load(run("two").run_id) is None
    assert [(s.run_id, s.live, s.entries) for s in slots(stores)] == [(run("one").run_id, False, 1)]


def test_entries_count_on(stores: Stores) -> None:
    """A later run of the same key takes the freed slot and counts the entries before it."""
    first = stores.runs.start(run("one"), None)
    stores.runs.save(first, ended(first.run), token="")
    stores.runs.start(run("two", started=9), slots(stores)[0])
    assert slots(stores) == [
        Slot(ANN.node_id, "basket", "c1", run("two").run_id, True, 2, minutes(9), NOON, run().anchor)
    ]


def test_keys_and_nodes_have_slots_of_their_own(stores: Stores) -> None:
    """Other carts and other customers are not in the way; a slot read elsewhere only counts."""
    stores.runs.start(run("one"), None)
    stores.runs.start(run("two", key=None), None)
    stores.runs.start(run("three", who=BOB), slots(stores)[0])
    assert sorted((s.key or "", s.entries) for s in slots(stores)) == [("", 1), ("c1", 1)]
    assert [s.entries for s in slots(stores, BOB)] == [2]


def test_a_run_that_starts_ended_frees_its_slot(stores: Stores) -> None:
    """A hold-out is an entry, and no lock."""
    stores.runs.start(ended(run()), None)
    assert [(s.live, s.entries) for s in slots(stores)] == [(False, 1)]


def test_a_run_is_replaced_by_who_read_it_last(stores: Stores) -> None:
    """Every write takes the revision one further; a write on an older one fails and changes nothing."""
    first = stores.runs.start(run(), None)
    second = stores.runs.save(first, replace(run(), pc=1), token="t")
    assert (second.revision, second.token) == (2, "t")
    for after in (replace(run(), pc=9), ended(run())):
        with pytest.raises(StaleWriteError):
            stores.runs.save(first, after, token="x")
    assert stores.runs.load(run().run_id) == second
    assert [s.live for s in slots(stores)] == [True]


def test_a_run_never_started_cannot_be_saved(stores: Stores) -> None:
    """There is nothing that it would replace."""
    with pytest.raises(StaleWriteError):
        stores.runs.save(StoredRun(run(), 1), run(), token="")


def test_an_ending_frees_its_own_slot_only(stores: Stores) -> None:
    """A run that a later one has followed leaves that one's lock alone, also when it is marked after its end."""
    first = stores.runs.start(run("one"), None)
    over = stores.runs.save(first, ended(first.run), token="")
    stores.runs.start(run("two"), slots(stores)[0])
    stores.runs.save(over, replace(over.run, converted_at=minutes(7)), token="")
    assert [(s.run_id, s.live) for s in slots(stores)] == [(run("two").run_id, True)]


def test_a_run_keeps_all_it_was(stores: Stores) -> None:
    """Messages with their marks and costs come back as they were written."""
    entry = LedgerEntry(
        f"{run().run_id}-0",
        "remind",
        Channel.SMS,
        "cart",
        Identifier("phone", "+48601234567"),
        NOON,
        "sent",
        "",
        "p-1",
        Price(Decimal("0.0322"), "EUR"),
        frozenset({"click", "delivered"}),
        minutes(3),
    )
    full = replace(run(), ledger=(entry,), entry={"message_id": "m", "properties": {"a": [1, None, "ż"]}})
    stored = stores.runs.start(full, None)
    assert stores.runs.load(full.run_id) == stored


def test_a_message_is_found_by_the_provider_s_id(stores: Stores) -> None:
    """Noted twice is noted once; what nobody noted is None."""
    sent = SentMessage("p-1", "r-0", "r", "j", "s", "sms", "t", "n", "+48", NOON, "sent", {"amount": "0.05"})
    stores.runs.note_message(sent)
    stores.runs.note_message(sent)
    assert stores.runs.find_message("p-1") == sent
    assert stores.runs.find_message("p-2") is None


def test_runs_of_a_customer_are_told_newest_first(stores: Stores) -> None:
    """Of every member's node, and of that journey alone, or of all where none is named."""
    stores.runs.start(run("a", started=1), None)
    stores.runs.start(run("b", who=APP, started=3), None)
    stores.runs.start(run("c", who=BOB, started=2), None)
    other = replace(run("d", started=4), journey="basket-two", run_id=f"basket-two_{ANN.node_id}_d")
    stores.runs.start(other, None)
    found = stores.runs.runs_of([ANN.node_id, APP.node_id], "basket")
    assert [one.run_id.rpartition("_")[2] for one in found] == ["b", "a"]
    every = stores.runs.runs_of([ANN.node_id, APP.node_id])
    assert [one.run_id.rpartition("_")[2] for one in every] == ["d", "b", "a"]
    assert stores.runs.load("basket_nobody_x") is None


# Configuration


def _put(stores: Stores, name: str, **fields: Any) -> Journey:
    step = {"push": {"template": "cart"}}
    definition = {"name": name, "steps": [step], **fields}
    return stores.journeys.put_journey(journey_of(step, **{**fields, "name": name}), definition)


def test_the_same_definition_is_the_same_version(stores: Stores) -> None:
    """Another definition is the next version; old ones stay as they were."""
    first = _put(stores, "one")
    assert (first.version, _put(stores, "one").version) == (1, 1)
    second = _put(stores, "one", title="Better")
    assert (second.version, _put(stores, "one").version) == (2, 3)
    assert stores.journeys.journey("one", 1) == first
    assert stores.journeys.journey("one", 2) == second
    assert stores.journeys.journey("one") == replace(first, version=3)
    assert stores.journeys.definition("one") == {"name": "one", "steps": [{"push": {"template": "cart"}}]}
    earlier = stores.journeys.definition("one", 2)
    assert earlier is not None
    assert earlier["title"] == "Better"
    assert stores.journeys.definition("one", 4) is None


def test_the_listing_is_the_current_version_of_each(stores: Stores) -> None:
    """By name, with the events each listens to."""
    _put(stores, "two", entry={"event": "Basket Filled"}, exit=[{"event": "Order Completed"}])
    _put(stores, "one", active=False)
    _put(stores, "two", title="Two", entry={"event": "Basket Filled"}, goal={"event": "Order Completed"})
    listing = stores.journeys.listing()
    assert [(line.name, line.version, line.active) for line in listing] == [("one", 1, False), ("two", 2, True)]
    assert listing[1].title == "Two"
    assert listing[1].listens == {
        "entry_events": ["Basket Filled"],
        "exit_events": [],
        "goal_events": ["Order Completed"],
        "wait_events": [],
        "watched": [],
        "entry_segments": [],
    }


def test_what_is_not_configured_is_none(stores: Stores) -> None:
    """Unknown journeys, versions and templates are None; the settings have defaults."""
    assert stores.journeys.listing() == []
    assert stores.journeys.journey("nobody") is None
    assert stores.journeys.definition("nobody") is None
    assert stores.templates.template("nothing") is None
    _put(stores, "one")
    assert stores.journeys.journey("one", 2) is None
    assert stores.journeys.deployment() == Deployment()


def test_a_template_is_replaced(stores: Stores) -> None:
    """The last one put is the one that is used, with what its channels say differently."""
    stores.templates.put_template(Template("cart", Wording(text="old")))
    new = Template("cart", Wording(text="new", url="https://s.example"), {Channel.SMS: Wording(text="short")})
    stores.templates.put_template(new)
    assert stores.templates.template("cart") == new


def test_a_link_is_found_by_its_code(stores: Stores) -> None:
    """Saved twice it is the same link; an unknown code leads nowhere."""
    link = ClickLink("r-0", ANN, "https://s.example/c?a=1")
    stores.links.save("abcDEF012_-x", link, NOON)
    stores.links.save("abcDEF012_-x", link, NOON)
    assert stores.links.find("abcDEF012_-x") == link
    with pytest.raises(NotFoundError):
        stores.links.find("abcDEF012_-y")


def test_nodes_are_told_apart(stores: Stores) -> None:
    """What is kept at one node is not seen at another."""
    assert save(stores, fold(Projection(), [event("m")]), "1", "")
    assert stores.customers.head(NodeId("nobody"), consistent=True).projection is None
