"""Deliver one claimed message: look once more whether it may go, write it for this customer, hand it over, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from omnicascade.domain.deployment import Channel, Deployment, Price
from omnicascade.domain.errors import (
    ChannelUnavailableError,
    PermanentAddressError,
    RenderError,
    RetryableSendError,
    SendError,
    UnknownOutcomeError,
)
from omnicascade.domain.event import Event
from omnicascade.domain.folding import fold
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.joining import join
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.engine import Send
from omnicascade.domain.journeys.journey import ConditionRule, EventRule, Journey
from omnicascade.domain.journeys.run import Run
from omnicascade.domain.links import one_click_headers
from omnicascade.domain.projection import Projection
from omnicascade.domain.reach import permission
from omnicascade.domain.spoken import EMAIL_MARKED_AS_SPAM, MESSAGE_FAILED, SUBSCRIBED, UNSUBSCRIBED
from omnicascade.domain.templates import RenderedMessage
from omnicascade.domain.track_call import FEEDBACK_SOURCE, track_call
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.ports import (
    EmailMessage,
    EmailSender,
    Envelope,
    EventQueue,
    PushMessage,
    PushSender,
    Receipt,
    SmsMessage,
    SmsSender,
    WebhookCaller,
)
from omnicascade.usecases.read_person import person_of
from omnicascade.usecases.store_ports import EventStore
from omnicascade.usecases.write_message import Draft, Links, LinkStore, Renderer, TemplateStore, Writer

LATENESS = timedelta(days=1)
"""How much older than its run an event may be by its own clock and still end it, when it arrives during the run."""

MAX_ATTEMPTS = 5
"""After so many refusals that promised a later success, the cascade goes on without this channel."""

_CONSENT_EVENTS = (SUBSCRIBED, UNSUBSCRIBED, EMAIL_MARKED_AS_SPAM)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a message.

    Attributes:
        outcome: the ledger's word.
        ended_by: the event that ended the run, found by the last look before the send.
    """

    outcome: Literal["sent", "failed", "unknown", "withdrawn"]
    reason: str
    provider_id: str | None = None
    cost: Price | None = None
    ended_by: Event | None = None


