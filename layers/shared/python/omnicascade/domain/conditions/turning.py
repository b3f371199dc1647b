"""When a condition's answer changes by itself, as time alone passes: exactly, without asking again and again.

Exists because a run, a segment and an exit must notice that something has become true ("no order for 30 days") in
the moment it does, and nothing may poll. Between two events of the customer every test is a step function of time: its
answer now, and the moments at which it flips. Those of a whole condition follow from its parts'.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from omnicascade.domain.conditions.comparisons import OPERATORS
from omnicascade.domain.conditions.condition import All, AnyOf, Condition, Did, LocalTime, Not, Test
from omnicascade.domain.conditions.judging import judge
from omnicascade.domain.conditions.past import compares, matching, since_when

if TYPE_CHECKING:
    from omnicascade.domain.conditions.facts import Facts

HORIZON: Final = timedelta(days=400)
"""Nothing turns later than that: it is longer than the longest window, and than the longest life of a run."""


def turns(condition: Condition, facts: Facts) -> datetime | None:
    """The earliest moment after `facts.now` at which the answer differs from now's, if no event comes before.

    `judge` at that moment already gives the other answer, and gives now's at every moment before.

    Returns:
        None: the answer stays for `HORIZON`, or `facts.now` is not known.
    """
    if facts.now is None:
        return None
    return next(_steps(condition, facts, facts.now, ()).flips, None)


@dataclass(frozen=True, slots=True)
class _Steps:
    """A step function of time: the answer now, and when it flips, in order."""

    holds: bool
    flips: Iterator[datetime]


def _steps(condition: Condition, facts: Facts, now: datetime, seen: tuple[str, ...]) -> _Steps:
    match condition:
        case All(parts):
            return _together([_steps(part, facts, now, seen) for part in parts], decisive=False)
        case AnyOf(parts):
            return _together([_steps(part, facts, now, seen) for part in parts], decisive=True)
        case Not(part):
            inner = _steps(part, facts, now, seen)
            return _Steps(not inner.holds, inner.flips)
        case Did():
            return _did(condition, facts, now)
        case LocalTime():
            return _local_time(condition, facts, now)
        case Test():
            return _test(condition, facts, now, seen)


def _together(parts: list[_Steps], *, decisive: bool) -> _Steps:
    """All of them (`decisive` is False) or any of them (True): whether some part gives the decisive answer."""
    holds = decisive if any(part.holds is decisive for part in parts) else not decisive
    moving: list[_Steps] = []
    for part in parts:
        first = next(part.flips, None)
        if first is not None:
            moving.append(_Steps(part.holds, _chained(first, part.flips)))
        elif part.holds is decisive:
            return _Steps(holds, iter(()))  # it decides for ever, so the others' flips need no walk
    return _Steps(holds, _merged(moving, holds=holds, decisive=decisive))


def _chained(first: datetime, rest: Iterator[datetime]) -> Iterator[datetime]:
    yield first
    yield from rest


def _numbered(flips: Iterator[datetime], number: int) -> Iterator[tuple[datetime, int]]:
    return ((moment, number) for moment in flips)


def _merged(parts: list[_Steps], *, holds: bool, decisive: bool) -> Iterator[datetime]:
    """Flips of the whole. Parts that flip in the same moment do so together."""
    answers = [part.holds for part in parts]
    numbered = (_numbered(part.flips, number) for number, part in enumerate(parts))
    for moment, flipped in groupby(merge(*numbered), key=itemgetter(0)):
        for _, number in flipped:
            answers[number] = not answers[number]
        whole = decisive if decisive in answers else not decisive
        if whole is not holds:
            holds = whole
            yield moment


def _did(did: Did, facts: Facts, now: datetime) -> _Steps:
    """Events leave the window one by one; the answer flips where their number does it no more, or does it again."""
    if did.within is None or (did.since_start and facts.started_at is None):
        return _Steps(judge(did, facts)[0], iter(()))
    leaving = sorted(moment + did.within for moment in matching(did, facts) if moment > now - did.within)
    return _Steps(compares(did, len(leaving)), _fewer(did, leaving))


def _fewer(did: Did, leaving: list[datetime]) -> Iterator[datetime]:
    count = len(leaving)
    holds = compares(did, count)
    for moment, gone in groupby(leaving):
        count -= sum(1 for _ in gone)
        if compares(did, count) is not holds:
            holds = not holds
            yield moment


def _test(test: Test, facts: Facts, now: datetime, seen: tuple[str, ...]) -> _Steps:
    if test.subject == "segment":
        return _segment(test, facts, now, seen)
    if test.unchanged_for is None or not judge(replace(test, unchanged_for=None), facts)[0]:
        return _Steps(judge(test, facts)[0], iter(()))
    since = since_when(test, facts)
    until = since + test.unchanged_for if since else None
    return _Steps(until is not None and until <= now, iter([until] if until and until > now else []))


def _segment(test: Test, facts: Facts, now: datetime, seen: tuple[str, ...]) -> _Steps:
    segment, compare = facts.deployment.segments.get(test.argument), OPERATORS[test.operator]
    if segment is None or test.argument in seen:
        return _Steps(holds=False, flips=iter(()))
    members = _steps(segment.condition, facts, now, (*seen, test.argument))
    holds, otherwise = (compare(answer, test.operand)[0] for answer in (members.holds, not members.holds))
    return _Steps(holds, members.flips if holds is not otherwise else iter(()))


def _local_time(window: LocalTime, facts: Facts, now: datetime) -> _Steps:
    from omnicascade.domain.conditions.hours import flips_of  # noqa: PLC0415 - most conditions ask for no clock
    from omnicascade.domain.zones import zone_for  # noqa: PLC0415

    found = zone_for(window.zone, facts.profile, facts.deployment)
    flips = flips_of(window, found[0], now, now + HORIZON) if found else iter(())
    return _Steps(judge(window, facts)[0], flips)
