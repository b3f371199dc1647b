"""Deliver one claimed message: look once more whether it may go, write it for this customer, hand it over, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from omnicascade.domain.deployment import DEFAULT_PRICES, Channel, Deployment, Price
from omnicascade.domain.errors import (
    ChannelUnavailableError,
    PermanentAddressError,
    RenderError,
    RetryableSendError,
    SendError,
    UnknownOutcomeError,
)
from omnicascade.domain.event import Event
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.engine import Send
from omnicascade.domain.journeys.journey import EventRule, Journey
from omnicascade.domain.journeys.run import Run
from omnicascade.domain.links import ClickLink, UnsubscribeLink, one_click_headers
from omnicascade.domain.folding import fold
from omnicascade.domain.joining import join
from omnicascade.domain.projection import Projection
from omnicascade.domain.spoken import EMAIL_MARKED_AS_SPAM, MESSAGE_FAILED, SUBSCRIBED, UNSUBSCRIBED
from omnicascade.domain.reach import permission
from omnicascade.domain.sms import price_of_sms
from omnicascade.domain.templates import RenderedMessage, Template
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
)
from omnicascade.usecases.store_ports import EventStore

LATENESS = timedelta(days=1)
"""How much older than its run an event may be by its own clock and still end it, when it arrives during the run."""

MAX_ATTEMPTS = 5
"""After so many refusals that promised a later success, the cascade goes on without this channel."""

_CONSENT_EVENTS = (SUBSCRIBED, UNSUBSCRIBED, EMAIL_MARKED_AS_SPAM)


class Renderer(Protocol):
    """Writes messages from templates; raises `RenderError`."""

    def target(self, template: Template, channel: Channel, context: Mapping[str, Any]) -> str | None:
        """Where the message leads, or None."""
        ...

    def render(
        self, template: Template, channel: Channel, context: Mapping[str, Any], *, footer: bool
    ) -> RenderedMessage:
        """One customer's copy; with `footer`, an e-mail shows `links.unsubscribe` even if its template does not."""
        ...


class Links(Protocol):
    """Writes the links of messages; raises `UnavailableError`."""

    def click_code(self, message_id: str) -> str:
        """The code of a message's tracked link: always the same one, and only we can tell it."""
        ...

    def click_url(self, code: str) -> str:
        """The address of a tracked link."""
        ...

    def unsubscribe_url(self, link: UnsubscribeLink) -> str:
        """The address of a message's way out."""
        ...


class LinkStore(Protocol):
    """Tracked links by code."""

    def save(self, code: str, link: ClickLink, now: datetime) -> None:
        """Keep a link until `CLICK_LIFETIME` from now; saving it again changes nothing else.

        Raises:
            UnavailableError: not stored; the message must not go yet.
        """
        ...


class TemplateStore(Protocol):
    """Templates by name."""

    def template(self, name: str) -> Template | None:
        """One template, or None."""
        ...


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
    notice: Callable[[str, Mapping[str, str]], None]

    def deliver(
        self,
        send: Send,
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
            attempt: how often this message was refused with the promise of a later success, from 0.

        Raises:
            RetryableSendError: surely not sent, and worth another attempt; the claim must be given back.
            UnavailableError: nothing was sent; the claim must be given back.
        """
        withdrawn = self._last_look(send, run, journey, customer, deployment, now)
        if withdrawn:
            return withdrawn
        try:
            rendered = self._rendered(send, run, journey, customer, now)
            receipt = self._hand_over(send, rendered, run, journey)
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
        return Delivery("sent", "accepted by the provider", receipt.provider_id, _cost(send, rendered, deployment))

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
            if moved and moved.status != "live":
                return Delivery("withdrawn", moved.reason, ended_by=event)
        said = [event for event in arrived if event.name in _CONSENT_EVENTS]
        if not said:
            return None
        newest = join({**customer.projections, NodeId("arrived"): fold(Projection(), said)}) or customer.profile
        allowed = permission(newest, send.channel, journey.topic, deployment)
        return None if allowed.granted else Delivery("withdrawn", allowed.reason)

    def _rendered(self, send: Send, run: Run, journey: Journey, customer: Customer, now: datetime) -> RenderedMessage:
        template = self.templates.template(send.template)
        if template is None:
            raise RenderError(f"there is no template {send.template}", template=send.template)
        message: dict[str, str | None] = {"id": send.message_id}
        context: dict[str, Any] = {
            "profile": {
                "traits": customer.profile.traits,
                "identifiers": {k.identifier.type: k.identifier.value for k in reversed(customer.profile.identifiers)},
            },
            "entry": run.entry or {},
            "journey": {"name": journey.name, "title": journey.title},
            "step": {"id": send.step},
            "message": message,
            "links": {"unsubscribe": self._way_out(send, journey)},
        }
        target = self.renderer.target(template, send.channel, context)
        if target and send.channel is not Channel.PUSH:  # an app reports the tap itself
            target = self._tracked(ClickLink(send.message_id, send.address, target), now)
        message["url"] = target
        return self.renderer.render(template, send.channel, context, footer=not journey.transactional)

    def _tracked(self, link: ClickLink, now: datetime) -> str:
        code = self.links.click_code(link.message_id)
        self.link_store.save(code, link, now)
        return self.links.click_url(code)

    def _way_out(self, send: Send, journey: Journey) -> str | None:
        if send.channel is not Channel.EMAIL:  # its token alone would be one more part of a text message
            return None
        return self.links.unsubscribe_url(UnsubscribeLink(send.message_id, send.address, send.channel, journey.topic))

    def _hand_over(self, send: Send, rendered: RenderedMessage, run: Run, journey: Journey) -> Receipt:
        marks = {"journey": journey.name, "run": run.run_id, "step": send.step, "message": send.message_id}
        match send.channel:
            case Channel.EMAIL:
                way_out = None if journey.transactional else self._way_out(send, journey)
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


def _cost(send: Send, rendered: RenderedMessage, deployment: Deployment) -> Price:
    if send.channel is Channel.SMS:
        return price_of_sms(rendered.text, send.address.value, deployment.prices)
    return deployment.prices.get(send.channel, DEFAULT_PRICES[send.channel])
