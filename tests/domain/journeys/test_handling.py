"""Staff's hand on runs: pause, resume, stop and migrate."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from omnicascade.domain.errors import ConflictError
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.definition.loading import load_definition
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.run import Run
from tests.domain.journeys.journey_builders import CASCADE, START, World, customer, hours, journey

PUSH, EMAIL, SMS = ({channel: {"template": "cart"}} for channel in ("push", "email", "sms"))


def paused(at: timedelta, **fields: Any) -> World:
    """The reference cascade, paused at a moment."""
    world = World(journey(**fields)).enter().until(at)
    world.run = engine.pause(world.run, world.now, "the shop is closed")
    return world


def test_nothing_is_sent_while_paused_and_what_was_due_is_sent_on_resuming() -> None:
    """The mail was due after four hours, the pause lasted ten: the mail goes at once, its wait begins then."""
    world = paused(hours(1))
    assert world.run.next_moment is None
    for hour in (4, 9):
        world.now = START + hours(hour)
        assert world.move().channels() == ["push"]
    world.now = START + hours(11)
    world.run = engine.resume(world.run, world.now)
    world.move().until(hours(99))
    assert [after / 3600 for after, _, _ in world.sent] == [0, 11, 31]
    assert world.reasons("paused") == ["the shop is closed"]
    assert world.reasons("resumed") == ["was paused since 2026-03-10T13:00:00+00:00"]


def test_a_pause_within_a_wait_costs_nothing() -> None:
    """Paused and resumed before anything was due: the moments stay as they were."""
    world = paused(hours(1)).until(hours(2))
    world.run = engine.resume(world.run, world.now)
    world.until(hours(99))
    assert [after / 3600 for after, _, _ in world.sent] == [0, 4, 24]


def test_exits_goals_and_feedback_count_while_paused() -> None:
    """The customer does not know of the pause."""
    over = paused(hours(1), exit=[{"event": "Left"}])
    assert over.happens("Left")
    assert (over.run.outcome, over.run.paused_at) == ("exited", None)
    converted = paused(hours(1), goal={"event": "Bought"})
    assert converted.happens("Bought")
    assert converted.run.converted_at == START + hours(1)
    tapped = paused(hours(1))
    assert tapped.happens("Push Notification Tapped", message_id="r-0")
    assert "tap" in tapped.run.ledger[0].marks
    tapped.until(hours(50))
    assert tapped.channels() == ["push"]


def test_an_exit_by_condition_counts_while_paused() -> None:
    """Noticed by an event, as at any other time."""
    world = paused(hours(1), exit=[{"when": {"trait": "plan", "is": "paid"}}])
    world.profile = customer(traits={"plan": "paid"})
    assert world.happens("identify")
    assert world.run.outcome == "exited"


def test_the_deadline_counts_while_paused() -> None:
    """Due at four, resumed at eleven, a deadline of six hours: the mail is dropped and the next channel goes."""
    world = paused(hours(1), deadline="6h").until(hours(11))
    world.run = engine.resume(world.run, world.now)
    world.move().until(hours(99))
    assert world.channels() == ["push", "sms"]
    assert "longer ago than the deadline of 6h" in world.reasons("skipped")[0]


def test_pausing_twice_and_resuming_twice_are_one_each() -> None:
    """The first pause's moment stands."""
    world = paused(hours(1))
    assert engine.pause(world.run, START + hours(2), "again") == world.run
    resumed = engine.resume(world.run, START + hours(3))
    assert engine.resume(resumed, START + hours(4)) == resumed


def test_a_claim_that_was_under_way_is_settled_while_paused() -> None:
    """The provider's answer is recorded; nothing further is sent."""
    world = World(journey())
    run = engine.start(world.journey, run_id="r", person=world.person, key=None, event=None, now=START)
    claimed = engine.advance(world.journey, run, world.person, world.deployment, START).run
    rest = engine.pause(claimed, START, "stop it")
    told = engine.record_outcome(world.journey, rest, "r-0", "sent", now=START)
    assert (told.ledger[0].outcome, told.paused_at) == ("sent", START)
    assert engine.advance(world.journey, told, world.person, world.deployment, START + hours(9)).command is None


