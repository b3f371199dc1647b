"""The engine's laws on journeys of every kind of step, nested, and on what happens to their customers."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings

from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.definition.loading import load_definition
from omnicascade.domain.journeys.journey import EventEntry, Journey
from omnicascade.domain.journeys.journey import from_json as journey_from_json
from omnicascade.domain.journeys.journey import to_json as journey_to_json
from omnicascade.domain.journeys.run import Run, from_json, to_json
from omnicascade.domain.profile import Consent, Profile, TraitSource
from tests.domain.journeys.journey_builders import World, customer, event
from tests.journey_streams import JOURNEYS, STORIES

WORDS = {
    ("push", "tap"): "Push Notification Tapped",
    ("push", "open"): "Push Notification Opened",
    ("email", "click"): "Email Link Clicked",
    ("email", "open"): "Email Opened",
    ("sms", "reply"): "SMS Replied",
}
CASES = settings(max_examples=25, deadline=None)
LONG = timedelta(days=365 * 8)


def loaded(drawn: Mapping[str, Any]) -> Journey:
    """The journey of a drawn definition."""
    return load_definition({"name": "basket", **drawn})


def entered(flow: Journey, happening: Mapping[str, Any]) -> World:
    """A run begun by the story's first event where the journey is begun by it, else by hand."""
    first = event("Product Added", event_id="first", **happening["properties"])
    by_event = isinstance(flow.entry, EventEntry)
    return World(flow, customer(traits={"timezone": "Europe/Warsaw"})).enter(first if by_event else None)


def changed(profile: Profile, happening: Mapping[str, Any], world: World) -> Profile:
    """The customer as they are after what they said of themselves."""
    if "traits" in happening:
        sources = {f"/{name}": TraitSource("web", world.now) for name in happening["traits"]}
        return replace(
            profile,
            traits={**profile.traits, **happening["traits"]},
            trait_sources={**profile.trait_sources, **sources},
        )
    said = {key: Consent(word == "granted", world.now, "web") for key, word in happening.get("consent", {}).items()}
    return replace(profile, consent={**profile.consent, **said})


def arrival(happening: Mapping[str, Any], world: World, number: int) -> Event:
    """What is heard of it."""
    name, properties = happening.get("event", "identify"), dict(happening.get("properties", {}))
    if "feedback" in happening:
        channel = happening["channel"]
        name = WORDS[channel, happening["feedback"]]
        sent = [entry.message_id for entry in world.run.ledger if entry.channel == channel]
        properties = {"message_id": sent[-1] if sent else "none"}
    kind = "identify" if name == "identify" else "track"
    body = {"type": kind, "event": name, "properties": properties, "traits": happening.get("traits", {})}
    return Event(MessageId(f"s{number}"), kind, name, "web", world.now, world.now, (), body)


@dataclass(frozen=True)
class Moment:
    """The run right after something happened, and what that was."""

    run: Run
    heard: Event | None


def played(flow: Journey, story: list[dict[str, Any]]) -> Iterator[tuple[World, Moment]]:
    """The story with everything due in between, and after it nothing but time."""
    world = entered(flow, story[0])
    yield world, Moment(world.run, None)
    for number, happening in enumerate(story[1:]):
        world.until(timedelta(seconds=happening["at"]))
        yield world, Moment(world.run, None)
        world.profile = changed(world.profile, happening, world)
        heard = arrival(happening, world, number)
        world.hears(heard)
        yield world, Moment(world.run, heard)
    world.until(LONG)
    yield world, Moment(world.run, None)


@CASES
@given(JOURNEYS, STORIES)
def test_what_holds_of_every_run_at_every_moment(drawn: dict[str, Any], story: list[dict[str, Any]]) -> None:
    """Stored and read again it is the same run; one message per step and channel; every decision has its reason."""
    for _, moment in played(loaded(drawn), story):
        run = moment.run
        assert from_json(json.loads(json.dumps(to_json(run)))) == run
        used = [(entry.step, entry.channel) for entry in run.ledger]
        assert len(used) == len(set(used))
        assert all(decision.reason and decision.outcome for decision in run.decisions)
        assert run.live == (run.due is not None) == (run.outcome is None) == (run.ended_at is None)
        assert run.live or (run.reason and run.next_moment is None)
        assert len(set(run.heard)) == len(run.heard)


