"""What is delivered twice, late, in another order or at the worst moment ends as if it had come once, in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omnicascade.domain.errors import RetryableSendError
from omnicascade.usecases.project_profiles import Arrival
from omnicascade.usecases.send_next_message import TIMER_TOLERANCE
from tests.usecases.port_proxy import Call, straight
from tests.usecases.test_crash_matrix import (
    ANN,
    BOUGHT,
    FAULTS,
    IDENTIFY,
    KEYED,
    STORIES,
    CrashError,
    Faults,
    track,
)
from tests.usecases.turns import Turns
from tests.usecases.world import NOON, World
from tests.usecases.world_end import End

FILL = track("Basket Filled", "fill", ANN, cart_id="c1")
ORDER = track("Order Completed", "order", ANN, **BOUGHT)


@cache
def plain_end(name: str) -> End:
    """The end of a story whose deliveries were made once and in order."""
    return STORIES[name](World())


# Twice, in batches and an order of chance


@pytest.mark.parametrize("name", STORIES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_deliveries_twice_and_reordered_end_the_same(name: str, seed: int) -> None:
    """Envelopes and batches come twice, mixed by chance; only a partition's own order is kept."""
    assert STORIES[name](World(shuffle=Random(seed))) == plain_end(name)


def _storm(name: str, seed: int) -> None:
    """Everything twice and mixed, and up to four faults: nothing twice in the end, nothing left waiting."""
    random = Random(seed)
    storm = _Storm(random, left=random.randint(1, 4))
    world = World(storm, shuffle=random)
    end, expected = STORIES[name](world), plain_end(name)
    of_person = ["identifiers", "members", "traits"]
    if "push" in end.messages:  # what did not come was not tapped
        of_person.append("counters")
    assert [getattr(end, n) for n in of_person] == [getattr(expected, n) for n in of_person], seed
    assert [status for status, _, _ in end.runs] == ["ended"], seed
    assert end.executions == ["SUCCEEDED"], seed
    assert end.slots == [(key, 1, False) for key, _, _ in expected.slots], seed
    assert len(end.messages) == len(set(end.messages)), f"a message twice: {seed}"
    known = {channel for channel, outcome in end.ledger if outcome == "sent"}
    possible = known | {channel for channel, outcome in end.ledger if outcome == "unknown"}
    assert known <= set(end.messages) <= possible, seed


@dataclass
class _Storm:
    """A few faults at writes of chance."""

    random: Random
    left: int

    def __call__(self, call: Call, proceed: Callable[[], Any]) -> Any:
        if self.left and self.random.random() < 0.04:
            before = Faults(0, self.random.choice(FAULTS))
            try:
                return before(call, proceed)
            finally:
                self.left -= len(before.trace)
        return proceed()


@pytest.mark.parametrize("name", STORIES)
def test_storms_do_no_harm(name: str) -> None:
    """Forty seeds of duplicates, disorder and faults together."""
    for seed in range(40):
        _storm(name, seed)


@pytest.mark.soak
@pytest.mark.parametrize("name", STORIES)
def test_many_storms_do_no_harm(name: str) -> None:
    """The same search, long."""
    for seed in range(1000, 3000):
        _storm(name, seed)


# Lost wake-ups


@dataclass
class AtSave:
    """Lets something happen once, at the sender's `number`-th write of a run, just before it or just after."""

    number: int
    moment: str
    happens: Callable[[], None]
    seen: int = 0
    busy: bool = False

    def __call__(self, call: Call, proceed: Callable[[], Any]) -> Any:
        if self.busy or call.port != "runs" or call.method not in {"save", "claim"}:
            return proceed()
        here = self.number == self.seen
        self.seen += 1
        if here and self.moment == "before":
            self._happen()
        answer = proceed()
        if here and self.moment == "after":
            self._happen()
        return answer

    def _happen(self) -> None:
        self.busy = True
        self.happens()
        self.busy = False