def test_a_stopped_run_is_over_for_good_and_still_converts() -> None:
    """No move, no resuming; a conversion afterwards still counts for the report."""
    world = World(journey(goal={"event": "Bought"})).enter().until(hours(1))
    world.run = engine.stop(world.run, world.now, "wrong prices")
    assert (world.run.outcome, world.run.reason) == ("stopped", "wrong prices")
    assert world.until(hours(99)).channels() == ["push"]
    assert world.happens("Bought")
    assert world.run.converted_at is not None


@pytest.mark.parametrize("act", ["pause", "resume", "stop", "migrate"])
def test_what_is_over_cannot_be_handled(act: str) -> None:
    """Told with the outcome, and nothing is changed."""
    acts: dict[str, Callable[[Run], Run]] = {
        "pause": lambda run: engine.pause(run, START, "x"),
        "resume": lambda run: engine.resume(run, START),
        "stop": lambda run: engine.stop(run, START, "x"),
        "migrate": lambda run: engine.migrate(run, journey(), second(), START),
    }
    over = World(journey(exit=[{"event": "Left"}])).enter()
    over.happens("Left")
    with pytest.raises(ConflictError, match=r"is over \(exited\)"):
        acts[act](over.run)


def second(*steps: dict[str, Any], **fields: Any) -> Journey:
    """The next version of the journey."""
    return load_definition({"name": "j", "steps": list(steps) or [CASCADE], **fields}, version=2)


def migrated(world: World, *steps: dict[str, Any], **fields: Any) -> World:
    """The world under the next version."""
    new = second(*steps, **fields)
    world.run = engine.migrate(world.run, world.journey, new, world.now)
    world.journey = new
    return world


def named(name: str, step: dict[str, Any]) -> dict[str, Any]:
    """A step with an id of its own."""
    return {"id": name, **step}


def test_what_waits_before_a_step_goes_on_before_it_wherever_it_is_now() -> None:
    """A new step in front is not made up for, a new one behind follows."""
    world = World(journey(named("one", PUSH), named("rest", {"wait": "1h"}), named("two", EMAIL))).enter()
    migrated(world, named("zero", SMS), named("one", PUSH), named("two", EMAIL), named("three", SMS))
    world.until(hours(2))
    assert [step for _, step, _ in world.sent] == ["one", "two", "three"]
    assert world.reasons("migrated") == ["from version 1 to 2, before two"]


def test_the_steps_condition_is_asked_again() -> None:
    """Version 2 adds an `if` to the step that is waited for."""
    world = World(journey(named("rest", {"wait": "1h"}), named("two", EMAIL))).enter()
    migrated(world, named("two", EMAIL | {"if": {"trait": "plan", "is": "paid"}})).until(hours(2))
    assert (world.sent, world.run.outcome) == ([], "completed")


def test_inside_a_cascade_tried_channels_stay_tried() -> None:
    """Push went out; version 2 puts SMS first and has push again: SMS, then mail, and no push."""
    world = World(journey(named("c", CASCADE))).enter().until(hours(1))
    channels = [{"sms": {"template": "c", "wait": "1h"}}, {"push": {"template": "c"}}, {"email": {"template": "c"}}]
    migrated(world, named("c", {"cascade": {"channels": channels}})).until(hours(99))
    assert [(after / 3600, channel) for after, _, channel in world.sent] == [(0, "push"), (4, "sms"), (5, "email")]


