"""What the store of runs promises, asked of both makes: runs, slots, messages, claims and the index of live runs."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from omnicascade.domain.deployment import Channel, Price
from omnicascade.domain.errors import StaleWriteError
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.journeys.run import LedgerEntry
from omnicascade.usecases.store_ports import SentMessage, Slot, StoredRun
from tests.adapters.store_makes import ANN, APP, BOB, NOON, Stores, ended, minutes, run, slots


def test_a_run_starts_once(stores: Stores) -> None:
    """It takes its slot; started again, it is returned as it has become, and nothing changes."""
    stored = stores.runs.start(run(), None)
    assert stored == StoredRun(run(), 1)
    moved = stores.runs.save(stored, replace(run(), pc=1), token="t")
    assert stores.runs.start(run(), None) == moved == stores.runs.load(run().run_id)
    assert slots(stores) == [Slot(ANN.node_id, "basket", "c1", run().run_id, 1, NOON, NOON, run().anchor)]


def test_a_taken_slot_refuses_another_run(stores: Stores) -> None:
    """Who decided on an older reading of the slot must decide again; nothing is stored of it."""
    first = stores.runs.start(run("one"), None)
    with pytest.raises(StaleWriteError):
        stores.runs.start(run("two"), None)
    stores.runs.save(first, ended(first.run), token="")
    with pytest.raises(StaleWriteError):
        stores.runs.start(run("two"), replace(slots(stores)[0], entries=2))
    assert stores.runs.load(run("two").run_id) is None
    assert [(s.run_id, s.entries) for s in slots(stores)] == [(run("one").run_id, 1)]


def test_entries_count_on(stores: Stores) -> None:
    """A later run of the same key takes the slot and counts the entries before it."""
    first = stores.runs.start(run("one"), None)
    stores.runs.save(first, ended(first.run), token="")
    stores.runs.start(run("two", started=9), slots(stores)[0])
    assert slots(stores) == [Slot(ANN.node_id, "basket", "c1", run("two").run_id, 2, minutes(9), NOON, run().anchor)]


def test_keys_and_nodes_have_slots_of_their_own(stores: Stores) -> None:
    """Other carts and other customers are not in the way; a slot read elsewhere only counts."""
    stores.runs.start(run("one"), None)
    stores.runs.start(run("two", key=None), None)
    stores.runs.start(run("three", who=BOB), slots(stores)[0])
    assert sorted((s.key or "", s.entries) for s in slots(stores)) == [("", 1), ("c1", 1)]
    assert [s.entries for s in slots(stores, BOB)] == [2]


def test_a_run_that_starts_ended_is_an_entry_and_never_lives(stores: Stores) -> None:
    """Whoever is held out was there."""
    stores.runs.start(ended(run()), None)
    assert [s.entries for s in slots(stores)] == [1]
    assert list(stores.customers.head(ANN.node_id, consistent=True).runs) == []


def test_a_run_is_replaced_by_who_read_it_last(stores: Stores) -> None:
    """Every write takes the revision one further; a write on an older one fails and changes nothing."""
    first = stores.runs.start(run(), None)
    second = stores.runs.save(first, replace(run(), pc=1), token="t")
    assert (second.revision, second.token) == (2, "t")
    for after in (replace(run(), pc=9), ended(run())):
        with pytest.raises(StaleWriteError):
            stores.runs.save(first, after, token="x")
    assert stores.runs.load(run().run_id) == second


def test_a_run_never_started_cannot_be_saved(stores: Stores) -> None:
    """There is nothing that it would replace."""
    with pytest.raises(StaleWriteError):
        stores.runs.save(StoredRun(run(), 1), run(), token="")


def test_a_task_is_known_to_ring_when_its_token_was_stored(stores: Stores) -> None:
    """Whatever an event makes of the run: whoever moves it earlier knows that the task does not know."""
    stored = stores.runs.start(run(), None)
    assert stored.rings_at is None
    waits = stores.runs.save(stored, replace(run(), due=minutes(60)), token="t", entered="1")
    moved = stores.runs.save(waits, replace(run(), due=minutes(5)), token="t")
    assert (moved.rings_at, moved.run.due) == (minutes(60), minutes(5))
    assert stores.runs.load(run().run_id) == moved
    outlived = stores.runs.save(moved, replace(run(), due=minutes(4)), token="t", entered="1")
    assert outlived.rings_at == minutes(60)
    awake = stores.runs.save(outlived, replace(run(), due=minutes(5)), token="", entered="2")
    assert awake.rings_at is None
    asleep = stores.runs.save(awake, replace(run(), due=minutes(9), look_at=minutes(7)), token="u", entered="2")
    assert asleep.rings_at == minutes(7)


def test_an_audience_is_known_to_look_when_it_left_the_run(stores: Stores) -> None:
    """It has no token; an event's write changes nothing of when it comes again."""
    stored = stores.runs.start(replace(run(), audience="spring"), None)
    left = stores.runs.save(stored, replace(stored.run, due=minutes(60)), token="", entered="")
    moved = stores.runs.save(left, replace(stored.run, due=minutes(5)), token="")
    assert (left.rings_at, moved.rings_at) == (minutes(60), minutes(60))
    assert stores.runs.load(stored.run.run_id) == moved


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
