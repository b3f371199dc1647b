"""Reads a condition as an author wrote it, and says everything that is wrong with it. Needs no pydantic."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, cast

from omnicascade.domain.conditions.comparisons import OPERATORS, operand_problem
from omnicascade.domain.conditions.condition import All, AnyOf, Condition, Not, Test
from omnicascade.domain.deployment import Channel
from omnicascade.domain.errors import Problem

SUBJECTS: Final = ("trait", "event", "consent", "reachable", "step")
LATER_SUBJECTS: Final = ("did", "segment", "now")
LATER_QUALIFIERS: Final = ("for", "where", "within", "count", "since_start", "match")
COMBINATORS: Final = ("all", "any", "not")

STEP_STATES: Final = ("sent", "skipped", "delivered", "opened", "clicked", "answered", "failed")
CONSENT_STATES: Final = ("granted", "denied")

DEEPEST: Final = 20
"""Conditions nested deeper than this are refused, so that judging one never exhausts the stack."""

_MEMBERSHIP: Final = ("is", "is_not", "in", "not_in")


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
