"""Single messages: where they go, what they may cost, and how they are refused."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from omnicascade.domain.deployment import Deployment, Price
from omnicascade.domain.errors import NotFoundError
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.commands import Send
from tests.domain.journeys.journey_builders import START, World, customer, event, hours, journey


def sent_to(step: dict[str, Any], **traits: Any) -> tuple[str | None, str]:
    """The address a step's first message goes to, or None and the reason."""
    flow = journey(step, entry={"event": "Order Completed"})
    entry = event("Order Completed", receipt_email=traits.pop("receipt_email", None))
    world = World(flow, customer("push", traits=traits)).enter(entry)
    entries = world.run.ledger
    return (str(entries[0].address) if entries else None), "; ".join(world.reasons("skipped"))


@pytest.mark.parametrize(
    ("channel", "to", "traits", "address"),
    [
        ("email", "event.properties.receipt_email", {"receipt_email": " Bob@Example.com "}, "email:bob@example.com"),
        ("sms", "delivery.phone", {"delivery": {"phone": "+48 601 234 568"}}, "phone:+48601234568"),
        ("email", "event.properties.receipt_email", {"receipt_email": "nobody"}, None),
        ("email", "event.properties.receipt_email", {}, None),
        ("email", "event.properties.receipt_email", {"receipt_email": ["bob@example.com"]}, None),
        ("sms", "delivery.phone", {"delivery": "+48601234568"}, None),
        ("sms", "delivery.phone", {"delivery": {"phone": True}}, None),
    ],
)
def test_a_message_may_go_to_an_address_that_a_path_names(
    channel: str, to: str, traits: dict[str, Any], address: str | None
) -> None:
    """Normalised like any identifier; what is no address is passed over with the value in the reason."""
    found, reason = sent_to({channel: {"template": "cart", "to": to}}, **traits)
    assert found == address
    assert (address is not None) or (f"{channel}: {to} is " in reason and f"no address for {channel}" in reason)


def test_a_named_address_is_held_to_every_rule() -> None:
    """Suppression of that very address, consent of the customer and a channel switched off stop it, too."""
    step = {"email": {"template": "cart", "to": "other"}}
    traits = {"other": "bob@example.com"}
    suppressed = World(journey(step), customer(traits=traits, suppressed=("email:bob@example.com",))).enter()
    assert suppressed.reasons("skipped") == ["email: the address at other is suppressed: hard bounce"]
    denied = World(journey(step), customer(traits=traits, consent={"email/promotions": False})).enter()
    off = World(journey(step), customer(traits=traits), Deployment(channels_off=frozenset({"email"}))).enter()
    assert denied.sent == off.sent == []
    own = World(journey(step), customer(traits=traits, suppressed=("email:ann@example.com",))).enter()
    assert own.channels() == ["email"]


@pytest.mark.parametrize("inside", [False, True])
def test_the_command_carries_the_budget(inside: bool) -> None:
    """Whoever claims the message reserves it; a message without one has none."""
    part = {"sms": {"template": "cart", "budget": "500 USD"}}
    flow = journey({"cascade": {"channels": [part]}} if inside else part, {"email": {"template": "cart"}})
    world = World(flow)
    run = engine.start(flow, run_id="r", person=world.person, key=None, event=None, now=START)
    first = engine.advance(flow, run, world.person, world.deployment, START)
    assert first.send == Send("r-0", first.run.ledger[0].step, first.run.ledger[0].channel, "cart",
                              first.run.ledger[0].address, Price(Decimal(500)))  # fmt: skip
    taken = engine.record_outcome(flow, first.run, "r-0", "failed", now=START)
    second = engine.advance(flow, taken, world.person, world.deployment, START)
    assert second.send is not None
    assert second.send.budget is None


def claimed(*steps: dict[str, Any]) -> tuple[World, engine.Step]:
    """A run whose first message is claimed and not yet sent."""
    world = World(journey(*steps))
    run = engine.start(world.journey, run_id="r", person=world.person, key=None, event=None, now=START)
    step = engine.advance(world.journey, run, world.person, world.deployment, START)
    world.run = step.run
    return world, step


@pytest.mark.parametrize("single", [False, True])
def test_a_refused_message_is_passed_over_at_once_and_its_id_is_not_used_again(single: bool) -> None:
    """Spent budget, expired offer: withdrawn in the ledger, skipped on record, the next one goes at the same moment."""
    steps = [{"push": {"template": "cart"}}, {"email": {"template": "cart"}}] if single else []
    world, step = claimed(*steps)
    reason = "the budget of 1 USD is spent"
    world.run = engine.refuse(world.journey, step.run, "r-0", reason, START)
    assert world.reasons("skipped") == [f"push: {reason}"]
    assert engine.refuse(world.journey, world.run, "r-0", "again", START) == world.run
    world.move()
    assert world.sent[0][0] == 0
    assert world.channels() == ["email"]
    assert [(entry.message_id, entry.outcome) for entry in world.run.ledger] == [("r-0", "withdrawn"), ("r-1", "sent")]
    assert engine.step_states(world.run)[step.run.ledger[0].step] >= ({"skipped"} if single else {"sent"})


def test_a_message_that_went_out_cannot_be_refused_and_an_unknown_one_is_an_error() -> None:
    """The provider has it: the ledger stays honest."""
    world, step = claimed()
    out = engine.record_outcome(world.journey, step.run, "r-0", "sent", now=START)
    assert engine.refuse(world.journey, out, "r-0", "too late", START) == out
    with pytest.raises(NotFoundError, match="r-7"):
        engine.refuse(world.journey, out, "r-7", "never claimed", START)


def test_a_refusal_after_the_run_moved_on_changes_the_ledger_alone() -> None:
    """An exit came first: the run stays over, and the message is on record as withdrawn."""
    flow = journey(exit=[{"event": "Left"}])
    world = World(flow)
    run = engine.start(flow, run_id="r", person=world.person, key=None, event=None, now=START)
    step = engine.advance(flow, run, world.person, world.deployment, START)
    over = engine.apply(flow, step.run, event("Left"), START)
    assert over is not None
    after = engine.refuse(flow, over, "r-0", "expired", START)
    assert (after.status, after.outcome, after.ledger[0].outcome) == ("ended", "exited", "withdrawn")


def test_a_late_answer_of_the_provider_settles_what_was_unknown() -> None:
    """Claimed, lost, then reported: sent in the ledger, with id and price, and the run is not moved twice."""
    world, step = claimed()
    lost = engine.advance(world.journey, step.run, world.person, world.deployment, START + hours(1)).run
    assert (lost.ledger[0].outcome, lost.due) == ("unknown", START + hours(4))
    price = Price(Decimal("0.01"))
    told = engine.record_outcome(world.journey, lost, "r-0", "sent", now=START + hours(2), provider_id="x", cost=price)
    assert (told.ledger[0].provider_id, told.ledger[0].cost, told.due) == ("x", price, START + hours(4))
    assert engine.record_outcome(world.journey, told, "r-0", "failed", now=START + hours(3)) == told


def test_a_second_message_of_a_step_and_channel_is_never_claimed() -> None:
    """Whatever place a run is set back to, the ledger alone decides."""
    world, step = claimed({"push": {"template": "cart"}}, {"wait": "1h"})
    run = engine.record_outcome(world.journey, step.run, "r-0", "sent", now=START)
    back = engine.advance(world.journey, replace(run, pc=0), world.person, world.deployment, START)
    assert back.command is None
    assert back.run.decisions[-2].reason == "push: this step has already used this channel"
