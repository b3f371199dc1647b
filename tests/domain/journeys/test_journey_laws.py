"""The engine's laws, on random journeys and random interleavings of timer, provider and events."""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.commands import CallWebhook, Send, SetTraits, Step
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.person import Person
from omnicascade.domain.journeys.program import Cascade, Check, SendMessage
from omnicascade.domain.journeys.run import Run, SendOutcome, from_json, to_json
from omnicascade.domain.profile import Profile
from tests.domain.journeys.journey_builders import START, World, customer, event, journey

CHANNELS = ("push", "email", "sms")
WAITS = st.sampled_from(["0s", "90s", "4h", "1d"])
QUIET = st.sampled_from([None, {"from": "21:00", "to": "09:00", "zone": "UTC"}, {"from": "11:00", "to": "13:00"}])


@st.composite
def cascades(draw: st.DrawFn) -> dict[str, Any]:
    """A cascade over some channels in some order."""
    names = draw(st.permutations(CHANNELS))[: draw(st.integers(1, 3))]
    channels: list[dict[str, Any]] = [{name: {"template": "t", "wait": draw(WAITS)}} for name in names]
    return {"cascade": {"channels": channels}}


@st.composite
def steps(draw: st.DrawFn) -> dict[str, Any]:
    """Any step, some with a condition."""
    kind = draw(st.sampled_from([*CHANNELS, "wait", "cascade"]))
    step = draw(cascades()) if kind == "cascade" else {kind: draw(WAITS) if kind == "wait" else {"template": "t"}}
    return {**step, "if": {"reachable": "email"}} if draw(st.booleans()) else step


@st.composite
def journeys(draw: st.DrawFn) -> Journey:
    """A journey of up to four steps, with an exit, a goal and perhaps quiet hours and an entry delay."""
    parts: dict[str, Any] = {"exit": [{"event": "Leave"}], "goal": {"event": "Goal"}, "deadline": "2d"}
    parts |= {"entry": {"event": "Enter", "after": draw(WAITS), "restart": True}}
    hours = draw(QUIET)
    if hours:
        parts["quiet_hours"] = hours
    return journey(*draw(st.lists(steps(), min_size=1, max_size=4)), **parts)


PROFILES = st.sets(st.sampled_from(CHANNELS), min_size=1).map(lambda names: customer(*sorted(names)))

EVENTS = ("Leave", "Goal", "Enter", "Push Notification Tapped", "Email Bounced", "Email Delivered")

ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.sampled_from([0, 1, 90, 3600, 14_400, 86_400])),
        st.tuples(st.just("advance"), st.just(0)),
        st.tuples(st.just("outcome"), st.sampled_from(["sent", "failed", "unknown", "withdrawn"])),
        st.tuples(st.just("event"), st.sampled_from(EVENTS)),
        st.tuples(st.just("again"), st.just(0)),
    ),
    max_size=25,
)


@settings(deadline=None)
@given(journeys(), PROFILES, ACTIONS)
def test_at_most_one_message_per_step_and_channel_whatever_happens(
    flow: Journey, profile: Profile, actions: list[tuple[str, Any]]
) -> None:
    """Law 4: any interleaving of timer, outcomes, crashes, events and duplicates; and after an exit, nothing."""
    now, events = START, list[Any]()
    run = engine.start(flow, run_id="r", person=Person(profile), key=None, event=event("Enter"), now=now)
    for n, (action, detail) in enumerate(actions):
        over = not run.live
        match action:
            case "wait":
                now += timedelta(seconds=detail)
            case "advance":
                step = engine.advance(flow, run, Person(profile), Deployment(), now)
                assert not (over and step.send)
                run = step.run
                assert step.send is not None or not run.live or (run.due is not None and run.due > now)
            case "outcome" if run.ledger:
                run = engine.record_outcome(flow, run, run.ledger[-1].message_id, detail, now=now)
            case "event":
                about = run.ledger[n % len(run.ledger)].message_id if run.ledger else "none"
                events.append(event(detail, now, event_id=f"e{n}", message_id=about))
                run = engine.apply(flow, run, events[-1], now) or run
                assert engine.apply(flow, run, events[-1], now) is None
            case "again" if events:
                assert engine.apply(flow, run, events[-1], now) is None
            case _:
                pass
        used = [(entry.step, entry.channel) for entry in run.ledger]
        assert len(used) == len(set(used))
        assert run.live == (run.due is not None) == (run.outcome is None)
        assert not over or not run.live
        assert from_json(json.loads(json.dumps(to_json(run)))) == run


def _stepped(flow: Journey, run: Run, profile: Profile, deployment: Deployment) -> tuple[tuple[int, ...], list[str]]:
    """Play a run nobody answers by its own due moments: the waits between stops, and the channels used."""
    world = World(flow, profile, deployment)
    world.run = run
    stops: list[int] = []
    world.move()
    while world.run.live:
        assert world.run.due is not None
        stops.append(int((world.run.due - world.now).total_seconds()))
        world.now = world.run.due
        world.move()
    return (*stops, engine.ROOM_S), world.channels()


