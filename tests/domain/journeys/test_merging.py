"""Two runs of one journey and key, once their customers turned out to be one."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.run import Run
from tests.domain.journeys.journey_builders import START, World, customer, event, hours, journey

ANN, BOB = "ann", "bob"


def run_of(
    run_id: str, started: timedelta, until: timedelta, channels: tuple[str, ...] = (), **fields: Any
) -> tuple[Run, World]:
    """A run of the reference cascade that nobody answered so far."""
    world = World(journey(**fields), customer(*channels, profile_id=run_id))
    world.now = START + started
    world.run = engine.start(world.journey, run_id=run_id, person=world.person, key=None, event=None, now=world.now)
    world.move().until(until)
    return world.run, world


def two(**fields: Any) -> tuple[Run, Run, World]:
    """Ann's run began first and has sent a push; Bob's began half an hour later and has sent a mail, having no app."""
    ann, world = run_of(ANN, timedelta(0), hours(1), **fields)
    bob, _ = run_of(BOB, hours(0.5), hours(1), ("email", "sms"), **fields)
    return ann, bob, world


def test_the_earliest_goes_on_whichever_way_they_are_named() -> None:
    """The other ends as merged, names the survivor, and wants nothing more."""
    ann, bob, _ = two()
    survivor, merged = engine.merge(ann, bob, START + hours(1))
    assert engine.merge(bob, ann, START + hours(1)) == (survivor, merged)
    assert (survivor.run_id, survivor.live, survivor.due) == (ANN, True, ann.due)
    assert (merged.run_id, merged.outcome, merged.merged_into) == (BOB, "merged", ANN)
    assert merged.next_moment is None
    assert "started earlier and goes on" in merged.reason


def test_of_two_that_began_at_once_the_smaller_id_goes_on() -> None:
    """Everybody who sees the two agrees on the survivor."""
    ann, _ = run_of(ANN, timedelta(0), hours(1))
    bob, _ = run_of(BOB, timedelta(0), hours(1))
    assert [run.run_id for run in engine.merge(bob, ann, START + hours(1))] == [ANN, BOB]


def test_what_either_sent_is_not_sent_again() -> None:
    """Ann had the push and Bob the mail: only the text message is left, at once after the push's wait."""
    ann, bob, world = two()
    world.run, _ = engine.merge(ann, bob, START + hours(1))
    world.until(hours(99))
    assert [(after / 3600, channel) for after, _, channel in world.sent] == [(0, "push"), (4, "sms")]
    assert world.reasons("skipped") == ["email: this step has already used this channel"]


def test_merging_again_changes_nothing() -> None:
    """Every sender that sees the two may unite them."""
    ann, bob, _ = two()
    survivor, merged = engine.merge(ann, bob, START + hours(1))
    assert engine.merge(survivor, merged, START + hours(2)) == (survivor, merged)
    assert engine.merge(merged, survivor, START + hours(2)) == (survivor, merged)
    assert survivor.absorbed == (BOB,)
    assert [decision.reason for decision in survivor.decisions if decision.outcome == "merged"] == [
        "absorbed bob with 1 messages"
    ]


def test_three_runs_end_in_one_in_any_order() -> None:
    """The same survivor, messages and absorbed runs, however the three are paired."""
    ann, bob, _ = two()
    cat, _ = run_of("cat", hours(0.75), hours(1), ("sms",))
    at = START + hours(1)
    one = engine.merge(engine.merge(ann, bob, at)[0], cat, at)[0]
    other = engine.merge(ann, engine.merge(bob, cat, at)[0], at)[0]
    for survivor in (one, other):
        assert {entry.message_id for entry in survivor.ledger} == {"ann-0", "bob-0", "cat-0"}
        assert set(survivor.absorbed) == {"bob", "cat"}
        assert survivor.live


def test_an_answer_to_the_merged_runs_message_ends_the_survivors_cascade() -> None:
    """Bob's mail is clicked: the survivor took it over and stops before the text message."""
    ann, bob, world = two()
    world.run, _ = engine.merge(ann, bob, START + hours(1))
    assert world.until(hours(2)).happens("Email Link Clicked", message_id="bob-0")
    assert world.until(hours(99)).channels() == ["push"]
    assert world.run.outcome == "completed"
    answered = world.run.entry_of("bob-0")
    assert answered is not None
    assert answered.answered_at == START + hours(2)


