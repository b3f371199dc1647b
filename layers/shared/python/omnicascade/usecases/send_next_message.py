"""The one task of the state machine: move a run as far as it goes now, then wait for its next moment.

Each message is claimed in the run before its provider is called, and the task token is stored in the same conditional
write as the run's new revision: an event that comes in between makes the write fail, and the decision is taken again
with what the event changed. So nothing is sent twice and no wake-up is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import InvalidInputError, OmnicascadeError, StaleWriteError
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.engine import Send
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.run import Run, home_of, is_run_id
from omnicascade.domain.segments import Segment
from omnicascade.usecases.audience.read_start import read_start
from omnicascade.usecases.deliver_message import Delivery, PostOffice
from omnicascade.usecases.find_customer import Customer, find_customer
from omnicascade.usecases.move_runs import ATTEMPTS, outcome_of
from omnicascade.usecases.name_customer import node_of
from omnicascade.usecases.start_run import enter
from omnicascade.usecases.store_ports import CustomerStore, JourneyStore, RunStore, SentMessage, StoredRun
from omnicascade.usecases.timer_port import RunTimer

TIMER_TOLERANCE = timedelta(seconds=2)
"""A state's clock starts a moment before the function's: a timer that fires so much early is on time."""


@dataclass(frozen=True, slots=True)
class Task:
    """What the state machine hands over.

    Attributes:
        token: answers this task.
        execution: the execution's name: the occasion of a run started by hand.
        foreseen_s: the state's time-out: when it calls again by itself.
        attempt: how often this state was retried after an error.
        input: `journey` and `profile` as a person typed them; `run` and `waits` when we started it.
    """

    token: str
    execution: str
    foreseen_s: int
    attempt: int
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunClerk:
    """Everything that moves one run, bound once per process; `deployment` is read once per invocation."""

    customers: CustomerStore
    runs: RunStore
    journeys: JourneyStore
    timer: RunTimer
    post: PostOffice
    deployment: Deployment

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
            customer = find_customer(node_of(reference), self.customers, self.deployment.identity)
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
                stored = self._reloaded(stored.run.run_id)
        raise StaleWriteError(f"run {stored.run.run_id} keeps changing")

    def _advance(self, task: Task, stored: StoredRun, journey: Journey, now: datetime) -> None:
        after = self.move(stored, journey, now, token=task.token, attempt=task.attempt)
        self._rest(task, after, journey, now)

    def move(self, stored: StoredRun, journey: Journey, now: datetime, *, token: str, attempt: int) -> StoredRun:
        """Move a run as far as it goes now and send what is due; it then waits, with `token`, or has ended.

        May be repeated: what was claimed before is not sent again.

        Args:
            stored: as it was read.
            journey: the version it is pinned to.
            token: kept with the run for whoever moves it next.
            attempt: how often this was tried before.

        Raises:
            RetryableSendError: a provider refused for now; call again.
            UnavailableError, StaleWriteError: call again.
            ErasedError: the customer is gone, and the run with them.
        """
        audience = stored.run.audience
        for _ in range(ATTEMPTS * (1 + len(journey.program))):
            if not stored.run.live and not _in_doubt(stored.run):
                return stored
            if stored.run.audience != audience:
                return stored  # taken over meanwhile; whoever did so goes on
            customer = self._customer_of(stored.run)
            moment = _on_time(stored.run, now)
            step = engine.advance(journey, stored.run, customer.person, self.deployment, moment)
            try:
                if step.send is None:
                    return self.runs.save(stored, step.run, token=token)
                claimed = self.runs.save(stored, step.run, token="")
                stored = self._deliver(step.send, claimed, stored, journey, customer, attempt, now)
            except StaleWriteError:
                stored = self._reloaded(stored.run.run_id)
        raise StaleWriteError(f"run {stored.run.run_id} keeps changing")

    def _deliver(
        self,
        send: Send,
        claimed: StoredRun,
        unclaimed: StoredRun,
        journey: Journey,
        customer: Customer,
        attempt: int,
        now: datetime,
    ) -> StoredRun:
        """Call the provider for a claim and record what it said; gives the claim back when surely nothing was sent."""
        run = claimed.run
        try:
            delivery = self.post.deliver(
                send,
                run=run,
                journey=journey,
                customer=customer,
                deployment=self.deployment,
                attempt=attempt,
                now=now,
            )
        except OmnicascadeError as error:
            if error.retryable:
                self._give_back(send, claimed, unclaimed.run, journey, str(error), now)
            raise
        if delivery.provider_id:
            self.runs.note_message(_sent(send, run, delivery, now))
        return self._recorded(send, claimed, journey, delivery, now)

    def _give_back(
        self, send: Send, claimed: StoredRun, unclaimed: Run, journey: Journey, reason: str, now: datetime
    ) -> None:
        """Undo a claim that surely sent nothing; what an event made of the run meanwhile stays."""
        before, run = claimed, unclaimed
        for _ in range(ATTEMPTS):
            try:
                self.runs.save(before, run, token="")
            except StaleWriteError:
                before = self._reloaded(claimed.run.run_id)
                entry = before.run.entry_of(send.message_id)
                if entry is None:
                    return
                if before.run.live and entry.outcome == "claimed":
                    run = _without_claim(send, before.run, claimed.run, unclaimed)
                else:
                    run = engine.record_outcome(
                        journey, before.run, send.message_id, "withdrawn", now=now, reason=reason
                    )
                continue
            return
        raise StaleWriteError(f"run {claimed.run.run_id} keeps changing")

    def _recorded(
        self, send: Send, claimed: StoredRun, journey: Journey, delivery: Delivery, now: datetime
    ) -> StoredRun:
        for _ in range(ATTEMPTS):
            run = engine.record_outcome(
                journey,
                claimed.run,
                send.message_id,
                delivery.outcome,
                now=now,
                provider_id=delivery.provider_id,
                cost=delivery.cost,
                reason=delivery.reason,
            )
            if delivery.ended_by:
                run = engine.apply(journey, run, delivery.ended_by, now) or run
            try:
                return self.runs.save(claimed, run, token=claimed.token)
            except StaleWriteError:
                claimed = self._reloaded(claimed.run.run_id)
        raise StaleWriteError(f"run {claimed.run.run_id} keeps changing")

    def _rest(self, task: Task, stored: StoredRun, journey: Journey, now: datetime) -> None:
        """Leave the run to its timer, or answer the task at once where the timer would come at the wrong moment."""
        run = stored.run
        if run.status != "live" or run.due is None:
            self.timer.finish(task.token, outcome_of(run))
            return
        remaining = ceil((run.due - now).total_seconds())
        if abs(remaining - task.foreseen_s) > TIMER_TOLERANCE.total_seconds():
            person = self._customer_of(run).person
            self.timer.wake(task.token, engine.foresee(journey, run, person, self.deployment, now))

    def _customer_of(self, run: Run) -> Customer:
        customer = find_customer(NodeId(run.profile_id), self.customers, self.deployment.identity)
        if customer is None:
            raise ErasedError
        return customer

    def _reloaded(self, run_id: str) -> StoredRun:
        stored = self.runs.load(run_id)
        if stored is None:
            raise ErasedError
        return stored


class ErasedError(Exception):
    """The customer was erased while the run was waiting or at work: nothing is left to do, and nothing is wrong."""


def _in_doubt(run: Run) -> bool:
    """Whether a claim's outcome was never recorded: a crash left it, and an event may have ended the run since."""
    return any(entry.outcome == "claimed" for entry in run.ledger)


def _without_claim(send: Send, run: Run, claimed: Run, unclaimed: Run) -> Run:
    """The run as an event left it, but for the claim; due as before the claim where the event did not say when."""
    ledger = tuple(entry for entry in run.ledger if entry.message_id != send.message_id)
    return replace(run, ledger=ledger, due=unclaimed.due if run.due == claimed.due else run.due)


def _on_time(run: Run, now: datetime) -> datetime:
    if run.due is not None and now < run.due <= now + TIMER_TOLERANCE:
        return run.due
    return now


def _sent(send: Send, run: Run, delivery: Delivery, now: datetime) -> SentMessage:
    cost = delivery.cost
    return SentMessage(
        provider_id=delivery.provider_id or "",
        message_id=send.message_id,
        run_id=run.run_id,
        journey=run.journey,
        step=send.step,
        channel=send.channel.value,
        template=send.template,
        profile_id=run.profile_id,
        to=send.address.value,
        at=now,
        outcome=delivery.outcome,
        cost={"amount": f"{cost.amount:f}", "currency": cost.currency} if cost else {},
    )
