"""Conditions: what a journey may ask about a customer, an event or its own steps, and the answer with its reason.

Exists apart from the definition because conditions are read when a definition is loaded but judged when a run moves.
The stored form is the mapping the author wrote (`{trait: plan, is: paid}`), checked here without pydantic.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from omnicascade.domain.deployment import Channel, Deployment
from omnicascade.domain.errors import Problem
from omnicascade.domain.event import at_path
from omnicascade.domain.journeys.comparisons import OPERATORS, operand_problem
from omnicascade.domain.profile import Profile
from omnicascade.domain.reach import permission, reach

SUBJECTS: Final = ("trait", "event", "consent", "reachable", "step")
LATER_SUBJECTS: Final = ("did", "segment", "now")
LATER_QUALIFIERS: Final = ("for", "where", "within", "count", "since_start", "match")
COMBINATORS: Final = ("all", "any", "not")

STEP_STATES: Final = ("sent", "skipped", "delivered", "opened", "clicked", "answered", "failed")
CONSENT_STATES: Final = ("granted", "denied")

DEEPEST: Final = 20
"""Conditions nested deeper than this are refused, so that judging one never exhausts the stack."""

_MEMBERSHIP: Final = ("is", "is_not", "in", "not_in")


@dataclass(frozen=True, slots=True)
class All:
    """Holds when every part holds."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Holds when at least one part holds."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Holds when its part does not."""

    part: "Condition"


@dataclass(frozen=True, slots=True)
class Test:
    """One subject (`trait`), its argument (`plan`), one operator and what it is compared with."""

    __test__ = False  # not a test class for pytest

    subject: str
    argument: str
    operator: str
    operand: Any


type Condition = All | AnyOf | Not | Test


@dataclass(frozen=True, slots=True)
class Facts:
    """What a condition may look at.

    Attributes:
        profile: the customer as they are after the event at hand; None where only an event is judged.
        event: the entry event, or in `where` the arriving one, as the nested mapping that paths walk through.
        deployment: decides what silence about consent means and which channels are off.
        steps: states of each step so far (`STEP_STATES`), by step id.
    """

    profile: Profile | None = None
    event: Mapping[str, Any] | None = None
    deployment: Deployment = field(default_factory=Deployment)
    steps: Mapping[str, Collection[str]] = field(default_factory=dict[str, Collection[str]])


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


def to_mapping(condition: Condition) -> dict[str, Any]:
    """The mapping an author would write for a condition; `read_condition` turns it back."""
    match condition:
        case All(parts):
            return {"all": [to_mapping(part) for part in parts]}
        case AnyOf(parts):
            return {"any": [to_mapping(part) for part in parts]}
        case Not(part):
            return {"not": to_mapping(part)}
        case Test():
            return {condition.subject: condition.argument, condition.operator: condition.operand}


def read_condition(
    source: object, *, subjects: Collection[str] = SUBJECTS, steps: Collection[str] | None = None
) -> tuple[Condition | None, list[Problem]]:
    """Read a condition as written: the condition and no problems, or None and every problem (paths from its root).

    Args:
        source: nested mappings and lists.
        subjects: those allowed here; `where` in an exit or goal may only look at the arriving event.
        steps: ids that `step` may name; None accepts any.
    """
    reader = _Reader(subjects, steps, [])
    condition = reader.read(source, "", 0)
    return (None, reader.problems) if reader.problems else (condition, [])


def nearest(name: str, known: Collection[str]) -> str:
    """` (did you mean X?)`, or the list of known names when none is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - only authors' mistakes need it, not a cold start

    close = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(sorted(known))})"


