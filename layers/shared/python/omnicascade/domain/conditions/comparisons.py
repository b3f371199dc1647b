"""The operators of conditions: total functions over JSON values that never raise and never guess between types.

Exists so that the rule "unequal types are never equal" is written once: 1 is not "1", and true is not 1.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final, cast

LONGEST_PATTERN: Final = 200
LONGEST_SUBJECT: Final = 1_000
"""`matches` looks at so many characters of a value, so that a pattern's cost is bounded."""

_EXPLOSIVE: Final = re.compile(r"\)[*+{]|\\[1-9]|\(\?P=")
"""Repeated groups and back references: the patterns whose cost can grow exponentially."""

_ATOMS: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_REPEATS: Final = re.compile(r"[*+][?+]?|\{\d*,\d*\}[?+]?")
_OPTIONS: Final = re.compile(r"(?<!\()\?")

MOST_REPEATS: Final = 2
MOST_OPTIONS: Final = 4
"""Each repetition multiplies the ways of matching by the length of the value, and so does searching for the beginning;
each option (`?`, a group of alternatives) at least doubles them. Authors are trusted, but not to foresee what strangers
send: measured for the worst value, `^a*a*b` takes 5 ms and `^a?a?a?a?a*a*b` 80 ms."""

type Operator = Callable[[object, object], tuple[bool, str]]


def same(left: object, right: object) -> bool:
    """Whether two JSON values are equal and of one type: `same(7, 7.0)`, but not `same(1, "1")` or `same(1, True)`."""
    if type(left) is str:  # nearly always
        return left == right
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float | Decimal) and isinstance(right, int | float | Decimal):
        return left == right
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        ours, theirs = cast("Mapping[str, object]", left), cast("Mapping[str, object]", right)
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        pair = cast("Sequence[object]", left), cast("Sequence[object]", right)
        return len(pair[0]) == len(pair[1]) and all(map(same, *pair))
    return right is None if left is None else isinstance(left, str) and left == right


def _is(value: object, operand: object) -> tuple[bool, str]:
    if same(value, operand):
        return True, f"is {show(value)}"
    if value is not None and _kind(value) != _kind(operand):
        return False, f"is {show(value)}, {_kind(value)}, not {_kind(operand)} {show(operand)}"
    return False, f"is {show(value)}, not {show(operand)}"


def _in(value: object, operand: object) -> tuple[bool, str]:
    choices = cast("Sequence[object]", operand)
    listed = ", ".join(map(show, choices))
    found = any(same(value, choice) for choice in choices)
    return found, f"is {show(value)}, {'one' if found else 'none'} of {listed}"


def _negated(operator: Operator) -> Operator:
    def opposite(value: object, operand: object) -> tuple[bool, str]:
        holds, why = operator(value, operand)
        return not holds, why

    return opposite


def _ordered(word: str, decide: Callable[[int], bool]) -> Operator:
    def compare(value: object, operand: object) -> tuple[bool, str]:
        sign = _order(value, operand)
        if sign is None:
            return False, f"is {show(value)}, which cannot be ordered against {show(operand)}"
        holds = decide(sign)
        return holds, f"is {show(value)}, {'' if holds else 'not '}{word} {show(operand)}"

    return compare


def _order(value: object, operand: object) -> int | None:
    """-1, 0 or 1; None where the two have no order: numbers have one, and so do moments written in ISO 8601."""
    if isinstance(value, bool) or isinstance(operand, bool):
        return None
    if isinstance(value, int | float | Decimal) and isinstance(operand, int | float | Decimal):
        if value != value or operand != operand:  # noqa: PLR0124 - only NaN differs from itself
            return None
        return (value > operand) - (value < operand)
    ours, theirs = moment(value), moment(operand)
    if ours is None or theirs is None:
        return None
    return (ours > theirs) - (ours < theirs)


def moment(value: object) -> datetime | None:
    """The moment an ISO 8601 text names (UTC where it says no zone), else None."""
    if not isinstance(value, str) or not value[:4].isdigit() or "-" not in value:
        return None
    try:
        read = datetime.fromisoformat(value)
        return read if read.tzinfo else read.replace(tzinfo=UTC)
    except ValueError:
        return None


