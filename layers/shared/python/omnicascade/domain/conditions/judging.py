"""Whether a condition holds, and why: total functions that never raise on what a profile or an event contains."""

from collections.abc import Callable, Mapping
from typing import Final, cast

from omnicascade.domain.conditions.comparisons import OPERATORS
from omnicascade.domain.conditions.condition import All, AnyOf, Condition, Not, Test
from omnicascade.domain.conditions.facts import Facts
from omnicascade.domain.deployment import Channel
from omnicascade.domain.event import at_path
from omnicascade.domain.reach import permission, reach


def judge(condition: Condition, facts: Facts) -> tuple[bool, str]:
    """Whether a condition holds, and why. Never raises on a value of an unexpected type: such a test does not hold."""
    match condition:
        case All(parts):
            return _first(parts, facts, wanted=False)
        case AnyOf(parts):
            return _first(parts, facts, wanted=True)
        case Not(part):
            holds, reason = judge(part, facts)
            return not holds, f"not: {reason}"
        case Test():
            return _SUBJECT_TESTS[condition.subject](condition, facts)


def _first(parts: tuple[Condition, ...], facts: Facts, *, wanted: bool) -> tuple[bool, str]:
    """Stops at the first part whose answer decides the whole; else every reason counts."""
    reasons: list[str] = []
    for part in parts:
        holds, reason = judge(part, facts)
        if holds is wanted:
            return wanted, reason
        reasons.append(reason)
    return not wanted, "; ".join(reasons)


def _compare(test: Test, value: object) -> tuple[bool, str]:
    holds, why = OPERATORS[test.operator](value, test.operand)
    return holds, f"{test.subject} {test.argument} {why}"


def _trait(test: Test, facts: Facts) -> tuple[bool, str]:
    return _compare(test, at_path(facts.profile.traits, test.argument) if facts.profile else None)


def _event(test: Test, facts: Facts) -> tuple[bool, str]:
    return _compare(test, at_path(facts.event or {}, test.argument))


def _consent(test: Test, facts: Facts) -> tuple[bool, str]:
    if facts.profile is None:
        return False, "no customer to ask for consent"
    channel, _, topic = test.argument.partition("/")
    given = permission(facts.profile, Channel(channel), topic, facts.deployment)
    holds, _ = OPERATORS[test.operator]("granted" if given.granted else "denied", test.operand)
    return holds, given.reason


def _reachable(test: Test, facts: Facts) -> tuple[bool, str]:
    if facts.profile is None:
        return False, "no customer to reach"
    found = reach(facts.profile, Channel(test.argument), facts.deployment)
    holds, _ = OPERATORS[test.operator](found.address is not None, test.operand)
    return holds, f"{test.argument}: {found.reason}"


def _step(test: Test, facts: Facts) -> tuple[bool, str]:
    states = facts.steps.get(test.argument, ())
    named = cast("list[str]", test.operand) if isinstance(test.operand, list) else [str(test.operand)]
    holds = any(state in states for state in named) is (test.operator in {"is", "in"})
    return holds, f"step {test.argument} is {', '.join(sorted(states)) or 'not reached yet'}"


_SUBJECT_TESTS: Final[Mapping[str, Callable[[Test, Facts], tuple[bool, str]]]] = {
    "trait": _trait,
    "event": _event,
    "consent": _consent,
    "reachable": _reachable,
    "step": _step,
}
