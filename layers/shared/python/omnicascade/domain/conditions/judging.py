"""Whether a condition holds, and why: total functions that never raise on what a profile or an event contains."""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from omnicascade.domain.conditions.comparisons import OPERATORS
from omnicascade.domain.conditions.condition import All, AnyOf, Condition, Did, LocalTime, Not, Test, clock
from omnicascade.domain.conditions.facts import Facts
from omnicascade.domain.conditions.grammar import WEEKDAYS
from omnicascade.domain.conditions.past import how_often, unchanged, value_of
from omnicascade.domain.deployment import Channel
from omnicascade.domain.event import at_path
from omnicascade.domain.reach import permission, reach

type _Judged = tuple[bool, str]
type _Seen = tuple[str, ...]
"""Segments whose conditions are being judged: one that asks for itself again is answered with no."""


def judge(condition: Condition, facts: Facts) -> _Judged:
    """Whether a condition holds, and why. Never raises on a value of an unexpected type: such a test does not hold."""
    return _judge(condition, facts, ())


def _judge(condition: Condition, facts: Facts, seen: _Seen) -> _Judged:
    match condition:
        case Test():
            return _SUBJECT_TESTS[condition.subject](condition, facts, seen)
        case All(parts):
            return _first(parts, facts, seen, wanted=False)
        case AnyOf(parts):
            return _first(parts, facts, seen, wanted=True)
        case Not(part):
            holds, reason = _judge(part, facts, seen)
            return not holds, f"not: {reason}"
        case Did():
            return how_often(condition, facts)
        case LocalTime():
            return _local_time(condition, facts)


def _first(parts: tuple[Condition, ...], facts: Facts, seen: _Seen, *, wanted: bool) -> _Judged:
    """Stops at the first part whose answer decides the whole; else every reason counts."""
    reasons: list[str] = []
    for part in parts:
        holds, reason = _judge(part, facts, seen)
        if holds is wanted:
            return wanted, reason
        reasons.append(reason)
    return not wanted, "; ".join(reasons)


def _compare(test: Test, value: object) -> _Judged:
    holds, why = OPERATORS[test.operator](value, test.operand)
    return holds, f"{test.subject} {test.argument} {why}"


def _trait(test: Test, facts: Facts, _: _Seen) -> _Judged:
    if facts.profile is None:
        return _compare(test, None)
    holds, reason = _compare(test, value_of(facts.profile, test.argument))
    return unchanged(test, facts, reason) if holds and test.unchanged_for is not None else (holds, reason)


def _event(test: Test, facts: Facts, _: _Seen) -> _Judged:
    return _compare(test, at_path(facts.event or {}, test.argument))


def _segment(test: Test, facts: Facts, seen: _Seen) -> _Judged:
    name = test.argument
    segment = facts.deployment.segments.get(name)
    if segment is None:
        return False, f"there is no segment {name}"
    if name in seen:
        return False, f"segment {name} asks for itself"
    member, why = _judge(segment.condition, facts, (*seen, name))
    holds, _ = OPERATORS[test.operator](member, test.operand)
    return holds, f"{'in' if member else 'not in'} segment {name}: {why}"


def _consent(test: Test, facts: Facts, _: _Seen) -> _Judged:
    if facts.profile is None:
        return False, "no customer to ask for consent"
    channel, _slash, topic = test.argument.partition("/")
    given = permission(facts.profile, Channel(channel), topic, facts.deployment)
    holds, _why = OPERATORS[test.operator]("granted" if given.granted else "denied", test.operand)
    return holds, given.reason


def _reachable(test: Test, facts: Facts, _: _Seen) -> _Judged:
    if facts.profile is None:
        return False, "no customer to reach"
    found = reach(facts.profile, Channel(test.argument), facts.deployment)
    holds, _why = OPERATORS[test.operator](found.address is not None, test.operand)
    return holds, f"{test.argument}: {found.reason}"


def _step(test: Test, facts: Facts, _: _Seen) -> _Judged:
    states = facts.steps.get(test.argument, ())
    named = cast("list[Any]", test.operand) if isinstance(test.operand, list) else [str(test.operand)]
    holds = any(state in states for state in named) is (test.operator in {"is", "in"})
    return holds, f"step {test.argument} is {', '.join(sorted(states)) or 'not reached yet'}"


def _local_time(window: LocalTime, facts: Facts) -> _Judged:
    from omnicascade.domain.zones import within_hours, zone_for  # noqa: PLC0415 - most conditions ask for no clock

    if facts.now is None:
        return False, "the time is not known"
    found = zone_for(window.zone, facts.profile, facts.deployment)
    if found is None:
        return False, "the customer's own zone is not known"
    local = facts.now.astimezone(found[0])
    holds = within_hours(window.start, window.end, window.days, local)
    days = "" if len(window.days) == len(WEEKDAYS) else " on " + ", ".join(WEEKDAYS[day] for day in sorted(window.days))
    hours = f"{clock(window.start)}-{clock(window.end)}{days}"
    return holds, f"it is {WEEKDAYS[local.weekday()]} {local:%H:%M} in {found[0].key}, {'' if holds else 'not '}{hours}"


_SUBJECT_TESTS: Final[Mapping[str, Callable[[Test, Facts, _Seen], _Judged]]] = {
    "trait": _trait,
    "event": _event,
    "segment": _segment,
    "consent": _consent,
    "reachable": _reachable,
    "step": _step,
}
