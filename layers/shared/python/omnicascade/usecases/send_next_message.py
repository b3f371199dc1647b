"""The one task of the state machine: move a run as far as it goes now, then wait for its next moment.

The task token is stored in the same conditional write as the run's new revision: an event that comes in between makes
the write fail, and the decision is taken again with what the event changed. So no wake-up is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil
from typing import Any

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import InvalidInputError, StaleWriteError
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.run import home_of, is_run_id
from omnicascade.domain.segments import Segment
from omnicascade.usecases.advance_run import RunDriver
from omnicascade.usecases.audience.read_start import read_start
from omnicascade.usecases.deliver_message import PostOffice
from omnicascade.usecases.name_customer import node_of
from omnicascade.usecases.pause_sign import nothing_paused
from omnicascade.usecases.ring_timer import LONGEST_WAIT_S, Bell, customer_at
from omnicascade.usecases.run_turn import TIMER_TOLERANCE, ErasedError, Turn
from omnicascade.usecases.start_run import ATTEMPTS, enter, outcome_of
from omnicascade.usecases.store_ports import CustomerStore, JourneyStore, RunStore, StoredRun
from omnicascade.usecases.timer_port import RunTimer

__all__ = ("LONGEST_WAIT_S", "TIMER_TOLERANCE", "ErasedError", "RunClerk", "Task")


@dataclass(frozen=True, slots=True)
class Task:
    """What the state machine hands over.

    Attributes:
        token: answers this task.
        execution: the execution's name: the occasion of a run started by hand.
        foreseen_s: the state's time-out: when it calls again by itself.
        attempt: how often this state was retried after an error.
        input: `journey` and `profile` as a person typed them; `run` and `waits` when we started it.
        entered: when the state was entered (ISO 8601), so that a sender that outlives its state is known by it.
    """

    token: str
    execution: str
    foreseen_s: int
    attempt: int
    input: Mapping[str, Any]
    entered: str = ""

    def turn(self, now: datetime) -> Turn:
        """This task as whoever moves the run."""
        entered = f"{self.entered}#{self.attempt:03d}" if self.entered else ""
        return Turn(now, self.token, entered, self.attempt)


@dataclass(frozen=True, slots=True)
class RunClerk:
    """Everything that moves one run, bound once per process; `deployment` is read once per invocation."""

    customers: CustomerStore
    runs: RunStore
    journeys: JourneyStore
    timer: RunTimer
    post: PostOffice
    deployment: Deployment
    paused: Callable[[str], bool] = nothing_paused

    def send_next_message(self, task: Task, now: datetime) -> None:
        """Handle one task. May be repeated with the same or another token.

        Raises:
            RetryableSendError: a provider refused for now; the state machine calls again.
            UnavailableError, StaleWriteError: call again.
        """
        try:
            stored = self._run_of(task, now)
            if isinstance(stored, str):
                self.timer.finish(task.token, {"outcome": "not_entered", "reason": stored})
                return
            if isinstance(stored, Segment):
                self.timer.name_audience(task.token, stored.name)
                return
            journey = self.journeys.journey(stored.run.journey, stored.run.version)
            if journey is None:
                self.timer.refuse(task.token, f"journey {stored.run.journey} has no version {stored.run.version}")
                return
            self._advance(task, self._taken_over(stored), journey, now)
        except InvalidInputError as error:
            self.timer.refuse(task.token, error.message)
        except ErasedError:
            self.timer.finish(task.token, {"outcome": "exited", "reason": "the customer was erased"})

    def _erased(self, run_id: str) -> bool:
        """Whether a run may be gone because its customer was erased."""
        projection = self.customers.head(home_of(run_id), consistent=True).projection
        return projection is not None and projection.erased_ms is not None

    def _run_of(self, task: Task, now: datetime) -> StoredRun | Segment | str:
        """The run the task is about, made if a person started the execution; a segment instead; or why none."""
        run_id = task.input.get("run")
        if run_id:
            stored = self.runs.load(str(run_id)) if is_run_id(str(run_id)) else None
            if stored is None and is_run_id(str(run_id)) and self._erased(str(run_id)):
                raise ErasedError
            if stored is None:
                raise InvalidInputError(f"there is no run {run_id}")
            return stored
        start = read_start(task.input, self.journeys, self.deployment)
        journey, reference = start.journey, start.profile
        if start.segment is not None:
            return start.segment
        for _ in range(ATTEMPTS):
            customer = customer_at(node_of(reference), self.customers, self.deployment)
            if customer is None:
                raise InvalidInputError(f"there is no customer {reference}")
            try:
                entry = enter(journey, customer, occasion=task.execution, event=None, runs=self.runs, now=now)
            except StaleWriteError:
                continue
            return entry.stored or entry.reason
        raise StaleWriteError(f"{journey.name} keeps being entered by this customer")

    def _taken_over(self, stored: StoredRun) -> StoredRun:
        """The run, which no audience moves from now on: an event gave it an execution of its own."""
        for _ in range(ATTEMPTS):
            if not stored.run.audience or not stored.run.live:
                return stored
            try:
                return self.runs.save(stored, replace(stored.run, audience=""), token=stored.token)
            except StaleWriteError:
                again = self.runs.load(stored.run.run_id)
                if again is None:
                    raise ErasedError from None
                stored = again
        raise StaleWriteError(f"run {stored.run.run_id} keeps changing")

    def _advance(self, task: Task, stored: StoredRun, journey: Journey, now: datetime) -> None:
        turn = task.turn(now)
        after = self._mover().move(stored, journey, turn)
        if turn.superseded(after):
            bell = Bell(self.customers, self.post.events, self.timer, self.deployment)
            bell.ring(after, journey, now)
            return
        self._rest(task, after, journey, now)

    def move(self, stored: StoredRun, journey: Journey, now: datetime, *, token: str, attempt: int) -> StoredRun:
        """Move a run without a task of its own. See `RunDriver.move`."""
        return self._mover().move(stored, journey, Turn(now, token, attempt=attempt))

    def _mover(self) -> RunDriver:
        return RunDriver(self.customers, self.runs, self.journeys, self.timer, self.post, self.deployment, self.paused)

    def _rest(self, task: Task, stored: StoredRun, journey: Journey, now: datetime) -> None:
        """Leave the run to its timer, or answer the task at once where the timer would come at the wrong moment."""
        run = stored.run
        if not run.live:
            self.timer.finish(task.token, outcome_of(run))
            return
        moment = run.next_moment
        remaining = LONGEST_WAIT_S if moment is None else ceil((moment - now).total_seconds())
        remaining = min(remaining, LONGEST_WAIT_S)
        if abs(remaining - task.foreseen_s) > TIMER_TOLERANCE.total_seconds():
            bell = Bell(self.customers, self.post.events, self.timer, self.deployment)
            self.timer.wake(task.token, [max(1, remaining), *bell.waits(run, journey, now)[1:]])
