"""Caps and budgets hold to the message when several runs want the last one at the same moment."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.usecases.turns import Turns
from tests.usecases.world import World

KEYED: dict[str, Any] = {"entry": {"event": "Filled", "key": "properties.cart_id", "after": "1h"}}
SEEDS = range(40)
RUNS = 3


def filled(who: str, cart: int) -> dict[str, Any]:
    """A basket filled."""
    called = f"{who}-{cart}"
    return {"type": "track", "messageId": called, "event": "Filled", "userId": who, "properties": {"cart_id": called}}


def play(world: World, seed: int) -> None:
    """All runs are due in the same second: their senders race, call by call; then time passes."""
    world.advance(minutes=59, seconds=59.5)
    world.now = world.machine.next_moment() or world.now
    due = world.machine.due()
    assert len(due) == RUNS
    world.around = turns = Turns(Random(seed))
    turns.play(*(lambda execution=execution: world.machine.go_on(execution, world.send) for execution in due))
    world.advance(days=2)
    assert world.attended()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cap_holds_for_runs_that_send_at_once(seed: int) -> None:
    """Three baskets of one customer, two messages a month: two go out, and the log has these two."""
    world = World()
    world.put_journey("basket", {"push": {"template": "cart"}}, cap={"messages": 2, "per": "30d"}, **KEYED)
    device = {"type": "ios", "id": "ann-device", "token": "ann-token"}
    world.post({"type": "identify", "messageId": "i", "userId": "ann", "context": {"device": device}})
    world.post(*(filled("ann", cart) for cart in range(RUNS)))
    play(world, seed)
    assert len(world.push.sent) == 2
    sent = {message.data["message_id"] for message in world.push.sent}
    assert {contact.message_id for log in world.customer("user_id:ann").logs for contact in log.contacts} == sent
    assert all(run.outcome == "completed" for run in world.runs_of("user_id:ann"))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_budget_holds_for_customers_who_are_written_to_at_once(seed: int) -> None:
    """Three customers, and a budget that pays for two texts: two go out, and exactly their price is spent."""
    world = World()
    world.put_journey("basket", {"sms": {"template": "cart", "budget": "0.07 USD"}}, **KEYED)
    for number in range(RUNS):
        traits = {"phone": f"+4860123456{number}"}
        world.post({"type": "identify", "messageId": f"i{number}", "userId": f"u{number}", "traits": traits})
        world.post(filled(f"u{number}", 1))
    play(world, seed)
    assert len(world.sms.sent) == 2
    spent = world.runs.spent("basket", "sms", "2026-03")
    assert spent is not None
    assert spent.amount == 2 * world.journeys.deployment().prices["sms.PL"].amount
