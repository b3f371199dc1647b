"""A batch of an audience: whatever dies or fails on the way, everybody is served and nobody twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from omnicascade.domain.errors import OmnicascadeError, RetryableSendError
from omnicascade.usecases.audience.move_batch import MOST_FAILURES, BatchMover
from omnicascade.usecases.audience.plan import Audience, Place
from omnicascade.usecases.audience.totals import Totals
from tests.usecases.port_proxy import Call, straight, watched
from tests.usecases.segment_world import put
from tests.usecases.test_crash_matrix import FAULTS, CrashError, Fault, Faults
from tests.usecases.world import World

AUDIENCE = Audience("spring", "spring@today", "basket", 1, "vip")
PEOPLE = ("ann", "bob")
EVERYTHING = Counter({"push": 2, "email": 2, "sms": 2})


class Campaign:
    """A journey's audience, moved as the state machine moves it: round by round, a failed batch once more."""

    def __init__(self, *people: str, steps: Sequence[Mapping[str, Any]] = ()) -> None:
        self.world = World()
        put(self.world, "vip", {"trait": "vip", "is": True})
        self.world.put_journey("basket", *steps)
        for name in people:
            self.identify(name, vip=True)
        self.places: list[Place] = [Place(self.profile(name)) for name in people]
        self.totals = Totals()
        self.noticed: list[dict[str, str]] = []

    def identify(self, name: str, **traits: Any) -> None:
        """A customer with app, e-mail and phone says something."""
        digits = sum(name.encode())
        known = {"email": f"{name}@example.com", "phone": f"+48601{digits:06d}", **traits}
        device = {"type": "ios", "id": f"{name}-device", "token": f"{name}-token"}
        call = {"type": "identify", "messageId": f"{name}-{len(self.world.events.stream)}", "userId": name}
        self.world.post({**call, "traits": known, "context": {"device": device}})
        self.world.settle()

    def profile(self, name: str) -> str:
        """A customer's profile id."""
        return self.world.customer(f"user_id:{name}").profile.profile_id

    def mover(self) -> BatchMover:
        """Under the definitions of now, with whoever stands at the ports."""
        world = self.world
        around = world.around
        return BatchMover(
            customers=watched(world.customers, "customers", around),
            events=watched(world.events, "events", around),
            runs=watched(world.runs, "runs", around),
            journeys=watched(world.journeys, "journeys", around),
            timer=watched(world.machine, "timer", around),
            mover=world.clerk(),
            deployment=world.journeys.deployment(),
            clock=lambda: world.now,
            notice=lambda what, details: self.noticed.append({"what": what, **details}),
        )

    def move(self, places: Sequence[Place]) -> list[Place]:
        """One batch; a process that dies is started again with the same input."""
        for _ in range(4):
            try:
                answer = self.mover().move(AUDIENCE, places)
            except (CrashError, OmnicascadeError):
                continue
            self.totals += Totals.from_json(answer["totals"])
            return [Place.from_json(line) for line in answer["customers"]]
        raise AssertionError("the batch never went through")

    def to_the_end(self) -> Totals:
        """Round after round, until nobody is left."""
        for _ in range(60):
            if not self.places:
                return self.totals
            first = min(place.due or self.world.now for place in self.places)
            self.world.now = max(self.world.now, first)
            going = [place for place in self.places if (place.due or self.world.now) <= self.world.now]
            waiting = [place for place in self.places if place not in going]
            self.places = [*waiting, *self.move(going)]
            self.world.settle()
        raise AssertionError("this never comes to an end")


def trace() -> list[str]:
    """Every write of a campaign without faults."""
    campaign = Campaign(*PEOPLE)
    campaign.world.around = watching = Faults()
    campaign.to_the_end()
    return watching.trace


TRACE = trace()


def test_everybody_gets_everything_once() -> None:
    """The story that the matrix repeats with faults."""
    campaign = Campaign(*PEOPLE)
    totals = campaign.to_the_end()
    assert Counter(campaign.world.channels()) == EVERYTHING
    assert totals.count("customers", "entered") == 2
    assert totals.count("outcomes", "completed") == 2


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("number", range(len(TRACE)), ids=TRACE)
def test_a_fault_at_any_write_sends_nothing_twice(number: int, fault: Fault) -> None:
    """Both are served to the end; only a message whose claim was left without an outcome may be missing."""
    campaign = Campaign(*PEOPLE)
    campaign.world.around = Faults(number, fault)
    totals = campaign.to_the_end()
    sent = Counter(campaign.world.channels())
    assert all(sent[channel] <= wanted for channel, wanted in EVERYTHING.items())
    missing = EVERYTHING - sent
    unknown = [entry for name in PEOPLE for run in campaign.world.runs_of(f"user_id:{name}") for entry in run.ledger]
    doubtful = Counter(entry.channel.value for entry in unknown if entry.outcome == "unknown")
    assert missing <= doubtful
    assert totals.count("customers", "entered") == 2
    assert totals.count("outcomes", "completed") == 2
    assert not any(run.live for name in PEOPLE for run in campaign.world.runs_of(f"user_id:{name}"))


