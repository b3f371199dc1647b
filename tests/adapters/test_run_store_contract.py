"""What the store of runs promises, asked of both makes: runs, slots, messages, claims and the index of live runs."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from omnicascade.domain.deployment import Channel, Price
from omnicascade.domain.errors import StaleWriteError
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.journeys.run import LedgerEntry
from omnicascade.usecases.store_ports import (
    SentMessage,
    Slot,
    StoredRun,
)
from tests.adapters.store_makes import ANN, APP, BOB, NOON, Stores, ended, minutes, run, slots


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
