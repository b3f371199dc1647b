"""What a run does at a wait: until a moment, until a local hour, for an event or a condition, or while it collects.

Exists apart from the timer so that every kind of wait stands beside the others.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from omnicascade.domain.conditions.comparisons import key_text, moment, show
from omnicascade.domain.durations import LONGEST, spell
from omnicascade.domain.event import at_path
from omnicascade.domain.journeys.arrivals import collected_before, heard_before
from omnicascade.domain.journeys.clearance import value_at
from omnicascade.domain.journeys.moves import decided, ended
from omnicascade.domain.journeys.program import Digest, Wait, WaitFor, WaitLocal, WaitUntil
from omnicascade.domain.journeys.run import Run, Waiting
from omnicascade.domain.journeys.scene import Scene, profile_of
from omnicascade.domain.journeys.watching import met, waited
from omnicascade.domain.replacing import replace

_SECONDS_BELOW: Final = 100_000_000_000
"""A smaller number is seconds since 1970, a greater one milliseconds: seconds reach it in the year 5138."""

_LATE: Final = timedelta(minutes=1)
"""How much later than it was due a timer may come and the run still count as having come in time: a second must not
cost a day."""

_DAYS_AHEAD: Final = 9
"""Days to look at for the next such weekday: a week, today, and the day before, whose late hours a clock change may
skip into today."""


def wait(run: Run, at: Wait, now: datetime) -> Run:
    """Due so long after now."""
    return _until(run, at.step, now + at.length, f"waits {spell(at.length)}", now)


def wait_until(scene: Scene, run: Run, at: WaitUntil) -> Run:
    """Due at the moment that a path names; past: at once; unreadable or over a year away: the run ends, saying so."""
    value = value_at(run, profile_of(scene, run), at.path)
    named = moment_in(value)
    if named is None:
        return ended(run, scene.now, at.step, "failed", f"{at.path} is {show(value)}, which is no moment to wait until")
    try:
        until = named.astimezone(UTC) + at.offset
    except OverflowError:
        return ended(run, scene.now, at.step, "failed", f"{at.path} is {show(value)}, beyond the end of the calendar")
    if until - scene.now > LONGEST:
        return ended(run, scene.now, at.step, "failed", f"{at.path} is {show(value)}, more than {spell(LONGEST)} away")
    return _until(run, at.step, until, f"waits until {until.isoformat()} ({at.path})", scene.now)


def moment_in(value: object) -> datetime | None:
    """The moment a value names: ISO 8601 text (UTC where it says no zone), or seconds or milliseconds since 1970."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return moment(value)
    try:
        number = float(value)
        return datetime.fromtimestamp(number if abs(number) < _SECONDS_BELOW else number / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def wait_local(scene: Scene, run: Run, at: WaitLocal) -> Run:
    """Due at the next such local moment; at once if it is this one, also where the timer came a little late."""
    from omnicascade.domain.zones import zone_for  # noqa: PLC0415 - only local waits need zones

    found = zone_for(at.zone, profile_of(scene, run), scene.deployment)
    if found is None:
        return ended(run, scene.now, at.step, "failed", "the customer's own zone is not known")
    zone, origin = found
    came = max(_since(run, scene.now), scene.now - _LATE)
    today = came.astimezone(zone).date() - timedelta(days=1)
    for ahead in range(_DAYS_AHEAD):
        day = today + timedelta(days=ahead)
        local = datetime(day.year, day.month, day.day, at.minute // 60, at.minute % 60, tzinfo=zone)
        until = local.astimezone(UTC)
        if day.weekday() in at.days and until >= came:
            reason = f"waits until {until.isoformat()}, {zone.key} ({origin})"
            return _until(run, at.step, until, reason, scene.now)
    return ended(run, scene.now, at.step, "failed", "no weekday to wait for")


def wait_for(scene: Scene, run: Run, at: WaitFor) -> Run:
    """Waiting for an event or a condition; behind it at once where the condition holds; timed out once it is due.

    An event that was stored in time ends the wait also where the timer came here before the event did.
    """
    if run.waiting is None:
        length = spell(at.timeout)
        reason = f"waits for {at.event} up to {length}" if at.event else f"waits for its condition up to {length}"
        run = replace(run, waiting=Waiting(at.step, _since(run, scene.now), scene.now + at.timeout))
        found = met(scene, run) or heard_before(run, at, scene.person.history.get(at.event or "", ()), scene.now)
        return found or _resting(scene, run, at.step, scene.now + at.timeout, reason)
    until = run.waiting.until or scene.now
    late = Scene(scene.journey, scene.person, scene.deployment, min(until, scene.now))
    found = met(late, run) or heard_before(run, at, scene.person.history.get(at.event or "", ()), scene.now)
    if found:
        return replace(found, due=scene.now)
    reason = f"{at.event or 'its condition'} did not come within {spell(at.timeout)}"
    return waited(run, at, scene.now, reason, came=False)


def digest(scene: Scene, run: Run, at: Digest) -> Run:
    """Collecting from the first event on, which may be the entry event; behind it with the events once it is due."""
    if run.waiting is None:
        run = replace(run, waiting=Waiting(at.step, _since(run, scene.now), None))
        run = run if _collected(scene, run, at.event) else _with_entry(run, at, scene.now)
        run = collected_before(run, at, scene.person.history.get(at.event, ()))
        until = (run.waiting and run.waiting.until) or scene.now + LONGEST
        reason = f"collects {at.event} for {spell(at.window)} from the first on"
        return _resting(scene, run, at.step, until, reason)
    run = collected_before(run, at, scene.person.history.get(at.event, ()))
    waiting = run.waiting
    if waiting is None or (run.due is not None and run.due > scene.now):
        return run
    count = len(waiting.events) + waiting.more
    reason = f"{count} {at.event}" + (f", the first {len(waiting.events)} kept" if waiting.more else "")
    run = replace(run, pc=run.pc + 1, due=scene.now, waiting=None, digest=waiting.events)
    return decided(run, scene.now, at.step, "collected", reason)


def _collected(scene: Scene, run: Run, event: str) -> bool:
    """Whether an earlier digest of such events is over: the entry event was in that one."""
    over = {decision.step for decision in run.decisions if decision.outcome == "collected"}
    return any(isinstance(at, Digest) and at.event == event and at.step in over for at in scene.journey.program)


def _with_entry(run: Run, at: Digest, now: datetime) -> Run:
    entry, waiting = run.entry, run.waiting
    if waiting is None or entry is None or entry.get("name") != at.event:
        return run
    group = key_text(at_path(entry, at.key)) if at.key else None
    first = {name: entry[name] for name in ("message_id", "timestamp", "properties")}
    return replace(run, waiting=replace(waiting, until=now + at.window, group=group, events=(first,)))


def _since(run: Run, now: datetime) -> datetime:
    """When the run came to its wait: not when a function got round to it, or events in between would be lost."""
    if run.due is None:
        return now
    return run.entered_at if run.due <= run.started_at else min(run.due, now)


def _until(run: Run, step: str, until: datetime, reason: str, now: datetime) -> Run:
    waiting = replace(run, pc=run.pc + 1, due=until, owed_since=None)
    return decided(waiting, now, step, "waited", reason)


def _resting(scene: Scene, run: Run, step: str, until: datetime, reason: str) -> Run:
    return decided(replace(run, due=until, owed_since=None), scene.now, step, "waited", reason)
