"""Law 8: after an erasure nothing of that person is kept anywhere, and everything of everybody else is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from omnicascade.domain.errors import NotFoundError, UnavailableError
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.identity import EXCLUDE, Edge, edges_of
from omnicascade.usecases.erase_customer import ErasureDesk
from omnicascade.usecases.find_customer import find_customer
from omnicascade.usecases.name_customer import node_of
from omnicascade.usecases.recent_erasures import RecentErasures
from tests.usecases.erasure_world import ErasureWorld
from tests.usecases.port_proxy import Call, straight

ANN = ("annika", "annika@", "601234567", "browser-a", "device-a", "Zbigniewa")
"""Words that only the erased person's data hold."""

ANN_IDENTIFY: dict[str, Any] = {
    "type": "identify",
    "messageId": "i-1",
    "userId": "annika",
    "anonymousId": "browser-a",
    "traits": {"email": "annika@example.com", "phone": "+48601234567", "name": "Zbigniewa"},
    "context": {"device": {"type": "ios", "id": "device-a", "token": "device-a-token"}},
}
BOB_IDENTIFY: dict[str, Any] = {
    "type": "identify",
    "messageId": "i-2",
    "userId": "bogdan",
    "traits": {"email": "bogdan@example.com", "name": "Bogdan"},
}


def cart(who: str, number: int = 1) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Basket Filled",
        "messageId": f"{who}-cart-{number}",
        "userId": who,
        "properties": {"cart_id": f"cart-of-{who}"},
    }


def populated(world: ErasureWorld) -> ErasureWorld:
    """Two customers under way in a journey, each with a push sent."""
    world.put_journey("basket", entry={"event": "Basket Filled", "after": "1h"})
    world.post(ANN_IDENTIFY)
    world.post(BOB_IDENTIFY)
    world.settle()
    world.post(cart("annika"), cart("bogdan"))
    world.settle()
    world.advance(hours=6)
    world.archive_all()
    assert world.traces(*ANN)
    return world


def bob_of(world: ErasureWorld) -> tuple[Any, ...]:
    """All there is to see of the other customer."""
    customer = world.customer("user_id:bogdan")
    return customer.profile, customer.component, world.runs_of("user_id:bogdan"), world.traces("bogdan")


def test_nobody_finds_the_customer_once_staff_were_answered() -> None:
    """Before the worker has even begun, every identifier is unknown."""
    world = populated(ErasureWorld())
    before = bob_of(world)
    answer = world.order("email:annika@example.com")
    assert answer["status"] == "accepted"
    assert answer["receipt"] == f"/v1/erasures/{answer['erasure_id']}"
    for name in ("user_id:annika", "email:annika@example.com", "phone:+48601234567", "anonymous_id:browser-a"):
        assert not world.known(name)
    assert bob_of(world) == before


def test_nothing_of_the_customer_is_left_and_everything_of_others_is() -> None:
    """Events, projections, edges, runs, slots, messages, links and archived lines are gone; another customer's are as
    they were."""
    world = populated(ErasureWorld())
    before = bob_of(world)
    world.erase("user_id:annika")
    world.work()
    assert world.traces(*ANN) == []
    assert bob_of(world) == before


def test_the_receipt_counts_what_went_and_names_nobody() -> None:
    """Every kind of thing is counted once; the receipt holds no identifier and, in the end, no digest of one."""
    world = populated(ErasureWorld())
    nodes = world.customer("user_id:annika").component.members
    erasure_id = world.order("user_id:annika")["erasure_id"]
    desk = ErasureDesk(world.seal(), world.orders)
    assert desk.show(erasure_id)["status"] == "accepted"
    world.work()
    shown = desk.show(erasure_id)
    assert shown["status"] == "done"
    assert shown["completed_at"] >= shown["requested_at"]
    archive = {name: shown["counts"].pop(name) for name in ("archive_objects_read", "archive_objects_rewritten")}
    # Two pushes went out, to nobody's click: an app reports taps itself. The e-mail was a tracked link.
    assert shown["counts"] == {"events": 2, "identifiers": 6, "edges": 5, "runs": 1, "messages": 2, "links": 1}
    assert archive["archive_objects_rewritten"] == 1
    assert all("_Node(projection=Projection(traits={}, seen={}" in text for text in world.traces(*nodes))
    with pytest.raises(NotFoundError):
        desk.show("another")


