"""Move one batch of an audience: let customers enter, send what is due, and say who is due when.

Each customer for themselves: whatever goes wrong with one is recorded and tried again with a later round. Everything
may be repeated; the run item is the truth, and a claimed message is not claimed again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from omnicascade.domain.conditions.facts import Facts
from omnicascade.domain.conditions.judging import judge
from omnicascade.domain.conditions.needs import needs_of
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import OmnicascadeError, StaleWriteError
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.journeys.journey import Journey
from omnicascade.usecases.audience.plan import Audience, Place
from omnicascade.usecases.audience.totals import Totals, of_run, one
from omnicascade.usecases.find_customer import Customer, find_customer
from omnicascade.usecases.read_person import person_of
from omnicascade.usecases.send_next_message import ErasedError
from omnicascade.usecases.start_run import ALREADY_ENTERED, ATTEMPTS, begin, enter
from omnicascade.usecases.store_ports import CustomerStore, EventStore, JourneyStore, RunStore, StoredRun
from omnicascade.usecases.timer_port import RunTimer

BATCH_TIME: Final = timedelta(seconds=60)
"""After so long, who is left of a batch goes with the next round: an Express child has five minutes with retries."""
MOST_FAILURES: Final = 6
"""In a row; then the customer's run gets an execution of its own, whose failures are seen and repaired like any."""
_FIRST_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(minutes=30)

