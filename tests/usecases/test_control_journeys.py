"""Staff's hand on journeys under way: the door first, then every run; crashes, repetitions and words that cross."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omnicascade.domain.errors import ConflictError, NotFoundError, UnacceptableError
from omnicascade.domain.journeys.run import Run
from omnicascade.usecases.control_journeys import AFTERMATH, ControlDesk
from omnicascade.usecases.move_every_run import RunMover
from omnicascade.usecases.start_run import enter
from tests.usecases.port_proxy import Call, straight
from tests.usecases.world import World

WHY = {"reason": "wrong price"}
PEOPLE = 3


def desk(world: World) -> ControlDesk:
    """Staff's desk of a world."""

    def mover() -> RunMover:
        parts = world.customers, world.events, world.runs, world.journeys, world.machine, world.journeys.deployment()
        return RunMover(*parts)

    return ControlDesk(world.journeys, world.runs, world.errands, mover)


def say(world: World, action: str, journey: str = "basket", body: Any = WHY) -> dict[str, Any]:
    """A word about a whole journey; who it reaches is another matter."""
    return desk(world).journey(journey, action, body, "ann", world.now)


def person(world: World, number: int) -> str:
    """A customer who can be reached on every channel."""
    traits = {"email": f"p{number}@example.com", "phone": f"+4860100{number:04}"}
    device = {"type": "ios", "id": f"d{number}", "token": f"t{number}"}
    call = {"type": "identify", "userId": f"p{number}", "messageId": f"i{number}", "traits": traits}
    world.post({**call, "context": {"device": device}})
    world.settle()
    return f"user_id:p{number}"


def basket(world: World, people: int = PEOPLE) -> list[str]:
    """Customers in the cascade, each with a push sent; the e-mail is due in four hours."""
    world.put_journey("basket", reentry="always")
    who = [person(world, number) for number in range(people)]
    for reference in who:
        world.start_by_hand("basket", reference)
    world.settle()
    assert world.channels() == ["push"] * people
    return who


def latest(world: World, reference: str) -> Run:
    return world.runs_of(reference)[0]


def states(world: World, who: list[str]) -> list[str]:
    """Where each customer's latest run stands."""
    runs = [latest(world, reference) for reference in who]
    return [run.outcome or ("paused" if run.paused_at else run.status) for run in runs]


def test_a_paused_journey_rests_and_goes_on() -> None:
    """Nothing goes out however long it rests; then what was due goes out at once; executions follow."""
    world = World()
    who = basket(world)
    assert say(world, "pause")["paused"] is True
    world.advance(days=9)
    assert (states(world, who), world.channels()) == (["paused"] * PEOPLE, ["push"] * PEOPLE)
    say(world, "resume", body=None)
    world.settle()
    assert world.channels() == ["push"] * PEOPLE + ["email"] * PEOPLE
    world.advance(days=2)
    assert states(world, who) == ["completed"] * PEOPLE
    assert world.attended()


def test_nobody_enters_a_paused_journey_by_any_way() -> None:
    """By event, by hand, and by an execution that a person starts."""
    world = World()
    world.put_journey("basket", entry={"event": "Product Added"})
    who = person(world, 1)
    say(world, "pause")
    world.post({"type": "track", "event": "Product Added", "userId": "p1", "messageId": "a1"})
    world.start_by_hand("basket", who)
    world.start_execution("typed", {"journey": "basket", "profile": who})
    world.advance(days=3)
    assert world.runs_of(who) == []
    assert "paused" in str(world.machine.executions["typed"])
    say(world, "resume")
    world.post({"type": "track", "event": "Product Added", "userId": "p1", "messageId": "a2"})
    world.settle()
    assert states(world, [who]) == ["live"]


def test_a_new_version_does_not_open_a_paused_journey() -> None:
    """The door belongs to the journey, not to a version."""
    world = World()
    basket(world)
    say(world, "pause")
    world.put_journey("basket", reentry="always", title="New")
    (line,) = world.journeys.listing()
    assert (line.version, line.paused) == (2, True)


