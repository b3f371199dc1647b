"""Digests: which events are collected, once each, and when the run goes on with them."""

import json
from datetime import timedelta
from typing import Any

from omnicascade.domain.event import Event
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.run import from_json, to_json
from tests.domain.journeys.journey_builders import START, World, event, hours, journey

PUSH = {"push": {"template": "news"}}


def collecting(*, key: str | None = None, entry: str | None = None, window: str = "1h") -> World:
    """A customer whose comments are collected before one push."""
    digest = {"event": "Comment Added", "window": window, **({"key": key} if key else {})}
    flow = journey({"digest": digest}, PUSH, **({"entry": {"event": entry}} if entry else {}))
    return World(flow).enter(comment("first", post=1) if entry else None)


def comment(name: str, after: float = 0, **properties: Any) -> Event:
    """A comment that arrives so many hours after the start."""
    return event("Comment Added", START + hours(after), event_id=name, **properties)


def told(world: World) -> list[str]:
    """The ids of what was collected."""
    return [kept["message_id"] for kept in world.run.digest]


def hear(world: World, *events: Event) -> list[bool]:
    """Each event when it arrives."""
    heard: list[bool] = []
    for one in events:
        world.until(max(one.received_at - START, world.now - START))
        heard.append(world.hears(one))
    return heard


def test_the_window_opens_with_the_first_event_and_closes_once() -> None:
    """Two hours of silence, then an hour of comments, then one message with all of them, oldest first."""
    world = collecting()
    hear(world, comment("a", 2, text="hi"), comment("b", 2.5), comment("c", 2.9))
    assert world.sent == []
    world.until(hours(4))
    assert world.sent == [(3 * 3600, "push-2", "push")]
    assert told(world) == ["a", "b", "c"]
    assert world.run.digest[0] == {
        "message_id": "a",
        "timestamp": (START + hours(2)).isoformat(),
        "properties": {"text": "hi"},
    }
    assert world.reasons("collected") == ["3 Comment Added"]


def test_the_entry_event_is_the_first_if_it_is_one() -> None:
    """The run started by a comment waits an hour from then, and the comment is in its digest once."""
    world = collecting(entry="Comment Added")
    assert hear(world, comment("first", post=1), comment("second", 0.5)) == [False, True]
    world.until(hours(1))
    assert (told(world), world.channels()) == (["first", "second"], ["push"])


def test_an_event_is_in_one_digest_only_also_at_the_seam_of_two() -> None:
    """Collected in the millisecond in which the window closes, it does not open the next one."""
    step = {"digest": {"event": "Comment Added", "window": "1h"}}
    world = World(journey(step, step, PUSH, entry={"event": "Comment Added"}))
    world.now = START + timedelta(microseconds=700)
    world.enter(comment("first"))
    last = comment("last", 1)
    world.until(hours(1))
    assert world.hears(last)
    world.until(hours(3))
    assert (told(world), world.run.waiting and world.run.waiting.events) == (["first", "last"], ())
    assert not world.hears(last)


def test_an_entry_event_of_another_name_is_not_collected() -> None:
    """Nothing is waited for but the digest's own event."""
    flow = journey({"digest": {"event": "Comment Added", "window": "1h"}}, PUSH, entry={"event": "Post Added"})
    world = World(flow).enter(event("Post Added"))
    hear(world, comment("a", 1), event("Post Added", START + hours(1), event_id="p"))
    world.until(hours(3))
    assert told(world) == ["a"]


def test_the_entry_event_is_in_the_first_digest_only() -> None:
    """A second digest of such events begins anew."""
    step = {"digest": {"event": "Comment Added", "window": "1h"}}
    world = World(journey(step, step, PUSH, entry={"event": "Comment Added"})).enter(comment("first"))
    world.until(hours(1.5))
    assert (told(world), world.run.waiting and world.run.waiting.events) == (["first"], ())
    hear(world, comment("again", 2))
    world.until(hours(4))
    assert (told(world), world.channels()) == (["again"], ["push"])


def test_only_events_of_the_first_ones_group_are_collected() -> None:
    """Numbers and their text are one group; a missing or a wrong value is another."""
    world = collecting(key="properties.post")
    others = [comment("c", 1.2, post=8), comment("d", 1.3), comment("e", 1.4, post=[7]), comment("f", 1.5, post=True)]
    assert hear(world, comment("a", 1, post=7), comment("b", 1.1, post="7"), *others) == [True, True, *[False] * 4]
    world.until(hours(3))
    assert told(world) == ["a", "b"]


def test_events_without_the_key_are_a_group_of_their_own() -> None:
    """The first names no post: only comments that name none follow."""
    world = collecting(key="properties.post")
    assert hear(world, comment("a", 1), comment("b", 1.1, post=1), comment("c", 1.2)) == [True, False, True]