def _under_way() -> World:
    """A basket was filled an hour ago, less a second: the push is about to go, the text message four hours later."""
    world = World()
    channels = [{"push": {"template": "cart", "wait": "4h"}}, {"sms": {"template": "cart"}}]
    thanks = {"id": "thank", "email": {"template": "cart"}}
    entry = KEYED["entry"] | {"restart": True}
    world.put_journey("basket", {"cascade": {"channels": channels}}, {"wait": "1d"}, thanks, **KEYED | {"entry": entry})
    world.post(IDENTIFY, FILL)
    world.advance(seconds=3599)
    return world


SAVES = 4
"""The sender's writes in the next six hours: the claim, and the outcome with the token, of push and text message."""

AT_ANY_SAVE = [pytest.param(n, moment, id=f"{moment} {n}") for n in range(SAVES) for moment in ("before", "after")]


def test_the_sender_makes_four_writes() -> None:
    """The cases below meet every one of them."""
    world = _under_way()
    counting = AtSave(-1, "before", lambda: None)
    world.around = counting
    world.advance(hours=6)
    assert counting.seen == SAVES
    assert world.channels() == ["push", "sms"]


@pytest.mark.parametrize(("number", "moment"), AT_ANY_SAVE)
def test_an_order_at_any_write_ends_the_run_at_once(number: int, moment: str) -> None:
    """Whichever write it meets: no later message, and the execution is over without any time passing."""
    world, ordered = _under_way(), list[datetime]()

    def order() -> None:
        ordered.append(world.now)
        world.deliver(world.store(ORDER))

    world.around = AtSave(number, moment, order)
    world.advance(hours=6)
    (run,), (execution,) = world.runs_of("user_id:ann"), world.machine.executions.values()
    assert (run.outcome, execution.status, execution.ended) == ("exited", "SUCCEEDED", ordered[0])
    assert [e.outcome for e in run.ledger if e.claimed_at <= ordered[0]] == [e.outcome for e in run.ledger]
    assert world.channels() == [str(e.channel) for e in run.ledger if e.outcome == "sent"]
    assert {entry.outcome for entry in run.ledger} <= {"sent", "withdrawn"}


@pytest.mark.parametrize(("number", "moment"), AT_ANY_SAVE[1:])
def test_a_tap_at_any_write_moves_the_run_at_once(number: int, moment: str) -> None:
    """The next step's day counts from the tap at the latest, and what was not claimed by then does not go out."""
    world, tapped = _under_way(), list[datetime]()

    def tap() -> None:
        (run,) = world.runs_of("user_id:ann")
        tapped.append(world.now)
        claimed.extend(str(entry.channel) for entry in run.ledger)
        message_id = run.ledger[0].message_id
        world.deliver(world.store(track("Push Notification Tapped", "tap", ANN, message_id=message_id)))

    claimed: list[str] = []
    world.around = AtSave(number, moment, tap)
    world.advance(hours=6)
    assert world.attended()
    world.advance(days=3)
    (run,) = world.runs_of("user_id:ann")
    thanks = run.ledger[-1]
    assert thanks.step == "thank"
    assert abs(thanks.claimed_at - tapped[0] - timedelta(days=1)) <= TIMER_TOLERANCE
    assert [str(entry.channel) for entry in run.ledger[:-1]] == claimed
    assert [entry.outcome for entry in run.ledger] == ["sent"] * len(run.ledger)


@pytest.mark.parametrize(("number", "moment"), AT_ANY_SAVE)
def test_a_restart_at_any_write_counts_the_delay_again(number: int, moment: str) -> None:
    """An entry that arrived in time and is heard of late: it holds the push unless that was claimed before."""
    world = _under_way()
    again = FILL | {"messageId": "again"}
    half_past = NOON + timedelta(minutes=30)
    world.around = AtSave(number, moment, lambda: world.deliver(world.store(again, received=half_past)))
    world.advance(seconds=1)
    assert world.attended()
    world.advance(days=3)
    (run,) = world.runs_of("user_id:ann")
    delay = timedelta(minutes=90 if (number, moment) == (0, "before") else 60)
    assert abs(run.ledger[0].claimed_at - NOON - delay) <= TIMER_TOLERANCE
    assert world.channels() == ["push", "email", "sms"]


