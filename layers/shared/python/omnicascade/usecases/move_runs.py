"""What an event means for journeys: it ends runs, answers messages, and starts new ones, in this order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import StaleWriteError
from omnicascade.domain.event import Event
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.run import Run, is_run_id, run_id_of
from omnicascade.usecases.find_customer import Customer, find_customer
from omnicascade.usecases.start_run import begin, enter, slots_in
from omnicascade.usecases.store_ports import CustomerStore, JourneyListing, JourneyStore, RunStore, StoredRun
from omnicascade.usecases.timer_port import RunTimer

ATTEMPTS = 8
"""How often a decision is taken again when another writer was first; each loss means that somebody made progress."""


@dataclass(frozen=True, slots=True)
class JourneyDesk:
    """All that moving runs needs, bound once per invocation; `listing` and `deployment` are read once for a batch."""

    customers: CustomerStore
    runs: RunStore
    journeys: JourneyStore
    timer: RunTimer
    listing: Sequence[JourneyListing]
    deployment: Deployment

    def react(self, event: Event, now: datetime) -> None:
        """Carry out what an event means. May be repeated: the second time finds everything done.

        Raises:
            UnavailableError: something could not be read or written; repeat.
        """
        reference = engine.message_reference(event)
        if reference:
            self._move(run_id_of(reference), event, now)
        entered = [line.name for line in self.listing if event.name in line.listens["entry_events"]]
        concerned = [line.name for line in self.listing if event.name in _endings(line)]
        if not entered and not concerned:
            return
        customer = find_customer(event.node_id, self.customers, self.deployment.identity)
        if customer is None:
            return
        goals = {line.name for line in self.listing if event.name in line.listens["goal_events"]}
        for slot in slots_in(customer, {*entered, *concerned}):
            if slot.live or slot.journey in goals:  # a goal counts after the end too
                self._move(slot.run_id, event, now)
        for name in entered:
            self._enter(name, event, customer, now)

    def _move(self, run_id: str, event: Event, now: datetime) -> None:
        if not is_run_id(run_id):
            return  # anybody may claim to answer a message
        for _ in range(ATTEMPTS):
            stored = self.runs.load(run_id)
            journey = stored and self.journeys.journey(stored.run.journey, stored.run.version)
            if stored is None or journey is None:
                return
            moved = engine.apply(journey, stored.run, event, now)
            try:
                after = self.runs.save(stored, moved, token=stored.token) if moved else stored
            except StaleWriteError:
                continue
            self._wake(after, journey, now, was_due=stored.run.due if moved else None)
            return
        raise StaleWriteError(f"run {run_id} keeps changing")

    def _wake(self, stored: StoredRun, journey: Journey, now: datetime, *, was_due: datetime | None) -> None:
        """Tell the waiting task. A moment that moved to later needs no word: the timer finds out when it fires."""
        run = stored.run
        if not stored.token:
            return  # the sender is at work and will find this revision
        if run.status != "live":
            self.timer.finish(stored.token, outcome_of(run))
        elif run.due is not None and (run.due <= now or (was_due is not None and run.due < was_due)):
            customer = find_customer(NodeId(run.profile_id), self.customers, self.deployment.identity)
            if customer:
                self.timer.wake(stored.token, engine.foresee(journey, run, customer.person, self.deployment, now))

    def _enter(self, name: str, event: Event, customer: Customer | None, now: datetime) -> None:
        journey = self.journeys.journey(name)
        if journey is None:
            return
        for _ in range(ATTEMPTS):
            if customer is None or not engine.admits(journey, event, customer.person, self.deployment).ok:
                return
            try:
                entry = enter(journey, customer, occasion=event.message_id, event=event, runs=self.runs, now=now)
            except StaleWriteError:
                customer = find_customer(event.node_id, self.customers, self.deployment.identity)
                continue
            if entry.stored and entry.stored.run.status == "live":
                begin(entry.stored, journey, customer, self.deployment, self.timer, now)
            return
        raise StaleWriteError(f"{name} keeps being entered by this customer")


def outcome_of(run: Run) -> dict[str, str | None]:
    """A run's end as the execution's output shows it."""
    return {"run": run.run_id, "outcome": run.outcome, "reason": run.reason}


def _endings(line: JourneyListing) -> Collection[str]:
    return {*line.listens["exit_events"], *line.listens["goal_events"]}
