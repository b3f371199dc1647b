"""Patterns that no hostile value can make slow: a small, checked part of Python's regular expressions.

A blocked pattern meets whatever strangers send with a public write key: 12,000 values of 512 characters fit into one
invocation of the recorder (Lambda's 6 MB of payload). Python's engine tries one way of matching after the other, and
`(a+)+b` has more ways through 40 letters than there are seconds in a century. So a pattern here is read before it is
used: what could multiply its ways (a repeated group, a look-around, a back-reference) is refused, and the ways that are
left are counted. Measured for the worst value: 17 us for `[a-z]*!`, which has 513 ways.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from omnicascade.domain.errors import UnacceptableError
from omnicascade.domain.identifiers import LONGEST_VALUE

WAYS: Final = 10_000
"""Ways that one deployment's patterns may have together: 19 open repetitions, a third of a millisecond a value. Two in
one pattern are too many, except that a last `.*` is free, because it always matches."""

LONGEST_PATTERN: Final = 100
"""Characters of a pattern."""

_TOKEN: Final = re.compile(
    r"""(?P<open>\((?:\?:)?) | (?P<close>\)) | (?P<bar>\|) | (?P<edge>[\^$])
      | (?P<atom> \\[dDsSwW] | \\[^\w\s] | \[\^?\]?(?:\\.|[^\]\\\[])*\] | [^\\\[\](){}|*+?^$] )
        (?P<repeat> [*+?] | \{\d{1,3}(?:,\d{0,3})?\} )?""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class SafePattern:
    """A pattern that is matched against a whole value, whatever its case.

    Attributes:
        pattern: compiled; `.` stands for every character.
        ways: how many ways of matching the longest value the engine may have to try.
    """

    pattern: re.Pattern[str]
    ways: int


def safe_pattern(text: str) -> SafePattern:
    """Read one pattern: characters, classes, `.`, `\\d \\s \\w`, repetitions of one character, and alternatives.

    Raises:
        UnacceptableError: it is empty, too long, no regular expression, or has too many ways to match.
    """
    if not 0 < len(text) <= LONGEST_PATTERN:
        raise UnacceptableError(f"expected a pattern of 1 to {LONGEST_PATTERN} characters")
    ways = _ways(text)
    if ways > WAYS:
        raise UnacceptableError(
            "could be made slow by a hostile value: repeat without a bound (`*`, `+`) once at most, besides a last `.*`"
        )
    try:
        return SafePattern(re.compile(text, re.IGNORECASE | re.DOTALL), ways)
    except re.error as error:
        raise UnacceptableError(f"is no regular expression: {error}") from error


def _ways(text: str) -> int:
    """Ways to match: the product along a sequence, the sum over alternatives."""
    text = text.removesuffix("$").removesuffix(".*") if not text.endswith(("\\$", "\\.*", "\\.*$")) else text
    place, levels = 0, [[1]]  # one list per open group: the ways of each alternative so far
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            raise UnacceptableError(
                f"does not know `{text[place : place + 3]}` at character {place + 1}: only characters, classes, "
                "alternatives and repetitions of one character, with every other sign escaped by a backslash"
            )
        place = token.end()
        if token["open"]:
            levels.append([1])
        elif token["close"]:
            if len(levels) == 1:
                raise UnacceptableError(f"closes a group that nothing opened, at character {place}")
            group = sum(levels.pop())
            levels[-1][-1] *= group
        elif token["bar"]:
            levels[-1].append(1)
        else:
            levels[-1][-1] *= _choices(token["repeat"])
    if len(levels) > 1:
        raise UnacceptableError("opens a group that nothing closes")
    return sum(levels[0])


def _choices(repeat: str | None) -> int:
    """A bound on the steps that one repeated character adds at each place; a fixed number of them takes steps too."""
    match repeat:
        case None:
            return 1
        case "?":
            return 2
        case "*" | "+":
            return LONGEST_VALUE + 1
        case _:
            least, comma, most = repeat.strip("{}").partition(",")
            return 1 + (int(most or LONGEST_VALUE) if comma else int(least))
