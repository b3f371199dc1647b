"""Two customers who turn out to be one are one to caps, budgets, hold-outs and quiet hours, too."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import pytest

from tests.journey_streams import BUDGET
from tests.usecases.world import NOON, World

ANN: Final = {"userId": "ann"}
VISITOR: Final = {"anonymousId": "web-1"}
PUSH: Final[dict[str, Any]] = {"push": {"template": "cart"}}
ENTRY: Final[dict[str, Any]] = {"entry": {"event": "Basket Filled", "key": "properties.cart_id"}, "reentry": "always"}


def known(world: World) -> None:
    """Ann has an app, the visitor another; nobody knows that they are one."""
    for who, token, phone in ((ANN, "ann-token", "+48601234567"), (VISITOR, "web-token", "+48607654321")):
        device = {"type": "ios", "token": token}
        traits = {"phone": phone}
        call = {"type": "identify", "messageId": token, **who, "traits": traits, "context": {"device": device}}
        world.post(call)
    world.settle()


def fills(world: World, who: dict[str, Any], cart: str) -> None:
    """A basket is filled, and all that follows at once is done."""
    call = {"type": "track", "event": "Basket Filled", "messageId": f"fill-{cart}", "properties": {"cart_id": cart}}
    world.post({**call, **who})
    world.settle()


def logs_in(world: World) -> None:
    """The visitor turns out to be Ann."""
    world.post({"type": "identify", "messageId": "login", **VISITOR, **ANN})
    world.settle()


@pytest.mark.parametrize("order", [(ANN, VISITOR, ANN), (VISITOR, ANN, VISITOR), (VISITOR, VISITOR, ANN)])
def test_what_each_got_before_counts_against_the_cap_of_the_one(order: Sequence[dict[str, Any]]) -> None:
    """Two messages a day: one to each of two strangers is two to the one person that they are."""
    world = World()
    world.put_journey("basket", PUSH, cap={"messages": 2, "per": "1d"}, **ENTRY)
    known(world)
    fills(world, order[0], "c1")
    fills(world, order[1], "c2")
    logs_in(world)
    fills(world, order[2], "c3")
    assert len(world.push.sent) == 2
    world.advance(days=1)
    fills(world, order[2], "c4")
    assert len(world.push.sent) == 3


def test_a_budget_is_spent_once_for_everybody() -> None:
    """It pays for two text messages: the third is passed over, whoever it is for, and nothing is sent in its stead."""
    world = World()
    world.put_journey("basket", {"cascade": {"channels": [{"sms": {"template": "cart", "budget": BUDGET}}]}}, **ENTRY)
    known(world)
    for number, who in enumerate((ANN, VISITOR, ANN, VISITOR)):
        fills(world, who, f"c{number}")
    assert len(world.sms.sent) == 2


def _held(journey: str, anchor: str) -> bool:
    """Whether half of all customers, to whom this one belongs, are not written to."""
    digest = hashlib.sha256(f"{journey}\n{anchor}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 < 0.5


def _named(*, ann: bool, visitor: bool) -> str:
    """A journey that holds out of those two whom the test wants."""
    world = World()
    known(world)
    ids = [world.customer(reference).profile.profile_id for reference in ("user_id:ann", "anonymous_id:web-1")]
    names = (f"journey-{number}" for number in range(1000))
    return next(name for name in names if (_held(name, ids[0]), _held(name, ids[1])) == (ann, visitor))


@pytest.mark.parametrize(("ann", "visitor"), [(True, False), (False, True)])
def test_whoever_was_held_out_stays_so_whomever_they_turn_out_to_be(*, ann: bool, visitor: bool) -> None:
    """The one who was held out entered; after the merge neither of the two guises is written to."""
    world, name = World(), _named(ann=ann, visitor=visitor)
    world.put_journey(name, PUSH, holdout="50%", **ENTRY)
    known(world)
    fills(world, ANN if ann else VISITOR, "c1")
    assert world.push.sent == []
    logs_in(world)
    for number, who in enumerate((ANN, VISITOR)):
        fills(world, who, f"later-{number}")
    assert world.push.sent == []


def test_a_run_under_way_ends_when_its_customer_turns_out_to_be_held_out() -> None:
    """One of the two was written to before anybody knew; the second message is not sent any more."""
    world, name = World(), _named(ann=True, visitor=False)
    world.put_journey(name, PUSH, {"wait": "1h"}, {"sms": {"template": "cart"}}, holdout="50%", **ENTRY)
    known(world)
    fills(world, VISITOR, "c1")
    fills(world, ANN, "c2")
    assert len(world.push.sent) == 1
    logs_in(world)
    world.advance(hours=2)
    assert world.sms.sent == []
    assert {run.outcome for run in world.runs_of("user_id:ann", name)} == {"held_out"}


def test_runs_of_one_basket_become_one_and_remember_what_both_sent() -> None:
    """Each of the two got the push; the one they are gets the text message once, and no second push."""
    world = World()
    parts: list[dict[str, Any]] = [{"push": {"template": "cart", "wait": "1h"}}, {"sms": {"template": "cart"}}]
    world.put_journey("basket", {"cascade": {"channels": parts}}, {"email": {"template": "cart"}}, **ENTRY)
    known(world)
    fills(world, ANN, "c1")
    world.advance(minutes=1)
    again = {
        "type": "track",
        "event": "Basket Filled",
        "messageId": "other",
        "properties": {"cart_id": "c1"},
        **VISITOR,
    }
    world.post(again)
    world.advance(minutes=65)
    assert (len(world.push.sent), len(world.sms.sent)) == (2, 2)
    logs_in(world)
    assert sorted(run.outcome or "" for run in world.runs_of("user_id:ann")) == ["completed", "completed"]


@pytest.mark.parametrize("first", [ANN, VISITOR])
def test_what_a_merged_run_sent_is_not_sent_again(first: dict[str, Any]) -> None:
    """The later run sent its text message already when the two become one: the earlier one sends none."""
    world, second = World(), VISITOR if first is ANN else ANN
    gate = {"wait_for": {"event": "Gate Opened", "timeout": "2d"}}
    world.put_journey("basket", gate, {"id": "tell", "sms": {"template": "cart"}}, {"wait": "5d"}, **ENTRY)
    known(world)
    fills(world, first, "c1")
    world.advance(minutes=1)
    world.post({"type": "track", "event": "Basket Filled", "messageId": "o", "properties": {"cart_id": "c1"}, **second})
    world.settle()
    world.post({"type": "track", "event": "Gate Opened", "messageId": "gate", **second})
    world.settle()
    assert len(world.sms.sent) == 1
    logs_in(world)
    world.advance(days=10)
    assert len(world.sms.sent) == 1
    assert sorted(run.outcome or "" for run in world.runs_of("user_id:ann")) == ["completed", "merged"]


@pytest.mark.parametrize(("zone", "hours"), [("Asia/Tokyo", 12), ("Europe/Warsaw", 0), ("America/New_York", 0)])
def test_quiet_hours_are_those_of_the_recipients_clock(zone: str, hours: int) -> None:
    """At noon in UTC it is nine in the evening in Tokyo: the message waits until nine in the morning there."""
    world = World()
    world.put_journey("basket", PUSH, quiet_hours={"from": "21:00", "to": "08:59", "zone": "recipient"}, **ENTRY)
    known(world)
    world.post({"type": "identify", "messageId": "zone", **ANN, "traits": {"timezone": zone}})
    world.settle()
    if zone == "America/New_York":
        world.advance(hours=2)
    fills(world, ANN, "c1")
    started = world.now
    world.advance(days=2)
    (run,) = world.runs_of("user_id:ann")
    assert run.ledger[0].claimed_at - started == timedelta(hours=hours)
    assert world.began == NOON


@pytest.mark.parametrize("first", [ANN, VISITOR])
def test_the_arm_of_the_first_entry_stays_whoever_the_customer_turns_out_to_be(first: dict[str, Any]) -> None:
    """Twenty splits of two arms: after the merge every one of them goes the way that it went before."""
    world = World()
    arms = [
        {"split": [{"name": name, "share": "50%", "then": [{"wait": "1m"}]} for name in ("a", "b")]} for _ in range(20)
    ]
    world.put_journey("basket", *arms, **ENTRY)
    known(world)
    fills(world, first, "c1")
    world.advance(hours=1)
    logs_in(world)
    fills(world, ANN, "c2")
    world.advance(hours=1)
    later, earlier = world.runs_of("user_id:ann")
    assert len(earlier.arms) == len(arms)
    assert later.arms == earlier.arms