def test_a_live_run_ends_and_sends_nothing_more() -> None:
    """The execution succeeds at once, however long it would have waited, and no message follows."""
    world = populated(ErasureWorld())
    sent = world.channels()
    bob = len(world.runs_of("user_id:bogdan")[0].ledger)
    world.erase("user_id:annika")
    assert sorted(e.status for e in world.machine.executions.values()) == ["RUNNING", "SUCCEEDED"]
    world.work()
    world.advance(days=9)
    assert len(world.channels()) == len(sent) + len(world.runs_of("user_id:bogdan")[0].ledger) - bob
    assert {e.status for e in world.machine.executions.values()} == {"SUCCEEDED"}
    assert world.traces(*ANN) == []


@pytest.mark.parametrize("worked", [False, True])
def test_a_sender_that_finds_its_run_gone_ends_the_execution_in_peace(worked: bool) -> None:
    """Whether the run was only stopped or deleted already, its execution ends well: no alarm rings."""
    world = populated(ErasureWorld())
    (execution,) = [e for e in world.machine.executions.values() if "annika" in str(world.runs.load(e.input["run"]))]
    world.order("user_id:annika")
    if worked:
        world.work()
    execution.status, execution.at, execution.calls = "RUNNING", world.now, True
    world.settle()
    assert execution.status == "SUCCEEDED"
    assert world.traces(*ANN) == [] or not worked


def test_what_was_received_before_and_comes_later_vanishes() -> None:
    """Calls still in the queue when the customer is erased are recorded later and leave nothing."""
    world = populated(ErasureWorld())
    world.post(
        cart("annika", 2), {**cart("annika", 3), "anonymousId": "browser-a", "context": {"traits": {"x": "annika"}}}
    )
    world.erase("user_id:annika")
    world.work()
    world.settle()
    world.archive_all()
    assert world.traces(*ANN) == []
    assert not world.known("user_id:annika")
    assert not world.known("anonymous_id:browser-a")


def test_an_old_batch_of_the_stream_changes_nothing_when_it_comes_again() -> None:
    """The stream delivers for a day: neither profile nor journey comes back."""
    world = populated(ErasureWorld())
    old = list(world.events.stream)
    world.erase("user_id:annika")
    world.work()
    before = bob_of(world)
    executions = len(world.machine.executions)
    world.deliver(old)
    assert world.traces(*ANN) == []
    assert len(world.machine.executions) == executions
    assert bob_of(world) == before


def test_a_new_event_starts_an_empty_profile() -> None:
    """Nothing of before is in it: no trait, no consent, no suppression, no other identifier."""
    world = populated(ErasureWorld())
    spam = {"type": "track", "event": "Email Marked as Spam", "messageId": "s", "userId": "annika"}
    world.post(spam | {"context": {"traits": {"email": "annika@example.com"}}})
    world.settle()
    world.erase("user_id:annika")
    world.now += timedelta(seconds=1)
    world.post({"type": "track", "event": "Visited", "messageId": "n", "userId": "annika"})
    world.settle()
    world.work()
    profile = world.customer("user_id:annika").profile
    assert [str(known.identifier) for known in profile.identifiers] == ["user_id:annika"]
    assert (profile.counters.events, profile.traits, profile.consent, profile.suppressed) == (1, {}, {}, {})
    assert not world.known("email:annika@example.com")


def test_edges_of_new_events_outlive_the_worker() -> None:
    """A customer who comes back while the worker is still at it is joined as anybody else."""
    world = populated(ErasureWorld())
    world.order("user_id:annika")
    world.now += timedelta(seconds=1)
    world.post({**ANN_IDENTIFY, "messageId": "again", "timestamp": "2020-01-01T00:00:00Z"})
    world.settle()
    world.work()
    profile = world.customer("email:annika@example.com").profile
    assert len(profile.identifiers) == 6
    assert profile.counters.events == 1


def test_others_keep_their_events_without_the_names_of_the_erased() -> None:
    """A second user of the same browser stays a customer, whose events no longer tell of the browser."""
    world = populated(ErasureWorld())
    world.post({**BOB_IDENTIFY, "messageId": "b", "anonymousId": "browser-a", "traits": {"city": "Łódź"}})
    world.settle()
    world.archive_all()
    assert any("browser-a" in text for text in world.traces("bogdan"))
    world.erase("user_id:annika")
    world.work()
    assert world.traces(*ANN) == []
    profile = world.customer("user_id:bogdan").profile
    assert profile.traits["city"] == "Łódź"
    assert profile.counters.events == 3
    world.now += timedelta(seconds=1)
    world.post({**BOB_IDENTIFY, "messageId": "c", "anonymousId": "browser-a"})
    world.settle()
    assert world.known("anonymous_id:browser-a")