def test_a_sender_looks_at_the_door_itself() -> None:
    """Between the door and the errand nothing is sent either: here the errand never comes."""
    world = World()
    who = basket(world)
    world.journeys.set_paused("basket", paused=True)
    world.advance(hours=5)
    assert (states(world, who), world.channels()) == (["paused"] * PEOPLE, ["push"] * PEOPLE)
    say(world, "resume")
    world.settle()
    assert world.channels() == ["push"] * PEOPLE + ["email"] * PEOPLE


@pytest.mark.parametrize("dies", [False, True])
def test_a_journey_that_is_opened_while_a_sender_reads_the_door_goes_on(dies: bool) -> None:
    """The sender read it shut; the errand of the opening passed the run before the sender wrote. It looks once more,
    also where it died after its write and is called again."""
    world = World()
    who = basket(world, 1)
    world.journeys.set_paused("basket", paused=True)
    opened: list[bool] = []

    def open_before_the_write(call: Call, proceed: Callable[[], Any]) -> Any:
        if (call.port, call.method) == ("runs", "save") and not opened:
            opened.append(True)
            world.journeys.set_paused("basket", paused=False)
            answer = proceed()
            if dies:
                raise RuntimeError("died after the write")
            return answer
        return proceed()

    world.around = open_before_the_write
    world.advance(hours=5)
    assert opened
    assert states(world, who) == ["live"]
    assert world.channels() == ["push", "email"]


def test_an_order_still_ends_a_paused_run() -> None:
    """Paused means silent, not deaf."""
    world = World()
    world.put_journey("basket", exit=[{"event": "Order Completed"}])
    who = person(world, 1)
    world.start_by_hand("basket", who)
    world.settle()
    say(world, "pause")
    world.settle()
    world.post({"type": "track", "event": "Order Completed", "userId": "p1", "messageId": "o1"})
    world.settle()
    assert states(world, [who]) == ["exited"]
    assert world.attended()


def test_a_stopped_journey_ends_every_run_with_who_and_why() -> None:
    """Also one that entered in a batch which did not know yet; opened again, it is left alone."""
    world = World()
    who = basket(world)
    say(world, "stop")
    late = person(world, 9)
    journey = world.journeys.journey("basket")
    assert journey
    world.settle()
    world.now += timedelta(seconds=30)
    entered = enter(
        journey, world.customer(late), occasion="batch", event=None, runs=world.runs, now=world.now, audience="a1"
    )
    assert entered.stored
    world.advance(minutes=5)
    assert states(world, [*who, late]) == ["stopped"] * (PEOPLE + 1)
    assert latest(world, who[0]).reason == "wrong price (by ann)"
    assert world.channels() == ["push"] * PEOPLE


def test_whoever_enters_after_a_stop_was_lifted_stays() -> None:
    """The second walk of the stop comes two minutes later and spares them."""
    world = World()
    who = basket(world)
    say(world, "stop")
    world.settle()
    world.advance(seconds=20)
    say(world, "resume")
    world.settle()
    world.start_by_hand("basket", who[0])
    world.advance(seconds=AFTERMATH.total_seconds() + 10)
    assert states(world, who) == ["live", "stopped", "stopped"]


def test_the_second_walk_of_a_pause_leaves_a_resumed_journey_alone() -> None:
    """It comes when the door stands open again."""
    world = World()
    who = basket(world)
    say(world, "pause")
    world.advance(seconds=30)
    say(world, "resume")
    world.advance(seconds=AFTERMATH.total_seconds() + 10)
    assert states(world, who) == ["live"] * PEOPLE