def _contains(value: object, operand: object) -> tuple[bool, str]:
    if isinstance(value, str):
        found = isinstance(operand, str) and operand in value
    elif isinstance(value, list | tuple):
        found = any(same(item, operand) for item in cast("Sequence[object]", value))
    else:
        return False, f"is {show(value)}, neither text nor a list"
    return found, f"{'contains' if found else 'does not contain'} {show(operand)}"


def _matches(value: object, operand: object) -> tuple[bool, str]:
    if not isinstance(value, str):
        return False, f"is {show(value)}, not text"
    found = _pattern(str(operand)).search(value[:LONGEST_SUBJECT]) is not None
    return found, f"{'matches' if found else 'does not match'} {operand}"


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(_bare(text))


def _bare(text: str) -> str:
    """Without the `.*` at the ends, which change nothing, because a pattern is searched for, and cost much."""
    return (text if text.endswith("\\.*") else text.removesuffix(".*")).removeprefix(".*")


def _exists(value: object, operand: object) -> tuple[bool, str]:
    there = value is not None
    return there is operand, "is known" if there else "is not known"


OPERATORS: Final[Mapping[str, Operator]] = {
    "is": _is,
    "is_not": _negated(_is),
    "in": _in,
    "not_in": _negated(_in),
    "lt": _ordered("less than", lambda sign: sign < 0),
    "lte": _ordered("at most", lambda sign: sign <= 0),
    "gt": _ordered("greater than", lambda sign: sign > 0),
    "gte": _ordered("at least", lambda sign: sign >= 0),
    "contains": _contains,
    "matches": _matches,
    "exists": _exists,
}
"""`operator(value, operand) -> (holds, reason)`. `is_not` and `not_in` are the exact opposites of `is` and `in`, so
they hold for an absent value; every other operator does not hold for one."""


def operand_problem(operator: str, operand: object) -> str | None:
    """What is wrong with an operand, as a sentence for the author; None when it can be used."""
    if operator in {"in", "not_in"}:
        fits = isinstance(operand, list) and bool(cast("list[object]", operand))
        return None if fits else f"{operator} needs a list of at least one value"
    if operator == "exists":
        return None if isinstance(operand, bool) else "exists needs true or false"
    if operator in {"lt", "lte", "gt", "gte"}:
        ordered = _order(operand, operand) == 0
        return None if ordered else f"{operator} needs a number or an ISO 8601 time"
    if operator == "matches":
        return _pattern_problem(operand)
    return "null is never equal to anything: use exists" if operand is None else None


def _pattern_problem(operand: object) -> str | None:
    if not isinstance(operand, str) or not operand or len(operand) > LONGEST_PATTERN:
        return f"matches needs a regular expression of 1 to {LONGEST_PATTERN} characters"
    if _EXPLOSIVE.search(operand):
        return "matches takes no repeated groups and no back references, because their cost has no bound"
    plain = _ATOMS.sub("x", _bare(operand))
    repeats, options = len(_REPEATS.findall(plain)), len(_OPTIONS.findall(_REPEATS.sub("", plain)))
    options += plain.count("(") if "|" in plain else 0
    if repeats + (not plain.startswith("^")) > MOST_REPEATS or options > MOST_OPTIONS:
        return (
            f"matches takes {MOST_REPEATS} repetitions at most in a pattern that begins with ^, {MOST_REPEATS - 1} in "
            f"another, and {MOST_OPTIONS} options, because more could be made slow by a hostile value"
        )
    try:
        _pattern(operand)
    except (re.error, OverflowError) as error:
        return f"matches needs a regular expression: {error}"
    return None


def key_text(value: object) -> str | None:
    """A business key as text: 7, 7.0 and "7" are one key; what cannot be a key is None."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = value if isinstance(value, int | Decimal) else Decimal(repr(value))
    if isinstance(number, int):
        return str(number)
    if not number.is_finite():
        return None
    return str(int(number)) if number == number.to_integral_value() else f"{number:f}".rstrip("0")


def show(value: object) -> str:
    """A value as it appears in reasons: short, and text in quotes."""
    if type(value) is str:
        text = repr(value)
    elif value is None:
        return "not known"
    else:
        text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true-or-false"
    if isinstance(value, int | float | Decimal):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list | tuple) else "a mapping"
