"""Put a round together from what the last one left: who goes next, together, at one moment, and who waits for a later.

A million customers are never in memory as values: their lines are, by the second at which they are due.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, Final

from omnicascade.usecases.audience.move_batch import MOST_FAILURES
from omnicascade.usecases.audience.plan import Audience, AudienceStorage, Place, Round
from omnicascade.usecases.audience.read_start import GOES_ON
from omnicascade.usecases.audience.totals import Totals, one
from omnicascade.usecases.timer_port import RunTimer

LONGEST_SLACK: Final = timedelta(minutes=5)
SLACK_SHARE: Final = 20
"""Who is due within a twentieth of the wait, five minutes at most, goes together at the latest of their moments: a
round of a million takes minutes, and must not fall apart into rounds of a few."""
MOST_ROUNDS: Final = 1_000
"""Of one execution, whose history ends at 25,000 events (Step Functions quotas), some 17 a round; another goes on."""
RETRY_AFTER: Final = timedelta(minutes=5)
"""For a batch that failed for good, besides the attempts it had."""
_MOST_NAME: Final = 80


@dataclass
class _Lines:
    """Lines of a list by the second at which they are due (UTC epoch)."""

    by_second: defaultdict[int, bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    counts: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    _seen: set[str] = field(default_factory=set[str])

    def add(self, place: Place, now: datetime) -> None:
        """Keep a customer's line; of several lines of one run only the first."""
        if place.run and place.run in self._seen:
            return
        self._seen.add(place.run)
        second = ceil((place.due or now).timestamp())
        self.by_second[second] += place.as_line() + b"\n"
        self.counts[second] += 1

    def taken(self, until: int) -> Iterator[bytes]:
        """The lines up to a second."""
        return (bytes(self.by_second[at]) for at in sorted(self.by_second) if at <= until)

    def left(self, until: int) -> Iterator[bytes]:
        """The lines after a second."""
        return (bytes(self.by_second[at]) for at in sorted(self.by_second) if at > until)


@dataclass(frozen=True, slots=True)
class RoundGatherer:
    """Everything that gathers a round."""

    storage: AudienceStorage
    timer: RunTimer

    def gather(self, audience: Audience, last: Round, results_key: str, now: datetime) -> Round:
        """The round after `last`. May be repeated.

        Args:
            audience: which.
            last: the round that is over.
            results_key: where what became of its batches is found; empty when it moved nobody.
            now: aware UTC.

        Raises:
            UnavailableError: call again.
        """
        lines, totals = _Lines(), last.so_far
        for place in self._stored(last.waiting_key):
            lines.add(place, now)
        for result in self.storage.results(results_key) if results_key else ():
            if result.answer is not None:
                for given in result.answer["customers"]:
                    lines.add(Place.from_json(given), now)
                totals += Totals.from_json(result.answer["totals"])
                continue
            for given in result.given:
                kept = _after_failure(Place.from_json(given), now)
                if kept:
                    lines.add(kept, now)
                else:
                    totals += one("customers", "failed") + one("failed", "the batch failed")
        following = self._next(audience, last.number + 1, lines, totals, now)
        return following if following.number % MOST_ROUNDS else self._passed_on(audience, following)

    def _stored(self, key: str) -> Iterable[Place]:
        return (Place.from_json(json.loads(line)) for line in self.storage.lines(key)) if key else ()

    def _next(self, audience: Audience, number: int, lines: _Lines, totals: Totals, now: datetime) -> Round:
        at = moment_of(lines.counts, now)
        if at is None:
            return Round(number, 0, "", so_far=totals)
        until = ceil(at.timestamp())
        going = sum(count for second, count in lines.counts.items() if second <= until)
        waiting = sum(lines.counts.values()) - going
        return Round(
            number,
            going,
            self.storage.write(audience.name, f"round-{number}", lines.taken(until)),
            waiting,
            self.storage.write(audience.name, f"waiting-{number}", lines.left(until)) if waiting else "",
            at,
            totals,
        )

    def _passed_on(self, audience: Audience, following: Round) -> Round:
        """Let an execution of its own go on, before this one's history is full."""
        if not following.as_json()["remaining"]:
            return following
        name = f"{audience.name[: _MOST_NAME - 6]}--{following.number // MOST_ROUNDS + 1}"
        handed = {"audience": audience.as_json(), "round": following.as_json()}
        self.timer.start(name, {"journey": audience.journey, "segment": audience.segment, GOES_ON: handed})
        return replace(following, goes_on_in=name)


def moment_of(counts: Mapping[int, int], now: datetime) -> datetime | None:
    """When the next round begins (UTC, whole seconds): the latest moment among those who are due about first."""
    if not counts:
        return None
    first = min(counts)
    wait_s = max(0.0, first - now.timestamp())
    slack_s = min(LONGEST_SLACK.total_seconds(), wait_s / SLACK_SHARE)
    return datetime.fromtimestamp(max(second for second in counts if second <= first + slack_s), UTC)


def _after_failure(place: Place, now: datetime) -> Place | None:
    """A customer of a batch that failed goes again, so many times."""
    failures = place.failures + 1
    return replace(place, due=now + RETRY_AFTER, failures=failures) if failures < MOST_FAILURES else None


def report(audience: Audience, last: Round) -> dict[str, Any]:
    """What an audience came to, as the execution's output shows it."""
    known = {
        "journey": audience.journey,
        "version": audience.version,
        "segment": audience.segment,
        "rounds": last.number,
        **last.so_far.as_json(),
    }
    return known | ({"goes_on_in": last.goes_on_in} if last.goes_on_in else {})