def test_a_run_of_an_audience_goes_on_in_an_execution_of_its_own() -> None:
    """The audience let it go when it was paused, so nobody else would move it."""
    world = World()
    world.put_journey("basket")
    who = person(world, 1)
    journey = world.journeys.journey("basket")
    assert journey
    enter(journey, world.customer(who), occasion="x", event=None, runs=world.runs, now=world.now, audience="a1")
    say(world, "pause")
    world.settle()
    say(world, "resume")
    world.advance(days=2)
    assert states(world, [who]) == ["completed"]
    assert world.channels() == ["push", "email", "sms"]


class _Crash:
    """Dies at the n-th call of a port from now on, once."""

    def __init__(self, number: int, *, after: bool) -> None:
        self.left, self.after = number, after

    def __call__(self, call: Call, proceed: Callable[[], Any]) -> Any:
        del call
        self.left -= 1
        if self.left == 0 and not self.after:
            raise RuntimeError("died before a call")
        answer = proceed()
        if self.left == 0:
            raise RuntimeError("died after a call")
        return answer


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 40),
    st.booleans(),
    st.sampled_from(["pause", "resume", "stop", "migrate"]),
)
def test_a_crash_between_any_two_calls_is_made_good(number: int, after: bool, action: str) -> None:
    """The errand is delivered again, and all ends as if nothing had happened: nothing sent twice, nobody forgotten."""
    world = World()
    who = basket(world, 2)
    world.put_journey("basket", reentry="always", title="New")
    if action == "resume":
        say(world, "pause")
        world.settle()
    world.around = _Crash(number, after=after)
    if action == "migrate":
        desk(world).migrate("basket", {"dry_run": False}, "ann", world.now, lambda: False)
    else:
        say(world, action)
    world.settle()
    world.around = straight
    world.advance(hours=1)
    if action == "pause":
        assert states(world, who) == ["paused"] * 2
        say(world, "resume")
    world.advance(days=2)
    runs = [latest(world, reference) for reference in who]
    assert {run.outcome for run in runs} == {"stopped" if action == "stop" else "completed"}
    assert {run.version for run in runs} == {2 if action == "migrate" else 1}
    assert world.channels() == (["push"] * 2 if action == "stop" else ["push"] * 2 + ["email"] * 2 + ["sms"] * 2)
    assert world.attended()


def test_errands_that_come_twice_do_nothing_more() -> None:
    """One decision of each kind in every run."""
    world = World()
    who = basket(world)
    say(world, "pause")
    for at, errand in world.errands.take(world.now):
        world.run_errand(at, errand)
        world.run_errand(at, errand)
    for reference in who:
        outcomes = [decision.outcome for decision in latest(world, reference).decisions]
        assert outcomes.count("paused") == 1


def test_words_that_cross_end_as_the_later_says() -> None:
    """The page of a pause finds the door open when it is through, and has the runs walked for the resumption."""
    world = World()
    who = basket(world)
    say(world, "pause")
    ((at, errand),) = world.errands.take(world.now)
    crossed: list[bool] = []

    def open_within_the_page(call: Call, proceed: Callable[[], Any]) -> Any:
        if (call.port, call.method) == ("runs", "save") and not crossed:
            crossed.append(True)
            world.journeys.set_paused("basket", paused=False)
        return proceed()

    world.around = open_within_the_page
    world.run_errand(at, errand)
    assert crossed
    world.settle()
    assert states(world, who) == ["live"] * PEOPLE


def test_a_migration_is_tried_first() -> None:
    """Counts, and who stays for which reason with examples; nothing changes."""
    world = World()
    who = basket(world)
    world.put_journey("basket", {"wait": "1d"}, {"id": "bye", "push": {"template": "cart"}}, reentry="always")
    told = desk(world).migrate("basket", {}, "ann", world.now, lambda: False)
    assert (told["dry_run"], told["to"], told["move"], told["there"]) == (True, 2, 0, 0)
    (stay,) = told["stay"]
    assert (stay["runs"], len(stay["examples"])) == (PEOPLE, 3)
    assert stay["reason"] == "version 2 of basket has no step cascade-1, at which the run is"
    assert world.errands.next_moment() is None
    assert {latest(world, reference).version for reference in who} == {1}