@settings(deadline=None)
@given(journeys(), PROFILES)
def test_what_is_foreseen_is_what_happens_when_nobody_reacts(flow: Journey, profile: Profile) -> None:
    """The foreseen waits equal the real ones, and exactly the reachable channels are used, in the program's order."""
    run = engine.start(flow, run_id="r", person=Person(profile), key=None, event=event("Enter"), now=START)
    stops, channels = _stepped(flow, run, profile, Deployment())
    assert engine.foresee(flow, run, Person(profile), Deployment(), START) == stops
    assert all(stop >= 1 for stop in stops)
    reachable = {known.identifier.type for known in profile.identifiers}
    expected = [c for c in _listed(flow, mail="email" in reachable) if _type(c) in reachable]
    assert channels == expected


@dataclass
class _Resting(World):
    """Compares, after every message, where the run rests by itself with where a look at the customer leaves it."""

    rested: int = 0

    def _carry_out(self, command: Send | SetTraits | CallWebhook, run: Run) -> Run:
        after = super()._carry_out(command, run)
        found = engine.rest(self.journey, after, self.now)
        if found:
            assert engine.advance(self.journey, after, self.person, self.deployment, self.now) == Step(found, None)
            self.rested += 1
        return after


@settings(deadline=None)
@given(journeys(), PROFILES, st.sampled_from(["sent", "failed", "unknown"]))
def test_a_run_rests_by_itself_only_where_a_look_would_leave_it(
    flow: Journey, profile: Profile, outcome: SendOutcome
) -> None:
    """Whatever became of the message: the same wait, the same end, the same decisions."""
    world = _Resting(flow, profile, outcome=outcome)
    world.enter(event("Enter"))
    while world.run.live:
        assert world.run.due is not None
        world.now = world.run.due
        world.move()


def test_a_cascade_nobody_answers_needs_no_look_behind_its_messages() -> None:
    """Each of the three rests or ends the run; what comes behind a plain wait is waited for, too."""
    world = _Resting(journey())
    world.enter().until(timedelta(days=3))
    assert (world.rested, len(world.sent)) == (3, 3)
    world = _Resting(journey({"email": {"template": "t"}}, {"wait": "1d"}, {"push": {"template": "t"}}))
    world.enter()
    assert (world.rested, world.run.due) == (1, START + timedelta(days=1))


def test_who_watches_or_chooses_is_looked_at_again() -> None:
    """A condition that may hold by now, an event that may have come, a branch, another message: none rests unseen."""
    mail = {"email": {"template": "t"}}
    behind: list[dict[str, Any]] = [
        {"wait_for": {"event": "Order Completed", "timeout": "1d"}},
        {"branch": [{"if": {"trait": "vip", "is": True}, "then": [{"wait": "1d"}]}]},
        {"push": {"template": "t"}},
    ]
    for step in behind:
        world = _Resting(journey(mail, step))
        world.enter()
        assert world.rested == (1 if "push" in step else 0)  # behind the push the run ends
    watching = _Resting(journey(exit=[{"when": {"trait": "vip", "is": True}}]))
    watching.enter().until(timedelta(days=3))
    assert (watching.rested, len(watching.sent)) == (0, 3)


def _type(channel: str) -> str:
    return {"push": "ios.push_token", "email": "email", "sms": "phone"}[channel]


def _listed(flow: Journey, *, mail: bool) -> list[str]:
    """Every channel of the program in order; conditional steps only for who has an e-mail address."""
    listed: list[str] = []
    skipped = ""
    for instruction in flow.program:
        match instruction:
            case Check(step):
                skipped = "" if mail else step
            case SendMessage(step, channel) if step != skipped:
                listed.append(channel)
            case Cascade(step, _, channels) if step != skipped:
                listed += [part.channel for part in channels]
            case _:
                pass
    return listed


@settings(deadline=None)
@given(journeys(), PROFILES, st.sampled_from(["Leave", "Push Notification Tapped"]))
def test_foresight_from_the_middle_agrees_too(flow: Journey, profile: Profile, name: str) -> None:
    """After an event in the first wait, the foreseen waits are again the real ones."""
    world = World(flow, profile).enter(event("Enter"))
    world.happens(name, message_id="r-0")
    stops, _ = _stepped(flow, world.run, profile, Deployment())
    assert engine.foresee(flow, world.run, Person(profile), Deployment(), START) == stops


@settings(deadline=None)
@given(journeys(), PROFILES)
def test_an_unknown_outcome_changes_nothing_about_what_is_sent(flow: Journey, profile: Profile) -> None:
    """An unknown outcome is waited for like a sent one: the same channels at the same moments."""
    worlds = [World(flow, profile, outcome=outcome).enter(event("Enter")) for outcome in ("sent", "unknown")]
    for world in worlds:
        world.until(timedelta(days=30))
    assert worlds[0].sent == worlds[1].sent


@settings(deadline=None)
@given(journeys(), PROFILES, st.integers(0, 86_400 * 3))
def test_after_an_exit_event_nothing_is_sent(flow: Journey, profile: Profile, seconds: int) -> None:
    """Whenever it arrives, also inside a wait, a hold or the entry delay."""
    world = World(replace(flow, goal=None), profile).enter(event("Enter")).until(timedelta(seconds=seconds))
    before, live = list(world.sent), world.run.live
    assert world.happens("Leave") is live
    world.until(timedelta(days=30))
    assert world.sent == before
    assert not world.run.live