@dataclass(frozen=True, slots=True)
class _Reader:
    """Walks one condition and collects what is wrong with it."""

    subjects: Collection[str]
    steps: Collection[str] | None
    problems: list[Problem]

    def read(self, source: object, path: str, depth: int) -> Condition | None:
        if depth > DEEPEST:
            return self._problem(path, "too_deep", f"conditions may be nested {DEEPEST} deep")
        if not isinstance(source, Mapping):
            return self._problem(path, "condition", "expected a mapping such as {trait: plan, is: paid}")
        entries = {str(key): value for key, value in cast("Mapping[object, object]", source).items()}
        combined = [key for key in COMBINATORS if key in entries]
        if not combined:
            return self._test(entries, path)
        if len(entries) > 1:
            return self._problem(path, "condition", f"{combined[0]} must stand alone: nest the others inside it")
        return self._combined(combined[0], entries[combined[0]], _join(path, combined[0]), depth)

    def _combined(self, key: str, value: object, path: str, depth: int) -> Condition | None:
        if key == "not":
            part = self.read(value, path, depth + 1)
            return Not(part) if part else None
        if not isinstance(value, list) or not value:
            return self._problem(path, "condition", "expected a list of at least one condition")
        items = cast("list[object]", value)
        parts = [self.read(item, _join(path, str(n)), depth + 1) for n, item in enumerate(items)]
        whole = tuple(part for part in parts if part is not None)
        return All(whole) if key == "all" else AnyOf(whole)

    def _test(self, entries: Mapping[str, object], path: str) -> Condition | None:
        if not self._all_known(entries, path):
            return None
        subjects = [key for key in entries if key in self.subjects]
        operators = [key for key in entries if key in OPERATORS]
        if len(subjects) != 1:
            return self._problem(path, "condition", f"expected exactly one subject of {', '.join(self.subjects)}")
        subject, argument = subjects[0], entries[subjects[0]]
        if not isinstance(argument, str) or not argument:
            return self._problem(_join(path, subject), "condition", "expected a name or a dotted path as text")
        if subject == "reachable" and not operators:
            return self._checked(Test(subject, argument, "is", operand=True), path)
        if len(operators) != 1:
            return self._problem(path, "condition", f"expected exactly one operator of {', '.join(OPERATORS)}")
        return self._checked(Test(subject, argument, operators[0], entries[operators[0]]), path)

    def _all_known(self, entries: Mapping[str, object], path: str) -> bool:
        known = (*self.subjects, *OPERATORS)
        later = [key for key in (*LATER_SUBJECTS, *LATER_QUALIFIERS) if key in entries]
        for key in later:
            self._problem(_join(path, key), "not_supported_yet", f"conditions on {key!r} are not supported yet")
        unknown = [] if later else [key for key in entries if key not in known]
        for key in unknown:
            here = " cannot be asked here" if key in SUBJECTS else " is neither a subject nor an operator"
            self._problem(_join(path, key), "unknown_name", f"{key!r}{here}{nearest(key, (*known, *COMBINATORS))}")
        return not later and not unknown

    def _checked(self, test: Test, path: str) -> Condition | None:
        wrong = operand_problem(test.operator, test.operand)
        if wrong:
            return self._problem(_join(path, test.operator), "operand", wrong)
        allowed = _allowed(test)
        if allowed is not None:
            named = cast("list[object]", test.operand) if isinstance(test.operand, list) else [test.operand]
            if test.operator not in _MEMBERSHIP or any(value not in allowed for value in named):
                options = ", ".join(str(value).lower() for value in allowed)
                return self._problem(
                    _join(path, test.operator),
                    "operand",
                    f"{test.subject} is compared by is, is_not, in or not_in with: {options}",
                )
        return self._argument(test, path)

    def _argument(self, test: Test, path: str) -> Condition | None:
        where, channels = _join(path, test.subject), [str(channel) for channel in Channel]
        channel, slash, topic = test.argument.partition("/")
        if test.subject == "consent" and not (slash and topic):
            return self._problem(where, "consent", "expected channel/topic, such as email/promotions")
        if test.subject in {"consent", "reachable"} and channel not in channels:
            return self._problem(where, "unknown_name", f"{channel!r} is no channel{nearest(channel, channels)}")
        if test.subject == "step" and self.steps is not None and test.argument not in self.steps:
            return self._problem(
                where, "unknown_name", f"no step {test.argument!r}{nearest(test.argument, self.steps)}"
            )
        return test

    def _problem(self, path: str, code: str, message: str) -> None:
        self.problems.append(Problem(path, code, message))


def _allowed(test: Test) -> tuple[object, ...] | None:
    return {"consent": CONSENT_STATES, "step": STEP_STATES, "reachable": (True, False)}.get(test.subject)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
