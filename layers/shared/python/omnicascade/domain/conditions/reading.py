"""Reads a condition as an author wrote it, and says everything that is wrong with it. Needs no pydantic."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import cast

from omnicascade.domain.conditions.comparisons import OPERATORS, operand_problem
from omnicascade.domain.conditions.condition import All, AnyOf, Condition, Did, LocalTime, Not, Test
from omnicascade.domain.conditions.grammar import (
    CHOICES,
    COMBINATORS,
    COMPUTED,
    DEEPEST,
    EVENT_SUBJECTS,
    MEMBERSHIP,
    MOST_TESTS,
    OPERATOR_MAY_LACK,
    OWN_ZONES,
    QUALIFIERS,
    SUBJECTS,
    WITHOUT_OPERATOR,
)
from omnicascade.domain.conditions.reading_parts import (
    read_count,
    read_days,
    read_flag,
    read_hours,
    read_length,
    read_zone,
)
from omnicascade.domain.deployment import Channel
from omnicascade.domain.errors import Problem

__all__ = ["SUBJECTS", "nearest", "read_condition"]


def read_condition(
    source: object,
    *,
    subjects: Collection[str] = SUBJECTS,
    steps: Collection[str] | None = None,
    segments: Collection[str] | None = None,
) -> tuple[Condition | None, list[Problem]]:
    """Read a condition as written: the condition and no problems, or None and every problem (paths from its root).

    Args:
        source: nested mappings and lists.
        subjects: those allowed here (see grammar); `since_start` and `match` are allowed where `step` is.
        steps: ids that `step` may name; None accepts any.
        segments: names that `segment` may name; None accepts any.
    """
    reader = _Reader(subjects, steps, segments, [])
    condition = reader.read(source, "", 0)
    if condition is not None and _size(condition) > MOST_TESTS:
        reader.problems.append(
            Problem("", "too_many", f"a condition may have {MOST_TESTS} tests: name a part as a segment")
        )
    return (None, reader.problems) if reader.problems else (condition, [])


def _size(condition: Condition) -> int:
    """Tests of a condition, those of `where` included."""
    match condition:
        case All(parts) | AnyOf(parts):
            return sum(map(_size, parts))
        case Not(part):
            return _size(part)
        case Did(_, where) if where is not None:
            return 1 + _size(where)
        case _:
            return 1


def nearest(name: str, known: Collection[str]) -> str:
    """` (did you mean X?)`, or the list of known names when none is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - only authors' mistakes need it, not a cold start

    close = get_close_matches(name, list(known), n=1, cutoff=0.6)
    if close:
        return f" (did you mean {close[0]!r}?)"
    return f" (known: {', '.join(sorted(known))})" if known else " (none is known)"