def test_an_event_delivered_again_is_collected_once_and_the_end_itself_is_outside() -> None:
    """Second deliveries change nothing; what arrives exactly an hour after the first is not in it."""
    world = collecting()
    a, b = comment("a", 1), comment("b", 1.5)
    assert hear(world, a, b, a, b, b) == [True, True, False, False, False]
    world.now = START + hours(2)
    assert not world.hears(comment("late", 2))
    world.until(hours(3))
    assert told(world) == ["a", "b"]


def test_events_on_their_way_when_the_window_closes_are_collected() -> None:
    """Stored before the end, not yet heard of by the run: the history has them."""
    world = collecting()
    hear(world, comment("a", 1))
    world.history += [comment("c", 1.999), comment("b", 1.9), comment("too-late", 2)]
    world.until(hours(3))
    assert told(world) == ["a", "b", "c"]


def test_a_first_event_that_is_found_when_nothing_was_hoped_for_opens_the_window() -> None:
    """At the end of the longest wait the history shows a first event: it gets its hour."""
    world = collecting()
    last = START + timedelta(days=365)
    found = event("Comment Added", last - timedelta(minutes=1), event_id="a")
    world.history.append(found)
    world.until(timedelta(days=365))
    assert (world.sent, world.run.due) == ([], last + timedelta(minutes=59))


def test_no_event_ever_goes_on_after_the_longest_wait_with_nothing() -> None:
    """A run does not live for ever."""
    world = collecting().until(timedelta(days=366))
    assert (world.run.outcome, world.run.digest, world.run.ended_at) == ("completed", (), START + timedelta(days=365))
    assert world.reasons("collected") == ["0 Comment Added"]


def many(count: int, **properties: Any) -> list[Event]:
    """So many comments, a second apart, from an hour after the start."""
    return [comment(f"c{n:03}", 1 + n / 3600, **properties) for n in range(count)]


def test_a_hundred_are_kept_and_all_are_counted_once() -> None:
    """The run stays small: of the 101st on only the number is told, whatever is delivered again and in which order."""
    world = collecting()
    events = many(140)
    assert all(hear(world, *events))
    assert not any(world.hears(again) for again in [*events, *reversed(events)])
    waiting = world.run.waiting
    assert waiting is not None
    assert (len(waiting.events), waiting.more, len(waiting.lately)) == (100, 40, 32)
    assert from_json(json.loads(json.dumps(to_json(world.run)))) == world.run
    world.until(hours(3))
    assert world.reasons("collected") == ["140 Comment Added, the first 100 kept"]
    assert told(world)[-1] == "c099"


def test_events_without_a_place_are_counted_in_any_order() -> None:
    """As far as the memory reaches, the order of arrival does not matter, and none counts twice."""
    events = many(130)
    world = collecting()
    hear(world, *events[:100])
    world.until(hours(1.5))
    assert all(world.hears(one) for one in reversed(events[100:]))
    assert not any(world.hears(one) for one in events)
    assert world.run.waiting
    assert world.run.waiting.more == 30


def test_large_events_do_not_fill_the_run() -> None:
    """What does not fit is counted, and a small one after it still fits."""
    world = collecting()
    hear(world, *many(5, text="x" * 30_000))
    world.hears(comment("small", 1.1))
    assert world.run.waiting
    assert [kept["message_id"] for kept in world.run.waiting.events] == ["c000", "c001", "c002", "small"]
    assert world.run.waiting.more == 2
    assert len(json.dumps(to_json(world.run))) < 110_000
    assert not world.hears(comment("c004", 1 + 4 / 3600, text="x" * 30_000))


def test_a_digest_is_foreseen_as_long_as_it_can_last() -> None:
    """Nothing yet: the longest wait. After the first: the rest of its window."""
    world = collecting()
    assert engine.foresee(world.journey, world.run, world.person, world.deployment, START)[0] == 365 * 86_400
    hear(world, comment("a", 1))
    world.until(hours(1.25))
    assert engine.foresee(world.journey, world.run, world.person, world.deployment, world.now) == (2700, engine.ROOM_S)


def test_an_exit_while_collecting_ends_the_run_and_nothing_is_sent() -> None:
    """Nothing that was collected goes out, and nothing more is."""
    flow = journey({"digest": {"event": "Comment Added", "window": "1h"}}, PUSH, exit=[{"event": "Left"}])
    world = World(flow).enter()
    hear(world, comment("a", 1))
    assert world.happens("Left")
    assert hear(world, comment("b", 1.2)) == [False]
    assert (world.until(hours(9)).sent, world.run.outcome, world.run.waiting) == ([], "exited", None)


def test_what_arrives_in_the_same_millisecond_as_the_run_is_collected() -> None:
    """Arrivals are stored to the millisecond and a run comes in between two of them: none of them is too early."""
    world = World(journey({"digest": {"event": "Comment Added", "window": "1h"}}, PUSH))
    world.now += timedelta(microseconds=800)
    world.enter()
    assert hear(world, comment("a")) == [True]
    world.until(hours(2))
    assert told(world) == ["a"]
