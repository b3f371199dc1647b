"""What erasing needs of a store, asked of both: the one in memory, and the one on a DynamoDB table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from omnicascade.adapters import erasure_store
from omnicascade.adapters.customer_store import DynamoCustomerStore
from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.erasure_store import DynamoErasureStore
from omnicascade.adapters.event_store import DynamoEventStore
from omnicascade.adapters.link_store import DynamoLinkStore
from omnicascade.adapters.memory_erasures import MemoryErasureStore
from omnicascade.adapters.memory_runs import MemoryRunStore
from omnicascade.adapters.memory_stores import MemoryCustomerStore, MemoryEventStore, MemoryLinkStore
from omnicascade.adapters.run_store import DynamoRunStore
from omnicascade.domain.erasure import REMEMBERED, Counts, Erasure, Receipt, Work, entombed
from omnicascade.domain.errors import StaleWriteError
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.folding import fold
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.identity import INCLUDE, Edge
from omnicascade.domain.identity_rules import Trust
from omnicascade.domain.journeys.run import Run
from omnicascade.domain.links import ClickLink
from omnicascade.domain.projection import Projection
from omnicascade.usecases.deliver_message import LinkStore
from omnicascade.usecases.erasure_ports import ErasureStore
from omnicascade.usecases.store_ports import CustomerStore, EventStore, ProjectionChange, RunStore, SentMessage
from tests.adapters.store_makes import new_table

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ANN, BOB, APP = Identifier("user_id", "ann"), Identifier("user_id", "bob"), Identifier("anonymous_id", "app")
ORDER = Erasure("1773144000000-a", (APP.node_id, ANN.node_id), NOON)


@dataclass(frozen=True)
class Stores:
    """The stores that an erasure reaches into, and its own."""

    erasures: ErasureStore
    events: EventStore
    customers: CustomerStore
    runs: RunStore
    links: LinkStore
    table: Table | None = None


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Stores:
    """Empty stores of one make, whose pages hold three items."""
    if request.param == "memory":
        events, customers, links = MemoryEventStore(), MemoryCustomerStore(), MemoryLinkStore()
        runs = MemoryRunStore(customers)
        return Stores(MemoryErasureStore(events, customers, runs, links), events, customers, runs, links)
    monkeypatch.setattr(erasure_store, "PAGE_ITEMS", 3)
    table = new_table(request.getfixturevalue("dynamodb"))
    return Stores(
        DynamoErasureStore(table),
        DynamoEventStore(table),
        DynamoCustomerStore(table),
        DynamoRunStore(table),
        DynamoLinkStore(table),
        table,
    )


def event(message_id: str, who: Identifier = ANN, **body: Any) -> Event:
    return Event(MessageId(message_id), "track", "Seen", "web", NOON, NOON, (who,), {"messageId": message_id, **body})


def edge(a: Identifier, b: Identifier, message_id: str = "m") -> Edge:
    return Edge(a, b, NOON, MessageId(message_id))


def run(number: int) -> Run:
    return Run(f"basket_{ANN.node_id}_{number:012x}", "basket", 1, ANN.node_id, None, None, NOON, NOON, due=NOON)


def test_an_order_is_opened_once(stores: Stores) -> None:
    """The second opening finds the receipt of the first, and how far it has come."""
    first = stores.erasures.open(ORDER, Receipt(ORDER.erasure_id, NOON, "sue", counts=Counts(identifiers=2)))
    moved = stores.erasures.save(replace(first, status="erasing"))
    assert moved.revision == first.revision + 1
    assert stores.erasures.open(ORDER, Receipt(ORDER.erasure_id, NOON)) == moved
    assert stores.erasures.receipt(ORDER.erasure_id) == moved
    assert stores.erasures.receipt("another") is None


def test_a_receipt_keeps_everything(stores: Stores) -> None:
    """Counts, hours, neighbours and places come back as they were saved."""
    work = Work(
        frozenset({BOB.node_id}), frozenset({1, 492540}), frozenset({1}), frozenset({ANN.node_id}), ("n", "E#é")
    )
    held = stores.erasures.open(ORDER, Receipt(ORDER.erasure_id, NOON))
    done = replace(
        held,
        status="done",
        completed_at=NOON + timedelta(milliseconds=5),
        checked=True,
        counts=Counts(*range(8)),
        work=work,
    )
    saved = stores.erasures.save(done)
    assert stores.erasures.receipt(ORDER.erasure_id) == saved == replace(done, revision=saved.revision)


def test_two_workers_do_not_overwrite_each_other(stores: Stores) -> None:
    """The second of two that read the same receipt must read again."""
    held = stores.erasures.open(ORDER, Receipt(ORDER.erasure_id, NOON))
    stores.erasures.save(held)
    with pytest.raises(StaleWriteError):
        stores.erasures.save(held)


def test_orders_are_read_from_a_moment_on(stores: Stores) -> None:
    """Oldest first, with their nodes and their moment."""
    later = Erasure("1773147600000-b", (BOB.node_id,), NOON + timedelta(hours=1))
    for order in (later, ORDER):
        stores.erasures.open(order, Receipt(order.erasure_id, order.at))
    assert list(stores.erasures.erased_since(NOON - timedelta(days=35))) == [ORDER, later]
    assert list(stores.erasures.erased_since(NOON + timedelta(minutes=1))) == [later]


def test_edges_go_at_both_ends(stores: Stores) -> None:
    """Those that are named go, whatever their rule; others stay."""
    by_hand = Edge(ANN, BOB, NOON, MessageId("h"), INCLUDE, "staff", Trust.HIGH)
    stores.customers.propose([edge(ANN, APP), by_hand, edge(BOB, APP)])
    found = stores.erasures.edges_at(ANN.node_id)
    assert {(e.b, e.rule) for e in found} == {(APP, "same call"), (BOB, INCLUDE)}
    stores.erasures.remove_edges(found)
    stores.erasures.remove_edges(found)
    assert stores.erasures.edges_at(ANN.node_id) == []
    assert stores.erasures.edges_at(APP.node_id) == [edge(BOB, APP)]


def test_when_an_edges_event_was_received(stores: Stores) -> None:
    """Known of stored events only."""
    stores.events.add(event("m"))
    edges = [edge(ANN, APP), edge(ANN, BOB), edge(ANN, APP, "gone")]
    assert stores.erasures.received(edges) == {(ANN.node_id, "m"): NOON}
    assert stores.erasures.received([]) == {}


def test_a_tombstone_takes_the_projections_place_in_the_stream(stores: Stores) -> None:
    """Its watermark is another one, before every later event and after every earlier one; a writer who read before
    finds out."""
    before = "0" * 37 + "123"
    stores.customers.save_projections([ProjectionChange(ANN.node_id, fold(Projection(), [event("m")]), before, "")])
    for _ in range(2):
        stores.erasures.revise(ANN.node_id, lambda held: entombed(held, ORDER), until=NOON + REMEMBERED)
    head = stores.customers.head(ANN.node_id, consistent=True)
    assert head.projection == Projection(erased_ms=1773144000000)
    assert before < head.watermark < "0" * 37 + "124"
    stale = ProjectionChange(ANN.node_id, Projection(), "0" * 37 + "124", before)
    assert stores.customers.save_projections([stale]) == {ANN.node_id}


def test_a_tombstone_stands_also_where_nothing_was(stores: Stores) -> None:
    """An identifier without events of its own is remembered, too, before any event to come."""
    stores.erasures.revise(APP.node_id, lambda held: entombed(held, ORDER), until=None)
    head = stores.customers.head(APP.node_id, consistent=True)
    assert head.projection == Projection(erased_ms=1773144000000)
    assert "" < head.watermark < "1".zfill(40)


def test_a_profile_that_lives_again_does_not_expire(stores: Stores) -> None:
    """The first fold into a tombstone takes its expiry away."""
    stores.erasures.revise(ANN.node_id, lambda held: entombed(held, ORDER), until=NOON + REMEMBERED)
    head = stores.customers.head(ANN.node_id, consistent=True)
    again = fold(head.projection or Projection(), [replace(event("n"), received_at=NOON + timedelta(days=1))])
    assert not stores.customers.save_projections([ProjectionChange(ANN.node_id, again, "9" * 40, head.watermark)])
    if stores.table:
        item = stores.table.get(ANN.node_id, "H#P")
        assert item is not None
        assert "expires_at" not in item


def test_what_a_node_holds_is_told_page_by_page(stores: Stores) -> None:
    """Events, slots and runs, all of them once, and nobody else's; removed items are gone."""
    for number in range(4):
        stores.events.add(event(f"e-{number}"))
    stores.events.add(event("other", BOB))
    stores.customers.propose([edge(ANN, APP)])
    started = stores.runs.start(run(1), None)
    pages, after = [stores.erasures.holdings(ANN.node_id, "")], ""
    while pages[-1].last is not None:
        after = pages[-1].last
        pages.append(stores.erasures.holdings(ANN.node_id, after))
    events = [held for page in pages for held in page.events]
    assert [one.message_id for _, one in events] == ["e-0", "e-1", "e-2", "e-3"]
    assert [stored for page in pages for _, stored in page.runs] == [started]
    assert [slot.run_id for page in pages for _, slot in page.slots] == [started.run.run_id]
    places = [place for page in pages for held in (page.events, page.slots, page.runs) for place, _ in held]
    stores.erasures.remove(ANN.node_id, places)
    stores.erasures.remove(ANN.node_id, places)
    assert stores.runs.load(started.run.run_id) is None
    assert not stores.customers.head(ANN.node_id, consistent=True).slots
    assert list(stores.events.events_of(ANN.node_id)) == []
    assert len(list(stores.events.events_of(BOB.node_id))) == 1