def test_a_wait_for_and_a_digest_keep_their_moment() -> None:
    """What was collected stays collected; the time-out stays where it was; the new `otherwise` is taken."""
    old = named("w", {"wait_for": {"event": "Paid", "timeout": "3h"}, "otherwise": [EMAIL]})
    world = World(journey(old)).enter().until(hours(1))
    migrated(world, named("w", {"wait_for": {"event": "Paid", "timeout": "9h"}, "otherwise": [SMS]})).until(hours(4))
    assert [(after / 3600, channel) for after, _, channel in world.sent] == [(3, "sms")]
    digest = named("d", {"digest": {"event": "Comment", "window": "1h"}})
    collecting = World(journey(digest)).enter().until(hours(1))
    collecting.happens("Comment")
    migrated(collecting, digest, PUSH).until(hours(3))
    assert (len(collecting.run.digest), collecting.sent) == (1, [(7200.0, "push-2", "push")])


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (CASCADE, {"wait": "1h"}, "another kind"),
        ({"wait_for": {"event": "Paid", "timeout": "3h"}}, {"wait": "3h"}, "another kind"),
        (
            {"wait_for": {"event": "Paid", "timeout": "3h"}},
            {"wait_for": {"when": {"trait": "a", "is": 1}, "timeout": "3h"}},
            "another kind",
        ),
        (
            {"digest": {"event": "A", "window": "1h"}},
            {"digest": {"event": "B", "window": "1h"}},
            "another kind",
        ),
    ],
)
def test_a_place_that_is_gone_is_refused_with_the_step(old: dict[str, Any], new: dict[str, Any], reason: str) -> None:
    """Nothing is guessed: the run stays on its version until somebody stops it."""
    world = World(journey(named("here", old))).enter()
    with pytest.raises(ConflictError, match=f"step here is {reason}"):
        migrated(world, named("here", new))
    with pytest.raises(ConflictError, match="has no step here"):
        migrated(world, named("there", old))


def test_in_an_arm_and_behind_the_last_step_the_place_is_kept() -> None:
    """Nested steps are found by their id; what had nothing left to do has nothing left."""
    arm = {"branch": [{"if": {"not": {"trait": "a", "is": 1}}, "then": [named("rest", {"wait": "1h"})]}]}
    world = World(journey(named("b", arm), named("after", PUSH))).enter()
    migrated(world, named("b", arm), named("after", EMAIL)).until(hours(2))
    assert world.channels() == ["email"]
    done = World(journey(named("rest", {"wait": "1h"}))).enter()
    migrated(done, named("rest", {"wait": "1h"}), PUSH).until(hours(2))
    assert (done.sent, done.run.outcome) == ([], "completed")
    assert done.reasons("migrated")[0].endswith("with nothing left to do")


def test_migrating_twice_is_once_and_another_journey_is_refused() -> None:
    """The second call finds the run where it wants it."""
    world = World(journey()).enter()
    new = second()
    moved = engine.migrate(world.run, world.journey, new, START)
    assert engine.migrate(moved, world.journey, new, START) == moved
    with pytest.raises(ConflictError, match="pinned"):
        engine.migrate(moved, world.journey, load_definition({"name": "j", "steps": [CASCADE]}, version=3), START)
    with pytest.raises(ConflictError, match="not of k"):
        engine.migrate(world.run, world.journey, load_definition({"name": "k", "steps": [CASCADE]}, version=2), START)


def test_a_new_exit_by_condition_is_looked_at_at_once() -> None:
    """The version that brings it asks for a look now, not at the next wait's end."""
    world = World(journey(), customer(traits={"plan": "paid"})).enter().until(hours(1))
    migrated(world, CASCADE, exit=[{"when": {"trait": "plan", "is": "paid"}}])
    assert world.run.next_moment == START + hours(1)
    world.until(hours(1))
    assert (world.run.outcome, world.channels()) == ("exited", ["push"])


def test_the_ledger_forbids_after_a_migration_what_it_forbade_before() -> None:
    """A version that puts a sent step behind the run's place again does not send it again."""
    world = World(journey(named("one", PUSH), named("rest", {"wait": "1h"}), named("two", EMAIL))).enter()
    migrated(world, named("two", EMAIL), named("one", PUSH)).until(hours(2))
    assert world.channels() == ["push", "email"]
    assert world.reasons("skipped") == ["push: this step has already used this channel"]
    assert world.happens("Email Link Clicked", message_id="r-1")
