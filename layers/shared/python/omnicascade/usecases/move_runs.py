"""What an event means for journeys: it ends runs, answers messages, and starts new ones, in this order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import StaleWriteError
from omnicascade.domain.event import Event
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.run import Run, is_run_id, run_id_of
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.read_person import person_of
from omnicascade.usecases.ring_timer import Bell, customer_at
from omnicascade.usecases.start_run import ATTEMPTS, begin, enter, outcome_of
from omnicascade.usecases.store_ports import (
    CustomerStore,
    EventStore,
    JourneyListing,
    JourneyStore,
    RunStore,
    StoredRun,
)
from omnicascade.usecases.timer_port import RunTimer
from omnicascade.usecases.unite_runs import RunUnion

__all__ = ("ATTEMPTS", "JourneyDesk", "outcome_of")

_MOVING: Final = ("exit_events", "goal_events", "wait_events", "watched")
"""What a listing says of events that move runs; `watched` is `*` where any event of the customer may."""


@dataclass(frozen=True, slots=True)
class JourneyDesk:
    """All that moving runs needs, bound once per invocation; `listing` and `deployment` are read once for a batch."""

    customers: CustomerStore
    runs: RunStore
    journeys: JourneyStore
    timer: RunTimer
    listing: Sequence[JourneyListing]
    deployment: Deployment
    events: EventStore

    def react(self, event: Event, now: datetime) -> Customer | None:
        """Carry out what an event means. May be repeated: the second time finds everything done.

        Returns the customer as read after the event was folded, where that was needed.

        Cost: nothing where no journey listens to the event and it speaks of no message. Else the reading of the
        customer, whose live runs come with it, and the writes of what changed.

        Raises:
            UnavailableError: something could not be read or written; repeat.
        """
        reference = engine.message_reference(event)
        if reference:
            self._feedback(run_id_of(reference), event, now)
        entered = [line.name for line in self.listing if not line.paused and event.name in _names(line, "entry_events")]
        moved = {line.name for line in self.listing if _moves(line, event)}
        concerned = {*entered, *moved}
        if not concerned:
            return None
        customer = customer_at(event.node_id, self.customers, self.deployment)
        if customer is None:
            return None
        self._move_runs(event, customer, concerned, now)
        for name in entered:
            self._enter(name, event, customer, now)
        return customer

    def _move_runs(self, event: Event, customer: Customer, journeys: Collection[str], now: datetime) -> None:
        goals = {line.name for line in self.listing if event.name in _names(line, "goal_events")}
        live = {stored.run.run_id: stored for stored in customer.runs}
        for run_id, stored in live.items():
            if stored.run.journey in journeys:
                self._move(run_id, event, now, stored=stored, customer=customer)
        for slot in customer.slots:
            if slot.journey in goals and slot.run_id not in live:  # a goal counts after the end too
                self._move(slot.run_id, event, now, customer=customer)

    def _feedback(self, run_id: str, event: Event, now: datetime) -> None:
        """Apply what an event says of a message to its run, and to the run that goes on in that one's stead."""
        for _ in range(ATTEMPTS):
            if not is_run_id(run_id):
                return  # anybody may claim to answer a message
            after = self._move(run_id, event, now)
            if after is None or after.merged_into is None:
                return
            run_id = after.merged_into

    def _move(
        self,
        run_id: str,
        event: Event,
        now: datetime,
        *,
        stored: StoredRun | None = None,
        customer: Customer | None = None,
    ) -> Run | None:
        """The run after an event; None when there is no such run. `stored`, where given, spares the first reading."""
        for attempt in range(ATTEMPTS):
            if stored is None or attempt:
                stored = self.runs.load(run_id)
            journey = stored and self.journeys.journey(stored.run.journey, stored.run.version)
            if stored is None or journey is None:
                return None
            try:
                if customer and stored.run.live:
                    stored = RunUnion(self.runs, self.timer).unite(stored, customer, now)
                moved = self._after(event, stored.run, journey, customer, now)
                after = self.runs.save(stored, moved, token=stored.token) if moved else stored
            except StaleWriteError:
                customer = customer and self._again(customer)
                continue
            bell = Bell(self.customers, self.events, self.timer, self.deployment)
            bell.ring(after, journey, now)
            return after.run
        raise StaleWriteError(f"run {run_id} keeps changing")

    def _after(self, event: Event, run: Run, journey: Journey, customer: Customer | None, now: datetime) -> Run | None:
        """What the event itself makes of a run, and then what it makes of the conditions that the run watches."""
        watched = customer is not None and _watched(self.listing, journey.name) and run.live
        if not watched or customer is None:
            return engine.apply(journey, run, event, now)
        person = person_of(customer, engine.needs(journey, self.deployment), self.events, now)
        applied = engine.apply(journey, run, event, now)
        observed = engine.observe(journey, applied or run, person, self.deployment, now)
        return observed or applied

    def _again(self, customer: Customer) -> Customer | None:
        return customer_at(customer.profile.profile_id, self.customers, self.deployment)

    def _enter(self, name: str, event: Event, customer: Customer | None, now: datetime) -> None:
        journey = self.journeys.journey(name)
        if journey is None:
            return
        needs = engine.needs(journey, self.deployment)
        for _ in range(ATTEMPTS):
            if customer is None:
                return
            person = person_of(customer, needs, self.events, now)
            if not engine.admits(journey, event, person, self.deployment).ok:
                return
            try:
                entry = enter(journey, customer, occasion=event.message_id, event=event, runs=self.runs, now=now)
            except StaleWriteError:
                customer = customer_at(event.node_id, self.customers, self.deployment)
                continue
            if entry.stored and entry.stored.run.live:
                begin(entry.stored, journey, customer, self.deployment, self.timer, now)
            return
        raise StaleWriteError(f"{name} keeps being entered by this customer")


def _names(line: JourneyListing, role: str) -> Collection[str]:
    listens: Mapping[str, Collection[str]] = line.listens
    return listens.get(role, ())


def _moves(line: JourneyListing, event: Event) -> bool:
    return any(event.name in names or "*" in names for names in (_names(line, role) for role in _MOVING))


def _watched(listing: Sequence[JourneyListing], journey: str) -> bool:
    return any(line.name == journey and _names(line, "watched") for line in listing)
