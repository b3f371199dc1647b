"""Write a message for one customer, before it is claimed: what it says, what it will cost, whether its offer holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from omnicascade.domain.deployment import DEFAULT_PRICES, Channel, Deployment, Price
from omnicascade.domain.errors import RenderError
from omnicascade.domain.journeys.commands import Send
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.run import Run
from omnicascade.domain.links import ClickLink, UnsubscribeLink
from omnicascade.domain.offers import offer_over
from omnicascade.domain.sms import price_of_sms
from omnicascade.domain.templates import RenderedMessage, Template
from omnicascade.usecases.find_customer import Customer


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
class Draft:
    """A message that is ready to be claimed and handed over.

    Attributes:
        rendered: its words; None when it cannot be written.
        price: what the provider will charge for them.
        error: why it cannot be written.
        over: why its offer does not hold any more; empty if it does.
    """

    rendered: RenderedMessage | None = None
    price: Price | None = None
    error: RenderError | None = None
    over: str = ""


@dataclass(frozen=True, slots=True)
class Writer:
    """Everything that messages are written with."""

    templates: TemplateStore
    renderer: Renderer
    links: Links
    link_store: LinkStore

    def draft(
        self, send: Send, run: Run, journey: Journey, customer: Customer, deployment: Deployment, now: datetime
    ) -> Draft:
        """Write a message; the tracked link in it is kept, and does no harm if the message never goes.

        Raises:
            UnavailableError: a template, a key or the place for a link could not be reached; try again.
        """
        template = self.templates.template(send.template)
        if template is None:
            return Draft(error=RenderError(f"there is no template {send.template}", template=send.template))
        traits = customer.profile.traits
        over = offer_over(template.valid_until, entry=run.entry, traits=traits, now=now)
        if over:
            return Draft(over=over)
        try:
            rendered = self._rendered(template, send, run, journey, customer, now)
        except RenderError as error:
            return Draft(error=error)
        return Draft(rendered, price_of(send, rendered, deployment))

    def _rendered(
        self, template: Template, send: Send, run: Run, journey: Journey, customer: Customer, now: datetime
    ) -> RenderedMessage:
        message: dict[str, str | None] = {"id": send.message_id}
        context: dict[str, Any] = {
            "profile": {
                "traits": customer.profile.traits,
                "identifiers": {k.identifier.type: k.identifier.value for k in reversed(customer.profile.identifiers)},
            },
            "entry": run.entry or {},
            "journey": {"name": journey.name, "title": journey.title},
            "step": {"id": send.step},
            "digest": {"events": list(run.digest)},
            "message": message,
            "links": {"unsubscribe": self.way_out(send, journey)},
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

    def way_out(self, send: Send, journey: Journey) -> str | None:
        """The address at which the customer leaves the journey's topic; only e-mail has room for it.

        Raises:
            UnavailableError: the signing key could not be read.
        """
        if send.channel is not Channel.EMAIL:  # its token alone would be one more part of a text message
            return None
        return self.links.unsubscribe_url(UnsubscribeLink(send.message_id, send.address, send.channel, journey.topic))


def price_of(send: Send, rendered: RenderedMessage, deployment: Deployment) -> Price:
    """What a message costs: a text message by its parts and the number's country."""
    if send.channel is Channel.SMS:
        return price_of_sms(rendered.text, send.address.value, deployment.prices)
    return deployment.prices.get(send.channel, DEFAULT_PRICES[send.channel])