def test_who_was_merged_since_the_list_was_made_is_one_customer() -> None:
    """Two lines of the list, one customer by now: one run, one message a channel."""
    campaign = Campaign("ann")
    lead = {"type": "identify", "messageId": "lead", "anonymousId": "lead"}
    campaign.world.post({**lead, "traits": {"email": "lead@example.com", "vip": True}})
    campaign.world.settle()
    found = campaign.world.customer("email:lead@example.com").profile.profile_id
    campaign.places.append(Place(found))
    assert found != campaign.profile("ann")
    campaign.world.post({"type": "identify", "messageId": "login", "userId": "ann", "anonymousId": "lead"})
    campaign.world.settle()
    assert campaign.world.customer("email:lead@example.com").profile.profile_id == campaign.profile("ann")
    campaign.to_the_end()
    assert len(campaign.world.runs_of("user_id:ann")) == 1
    assert Counter(campaign.world.channels()) == Counter({"push": 1, "email": 1, "sms": 1})


def test_one_customer_s_failing_provider_stops_nobody_else() -> None:
    """The other goes on at once; who fails is tried again, later each time, and given up after so many attempts."""
    campaign = Campaign("ann", "bob")

    def around(call: Call, proceed: Any) -> Any:
        if (call.port, call.method) == ("push", "send") and "ann" in str(call.arguments):
            raise RetryableSendError("throttled")
        return proceed()

    campaign.world.around = around
    after = campaign.move(campaign.places)
    failing, served = sorted(after, key=lambda place: -place.failures)
    assert (failing.failures, served.failures) == (1, 0)
    assert failing.due == campaign.world.now + timedelta(minutes=1)
    (noticed,) = campaign.noticed
    assert noticed == {
        "what": "customer_of_audience_failed",
        "journey": "basket",
        "audience": "spring",
        "profile": campaign.profile("ann"),
        "error": "RetryableSendError",
        "failures": "1",
    }
    campaign.places = after
    campaign.to_the_end()
    assert Counter(campaign.world.channels())["push"] == 1
    assert Counter(campaign.world.channels())["email"] == 2


def test_who_keeps_failing_gets_an_execution_of_their_own() -> None:
    """Its failures are then seen and repaired like any; the audience counts the customer as failed."""
    campaign = Campaign("ann")

    def around(call: Call, proceed: Any) -> Any:
        if (call.port, call.method) == ("runs", "claim"):
            raise ValueError("what no code expected")
        return proceed()

    campaign.world.around = around
    campaign.places = campaign.move(campaign.places)
    run_id = campaign.world.runs_of("user_id:ann")[0].run_id
    last = [replace(place, run=run_id, failures=MOST_FAILURES - 1) for place in campaign.places]
    assert campaign.move(last) == []
    campaign.world.around = straight
    assert campaign.totals.count("customers", "handed_over") == 1
    assert campaign.totals.count("failed", f"ValueError: given up after {MOST_FAILURES} attempts") == 1
    campaign.world.advance(days=2)
    assert Counter(campaign.world.channels()) == Counter({"push": 1, "email": 1, "sms": 1})
    assert campaign.world.machine.executions[run_id].status == "SUCCEEDED"


def test_who_left_the_segment_since_does_not_enter() -> None:
    """Whoever says so after the list was made gets nothing."""
    campaign = Campaign("ann", "bob")
    campaign.identify("bob", vip=False)
    totals = campaign.to_the_end()
    assert Counter(campaign.world.channels()) == Counter({"push": 1, "email": 1, "sms": 1})
    assert totals.count("not_entered", "is not in the segment vip any more") == 1


def test_who_does_not_exist_any_more_is_counted_as_erased() -> None:
    """A line whose customer is gone ends there."""
    campaign = Campaign("ann")
    campaign.places = [Place("aaaaaaaaaaaaaaaaaaaaaaaaaa")]
    assert campaign.to_the_end().count("customers", "erased") == 1
