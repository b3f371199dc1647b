"""A journey as the engine runs it: frozen, free of pydantic, with its steps compiled to a flat program.

Exists because a definition is validated once, when it is stored, while every function that moves a run reads the
compiled form from the table on a cold start.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from omnicascade.domain.conditions.condition import Condition, to_mapping
from omnicascade.domain.durations import seconds
from omnicascade.domain.journeys.program import Digest, Instruction, WaitFor
from omnicascade.domain.journeys.program_json import instruction_from_json, instruction_to_json, stored_condition


@dataclass(frozen=True, slots=True)
class EventEntry:
    """The event that starts a run.

    Attributes:
        event: a track event's name, or page, screen, identify.
        where: must hold for the event and its customer.
        key: dotted path of the business key; one live run per customer and key.
        after: the first step is due so long after the event arrived.
        restart: the same key's event counts `after` again, while the run waits for its first step.
    """

    event: str
    where: Condition | None = None
    key: str | None = None
    after: timedelta = timedelta()
    restart: bool = False


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """Becoming (or ceasing to be) a member of a segment starts a run; `entry: {when: …}` is the entering of the
    segment `journey:<name>`."""

    segment: str
    on: Literal["enter", "leave"] = "enter"


@dataclass(frozen=True, slots=True)
class ScheduleEntry:
    """The clock starts an audience: a cron or rate expression of EventBridge Scheduler, in the deployment's zone."""

    expression: str
    segment: str


@dataclass(frozen=True, slots=True)
class Reentry:
    """Whether a customer (with the same key) may enter again.

    Attributes:
        mode: never, or again.
        after: not sooner than so long after the last run started.
        limit: entries in all, the first one counted.
    """

    mode: Literal["never", "again"] = "never"
    after: timedelta | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class EventRule:
    """An exit or goal: an event, whose value at `match` equals the run's key, and for which `where` holds."""

    event: str
    match: str | None = None
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class ConditionRule:
    """An exit: a condition that ends the run as soon as it is true."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class JourneyCap:
    """At most so many messages of this journey to one person within a rolling window."""

    messages: int
    per: timedelta


@dataclass(frozen=True, slots=True)
class Goal:
    """The conversion, counted while the run lives and after, within so long of its start (None: for ever)."""

    rule: EventRule
    within: timedelta | None = None


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When nothing is sent, in local time.

    Attributes:
        start, end: minutes after midnight, both inclusive; `end < start` passes midnight.
        days: weekdays (Monday is 0) on which a quiet time begins.
        zone: `recipient`, `recipient-only` or an IANA name.
        policy: hold (send when it ends) or drop.
    """

    start: int
    end: int
    days: frozenset[int]
    zone: str
    policy: Literal["hold", "drop"]


@dataclass(frozen=True, slots=True)
class Journey:
    """One version of a journey.

    Attributes:
        name: its id, a-z, 0-9 and dashes.
        version: counted by whoever stores it; pinned into each run.
        entry: None for a journey that is started by hand.
        topic: the consent topic of every message.
        holdout_percent: customers left out of every hundred, chosen by a stable hash.
        deadline: what could not be sent so long after it was due is dropped.
        cap: besides the deployment's own.
        own_segment: the condition of the segment `journey:<name>`, where the entry is one.
        templates: every template its steps name.
    """

    name: str
    version: int
    title: str
    active: bool
    entry: EventEntry | SegmentEntry | ScheduleEntry | None
    reentry: Reentry
    exits: tuple[EventRule | ConditionRule, ...]
    goal: Goal | None
    transactional: bool
    topic: str
    quiet_hours: QuietHours | None
    holdout_percent: float
    deadline: timedelta | None
    cap: JourneyCap | None
    own_segment: Condition | None
    program: tuple[Instruction, ...]
    templates: frozenset[str]


def listens(journey: Journey) -> dict[str, list[str]]:
    """Which events concern a journey, each a sorted list of names.

    `entry_events`, `exit_events` and `goal_events` by its rules, `wait_events` by its steps (`wait_for`, `digest`);
    `watched` is `["*"]` where any event of the customer may matter, because a condition is to be noticed once it is
    true, and else empty. `entry_segments` is what its entry waits for, such as `enter vip`.
    """
    waits = [step for step in journey.program if isinstance(step, WaitFor | Digest)]
    watches = any(isinstance(rule, ConditionRule) for rule in journey.exits) or any(
        isinstance(step, WaitFor) and step.condition is not None for step in waits
    )
    return {
        "entry_events": [journey.entry.event] if isinstance(journey.entry, EventEntry) else [],
        "exit_events": sorted({rule.event for rule in journey.exits if isinstance(rule, EventRule)}),
        "goal_events": [journey.goal.rule.event] if journey.goal else [],
        "wait_events": sorted({step.event for step in waits if step.event}),
        "watched": ["*"] if watches else [],
        "entry_segments": [f"{journey.entry.on} {journey.entry.segment}"]
        if isinstance(journey.entry, SegmentEntry)
        else [],
    }


