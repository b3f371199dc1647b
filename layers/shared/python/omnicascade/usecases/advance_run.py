"""Move one run as far as it goes now, and carry out what it asks for on the way.

Each message is claimed in the run, together with its place under the caps and its price, before its provider is called.
An event that comes in between makes a write fail, and the decision is taken again with what the event changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import (
    BudgetSpentError,
    OmnicascadeError,
    RetryableSendError,
    SendError,
    StaleWriteError,
)
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.commands import CallWebhook, Command, Send, SetTraits
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.moves import ended
from omnicascade.domain.journeys.run import Run
from omnicascade.usecases.change_traits import naming
from omnicascade.usecases.claim_message import Till
from omnicascade.usecases.deliver_message import MAX_ATTEMPTS, Delivery, PostOffice
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.ports import Envelope, WebhookCall
from omnicascade.usecases.read_person import person_of
from omnicascade.usecases.ring_timer import customer_at
from omnicascade.usecases.start_run import ATTEMPTS, anchors_of
from omnicascade.usecases.store_ports import Claim, CustomerStore, JourneyStore, RunStore, SentMessage, StoredRun
from omnicascade.usecases.timer_port import RunTimer
from omnicascade.usecases.unite_runs import RunUnion
from omnicascade.usecases.write_message import Draft

TIMER_TOLERANCE: Final = timedelta(seconds=2)
"""A state's clock starts a moment before the function's: a timer that fires so much early is on time."""

JOURNEY_SOURCE: Final = "journey"
"""The source name under which journeys say traits of their customers."""


class ErasedError(Exception):
    """The customer was erased while the run was waiting or at work: nothing is left to do, and nothing is wrong."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Who moves a run now.

    Attributes:
        now: aware UTC.
        token: kept with the run for whoever moves it next; empty where nobody waits.
        entered: when the state that waits was entered, as text that sorts; empty where that is not known.
        attempt: how often this was tried before.
    """

    now: datetime
    token: str = ""
    entered: str = ""
    attempt: int = 0

    def superseded(self, stored: StoredRun) -> bool:
        """Whether a later state has the run in hand: its token stays, and it hears of what changes."""
        return bool(self.entered) and stored.entered > self.entered

    def kept(self, stored: StoredRun, token: str = "") -> dict[str, str]:
        """Token and state to be written with a run: while it is being moved nobody waits for it.

        Whoever has no token is an audience, which must not clear that of an execution that took the run over.
        """
        if not self.token or self.superseded(stored):
            return {"token": stored.token, "entered": stored.entered}
        return {"token": token, "entered": self.entered or stored.entered}


@dataclass(frozen=True, slots=True)
class RunDriver:
    """Everything that moves one run, bound once per process; `deployment` is read once per invocation."""

    customers: CustomerStore
    runs: RunStore
    journeys: JourneyStore
    timer: RunTimer
    post: PostOffice
    deployment: Deployment

    def move(self, stored: StoredRun, journey: Journey, turn: Turn) -> StoredRun:
        """Move a run as far as it goes now and send what is due; it then waits, with the turn's token, or has ended.

        May be repeated: what was claimed before is not sent again.

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
            try:
                moved, rests = self._moved(stored, journey, customer, turn)
            except StaleWriteError:
                moved, rests = self._reloaded(stored.run.run_id), False
            if rests:
                return moved
            stored = moved
        raise StaleWriteError(f"run {stored.run.run_id} keeps changing")

    def _moved(self, stored: StoredRun, journey: Journey, customer: Customer, turn: Turn) -> tuple[StoredRun, bool]:
        """The run one command further, and whether it rests now."""
        united = RunUnion(self.runs, self.timer).unite(stored, customer, turn.now)
        if united is not stored:
            return united, False
        held = _held_out(stored.run, journey, customer, turn.now)
        if held:
            return self.runs.save(stored, held, **turn.kept(stored)), False
        person = person_of(customer, engine.needs(journey, self.deployment), self.post.events, turn.now)
        step = engine.advance(journey, stored.run, person, self.deployment, _on_time(stored.run, turn.now))
        if step.command is not None:
            return self._carried_out(step.command, step.run, stored, journey, customer, turn), False
        if step.run == stored.run and turn.superseded(stored):
            return stored, True
        return self.runs.save(stored, step.run, **turn.kept(stored, turn.token)), True

    def _carried_out(
        self, command: Command, run: Run, stored: StoredRun, journey: Journey, customer: Customer, turn: Turn
    ) -> StoredRun:
        """The run behind a command; `run` is what the engine made of `stored` when it gave it."""
        match command:
            case Send():
                return self._send(command, run, stored, journey, customer, turn)
            case SetTraits():
                self._say(command, customer, turn.now)
            case CallWebhook():
                run = self._call(command, run, journey, turn)
        return self.runs.save(stored, run, **turn.kept(stored))

    def _send(
        self, send: Send, run: Run, stored: StoredRun, journey: Journey, customer: Customer, turn: Turn
    ) -> StoredRun:
        """Write, claim and deliver one message; `run` has it in its ledger, `stored` not yet."""
        draft = self.post.writer.draft(send, run, journey, customer, self.deployment, turn.now)
        if draft.over:
            return self._refused(send, draft.over, run, stored, journey, turn)
        claim = Till(self.journeys, self.deployment).claim(send, draft.price, journey, customer, turn.now)
        try:
            claimed = self.runs.claim(stored, run, claim, **turn.kept(stored))
        except BudgetSpentError as error:
            return self._refused(send, str(error), run, stored, journey, turn)
        return self._deliver(send, draft, claim, claimed, stored.run, journey, customer, turn)

    def _refused(self, send: Send, reason: str, run: Run, stored: StoredRun, journey: Journey, turn: Turn) -> StoredRun:
        refused = engine.refuse(journey, run, send.message_id, reason, turn.now)
        return self.runs.save(stored, refused, **turn.kept(stored))

    def _deliver(
        self,
        send: Send,
        draft: Draft,
        claim: Claim,
        claimed: StoredRun,
        unclaimed: Run,
        journey: Journey,
        customer: Customer,
        turn: Turn,
    ) -> StoredRun:
        """Call the provider for a claim and record what it said; gives the claim back when surely nothing was sent."""
        try:
            delivery = self.post.deliver(
                send,
                draft,
                run=claimed.run,
                journey=journey,
                customer=customer,
                deployment=self.deployment,
                attempt=turn.attempt,
                now=turn.now,
            )
        except OmnicascadeError as error:
            if error.retryable:
                self._give_back(send, claimed, unclaimed, journey, str(error), turn)
                self.runs.take_back(claim)
            raise
        if delivery.provider_id:
            self.runs.note_message(_sent(send, claimed.run, delivery, turn.now))
        after = self._recorded(send, claimed, journey, delivery, turn)
        if delivery.outcome in {"failed", "withdrawn"}:
            self.runs.take_back(claim)
        return after

    def _give_back(
        self, send: Send, claimed: StoredRun, unclaimed: Run, journey: Journey, reason: str, turn: Turn
    ) -> None:
        """Undo a claim that surely sent nothing; what an event made of the run meanwhile stays."""
        before, run = claimed, unclaimed
        for _ in range(ATTEMPTS):
            try:
                self.runs.save(before, run, **turn.kept(before))
            except StaleWriteError:
                before = self._reloaded(claimed.run.run_id)
                entry = before.run.entry_of(send.message_id)
                if entry is None:
                    return
                if before.run.live and entry.outcome == "claimed":
                    run = _without_claim(send, before.run, claimed.run, unclaimed)
                else:
                    run = engine.record_outcome(
                        journey, before.run, send.message_id, "withdrawn", now=turn.now, reason=reason
                    )
                continue
            return
        raise StaleWriteError(f"run {claimed.run.run_id} keeps changing")

    def _recorded(self, send: Send, claimed: StoredRun, journey: Journey, delivery: Delivery, turn: Turn) -> StoredRun:
        for _ in range(ATTEMPTS):
            run = engine.record_outcome(
                journey,
                claimed.run,
                send.message_id,
                delivery.outcome,
                now=turn.now,
                provider_id=delivery.provider_id,
                cost=delivery.cost,
                reason=delivery.reason,
            )
            if delivery.ended_by:
                run = engine.apply(journey, run, delivery.ended_by, turn.now) or run
            try:
                return self.runs.save(claimed, run, **turn.kept(claimed))
            except StaleWriteError:
                claimed = self._reloaded(claimed.run.run_id)
        raise StaleWriteError(f"run {claimed.run.run_id} keeps changing")

    def _say(self, said: SetTraits, customer: Customer, now: datetime) -> None:
        """Say traits of the customer on the one road; repeated under the same id it is one event."""
        about = customer.profile.identifiers[0].identifier
        call = {
            "type": "identify",
            "messageId": said.message_id,
            "timestamp": now.isoformat(),
            "traits": dict(said.traits),
            **naming(about),
        }
        self.post.queue.put(Envelope(JOURNEY_SOURCE, now, [call]))

    def _call(self, call: CallWebhook, run: Run, journey: Journey, turn: Turn) -> Run:
        """The run behind a webhook, which was called, or is given up after as many attempts as a message."""
        request = WebhookCall(call.message_id, call.url, call.body, turn.now)
        try:
            outcome, reason = "called", self.post.webhooks.call(request, self.deployment.webhook_hosts)
        except RetryableSendError as error:
            if turn.attempt < MAX_ATTEMPTS:
                raise
            outcome, reason = "failed", f"given up after {turn.attempt + 1} attempts: {error}"
        except SendError as error:
            outcome, reason = "failed", str(error)
        return engine.record_call(
            journey, run, call.step, "called" if outcome == "called" else "failed", reason, turn.now
        )

    def _customer_of(self, run: Run) -> Customer:
        customer = customer_at(run.profile_id, self.customers, self.deployment)
        if customer is None:
            raise ErasedError
        return customer

    def _reloaded(self, run_id: str) -> StoredRun:
        stored = self.runs.load(run_id)
        if stored is None:
            raise ErasedError
        return stored


def _held_out(run: Run, journey: Journey, customer: Customer, now: datetime) -> Run | None:
    """The run, ended, if any of those who turned out to be this customer is in the hold-out; else None."""
    anchors = {*anchors_of(journey, customer), run.anchor or run.profile_id}
    if not run.live or not engine.held_out_any(journey, anchors):
        return None
    return ended(run, now, "", "held_out", f"in the hold-out of {journey.holdout_percent:g} %, by a merge")


def _in_doubt(run: Run) -> bool:
    """Whether a claim's outcome was never recorded: a crash left it, and an event may have ended the run since."""
    return any(entry.outcome == "claimed" for entry in run.ledger)


def _without_claim(send: Send, run: Run, claimed: Run, unclaimed: Run) -> Run:
    """The run as an event left it, but for the claim; due as before the claim where the event did not say when."""
    ledger = tuple(entry for entry in run.ledger if entry.message_id != send.message_id)
    return replace(run, ledger=ledger, due=unclaimed.due if run.due == claimed.due else run.due)


def _on_time(run: Run, now: datetime) -> datetime:
    moment = engine.next_moment(run)
    if moment is not None and now < moment <= now + TIMER_TOLERANCE:
        return moment
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