def test_a_claim_given_back_survives_what_happened_meanwhile() -> None:
    """The provider refuses for now, while another message is reported delivered: the message goes out later, once."""
    world = _under_way()
    world.advance(hours=1)
    (run,) = world.runs_of("user_id:ann")
    news = track("Push Notification Received", "delivered", ANN, message_id=run.ledger[0].message_id)

    def around(call: Call, proceed: Callable[[], Any]) -> Any:
        if call.port == "sms" and world.sms.attempts == 0:
            world.sms.fail_next(RetryableSendError("throttled"))
            world.deliver(world.store(news))
        return proceed()

    world.around = around
    world.advance(hours=6)
    (run,) = world.runs_of("user_id:ann")
    assert [(str(e.channel), e.outcome) for e in run.ledger] == [("push", "sent"), ("sms", "sent")]
    assert (world.sms.attempts, len(world.sms.sent)) == (2, 1)
    assert "delivered" in run.ledger[0].marks


def test_a_claim_given_back_after_the_end_is_withdrawn() -> None:
    """The provider refuses for now, while the customer orders: the ledger says that nothing went out."""
    world = _under_way()
    stored: list[Arrival] = []

    def around(call: Call, proceed: Callable[[], Any]) -> Any:
        if call.port == "push" and not stored:
            world.push.fail_next(RetryableSendError("throttled"))
            stored.extend(world.store(ORDER))
            world.deliver(stored)
        return proceed()

    world.around = around
    world.advance(days=3)
    (run,), (execution,) = world.runs_of("user_id:ann"), world.machine.executions.values()
    assert (run.outcome, [e.outcome for e in run.ledger]) == ("exited", ["withdrawn"])
    assert (execution.status, world.channels()) == ("SUCCEEDED", [])


def test_a_claim_in_doubt_is_settled_though_the_run_has_ended() -> None:
    """The sender dies between claim and outcome, and the order comes before it is called again: nobody knows, it
    says."""
    world = _under_way()
    died: list[str] = []

    def around(call: Call, proceed: Callable[[], Any]) -> Any:
        if call.port == "push" and not died:
            died.append(str(call))
            raise CrashError
        return proceed()

    world.around = around
    world.advance(seconds=1)
    world.post(ORDER)
    world.advance(hours=1)
    (run,), (execution,) = world.runs_of("user_id:ann"), world.machine.executions.values()
    assert (run.outcome, [e.outcome for e in run.ledger], execution.status) == ("exited", ["unknown"], "SUCCEEDED")
    assert (world.channels(), world.push.attempts) == ([], 0)


# The last look


@pytest.mark.parametrize("looked", [False, True], ids=["before the last look", "after the last look"])
def test_an_order_around_the_last_look(looked: bool) -> None:
    """Stored before it, though not yet reacted to, it withdraws the claim; stored after it, it came after the claim."""
    world = _under_way()
    stored: list[Arrival] = []

    def around(call: Call, proceed: Callable[[], Any]) -> Any:
        if (call.port, call.method) != ("events", "arrived") or stored:
            return proceed()
        if not looked:
            stored.extend(world.store(ORDER))
            return proceed()
        answer = proceed()
        stored.extend(world.store(ORDER))
        return answer

    world.around = around
    world.advance(seconds=1)
    (run,) = world.runs_of("user_id:ann")
    assert (world.push.attempts, run.ledger[0].outcome) == ((1, "sent") if looked else (0, "withdrawn"))
    world.advance(days=3)
    (run,), (execution,) = world.runs_of("user_id:ann"), world.machine.executions.values()
    assert (run.outcome, execution.status) == ("exited", "SUCCEEDED")
    assert world.channels() == (["push"] if looked else [])


