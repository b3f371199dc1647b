"""The nouns of an audience: which customers go together, when, and what is carried from one round to the next.

They travel through the state machine as plain JSON; what is large, the customers themselves, lies in storage.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from omnicascade.usecases.audience.totals import Totals


@dataclass(frozen=True, slots=True)
class Audience:
    """One campaign.

    Attributes:
        name: the execution's; runs and stored lists are marked with it.
        occasion: what a customer enters by; the same one enters once.
        version: of the journey, at the start; pinned for everybody.
    """

    name: str
    occasion: str
    journey: str
    version: int
    segment: str

    def as_json(self) -> dict[str, Any]:
        """The plain form."""
        return {
            "name": self.name,
            "occasion": self.occasion,
            "journey": self.journey,
            "version": self.version,
            "segment": self.segment,
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Audience:
        """Read `as_json`."""
        return cls(given["name"], given["occasion"], given["journey"], int(given["version"]), given["segment"])


@dataclass(frozen=True, slots=True)
class Place:
    """Where one customer of an audience stands: a line of a stored list.

    Attributes:
        profile: the profile id, as it was when the audience was listed.
        run: the run's id; empty before the customer has entered.
        due: the run's next moment (UTC); None: at once.
        failures: how often in a row moving this customer failed.
    """

    profile: str
    run: str = ""
    due: datetime | None = None
    failures: int = 0

    def as_json(self) -> dict[str, Any]:
        """The plain form, without what says nothing."""
        words: dict[str, Any] = {"profile": self.profile}
        if self.run:
            words["run"] = self.run
        if self.due:
            words["due"] = self.due.isoformat()
        if self.failures:
            words["failures"] = self.failures
        return words

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Place:
        """Read `as_json`."""
        due = given.get("due")
        moment = datetime.fromisoformat(due) if due else None
        return cls(given["profile"], given.get("run", ""), moment, given.get("failures", 0))

    def as_line(self) -> bytes:
        """One line of a stored list, without its end."""
        return json.dumps(self.as_json(), separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Round:
    """What is to be done next, as the state machine shows it.

    Attributes:
        number: 0 for the first.
        customers: who go together in this round; their list is stored under `customers_key`.
        waiting: who wait for a later one, listed under `waiting_key`.
        at: when this round begins (UTC); None: at once.
        so_far: totals of those who are through.
        goes_on_in: the execution that takes over from here; empty: this one goes on.
    """

    number: int
    customers: int
    customers_key: str
    waiting: int = 0
    waiting_key: str = ""
    at: datetime | None = None
    so_far: Totals = field(default_factory=Totals)
    goes_on_in: str = ""

    def as_json(self) -> dict[str, Any]:
        """The plain form; `remaining` is what decides whether there is anything left to do."""
        return {
            "number": self.number,
            "customers": self.customers,
            "customers_key": self.customers_key,
            "waiting": self.waiting,
            "waiting_key": self.waiting_key,
            "remaining": 0 if self.goes_on_in else self.customers + self.waiting,
            "at": self.at and self.at.isoformat().replace("+00:00", "Z"),
            "so_far": self.so_far.as_json(),
            "goes_on_in": self.goes_on_in,
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Round:
        """Read `as_json`."""
        at = given.get("at")
        return cls(
            int(given["number"]),
            int(given["customers"]),
            given["customers_key"],
            int(given["waiting"]),
            given["waiting_key"],
            datetime.fromisoformat(at) if at else None,
            Totals.from_json(given["so_far"]),
            given.get("goes_on_in", ""),
        )


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of one batch: what its task answered, or None with what it was given, when it failed for good."""

    given: Iterable[Mapping[str, Any]]
    answer: Mapping[str, Any] | None


class AudienceStorage(Protocol):
    """The lists of an audience. Every write may be repeated and then replaces what was there."""

    def write(self, audience: str, name: str, lines: Iterable[bytes]) -> str:
        """Store a list of one JSON document a line and return where.

        Raises:
            UnavailableError: not stored; try again.
        """
        ...

    def lines(self, key: str) -> Iterator[bytes]:
        """The lines of a stored list, one at a time; none for an empty key.

        Raises:
            UnavailableError: it cannot be read.
        """
        ...

    def results(self, key: str) -> Iterator[BatchResult]:
        """What became of each batch of a round, as Step Functions wrote it, one at a time.

        Raises:
            UnavailableError: it cannot be read.
        """
        ...