def test_staffs_words_about_the_erased_go_too() -> None:
    """What was said by hand of the person and another is said no more, at either end."""
    world = populated(ErasureWorld())
    judged = judgement("user_id:bogdan", "email:annika@example.com")
    assert world.events.add(judged)
    world.customers.propose(edges_of(judged))
    world.settle()
    world.archive_all()
    world.erase("user_id:annika")
    world.work()
    assert world.traces(*ANN) == []
    assert world.customer("user_id:bogdan").component.by_hand == ()


def judgement(one: str, other: str) -> Event:
    body = {
        "type": "track",
        "event": "Identities Judged",
        "messageId": "judged",
        "properties": {"pairs": [{"from": one, "to": other, "rule": EXCLUDE}]},
    }
    kind, _, value = one.partition(":")
    at = ErasureWorld().began
    named = (Identifier(kind, value),)
    return Event(MessageId("judged"), "track", "Identities Judged", "staff", at, at, named, body)


def test_a_login_under_way_brings_in_no_erased_name_for_long() -> None:
    """An event received before, that joins an erased browser to a user nobody knew yet, loses the browser."""
    world = populated(ErasureWorld())
    world.post({"type": "identify", "messageId": "late", "userId": "somebody", "anonymousId": "browser-a"})
    world.order("user_id:annika")
    world.settle()
    world.archive_all()
    world.work()
    assert world.traces(*ANN) == []
    assert not world.known("anonymous_id:browser-a")


def test_a_batch_that_the_archive_was_writing_is_found_by_the_second_look() -> None:
    """Lines that slip in while the first look is taken are gone after the second."""
    world = populated(ErasureWorld())
    late = [arrival.event for arrival in world.events.stream]
    world.order("user_id:annika")
    erasure, by, _ = world.orders.waiting.pop()
    wait = world.eraser().carry_out(erasure, by, world.now, lambda: False)
    world.archive.store(late)
    assert world.traces(*ANN)
    assert wait is not None
    early = world.eraser().carry_out(erasure, by, world.now + timedelta(minutes=1), lambda: False)
    assert early is not None
    assert world.eraser().carry_out(erasure, by, world.now + wait, lambda: False) is None
    assert world.traces(*ANN) == []
    assert world.eraser().carry_out(erasure, by, world.now + wait, lambda: False) is None


def test_a_worker_with_little_time_goes_on_where_it_was() -> None:
    """However often it is interrupted, the receipt counts everything once."""
    world = populated(ErasureWorld())
    for number in range(2, 20):
        world.post({"type": "page", "messageId": f"p-{number}", "userId": "annika"})
    world.settle()
    asked = [0]

    def every_fourth() -> bool:
        asked[0] += 1
        return asked[0] % 4 == 0

    erasure_id = world.order("user_id:annika")["erasure_id"]
    world.work(every_fourth)
    receipt = world.erasures.receipt(erasure_id)
    assert receipt is not None
    assert receipt.counts.events == 20
    assert world.traces(*ANN) == []


def test_a_message_in_doubt_is_waited_for() -> None:
    """A claim whose outcome is not known yet may still store what the provider said: its run goes last."""
    world = populated(ErasureWorld())
    stored = world.runs.load(world.runs_of("user_id:annika")[0].run_id)
    assert stored is not None
    entry = replace(stored.run.ledger[-1], outcome="claimed", provider_id=None, claimed_at=world.now)
    claimed = replace(stored.run, ledger=(*stored.run.ledger[:-1], entry))
    world.runs.save(stored, claimed, token=stored.token)
    world.order("user_id:annika")
    erasure, by, _ = world.orders.waiting[0]
    wait = world.eraser().carry_out(erasure, by, world.now, lambda: False)
    assert wait == timedelta(minutes=1)
    assert world.runs.load(stored.run.run_id) is not None
    world.work()
    assert world.runs.load(stored.run.run_id) is None


