"""Send one message of a run: write it, claim it with what it takes, call the provider, record what it said.

The claim stands in the run before the provider is called, so nothing is sent twice; what is surely not sent is given
back to caps and budget.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import BudgetSpentError, OmnicascadeError, StaleWriteError
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.commands import Send
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.run import Run
from omnicascade.usecases.claim_message import Till
from omnicascade.usecases.deliver_message import Delivery, PostOffice
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.run_turn import Turn, reloaded
from omnicascade.usecases.start_run import ATTEMPTS
from omnicascade.usecases.store_ports import Claim, JourneyStore, RunStore, SentMessage, StoredRun
from omnicascade.usecases.write_message import Draft


@dataclass(frozen=True, slots=True)
class MessageSender:
    """Everything that sends messages of runs."""

    runs: RunStore
    journeys: JourneyStore
    post: PostOffice
    deployment: Deployment

    def send(
        self, send: Send, run: Run, stored: StoredRun, journey: Journey, customer: Customer, turn: Turn
    ) -> tuple[StoredRun, bool]:
        """Write, claim and deliver one message; `run` has it in its ledger, `stored` not yet.

        Returns the run, and whether it rests now, with the turn's token, or has ended.
        """
        draft = self.post.writer.draft(send, run, journey, customer, self.deployment, turn.now)
        if draft.over:
            return self._refused(send, draft.over, run, stored, journey, turn)
        claim = Till(self.journeys, self.deployment).claim(send, draft.price, journey, customer, turn.now)
        try:
            claimed = self.runs.claim(stored, run, claim, **turn.kept(stored))
        except BudgetSpentError as error:
            return self._refused(send, str(error), run, stored, journey, turn)
        return self._deliver(send, draft, claim, claimed, stored.run, journey, customer, turn)

    def _refused(
        self, send: Send, reason: str, run: Run, stored: StoredRun, journey: Journey, turn: Turn
    ) -> tuple[StoredRun, bool]:
        refused = engine.refuse(journey, run, send.message_id, reason, turn.now)
        return self.runs.save(stored, refused, **turn.kept(stored)), False

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
    ) -> tuple[StoredRun, bool]:
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
                self._give_back(send, claim, claimed, unclaimed, journey, str(error), turn)
            raise
        if delivery.provider_id:
            self.runs.note_message(_sent(send, claimed.run, delivery, turn.now))
        return self._recorded(send, claim, claimed, journey, delivery, turn)

    def _give_back(
        self, send: Send, claim: Claim, claimed: StoredRun, unclaimed: Run, journey: Journey, reason: str, turn: Turn
    ) -> None:
        """Undo a claim that surely sent nothing; what an event made of the run meanwhile stays."""
        before, run = claimed, unclaimed
        for _ in range(ATTEMPTS):
            try:
                self.runs.save(before, run, **turn.kept(before), give_back=_freed(send, claim, before.run, run))
            except StaleWriteError:
                before = reloaded(self.runs, claimed.run.run_id)
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

    def _recorded(
        self, send: Send, claim: Claim, claimed: StoredRun, journey: Journey, delivery: Delivery, turn: Turn
    ) -> tuple[StoredRun, bool]:
        """The outcome, and in the same write where the run rests now, if that is sure without another look."""
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
            freed = _freed(send, claim, claimed.run, run)
            resting = engine.rest(journey, run, turn.now)
            kept = turn.kept(claimed, turn.token if resting else "")
            try:
                return self.runs.save(claimed, resting or run, **kept, give_back=freed), resting is not None
            except StaleWriteError:
                claimed = reloaded(self.runs, claimed.run.run_id)
        raise StaleWriteError(f"run {claimed.run.run_id} keeps changing")


def _freed(send: Send, claim: Claim, before: Run, after: Run) -> Claim | None:
    """What a write gives back to caps and budget: the claim, if it is this write that says nothing was sent."""
    was, now = before.entry_of(send.message_id), after.entry_of(send.message_id)
    unsent = now is None or now.outcome in {"failed", "withdrawn"}
    return claim if unsent and was is not None and was.outcome in {"claimed", "unknown"} else None


def _without_claim(send: Send, run: Run, claimed: Run, unclaimed: Run) -> Run:
    """The run as an event left it, but for the claim; due as before the claim where the event did not say when."""
    ledger = tuple(entry for entry in run.ledger if entry.message_id != send.message_id)
    return replace(run, ledger=ledger, due=unclaimed.due if run.due == claimed.due else run.due)


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