_FAULTS: Final = (OmnicascadeError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What one customer's data may bring about. The end of the process is no fault of a customer and ends the batch."""


class RunMover(Protocol):
    """Moves one run as far as it goes now; see `RunClerk.move`."""

    def move(self, stored: StoredRun, journey: Journey, now: datetime, *, token: str, attempt: int) -> StoredRun:
        """Send what is due; the run then waits or has ended."""
        ...


@dataclass(frozen=True, slots=True)
class _Left:
    """A customer who is through with this audience, and what they add to its totals."""

    totals: Totals


@dataclass(frozen=True, slots=True)
class BatchMover:
    """Everything that moves a batch.

    Attributes:
        clock: tells the present moment.
        notice: told at once of each customer who fails: journey, audience, profile, error class, failures in a row.
            Never its words, which may quote an address.
    """

    customers: CustomerStore
    events: EventStore
    runs: RunStore
    journeys: JourneyStore
    timer: RunTimer
    mover: RunMover
    deployment: Deployment
    clock: Callable[[], datetime]
    notice: Callable[[str, Mapping[str, str]], None]

    def move(self, audience: Audience, places: Sequence[Place]) -> dict[str, Any]:
        """Move these customers; answers who goes on (`customers`), and the `totals` of who is through.

        Raises:
            UnavailableError: the journey could not be read; call again.
        """
        began = self.clock()
        closed = self._closed(audience.journey)
        going_on: list[Place] = []
        totals = Totals()
        for place in places:
            now = self.clock()
            if now - began > BATCH_TIME:
                going_on.append(replace(place, due=now))
                continue
            became = self._tried(audience, place, closed, now)
            if isinstance(became, Place):
                going_on.append(became)
            else:
                totals += became.totals
        return {"customers": [place.as_json() for place in going_on], "totals": totals.as_json()}

    def _closed(self, journey: str) -> str:
        """Why nobody may enter any more, or nothing."""
        line = next((line for line in self.journeys.listing() if line.name == journey), None)
        if line is None or not line.active:
            return f"journey {journey} is not active"
        return f"journey {journey} is paused" if line.paused else ""

    def _tried(self, audience: Audience, place: Place, closed: str, now: datetime) -> Place | _Left:
        try:
            return self._moved(audience, place, closed, now)
        except ErasedError:
            return _Left(one("customers", "erased"))
        except _FAULTS as error:
            return self._failed(audience, place, error, now)

    def _failed(self, audience: Audience, place: Place, error: Exception, now: datetime) -> Place | _Left:
        failures = place.failures + 1
        who = {"journey": audience.journey, "audience": audience.name, "profile": place.profile}
        what = {"error": type(error).__name__, "failures": str(failures)}
        self.notice("customer_of_audience_failed", who | what)
        if failures < MOST_FAILURES:
            pause = min(_FIRST_PAUSE * 2 ** (failures - 1), _LONGEST_PAUSE)
            return replace(place, due=now + pause, failures=failures)
        word = one("failed", f"{type(error).__name__}: given up after {failures} attempts")
        if place.run:
            self._hand_over(place.run, now)
            word += one("customers", "handed_over")
        return _Left(word + one("customers", "failed"))

    def _moved(self, audience: Audience, place: Place, closed: str, now: datetime) -> Place | _Left:
        if not place.run:
            entered = self._entered(audience, place, closed, now)
            if isinstance(entered, _Left):
                return entered
            stored = entered
        else:
            found = self.runs.load(place.run)
            if found is None:
                raise ErasedError
            stored = found
        if stored.run.live and stored.run.audience == audience.name:
            stored = self.mover.move(stored, self._pinned(stored), now, token="", attempt=place.failures)
        return _place_of(stored, audience, place)

    def _pinned(self, stored: StoredRun) -> Journey:
        run = stored.run
        journey = self.journeys.journey(run.journey, run.version)
        if journey is None:
            raise LookupError(f"journey {run.journey} has no version {run.version}")
        return journey

    def _entered(self, audience: Audience, place: Place, closed: str, now: datetime) -> StoredRun | _Left:
        journey = self.journeys.journey(audience.journey, audience.version)
        if journey is None:
            raise LookupError(f"journey {audience.journey} has no version {audience.version}")
        for _ in range(ATTEMPTS):
            customer = find_customer(
                NodeId(place.profile), self.customers, self.deployment.identity, definitions=self.deployment.computed
            )
            if customer is None:
                raise ErasedError
            refusal = closed or self._left_since(audience.segment, customer, now)
            if refusal:
                return _Left(one("not_entered", refusal))
            try:
                entry = enter(
                    journey,
                    customer,
                    occasion=audience.occasion,
                    event=None,
                    runs=self.runs,
                    now=now,
                    audience=audience.name,
                )
            except StaleWriteError:
                continue
            if entry.stored is None:
                return _Left(one("not_entered", entry.reason))
            if entry.reason == ALREADY_ENTERED and _home(entry.stored) != place.profile and not entry.stored.run.live:
                return _Left(one("customers", "same_customer"))
            return entry.stored
        raise StaleWriteError(f"{journey.name} keeps being entered by this customer")

    def _left_since(self, segment: str, customer: Customer, now: datetime) -> str:
        """Why somebody who was listed as a member is none any more, or nothing; asked of the condition itself."""
        named = self.deployment.segments.get(segment)
        if named is None:
            return f"there is no segment {segment} any more"
        person = person_of(customer, needs_of(named.condition, self.deployment.segments), self.events, now)
        facts = Facts(person.profile, deployment=self.deployment, history=person.history, now=now)
        member, _ = judge(named.condition, facts)
        return "" if member else f"is not in the segment {segment} any more"

    def _hand_over(self, run_id: str, now: datetime) -> None:
        """Give a run an execution of its own; it takes the run over from the audience."""
        stored = self.runs.load(run_id)
        if stored is None or not stored.run.live:
            return
        customer = find_customer(NodeId(stored.run.profile_id), self.customers, self.deployment.identity)
        if customer:
            begin(stored, self._pinned(stored), customer, self.deployment, self.timer, now)


def _home(stored: StoredRun) -> str:
    return stored.run.profile_id


def _place_of(stored: StoredRun, audience: Audience, place: Place) -> Place | _Left:
    """Where the customer stands after a move."""
    run = stored.run
    if not run.live:
        return _Left(of_run(run))
    if run.audience != audience.name:
        return _Left(of_run(run) + one("customers", "handed_over"))
    moment = run.next_moment
    if moment is None:
        return _Left(of_run(run) + one("customers", "paused"))
    return Place(place.profile, run.run_id, moment)


def places(given: Sequence[Mapping[str, Any]]) -> list[Place]:
    """The customers of a batch, as the state machine hands them over."""
    return [Place.from_json(line) for line in given]