def to_json(journey: Journey) -> dict[str, Any]:
    """A journey as plain JSON types, the same for equal journeys; `from_json` turns it back."""
    entry, quiet, goal = journey.entry, journey.quiet_hours, journey.goal
    return {
        "name": journey.name,
        "version": journey.version,
        "title": journey.title,
        "active": journey.active,
        "entry": _entry_out(entry),
        "reentry": {
            "mode": journey.reentry.mode,
            "after": _length_out(journey.reentry.after),
            "limit": journey.reentry.limit,
        },
        "exits": [_exit_out(rule) for rule in journey.exits],
        "goal": goal and {**_rule_out(goal.rule), "within": _length_out(goal.within)},
        "transactional": journey.transactional,
        "topic": journey.topic,
        "quiet_hours": quiet
        and {
            "start": quiet.start,
            "end": quiet.end,
            "days": sorted(quiet.days),
            "zone": quiet.zone,
            "policy": quiet.policy,
        },
        "holdout_percent": journey.holdout_percent,
        "deadline": _length_out(journey.deadline),
        "cap": journey.cap and {"messages": journey.cap.messages, "per": seconds(journey.cap.per)},
        "own_segment": _condition_out(journey.own_segment),
        "program": [instruction_to_json(instruction) for instruction in journey.program],
        "templates": sorted(journey.templates),
    }


def from_json(stored: Mapping[str, Any]) -> Journey:
    """The journey that `to_json` wrote."""
    entry, quiet, goal, reentry = (stored[part] for part in ("entry", "quiet_hours", "goal", "reentry"))
    return Journey(
        name=stored["name"],
        version=int(stored["version"]),
        title=stored["title"],
        active=stored["active"],
        entry=_entry_in(entry) if entry else None,
        reentry=Reentry(reentry["mode"], _length_in(reentry["after"]), reentry["limit"]),
        exits=tuple(_exit_in(rule) for rule in stored["exits"]),
        goal=goal and Goal(_rule_in(goal), _length_in(goal["within"])),
        transactional=stored["transactional"],
        topic=stored["topic"],
        quiet_hours=quiet
        and QuietHours(quiet["start"], quiet["end"], frozenset(quiet["days"]), quiet["zone"], quiet["policy"]),
        holdout_percent=float(stored["holdout_percent"]),
        deadline=_length_in(stored["deadline"]),
        cap=JourneyCap(cap["messages"], timedelta(seconds=int(cap["per"]))) if (cap := stored.get("cap")) else None,
        own_segment=_condition_in(stored.get("own_segment")),
        program=tuple(instruction_from_json(instruction) for instruction in stored["program"]),
        templates=frozenset(stored["templates"]),
    )


def _entry_out(entry: EventEntry | SegmentEntry | ScheduleEntry | None) -> dict[str, Any] | None:
    match entry:
        case EventEntry():
            return {
                "event": entry.event,
                "where": _condition_out(entry.where),
                "key": entry.key,
                "after": seconds(entry.after),
                "restart": entry.restart,
            }
        case SegmentEntry(segment, on):
            return {"segment": segment, "on": on}
        case ScheduleEntry(expression, segment):
            return {"schedule": expression, "segment": segment}
        case None:
            return None


def _entry_in(stored: Mapping[str, Any]) -> EventEntry | SegmentEntry | ScheduleEntry:
    if "schedule" in stored:
        return ScheduleEntry(stored["schedule"], stored["segment"])
    if "segment" in stored:
        return SegmentEntry(stored["segment"], stored["on"])
    return EventEntry(
        stored["event"],
        _condition_in(stored["where"]),
        stored["key"],
        timedelta(seconds=int(stored["after"])),
        stored["restart"],
    )


def _exit_out(rule: EventRule | ConditionRule) -> dict[str, Any]:
    return {"when": to_mapping(rule.condition)} if isinstance(rule, ConditionRule) else _rule_out(rule)


def _exit_in(stored: Mapping[str, Any]) -> EventRule | ConditionRule:
    return ConditionRule(stored_condition(stored["when"])) if "when" in stored else _rule_in(stored)


def _rule_out(rule: EventRule) -> dict[str, Any]:
    return {"event": rule.event, "match": rule.match, "where": _condition_out(rule.where)}


def _rule_in(stored: Mapping[str, Any]) -> EventRule:
    return EventRule(stored["event"], stored["match"], _condition_in(stored["where"]))


def _condition_out(condition: Condition | None) -> dict[str, Any] | None:
    return to_mapping(condition) if condition else None


def _condition_in(stored: object) -> Condition | None:
    return stored_condition(stored) if stored else None


def _length_out(length: timedelta | None) -> int | None:
    return None if length is None else seconds(length)


def _length_in(stored: Any) -> timedelta | None:
    return None if stored is None else timedelta(seconds=int(stored))