@CASES
@given(JOURNEYS, STORIES)
def test_an_event_heard_twice_is_heard_once(drawn: dict[str, Any], story: list[dict[str, Any]]) -> None:
    """Every event of the past may be delivered again at any later moment, and nothing follows from it."""
    past: list[Event] = []
    for world, moment in played(loaded(drawn), story):
        past += [moment.heard] if moment.heard else []
        for again in past:
            assert engine.apply(world.journey, moment.run, again, world.now) is None
        assert engine.observe(world.journey, moment.run, world.person, world.deployment, world.now) is None


@CASES
@given(JOURNEYS, STORIES)
def test_every_run_ends_after_so_many_stops(drawn: dict[str, Any], story: list[dict[str, Any]]) -> None:
    """Nothing goes round: an ended run is the end of every story, and decisions are few."""
    flow = loaded(drawn)
    last = [moment.run for _, moment in played(flow, story)][-1]
    assert not last.live
    channels = sum(len(getattr(step, "channels", "x")) for step in flow.program)
    assert len(last.decisions) <= 6 * channels + 2 * len(story) + 4


@CASES
@given(JOURNEYS, STORIES)
def test_a_stored_journey_behaves_as_the_one_that_was_loaded(
    drawn: dict[str, Any], story: list[dict[str, Any]]
) -> None:
    """Compiled, stored as JSON text and read: run for run the same, also where each run was stored in between."""
    flow = loaded(drawn)
    stored = journey_from_json(json.loads(json.dumps(journey_to_json(flow))))
    assert stored == flow
    runs = [moment.run for _, moment in played(flow, story)]
    again: list[Run] = []
    for world, moment in played(stored, story):
        again.append(moment.run)
        world.run = from_json(json.loads(json.dumps(to_json(world.run))))
    assert again == runs


@CASES
@given(JOURNEYS, STORIES)
def test_what_is_foreseen_comes_true_when_nobody_reacts(drawn: dict[str, Any], story: list[dict[str, Any]]) -> None:
    """From any point of any story: the stops foreseen there are those of time alone, to the second."""
    flow = loaded(drawn)
    points = [(moment.run, replace_of(world)) for world, moment in played(flow, story)]
    for run, world in (points[0], points[len(points) // 2]):
        foreseen = engine.foresee(flow, run, world.person, world.deployment, world.now)
        world.run, stops = run, list[int]()
        world.move()
        while (moment := world.run.next_moment) is not None:
            stops.append(max(1, -int((world.now - moment).total_seconds() // 1)))
            world.now += timedelta(seconds=stops[-1])
            world.move()
        assert foreseen == (*stops, engine.ROOM_S)


def replace_of(world: World) -> World:
    """The world as it is at this moment, whatever happens to it later."""
    copy = World(world.journey, world.profile, world.deployment, world.now, contacts=world.contacts)
    copy.history = list(world.history)
    return copy


@CASES
@given(JOURNEYS, STORIES)
def test_nothing_is_said_to_whom_it_may_not_be(drawn: dict[str, Any], story: list[dict[str, Any]]) -> None:
    """After consent to promotions was denied on a channel, none there; after the end, no message at all."""
    flow, count, over, denied = loaded(drawn), 0, False, set[str]()
    for world, moment in played(flow, story):
        new = world.sent[count:]
        assert not (over and new)
        assert flow.transactional or not {channel for _, _, channel in new} & denied
        count, over = len(world.sent), not moment.run.live
        denied = {key.partition("/")[0] for key, consent in world.profile.consent.items() if not consent.granted}
