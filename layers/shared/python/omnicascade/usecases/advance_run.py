"""Move one run as far as it goes now, and carry out what it asks for on the way.

An event that comes in between makes a write fail, and the decision is taken again with what the event changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import (
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
from omnicascade.usecases.deliver_message import MAX_ATTEMPTS, PostOffice
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.pause_sign import is_paused, nothing_paused
from omnicascade.usecases.ports import Envelope, WebhookCall
from omnicascade.usecases.read_person import person_of
from omnicascade.usecases.ring_timer import customer_at
from omnicascade.usecases.run_turn import TIMER_TOLERANCE, ErasedError, Turn, reloaded
from omnicascade.usecases.send_message import MessageSender
from omnicascade.usecases.start_run import ATTEMPTS, anchors_of
from omnicascade.usecases.store_ports import CustomerStore, JourneyStore, RunStore, StoredRun
from omnicascade.usecases.timer_port import RunTimer
from omnicascade.usecases.unite_runs import RunUnion

JOURNEY_SOURCE: Final = "journey"
"""The source name under which journeys say traits of their customers."""


@dataclass(frozen=True, slots=True)
class RunDriver:
    """Everything that moves one run, bound once per process; `deployment` is read once per invocation."""

    customers: CustomerStore
    runs: RunStore
    journeys: JourneyStore
    timer: RunTimer
    post: PostOffice
    deployment: Deployment
    paused: Callable[[str], bool] = nothing_paused

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
                moved, rests = reloaded(self.runs, stored.run.run_id), False
            if rests:
                return moved
            stored = moved
        raise StaleWriteError(f"run {stored.run.run_id} keeps changing")

    def _moved(self, stored: StoredRun, journey: Journey, customer: Customer, turn: Turn) -> tuple[StoredRun, bool]:
        """The run one command further, and whether it rests now."""
        door = self._at_the_door(stored, turn)
        if door is not None:
            return door, False
        united = RunUnion(self.runs, self.timer).unite(stored, customer, turn.now)
        if united is not stored:
            return united, False
        held = _held_out(stored.run, journey, customer, turn.now)
        if held:
            return self.runs.save(stored, held, **turn.kept(stored)), False
        person = person_of(customer, engine.needs(journey, self.deployment), self.post.events, turn.now)
        step = engine.advance(journey, stored.run, person, self.deployment, _on_time(stored.run, turn.now))
        if step.command is not None:
            return self._carried_out(step.command, step.run, stored, journey, customer, turn)
        if step.run == stored.run and turn.superseded(stored):
            return stored, True
        return self.runs.save(stored, step.run, **turn.kept(stored, turn.token)), True

    def _at_the_door(self, stored: StoredRun, turn: Turn) -> StoredRun | None:
        """The run, paused with its journey, or going on again; None where it is as its journey is.

        Whoever resumes a journey opens it first and then walks its runs. One that was read shut and written after that
        walk is asked about once more, by whoever moves it next: then its pause turns out to be nobody's word any more.
        """
        run = stored.run
        why = f"journey {run.journey} is paused"
        if run.live and run.paused_at is None and self.paused(run.journey):
            return self.runs.save(stored, engine.pause(run, turn.now, why), **turn.kept(stored))
        if run.live and _held_by(run, why) and not is_paused(self.journeys.listing(), run.journey):
            return self.runs.save(stored, engine.resume(run, turn.now), **turn.kept(stored))
        return None

    def _carried_out(
        self, command: Command, run: Run, stored: StoredRun, journey: Journey, customer: Customer, turn: Turn
    ) -> tuple[StoredRun, bool]:
        """The run behind a command, and whether it rests; `run` is what the engine made of `stored` when it gave it."""
        match command:
            case Send():
                sender = MessageSender(self.runs, self.journeys, self.post, self.deployment)
                return sender.send(command, run, stored, journey, customer, turn)
            case SetTraits():
                self._say(command, customer, turn.now)
            case CallWebhook():
                run = self._call(command, run, journey, turn)
        return self.runs.save(stored, run, **turn.kept(stored)), False

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


def _held_by(run: Run, why: str) -> bool:
    """Whether a run is paused for this reason."""
    told = next((decision for decision in reversed(run.decisions) if decision.outcome == "paused"), None)
    return run.paused_at is not None and told is not None and told.reason == why


def _held_out(run: Run, journey: Journey, customer: Customer, now: datetime) -> Run | None:
    """The run, ended, if any of those who turned out to be this customer is in the hold-out; else None."""
    anchors = {*anchors_of(journey, customer), run.anchor or run.profile_id}
    if not run.live or not engine.held_out_any(journey, anchors):
        return None
    return ended(run, now, "", "held_out", f"in the hold-out of {journey.holdout_percent:g} %, by a merge")


def _in_doubt(run: Run) -> bool:
    """Whether a claim's outcome was never recorded: a crash left it, and an event may have ended the run since."""
    return any(entry.outcome == "claimed" for entry in run.ledger)


def _on_time(run: Run, now: datetime) -> datetime:
    moment = run.next_moment
    if moment is not None and now < moment <= now + TIMER_TOLERANCE:
        return moment
    return now