@dataclass(frozen=True, slots=True)
class _Reader:
    """Walks one condition and collects what is wrong with it."""

    subjects: Collection[str]
    steps: Collection[str] | None
    segments: Collection[str] | None
    problems: list[Problem]

    def read(self, source: object, path: str, depth: int) -> Condition | None:
        if depth > DEEPEST:
            return self._problem(path, "too_deep", f"conditions may be nested {DEEPEST} deep")
        if not isinstance(source, Mapping):
            return self._problem(path, "condition", "expected a mapping such as {trait: plan, is: paid}")
        entries = {str(key): value for key, value in cast("Mapping[object, object]", source).items()}
        combined = [key for key in COMBINATORS if key in entries]
        if not combined:
            return self._test(entries, path, depth)
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

    def _test(self, entries: Mapping[str, object], path: str, depth: int) -> Condition | None:
        if not self._all_known(entries, path):
            return None
        subjects = [key for key in entries if key in self.subjects]
        if len(subjects) != 1:
            return self._problem(path, "condition", f"expected exactly one subject of {', '.join(self.subjects)}")
        subject, argument = subjects[0], entries[subjects[0]]
        if not isinstance(argument, str) or not argument:
            return self._problem(_join(path, subject), "condition", "expected a name or a dotted path as text")
        return self._of_subject(subject, argument, entries, path, depth)

    def _of_subject(
        self, subject: str, argument: str, entries: Mapping[str, object], path: str, depth: int
    ) -> Condition | None:
        if not self._all_belong(subject, entries, path):
            return None
        if subject == "did":
            return self._did(argument, entries, path, depth)
        if subject == "now":
            return self._now(argument, entries, path)
        return self._compared(subject, argument, entries, path)

    def _all_known(self, entries: Mapping[str, object], path: str) -> bool:
        qualifiers = [word for subject in self.subjects for word in QUALIFIERS.get(subject, ())]
        known = (*self.subjects, *OPERATORS, *qualifiers)
        unknown = [key for key in entries if key not in known]
        for key in unknown:
            elsewhere = key in SUBJECTS or any(key in words for words in QUALIFIERS.values())
            here = " cannot be asked here" if elsewhere else " is neither a subject nor an operator"
            self._problem(_join(path, key), "unknown_name", f"{key!r}{here}{nearest(key, (*known, *COMBINATORS))}")
        return not unknown

    def _all_belong(self, subject: str, entries: Mapping[str, object], path: str) -> bool:
        """Whether everything beside a subject may stand there."""
        before = len(self.problems)
        for key in entries:
            if key in OPERATORS and subject in WITHOUT_OPERATOR:
                remedy = f"write count: {{{key}: …}}" if subject == "did" else "it is true or false by itself"
                self._problem(_join(path, key), "misplaced", f"{subject} takes no operator: {remedy}")
            elif key != subject and key not in OPERATORS and key not in QUALIFIERS.get(subject, ()):
                owner = next(name for name, words in QUALIFIERS.items() if key in words)
                self._problem(_join(path, key), "misplaced", f"{key!r} belongs to {owner}, not to {subject}")
        for key in ("since_start", "match"):
            if key in entries and subject == "did" and "step" not in self.subjects:
                self._problem(_join(path, key), "misplaced", f"{key!r} can be asked only within a run")
        return len(self.problems) == before

    def _compared(self, subject: str, argument: str, entries: Mapping[str, object], path: str) -> Condition | None:
        operators = [key for key in entries if key in OPERATORS]
        if not operators and subject in OPERATOR_MAY_LACK:
            return self._argument(Test(subject, argument, "is", operand=True), path)
        if len(operators) != 1:
            return self._problem(path, "condition", f"expected exactly one operator of {', '.join(OPERATORS)}")
        length = self._part("for", "duration", read_length, entries, path, None)
        if "for" in entries and argument.startswith(COMPUTED):
            return self._problem(_join(path, "for"), "misplaced", "'for' asks of traits that were said, not computed")
        return self._checked(Test(subject, argument, operators[0], entries[operators[0]], length), path)

    def _did(self, event: str, entries: Mapping[str, object], path: str, depth: int) -> Condition | None:
        operator, operand = self._part("count", "count", read_count, entries, path, ("gte", 1))
        match, where = entries.get("match"), None
        if "match" in entries and not (isinstance(match, str) and match):
            self._problem(_join(path, "match"), "condition", "expected a dotted path as text")
        if "where" in entries:
            inner = _Reader(EVENT_SUBJECTS, None, None, self.problems)
            where = inner.read(entries["where"], _join(path, "where"), depth + 1)
        return Did(
            event,
            where,
            self._part("within", "duration", read_length, entries, path, None),
            operator,
            operand,
            self._part("since_start", "operand", read_flag, entries, path, default=False),
            match if isinstance(match, str) else None,
        )

    def _now(self, hours: str, entries: Mapping[str, object], path: str) -> Condition | None:
        start, end = self._part("now", "time", lambda _: read_hours(hours), entries, path, (0, 0))
        days = self._part("days", "days", read_days, entries, path, frozenset(range(7)))
        return LocalTime(start, end, days, self._part("zone", "zone", read_zone, entries, path, OWN_ZONES[0]))

    def _part[Value](
        self,
        key: str,
        code: str,
        read: Callable[[object], Value],
        entries: Mapping[str, object],
        path: str,
        default: Value,
    ) -> Value:
        """One qualifier as it was written, or the default where it is left out or wrong."""
        if key not in entries:
            return default
        try:
            return read(entries[key])
        except ValueError as error:
            self._problem(_join(path, key), code, str(error))
            return default

    def _checked(self, test: Test, path: str) -> Condition | None:
        wrong = operand_problem(test.operator, test.operand)
        if wrong:
            return self._problem(_join(path, test.operator), "operand", wrong)
        allowed = CHOICES.get(test.subject)
        if allowed is not None:
            named = cast("list[object]", test.operand) if isinstance(test.operand, list) else [test.operand]
            if test.operator not in MEMBERSHIP or any(not _one_of(value, allowed) for value in named):
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
        for subject, known in (("step", self.steps), ("segment", self.segments)):
            if test.subject == subject and known is not None and test.argument not in known:
                hint = nearest(test.argument, known)
                return self._problem(where, "unknown_name", f"there is no {subject} {test.argument!r}{hint}")
        return test

    def _problem(self, path: str, code: str, message: str) -> None:
        self.problems.append(Problem(path, code, message))


def _one_of(value: object, allowed: Collection[object]) -> bool:
    return isinstance(value, str | bool) and value in allowed


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
