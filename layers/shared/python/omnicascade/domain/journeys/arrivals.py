"""What an arriving event is to a run that waits for one, or that collects such events.

Exists because the event may be older than the wait's own record: it is stored before anything else happens, so whoever
begins to wait looks at what has arrived since the run came to the wait, and whoever hears of an event later finds it
heard already. No event is lost between the two, and none ends two waits.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from omnicascade.domain.conditions.comparisons import key_text
from omnicascade.domain.event import Event, at_path
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.moves import instruction_at
from omnicascade.domain.journeys.program import Digest, WaitFor
from omnicascade.domain.journeys.rules import means
from omnicascade.domain.journeys.run import Run, Waiting
from omnicascade.domain.journeys.watching import waited
from omnicascade.domain.json_text import json_bytes
from omnicascade.domain.replacing import replace

MOST_COLLECTED: Final = 100
"""Events that a digest keeps; of the others only how many they were. A message shows a few."""

_ROOM_BYTES: Final = 100_000
"""What the events of a digest may take as JSON: a run is one item, with its entry event and its ledger. Source:
DynamoDB developer guide, "Item size": 400 KB."""

_REMEMBERED: Final = 32
"""Events without a place whose ids are remembered, so that one delivered again is not counted again."""


def arrived(journey: Journey, run: Run, event: Event, now: datetime) -> Run:
    """The run after an event that it may wait for; the same run where it does not."""
    if not run.live or run.waiting is None or not _new(run, event):
        return run
    at = instruction_at(journey, run)
    if isinstance(at, WaitFor):
        return _heard(run, at, event, now)
    return _collected(run, at, event) if isinstance(at, Digest) else run


def heard_before(run: Run, at: WaitFor, history: Iterable[Event], now: datetime) -> Run | None:
    """The run behind a `wait_for` whose event came after the run did, and of which it has not heard yet; None: none."""
    for event in sorted(history, key=_by_arrival):
        moved = _heard(run, at, event, now) if _new(run, event) else run
        if moved is not run:
            return moved
    return None


def collected_before(run: Run, at: Digest, history: Iterable[Event]) -> Run:
    """The run with the events in its digest that came after the run did, and of which it has not heard yet."""
    for event in sorted(history, key=_by_arrival):
        run = _collected(run, at, event) if _new(run, event) else run
    return run


def _collected(run: Run, at: Digest, event: Event) -> Run:
    """With one more event, once; of another group, or after the window, it is not one."""
    waiting = run.waiting
    if waiting is None or event.name != at.event:
        return run
    group = key_text(at_path(event.body, at.key)) if at.key else None
    if waiting.until is None:
        until = event.received_at + at.window
        return replace(run, due=until, waiting=replace(waiting, until=until, group=group, events=(_kept(event),)))
    if event.received_at >= waiting.until or group != waiting.group:
        return run
    if any(kept["message_id"] == event.message_id for kept in waiting.events):
        return run
    return replace(run, waiting=_counted(waiting, event))


def _counted(waiting: Waiting, event: Event) -> Waiting:
    """With one more event: kept where there is room, else only counted.

    An event that arrived before all that `lately` remembers is passed over once that is full, because it may be one of
    the forgotten: the count never counts twice, and misses only what is overtaken by so many others.
    """
    mark = f"{event.received_at.isoformat(timespec='microseconds')} {event.message_id}"
    if mark in waiting.lately or (len(waiting.lately) == _REMEMBERED and mark < waiting.lately[0]):
        return waiting
    kept = _kept(event)
    if len(waiting.events) < MOST_COLLECTED and json_bytes([*waiting.events, kept], _ROOM_BYTES) <= _ROOM_BYTES:
        return replace(waiting, events=(*waiting.events, kept))
    lately = tuple(sorted((*waiting.lately, mark))[-_REMEMBERED:])
    return replace(waiting, more=waiting.more + 1, lately=lately)


def _new(run: Run, event: Event) -> bool:
    """Whether an event came after the run came to its wait: not what started the run, ended a wait or was collected."""
    entry = run.entry["message_id"] if run.entry else None
    collected = (kept["message_id"] for kept in run.digest)
    if run.waiting is None or event.message_id in {entry, *run.heard, *collected}:
        return False
    # Arrivals are stored to the millisecond, so one within the wait's first millisecond may seem to be before it.
    since = run.waiting.since
    return event.received_at >= since.replace(microsecond=since.microsecond // 1_000 * 1_000)


def _heard(run: Run, at: WaitFor, event: Event, now: datetime) -> Run:
    until = run.waiting.until if run.waiting else None
    if not means(at, run, event) or (until is not None and event.received_at >= until):
        return run
    moved = waited(run, at, now, f"{event.name} ({event.message_id})", came=True)
    return replace(moved, heard=(*run.heard, str(event.message_id)))


def _by_arrival(event: Event) -> tuple[datetime, str]:
    return event.received_at, event.message_id


def _kept(event: Event) -> Mapping[str, Any]:
    return {
        "message_id": str(event.message_id),
        "timestamp": event.timestamp.isoformat(),
        "properties": dict(event.properties),
    }
