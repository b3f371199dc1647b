"""What a run does besides sending: it says traits and calls webhooks, once each as far as it can know."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.commands import CallWebhook, SetTraits
from omnicascade.domain.profile import TraitSource
from tests.domain.journeys.journey_builders import START, World, customer, event, hours, journey

PUSH, EMAIL = {"push": {"template": "cart"}}, {"email": {"template": "cart"}}
HOOK: dict[str, Any] = {"webhook": {"url": "https://hooks.example.com/in", "body": {"who": "ann", "deep": {"n": 1}}}}


def test_an_update_says_its_traits_under_an_id_of_its_own_and_goes_on() -> None:
    """One identify call per run and step: said again, it is the same event."""
    world = World(journey({"update": {"traits": {"reminded": True}}}, PUSH)).enter()
    assert world.said == [SetTraits("update:r:update-1", "update-1", {"reminded": True})]
    assert (world.channels(), world.reasons("updated")) == (["push"], ["says reminded"])


@pytest.mark.parametrize(
    ("said", "known", "asked", "holds"),
    [
        ({"plan": "paid"}, {}, {"trait": "plan", "is": "paid"}, True),
        ({"plan": "paid"}, {"plan": "free"}, {"trait": "plan", "is": "paid"}, True),
        ({"a": {"b": 1}}, {"a": {"c": 2}}, {"trait": "a.b", "is": 1}, True),
        ({"a": {"b": 1}}, {"a": {"c": 2}}, {"trait": "a.c", "is": 2}, True),
        ({"a": {"b": 1}}, {"a": "text"}, {"trait": "a.b", "is": 1}, True),
        ({"x/y": 1}, {"x/y": 2}, {"trait": "x/y", "is": 1}, True),
        ({"plan": None}, {"plan": "paid"}, {"trait": "plan", "exists": True}, False),
    ],
)
def test_what_was_said_counts_within_the_run_at_once(
    said: dict[str, Any], known: dict[str, Any], asked: dict[str, Any], holds: bool
) -> None:
    """Before the profile has it; nested traits are merged as the profile merges them."""
    flow = journey({"update": {"traits": said}}, PUSH | {"if": asked})
    world = World(flow, customer(traits=known)).enter()
    assert (world.channels() == ["push"]) is holds


@pytest.mark.parametrize(("newer", "holds"), [(-1, True), (0, False), (1, False)])
def test_a_newer_word_of_the_customer_stands(newer: int, holds: bool) -> None:
    """Said by the customer later, or in the same instant, it outranks the run's; said a second earlier, it does not."""
    flow = journey(
        {"update": {"traits": {"plan": "paid"}}}, {"wait": "10m"}, PUSH | {"if": {"trait": "plan", "is": "paid"}}
    )
    world = World(flow).enter()
    source = TraitSource("web", START + timedelta(seconds=newer))
    world.profile = replace(customer(traits={"plan": "free"}), trait_sources={"/plan": source})
    assert (world.until(hours(1)).channels() == ["push"]) is holds


def test_what_was_said_is_forgotten_after_an_hour() -> None:
    """By then the profile has it, or has a newer word: the profile alone counts."""
    held = {"if": {"trait": "plan", "is": "paid"}}
    for wait, channels in (("59m", ["push"]), ("1h", ["push"]), ("61m", [])):
        flow = journey({"update": {"traits": {"plan": "paid"}}}, {"wait": wait}, PUSH | held)
        assert World(flow).enter().until(hours(3)).channels() == channels


def test_a_second_update_outranks_the_first_and_the_memory_stays_short() -> None:
    """The later word of the two; what is older than an hour is dropped from the run."""
    says: list[dict[str, Any]] = [{"update": {"traits": {"plan": plan}}} for plan in ("free", "paid")]
    flow = journey(says[0], {"wait": "1s"}, says[1], PUSH | {"if": {"trait": "plan", "is": "paid"}})
    world = World(flow).enter().until(hours(1))
    assert world.channels() == ["push"]
    later = World(journey(says[0], {"wait": "2h"}, says[1])).enter().until(hours(2))
    assert [said.traits for said in later.run.said] == [{"plan": "paid"}]


def test_a_webhook_is_asked_for_until_its_outcome_is_recorded() -> None:
    """The run stands before the step: a crash asks again under the same id; then it goes on, once."""
    flow = journey(HOOK, PUSH)
    world = World(flow)
    run = engine.start(flow, run_id="r", person=world.person, key=None, event=None, now=START)
    first = engine.advance(flow, run, world.person, world.deployment, START)
    again = engine.advance(flow, first.run, world.person, world.deployment, START + hours(1))
    expected = CallWebhook("webhook:r:webhook-1", "webhook-1", HOOK["webhook"]["url"], HOOK["webhook"]["body"])
    assert first.command == again.command == expected
    called = engine.record_call(flow, again.run, "webhook-1", "called", "204", START + hours(1))
    assert (called.pc, called.decisions[-1].outcome, called.decisions[-1].reason) == (1, "called", "204")
    assert engine.record_call(flow, called, "webhook-1", "failed", "late", START + hours(2)) == called
    assert engine.record_call(flow, again.run, "another", "called", "204", START) == again.run


def test_a_webhook_that_failed_is_recorded_and_passed() -> None:
    """The journey does not hang on somebody else's host."""
    world = World(journey(HOOK, PUSH), call_outcome="failed").enter()
    assert (len(world.calls), world.channels(), world.reasons("failed")) == (1, ["push"], ["as told; on without it"])


def test_an_outcome_of_a_call_does_not_move_a_run_that_is_over() -> None:
    """An exit came while the host was asked."""
    flow = journey(HOOK, PUSH, exit=[{"event": "Left"}])
    world = World(flow)
    run = engine.start(flow, run_id="r", person=world.person, key=None, event=None, now=START)
    asked = engine.advance(flow, run, world.person, Deployment(), START).run
    over = engine.apply(flow, asked, event("Left"), START)
    assert over is not None
    assert engine.record_call(flow, over, "webhook-1", "called", "204", START) == over
