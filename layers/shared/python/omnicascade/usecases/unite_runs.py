"""Live runs of one journey and key become one, once their customers turned out to be one person.

The run that started first goes on. The other ends first, and only then is what it sent taken over: whoever dies in
between leaves a run that has ended in favour of another, and everybody who is about to send for that one looks for such
runs and takes them over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from omnicascade.domain.errors import StaleWriteError
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.run import Run
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.start_run import outcome_of
from omnicascade.usecases.store_ports import RunStore, StoredRun
from omnicascade.usecases.timer_port import RunTimer

_LONGEST_CHAIN = 20
"""Runs that ended in favour of one another, one after the other: as many merges of one customer's live runs."""


@dataclass(frozen=True, slots=True)
class RunUnion:
    """Unites runs; bound once per invocation."""

    runs: RunStore
    timer: RunTimer

    def unite(self, stored: StoredRun, customer: Customer, now: datetime) -> StoredRun:
        """The run as it is stored once it knows of its siblings: with their messages, or ended in favour of one.

        Cost: nothing for a customer who has one live run of the journey and key.

        Raises:
            StaleWriteError: another writer was first; load the run again.
        """
        for sibling in self._siblings(stored.run, customer):
            stored = self._joined(stored, sibling, now)
            if not stored.run.live:
                break
        return stored

    def _siblings(self, run: Run, customer: Customer) -> Iterator[StoredRun]:
        for stored in customer.runs:
            if _alike(stored.run, run) and stored.run.live:
                yield stored
        for slot in customer.slots:
            # A run that ended in favour of this one started after it, and it is still the latest of its slot.
            alike = (slot.journey, slot.key) == (run.journey, run.key)
            if not alike or customer.in_progress(slot) or slot.last_started < run.started_at:
                continue
            if slot.run_id == run.run_id or slot.run_id in run.absorbed:
                continue
            ended = self.runs.load(slot.run_id)
            if ended and self._leads_to(ended.run, run.run_id):
                yield ended

    def _leads_to(self, run: Run, run_id: str) -> bool:
        """Whether a run ended in favour of another one, or of one that did."""
        for _ in range(_LONGEST_CHAIN):
            if run.merged_into is None or run.merged_into == run_id:
                return run.merged_into is not None
            following = self.runs.load(run.merged_into)
            if following is None:
                return False
            run = following.run
        return False

    def _joined(self, stored: StoredRun, sibling: StoredRun, now: datetime) -> StoredRun:
        survivor, merged = engine.merge(stored.run, sibling.run, now)
        if survivor.run_id == stored.run.run_id:
            if sibling.run.live:
                self._end(sibling, merged)
            return self.runs.save(stored, survivor, token=stored.token)
        ended = self._end(stored, merged)
        with suppress(StaleWriteError):  # its own sender takes over what it finds ended in its favour
            self.runs.save(sibling, survivor, token=sibling.token)
        return ended

    def _end(self, stored: StoredRun, merged: Run) -> StoredRun:
        ended = self.runs.save(stored, merged, token="")
        if stored.token:
            self.timer.finish(stored.token, outcome_of(merged))
        return ended


def _alike(one: Run, other: Run) -> bool:
    return (one.journey, one.key) == (other.journey, other.key) and one.run_id != other.run_id