def test_an_answer_that_the_merged_run_learned_first_is_taken_over() -> None:
    """Marks and answers are united, the earliest answer stands, however often it is brought up to date."""
    ann, bob, world = two()
    survivor, merged = engine.merge(ann, bob, START + hours(1))
    told = engine.apply(world.journey, merged, event("Email Link Clicked", START + hours(2), message_id="bob-0"), START)
    assert told is not None
    updated, _ = engine.merge(survivor, told, START + hours(3))
    entry = updated.entry_of("bob-0")
    assert entry is not None
    assert (entry.marks, entry.answered_at) == (frozenset({"click"}), START + hours(2))
    assert engine.merge(updated, merged, START + hours(4))[0] == updated


def test_a_claim_in_flight_counts_as_possibly_sent_until_its_own_run_knows() -> None:
    """Bob's mail was claimed when the two were merged: the survivor never sends it, and learns the outcome later."""
    flow = journey()
    who = World(flow, customer("email", profile_id=BOB))
    bob = engine.start(flow, run_id=BOB, person=who.person, key=None, event=None, now=START + hours(0.5))
    bob = engine.advance(flow, bob, who.person, who.deployment, START + hours(0.5)).run
    ann, world = run_of(ANN, timedelta(0), hours(1))
    survivor, merged = engine.merge(ann, bob, START + hours(1))
    taken = survivor.entry_of("bob-0")
    assert taken is not None
    assert (taken.outcome, taken.reason) == ("unknown", "under way when bob was merged")
    late = engine.record_outcome(flow, merged, "bob-0", "failed", now=START + hours(1), reason="no such box")
    updated, _ = engine.merge(survivor, late, START + hours(2))
    entry = updated.entry_of("bob-0")
    assert entry is not None
    assert (entry.outcome, entry.reason) == ("failed", "no such box")
    world.run = updated
    assert "email" not in world.until(hours(99)).channels()


def test_an_own_claim_in_flight_is_not_settled_by_a_merge() -> None:
    """The survivor's own sender is still at work: its claim stays a claim."""
    world = World(journey(), customer(profile_id=ANN))
    ann = engine.start(world.journey, run_id=ANN, person=world.person, key=None, event=None, now=START)
    ann = engine.advance(world.journey, ann, world.person, world.deployment, START).run
    bob, _ = run_of(BOB, hours(0.5), hours(1))
    survivor, _ = engine.merge(ann, bob, START + hours(1))
    assert survivor.ledger[0].outcome == "claimed"
    after = engine.record_outcome(world.journey, survivor, "ann-0", "sent", now=START + hours(1))
    assert (after.ledger[0].outcome, after.due) == ("sent", START + hours(5))


def test_a_foreign_claim_is_not_settled_by_the_survivors_timer() -> None:
    """Only a run's own lost claims become unknown by its own timer; the wait of its own push is unchanged."""
    ann, bob, world = two()
    survivor, _ = engine.merge(ann, bob, START + hours(1))
    after = engine.advance(world.journey, survivor, world.person, world.deployment, START + hours(2)).run
    assert after.ledger == survivor.ledger
    assert after.due == ann.due


def test_the_first_conversion_of_either_is_the_survivors() -> None:
    """Whoever bought first."""
    ann, bob, _ = two(goal={"event": "Bought"})
    at = START + hours(1)
    for one, other, expected in ((1, 2, 1), (2, 1, 1), (None, 2, 2), (1, None, 1)):
        first = replace(ann, converted_at=START + hours(one) if one else None)
        last = replace(bob, converted_at=START + hours(other) if other else None)
        assert engine.merge(first, last, at)[0].converted_at == START + hours(expected)


def test_a_run_that_is_over_is_absorbed_without_another_end() -> None:
    """It keeps its own outcome; its messages are known to the survivor all the same."""
    ann, bob, world = two(exit=[{"event": "Left"}])
    over = engine.apply(world.journey, bob, event("Left", START + hours(1)), START + hours(1))
    assert over is not None
    survivor, same = engine.merge(ann, over, START + hours(1))
    assert (same, survivor.entry_of("bob-0") is not None) == (over, True)


@pytest.mark.parametrize("share", [10, 50])
def test_the_hold_out_of_any_anchor_holds(share: int) -> None:
    """A customer with two anchors is held out if either is; transactional journeys hold nobody out."""
    flow = journey(holdout=f"{share}%")
    anchors = [f"c{n}" for n in range(400)]
    inside = [anchor for anchor in anchors if engine.held_out(flow, anchor)]
    outside = [anchor for anchor in anchors if not engine.held_out(flow, anchor)]
    assert inside
    assert engine.held_out_any(flow, [outside[0], inside[0]])
    assert not engine.held_out_any(flow, outside)
    assert not engine.held_out_any(flow, [])
    assert not engine.held_out_any(journey(holdout="50%", **{"class": "transactional"}), inside)
