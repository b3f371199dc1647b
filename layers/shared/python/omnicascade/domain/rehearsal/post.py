"""The rehearsal's provider: prices each message, takes it from the budget, accepts it, and remembers it.

Nobody is written to and nobody is called: what would be is only told.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal
from urllib.parse import urlsplit

from omnicascade.domain.deployment import Channel, Deployment, Price
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.commands import CallWebhook, Send
from omnicascade.domain.journeys.person import Contact
from omnicascade.domain.journeys.run import Run
from omnicascade.domain.rehearsal.customer import Customer
from omnicascade.domain.rehearsal.stage import Purse, Stage
from omnicascade.domain.zones import zone_named


@dataclass(frozen=True, slots=True)
class Sent:
    """One message that went out."""

    at: datetime
    run_id: str
    key: str | None
    message_id: str
    step: str
    channel: Channel
    template: str
    cost: Price


class Post:
    """What goes out to one customer.

    Attributes:
        messages: all that went out, in order.
    """

    __slots__ = ("_customer", "_purse", "_stage", "messages")

    def __init__(self, stage: Stage, customer: Customer, purse: Purse) -> None:
        self._stage, self._customer, self._purse = stage, customer, purse
        self.messages: list[Sent] = []

    def latest(self, channel: Channel | None) -> Sent | None:
        """The latest message of a channel, or of any."""
        return next((sent for sent in reversed(self.messages) if channel in {None, sent.channel}), None)

    def send(self, run: Run, send: Send, now: datetime) -> Run:
        """The run after its message was taken, refused, or found to be one that cannot be written."""
        journey = self._stage.journey
        quote = self._stage.quote(send, run, self._customer.profile)
        if quote.outcome == "refused":
            return engine.refuse(journey, run, send.message_id, quote.reason, now)
        if quote.price is None:
            return engine.record_outcome(journey, run, send.message_id, "failed", now=now, reason=quote.reason)
        if send.budget is not None:
            spent = self._reserve(send.channel, quote.price, send.budget, now)
            if spent:
                return engine.refuse(journey, run, send.message_id, spent, now)
        if self._stage.capped:
            kind = "transactional" if journey.transactional else "marketing"
            self._customer.contacted(Contact(now, send.message_id, send.channel, journey.name, kind))
        sent = Sent(now, run.run_id, run.key, send.message_id, send.step, send.channel, send.template, quote.price)
        self.messages.append(sent)
        return engine.record_outcome(
            journey, run, send.message_id, "sent", now=now, cost=quote.price, reason=quote.reason
        )

    def call(self, run: Run, call: CallWebhook, now: datetime) -> Run:
        """The run after a webhook that nobody called; a host that is not allowed fails as it would."""
        outcome, reason = _called(call, self._stage.deployment)
        return engine.record_call(self._stage.journey, run, call.step, outcome, reason, now)

    def _reserve(self, channel: Channel, price: Price, limit: Price, now: datetime) -> str | None:
        """Take a message's price from its month's budget; the reason where it does not have it."""
        zone = zone_named(self._stage.deployment.default_zone) or UTC
        month = now.astimezone(zone).strftime("%Y-%m")
        if price.currency != limit.currency:
            return f"the budget is in {limit.currency}, and the message costs {price.currency}"
        spent = self._purse.get((channel, month), Decimal())
        if spent + price.amount > limit.amount:
            left = f"{limit.amount:f} {limit.currency} for {month} has less left than the message's"
            return f"the budget of {left} {price.amount:f} {price.currency}"
        self._purse[channel, month] = spent + price.amount
        return None


def _called(call: CallWebhook, deployment: Deployment) -> tuple[Literal["called", "failed"], str]:
    host = (urlsplit(call.url).hostname or "").lower()
    if host in {known.lower() for known in deployment.webhook_hosts}:
        return "called", "rehearsed: nothing was called"
    return "failed", f"{host} is none of the hosts that webhooks may call"