# Entering


def test_the_same_occasion_starts_once() -> None:
    """An entry event delivered again and again, and an execution started again under its name: one run each."""
    world = World()
    world.put_journey("basket", **KEYED)
    world.put_journey("hello", {"push": {"template": "cart"}}, reentry={})
    world.post(IDENTIFY, FILL)
    world.settle()
    for _ in range(3):
        world.deliver(world.events.stream)
        world.start_execution("hello-1", {"journey": "hello", "profile": "user_id:ann"})
        world.settle()
    assert len(world.runs_of("user_id:ann", "basket")) == 1
    assert len(world.runs_of("user_id:ann", "hello")) == 1
    assert world.channels() == ["push"]


@pytest.mark.parametrize(
    ("reentry", "runs"),
    [("never", 1), ({"after": "7d"}, 2), ({"after": "7d", "limit": 1}, 1), ({"limit": 2}, 2), ({}, 4)],
)
def test_who_may_enter_again(reentry: Any, runs: int) -> None:
    """Entered on day 0, 3, 8 and 9, each time delivered three times, and bought an hour later."""
    world = World()
    world.put_journey("basket", **KEYED, reentry=reentry)
    world.post(IDENTIFY)
    for day in (0, 3, 8, 9):
        world.advance(seconds=(NOON + timedelta(days=day) - world.now).total_seconds())
        world.post(FILL | {"messageId": f"fill {day}"})
        for _ in range(3):
            world.settle()
            world.deliver(world.events.stream[-1:])
        world.advance(hours=1, minutes=30)
        world.post(ORDER | {"messageId": f"order {day}"})
        world.settle()
    found = world.runs_of("user_id:ann")
    assert len(found) == runs
    assert {(run.status, run.outcome) for run in found} == {("ended", "exited")}
    assert [slot.entries for slot in world.customer("user_id:ann").slots] == [runs]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_merge_between_a_crash_and_its_retry_does_not_double_the_run(fault: Any) -> None:
    """The entry's handling fails at any write; before it is tried again, the visitor turns out to be somebody older."""
    for number in range(12):
        world = World()
        world.put_journey("basket", **KEYED)
        world.post(IDENTIFY)
        world.advance(days=1)
        visitor = {"anonymousId": "web-1"}
        fill = world.store(track("Basket Filled", "fill", visitor, cart_id="c1"))
        faults = Faults(number, fault)
        world.around = faults
        failed = _tried(world, fill)
        world.around = straight
        world.deliver(world.store({"type": "identify", "messageId": "login", **visitor, **ANN}))
        world.deliver(fill)
        world.advance(days=3)
        case = f"{fault} at write {number}: {faults.trace}"
        assert len(world.runs_of("user_id:ann")) == 1, case
        assert (world.channels(), world.attended()) == (["push", "email", "sms"], True), case
        if number >= len(faults.trace):
            assert not failed, case
            assert number >= 3, "too few writes were tried"
            return
    raise AssertionError("the writes never end")


def _tried(world: World, arrivals: list[Arrival]) -> bool:
    """Handle a batch once; whether it failed."""
    try:
        return world.project(arrivals) is not None
    except CrashError:
        return True


# Races


@dataclass
class _Log:
    """When, in steps, the order was stored, sends were claimed and providers were called."""

    turns: Turns
    steps: list[str] = field(default_factory=list[str])

    def __call__(self, call: Call, proceed: Callable[[], Any]) -> Any:
        answer = self.turns(call, proceed)
        self.steps.append(str(call))
        return answer