def test_messages_and_links_are_forgotten(stores: Stores) -> None:
    """By the provider's id and by the code; others stay."""
    for name in ("one", "two"):
        stores.runs.note_message(_sent(name))
        stores.links.save(f"{name}0123456789"[:12], ClickLink(name, ANN, "https://s.example"), NOON)
    codes = ["one012345678", "two012345678", "three0123456"]
    assert sorted(stores.erasures.tracked(codes)) == codes[:2]
    stores.erasures.forget_messages(["one"], [codes[0], codes[2]])
    assert stores.runs.find_message("one") is None
    assert stores.runs.find_message("two") is not None
    assert stores.erasures.tracked(codes) == codes[1:2]


def _sent(name: str) -> SentMessage:
    return SentMessage(name, f"m-{name}", "r", "basket", "s", "email", "t", "p", "a@example.com", NOON, "sent")


def test_an_event_gets_another_text_if_it_is_still_there(stores: Stores) -> None:
    """One that is gone stays gone."""
    stores.events.add(event("m", secret="app"))
    stores.erasures.replace_event(event("m", secret=None))
    stores.erasures.replace_event(event("gone"))
    assert list(stores.events.events_of(ANN.node_id)) == [event("m", secret=None)]


def test_a_run_that_was_erased_does_not_come_back(stores: Stores) -> None:
    """A sender that would end it, or go on with it, hears that it is gone."""
    started = stores.runs.start(run(1), None)
    stores.erasures.remove(ANN.node_id, [place for place, _ in stores.erasures.holdings(ANN.node_id, "").runs])
    for after in (replace(started.run, status="ended", due=None), started.run):
        with pytest.raises(StaleWriteError):
            stores.runs.save(started, after, token="")
    assert stores.runs.load(started.run.run_id) is None