def test_a_restored_table_is_erased_again() -> None:
    """From the orders kept beside the archive, everybody erased since the backup goes once more."""
    world, restored = populated(ErasureWorld()), populated(ErasureWorld())
    world.erase("user_id:annika")
    world.work()
    restored.archive = world.archive
    assert restored.traces(*ANN)
    for order in world.archive.orders():
        restored.orders.put(order, "restore")
    restored.work()
    assert restored.traces(*ANN) == []
    assert restored.known("user_id:bogdan")


def test_the_archives_writer_hears_of_every_order() -> None:
    """Also of those that come after it asked first; orders older than the memory are forgotten."""
    world = populated(ErasureWorld())
    asked = RecentErasures(world.erasures)
    assert list(asked.until(world.now)) == []
    world.order("user_id:annika")
    assert [e.at for e in asked.until(world.now)] == [world.now]
    world.now += timedelta(hours=1)
    world.order("user_id:bogdan")
    assert len(list(asked.until(world.now))) == 2
    assert len(list(asked.until(world.now + timedelta(days=34, hours=23, minutes=30)))) == 1


WRITES = {
    "erasures": {"open", "save", "remove_edges", "revise", "remove", "forget_messages", "replace_event"},
    "orders": {"put"},
    "runs": {"save"},
    "timer": {"finish"},
    "archive": {"rewrite", "keep_order"},
    "customers": {"propose"},
}


class Fault:
    """One fault at the n-th write of an erasure; `trace` tells which writes there were."""

    def __init__(self, number: int, kind: str) -> None:
        self.number, self.kind = number, kind
        self.trace: list[str] = []

    def __call__(self, call: Call, proceed: Callable[[], Any]) -> Any:
        if call.method not in WRITES.get(call.port, ()):
            return proceed()
        self.trace.append(str(call))
        planned = len(self.trace) == self.number
        if planned and self.kind == "dies before":
            raise RuntimeError("the process dies")
        if planned and self.kind == "refused":
            raise UnavailableError("throttled")
        answer = proceed()
        if planned:
            raise RuntimeError("the process dies") if self.kind == "dies after" else UnavailableError("no answer")
        return answer


def erased_through(fault: Fault) -> ErasureWorld:
    """The story of an erasure with a neighbour, through one fault."""
    world = populated(ErasureWorld())
    world.post({**BOB_IDENTIFY, "messageId": "b", "anonymousId": "browser-a"})
    world.settle()
    world.archive_all()
    world.around = fault
    world.erase("user_id:annika")
    world.work()
    world.around = straight
    return world


WHOLE = Fault(0, "none")
EXPECTED = erased_through(WHOLE)


def test_the_story_makes_every_kind_of_write() -> None:
    """Without this, the faults below would prove little."""
    seen = {name.partition(" ")[0] for name in WHOLE.trace}
    assert {f"{port}.{method}" for port, methods in WRITES.items() for method in methods} - seen == {
        "customers.propose"
    }


@pytest.mark.parametrize("kind", ["dies before", "dies after", "refused", "answer lost"])
@pytest.mark.parametrize("number", range(1, len(WHOLE.trace) + 1))
def test_a_fault_at_any_write_is_repaired(number: int, kind: str) -> None:
    """Staff ask again where they were not answered, the queue delivers again, and the end is the same."""
    world = erased_through(Fault(number, kind))
    assert world.traces(*ANN) == []
    assert not world.known("user_id:annika")
    assert world.customer("user_id:bogdan").profile == EXPECTED.customer("user_id:bogdan").profile
    assert world.orders.waiting == []
    assert "RUNNING" in {e.status for e in world.machine.executions.values()}
    world.advance(days=9)
    assert {e.status for e in world.machine.executions.values()} == {"SUCCEEDED"}


def test_an_edge_is_cut_at_both_ends_for_good() -> None:
    """The neighbour's own projection claims the edge no longer, so that a new event proposes it again."""
    world = erased_through(Fault(0, "none"))
    bob = find_customer(node_of("user_id:bogdan"), world.customers, world.journeys.deployment().identity)
    assert bob is not None
    gone = Identifier("anonymous_id", "browser-a").node_id
    held = world.customers.at(node_of("user_id:bogdan")).projection
    assert held is not None
    assert not [place for place in held.linked if place.startswith(gone)]
    edges: list[Edge] = [*bob.component.accepted, *(r.edge for r in bob.component.refused)]
    assert not [edge for edge in edges if gone in (edge.a.node_id, edge.b.node_id)]