@dataclass(frozen=True, slots=True)
class PostOffice:
    """Everything that turns a claim into a message, bound once per process.

    Attributes:
        notice: told of what whoever runs the deployment must hear: what happened, and the channel, journey, step,
            template and error class it happened to. Never a provider's own words, which may quote an address.
    """

    events: EventStore
    queue: EventQueue
    templates: TemplateStore
    renderer: Renderer
    links: Links
    link_store: LinkStore
    email: EmailSender
    sms: SmsSender
    push: PushSender
    webhooks: WebhookCaller
    notice: Callable[[str, Mapping[str, str]], None]

    @property
    def writer(self) -> Writer:
        """Who writes the messages."""
        return Writer(self.templates, self.renderer, self.links, self.link_store)

    def deliver(
        self,
        send: Send,
        draft: Draft,
        *,
        run: Run,
        journey: Journey,
        customer: Customer,
        deployment: Deployment,
        attempt: int,
        now: datetime,
    ) -> Delivery:
        """Call the provider at most once.

        Args:
            draft: the message as it was written before it was claimed.
            attempt: how often this message was refused with the promise of a later success, from 0.

        Raises:
            RetryableSendError: surely not sent, and worth another attempt; the claim must be given back.
            UnavailableError: nothing was sent; the claim must be given back.
        """
        withdrawn = self._last_look(send, run, journey, customer, deployment, now)
        if withdrawn:
            return withdrawn
        if draft.rendered is None:
            error = draft.error or RenderError(f"nothing was written for {send.message_id}", template=send.template)
            self._tell(error, send, journey)
            return Delivery("failed", str(error))
        try:
            receipt = self._hand_over(send, draft.rendered, run, journey)
        except RetryableSendError as error:
            if attempt < MAX_ATTEMPTS:
                raise
            self._tell(error, send, journey)
            return Delivery("failed", f"given up after {attempt + 1} attempts: {error}")
        except PermanentAddressError as error:
            self._suppress(send, str(error), now)
            return Delivery("failed", str(error))
        except (ChannelUnavailableError, RenderError, UnknownOutcomeError) as error:
            self._tell(error, send, journey)
            return Delivery("unknown" if isinstance(error, UnknownOutcomeError) else "failed", str(error))
        return Delivery("sent", "accepted by the provider", receipt.provider_id, draft.price)

    def _last_look(
        self, send: Send, run: Run, journey: Journey, customer: Customer, deployment: Deployment, now: datetime
    ) -> Delivery | None:
        """Withdraw the message if anything stored up to this moment forbids it.

        The claim is older than this look: an order stored before it stops the message, one stored after it came after
        the claim.
        """
        exits = {rule.event for rule in journey.exits if isinstance(rule, EventRule)}
        arrived = self.events.arrived(
            customer.profile.members,
            {*exits, *_CONSENT_EVENTS},
            happened_from=run.entered_at - LATENESS,
            received_from=run.entered_at,
        )
        for event in arrived:
            moved = engine.apply(journey, run, event, now)
            if moved and not moved.live:
                return Delivery("withdrawn", moved.reason, ended_by=event)
        exited = self._exit_by_condition(run, journey, customer, deployment, now)
        if exited:
            return exited
        said = [event for event in arrived if event.name in _CONSENT_EVENTS]
        if not said:
            return None
        newest = join({**customer.projections, NodeId("arrived"): fold(Projection(), said)}) or customer.profile
        allowed = permission(newest, send.channel, journey.topic, deployment)
        return None if allowed.granted else Delivery("withdrawn", allowed.reason)

    def _exit_by_condition(
        self, run: Run, journey: Journey, customer: Customer, deployment: Deployment, now: datetime
    ) -> Delivery | None:
        """The history may have grown since the engine allowed the message: exits with `when` are judged on it anew.

        The run itself ends by the engine's next look, which finds the same.
        """
        needs = engine.needs(journey, deployment)
        if not needs.names or not any(isinstance(rule, ConditionRule) for rule in journey.exits):
            return None
        person = person_of(customer, needs, self.events, now)
        seen = engine.observe(journey, run, person, deployment, now)
        return None if seen is None or seen.live else Delivery("withdrawn", seen.reason)

    def _hand_over(self, send: Send, rendered: RenderedMessage, run: Run, journey: Journey) -> Receipt:
        marks = {"journey": journey.name, "run": run.run_id, "step": send.step, "message": send.message_id}
        match send.channel:
            case Channel.EMAIL:
                way_out = None if journey.transactional else self.writer.way_out(send, journey)
                headers = one_click_headers(way_out) if way_out else {}
                mail = EmailMessage(
                    send.address.value, rendered.subject, rendered.html, rendered.text, tags=marks, headers=headers
                )
                return self.email.send(mail)
            case Channel.SMS:
                return self.sms.send(SmsMessage(send.address.value, rendered.text, journey.transactional))
            case Channel.PUSH:
                data = {"message_id": send.message_id, "journey": journey.name}
                return self.push.send(PushMessage(send.address, rendered.title, rendered.text, rendered.url, data))

    def _tell(self, error: SendError, send: Send, journey: Journey) -> None:
        details = {
            "channel": send.channel.value,
            "journey": journey.name,
            "step": send.step,
            "template": send.template,
            "error": type(error).__name__,
        }
        if isinstance(error, RenderError) and error.field:
            details["field"] = error.field
        self.notice(_what_happened(error), details)

    def _suppress(self, send: Send, reason: str, now: datetime) -> None:
        """Say on the one road that an address is dead; the fold keeps it from being used again."""
        properties = {"message_id": send.message_id, "channel": send.channel.value, "permanent": True, "reason": reason}
        call = track_call(
            MESSAGE_FAILED, about=send.address, message_id=f"failed:{send.message_id}", at=now, properties=properties
        )
        self.queue.put(Envelope(FEEDBACK_SOURCE, now, [call]))


def _what_happened(error: SendError) -> str:
    match error:
        case ChannelUnavailableError():
            return "channel_unavailable"
        case RenderError():
            return "message_not_rendered"
        case UnknownOutcomeError():
            return "outcome_unknown"
        case _:
            return "message_given_up"