def _race(seed: int, *, overlap: bool = False) -> tuple[str, ...]:
    """A message is due, and at the same time the customer orders and perhaps taps; what became of the messages.

    In some seeds the providers refuse at first. With `overlap`, the sender's task times out while it is still at work,
    and is called again beside itself.
    """
    random = Random(seed)
    world = World()
    world.put_journey("basket", **KEYED)
    world.post(IDENTIFY, FILL)
    message = random.randrange(3)
    world.advance(hours=(1, 5, 25)[message], seconds=-1)
    world.now += timedelta(seconds=1)
    while not world.machine.due()[0].calls:
        world.go_on()
    log = _Log(Turns(random))
    world.around = log
    again = [lambda: _overlapping(world)] if overlap else []
    refusals = random.sample([world.push, world.email, world.sms], random.choice((0, 0, 3)))
    for provider in refusals:
        provider.fail_next(RetryableSendError("throttled"))
    log.turns.play(world.go_on, *again, *_customer_acts(world, random))
    world.advance(seconds=2)  # a refused send is tried again
    assert overlap or world.attended(), seed
    world.advance(days=3)
    return _judge(world, log.steps, message, seed)


def _overlapping(world: World) -> None:
    """The task's time is over though its function is not done."""
    (execution,) = world.machine.executions.values()
    if execution.status == "RUNNING" and not execution.calls:
        execution.at = world.now
        world.machine.go_on(execution, world.send)
        world.machine.go_on(execution, world.send)


def _customer_acts(world: World, random: Random) -> list[Callable[[], None]]:
    hesitation = random.choice((0, 10, 30))

    def order() -> None:
        for _ in range(hesitation):
            world.around(Call("customer", "thinks"), lambda: None)
        arrivals = world.store(ORDER)
        for _ in range(random.randint(0, 2)):
            world.deliver(arrivals)

    def tap() -> None:
        (run,) = world.runs_of("user_id:ann")
        if run.ledger:
            call = track("Push Notification Tapped", "tap", ANN, message_id=run.ledger[0].message_id)
            world.deliver(world.store(call))

    def repeat() -> None:
        world.deliver(world.events.stream[:2])

    return [order, *random.sample([tap, repeat], random.randint(0, 2))]


def _judge(world: World, steps: list[str], message: int, seed: int) -> tuple[str, ...]:
    """Nothing claimed after the order was stored reaches a provider; nothing goes twice; the run is over."""
    (run,), (execution,) = world.runs_of("user_id:ann"), world.machine.executions.values()
    assert execution.status == "SUCCEEDED", seed
    assert run.outcome in {"exited", "completed"}, seed
    sends = [n for n, step in enumerate(steps) if step.endswith(".send")]
    assert len(sends) <= 1, seed
    if sends:
        claim = max(n for n in range(sends[0]) if steps[n] == "runs.claim")
        assert claim < steps.index("events.keep Order Completed"), seed
    assert len(world.channels()) == len(set(world.channels())), seed
    assert len(world.channels()) == message + len(sends), seed
    assert {entry.outcome for entry in run.ledger} <= {"sent", "withdrawn"}, seed
    assert world.channels() == [str(e.channel) for e in run.ledger if e.outcome == "sent"], seed
    return tuple(entry.outcome for entry in run.ledger[message:])


def test_races_between_sender_and_order_end_well() -> None:
    """Two hundred seeds of sender, order, tap and repetition, one call of a port at a time; every outcome is met."""
    met = {_race(seed) for seed in range(200)}
    assert met >= {(), ("sent",), ("withdrawn",)}


def test_races_of_a_sender_with_itself_end_well() -> None:
    """A task that timed out and the one called after it: still no message twice, and none after the order."""
    met = {_race(seed, overlap=True) for seed in range(100)}
    assert met >= {(), ("sent",), ("withdrawn",)}


@pytest.mark.soak
@pytest.mark.parametrize("overlap", [False, True])
def test_many_races_end_well(*, overlap: bool) -> None:
    """The same search, long."""
    for seed in range(10_000, 20_000):
        _race(seed, overlap=overlap)