def test_a_migration_moves_who_can_be_moved_of_one_version() -> None:
    """`from` leaves others alone; asking again tells who is there."""
    world = World()
    who = basket(world)
    world.put_journey("basket", reentry="always", title="Two")
    world.put_journey("basket", reentry="always", title="Three")
    staff = desk(world)
    staff.migrate("basket", {"from": 2, "to": 3, "dry_run": False}, "ann", world.now, lambda: False)
    world.settle()
    assert {latest(world, reference).version for reference in who} == {1}
    told = staff.migrate("basket", {"from": 1, "dry_run": False}, "ann", world.now, lambda: False)
    assert told["move"] == PEOPLE
    world.settle()
    assert {latest(world, reference).version for reference in who} == {3}
    assert staff.migrate("basket", None, "ann", world.now, lambda: False)["there"] == PEOPLE
    world.advance(days=2)
    assert world.channels() == ["push"] * PEOPLE + ["email"] * PEOPLE + ["sms"] * PEOPLE


def test_a_migration_that_has_no_time_says_that_there_is_more() -> None:
    """The rest is moved all the same."""
    world = World()
    basket(world)
    assert desk(world).migrate("basket", None, "ann", world.now, lambda: True)["complete"] is False


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"form": 1}, "form"),
        ({"to": "2"}, "to"),
        ({"from": 0}, "from"),
        ({"dry_run": "no"}, "dry_run"),
        ({"reason": 7}, "reason"),
        ([1], ""),
    ],
)
def test_a_migration_that_is_not_understood_is_refused(body: Any, path: str) -> None:
    """With the place of the mistake."""
    world = World()
    basket(world, 1)
    with pytest.raises(UnacceptableError) as refused:
        desk(world).migrate("basket", body, "ann", world.now, lambda: False)
    assert [problem.path for problem in refused.value.problems] == [path]


def test_what_is_not_there_is_not_found() -> None:
    """Journeys, versions and runs."""
    world = World()
    basket(world, 1)
    staff, now = desk(world), world.now
    with pytest.raises(NotFoundError):
        say(world, "pause", "none")
    with pytest.raises(NotFoundError):
        staff.migrate("none", {}, "ann", now, lambda: False)
    with pytest.raises(NotFoundError):
        staff.migrate("basket", {"to": 7}, "ann", now, lambda: False)
    with pytest.raises(NotFoundError):
        staff.run("nonsense", "pause", None, "ann", now)


def test_one_run_is_paused_resumed_migrated_and_stopped() -> None:
    """The others go on; the answer is the run."""
    world = World()
    who = basket(world, 2)
    world.put_journey("basket", reentry="always", title="New")
    staff, run_id = desk(world), latest(world, who[0]).run_id
    paused = staff.run(run_id, "pause", WHY, "ann", world.now)
    assert paused["paused_at"]
    assert staff.run(run_id, "pause", WHY, "ann", world.now) == paused
    world.advance(hours=5)
    assert world.channels() == ["push", "push", "email"]
    assert staff.run(run_id, "resume", None, "ann", world.now)["paused_at"] is None
    world.settle()
    assert world.channels() == ["push", "push", "email", "email"]
    assert staff.run(run_id, "migrate", None, "ann", world.now)["version"] == 2
    assert staff.run(run_id, "stop", WHY, "ann", world.now)["outcome"] == "stopped"
    with pytest.raises(ConflictError, match="is over"):
        staff.run(run_id, "resume", None, "ann", world.now)
    world.advance(days=2)
    assert states(world, who) == ["stopped", "completed"]
    assert world.attended()


def test_a_run_of_a_paused_journey_goes_on_with_the_journey_only() -> None:
    """Else its next sender would hold it again."""
    world = World()
    who = basket(world, 1)
    say(world, "pause")
    world.settle()
    with pytest.raises(ConflictError, match="resume the journey"):
        desk(world).run(latest(world, who[0]).run_id, "resume", None, "ann", world.now)
