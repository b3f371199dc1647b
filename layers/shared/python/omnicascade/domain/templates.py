"""A message's wording for every channel: written once, with the differences a channel needs beside it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from omnicascade.domain.deployment import Channel

FIELDS: Final = ("text", "title", "subject", "html", "url")
"""What a template may say, for all channels and again for one; all are Liquid."""


@dataclass(frozen=True, slots=True)
class Wording:
    """Liquid sources; None where nothing is said.

    Attributes:
        text: the plain words: push body, SMS, plain e-mail.
        title: a push notification's title.
        subject: an e-mail's subject.
        html: an e-mail's HTML body.
        url: where the message leads.
    """

    text: str | None = None
    title: str | None = None
    subject: str | None = None
    html: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """One named message; `channels` holds what a channel says differently.

    `valid_until` is when its offer ends: a time in ISO 8601, a path in the entry event (`event.properties.until`) or a
    trait; a message whose offer is over is never sent.
    """

    name: str
    wording: Wording = field(default_factory=Wording)
    channels: Mapping[Channel, Wording] = field(default_factory=dict[Channel, Wording])
    valid_until: str | None = None

    def source(self, channel: Channel, name: str) -> str | None:
        """The Liquid source of a field for a channel: the channel's own, else the common one."""
        own: str | None = getattr(self.channels.get(channel, Wording()), name)
        common: str | None = getattr(self.wording, name)
        return own if own is not None else common

    def serves(self, channel: Channel) -> bool:
        """Whether there is something to say on a channel: push and SMS need a text, e-mail a text or an HTML body."""
        said = self.source(channel, "text") is not None
        return said or (channel is Channel.EMAIL and self.source(channel, "html") is not None)

    def sources(self) -> Iterator[tuple[str, str]]:
        """Every Liquid source with its dotted path: `text`, `email.subject` …"""
        for prefix, wording in (("", self.wording), *((f"{c}.", w) for c, w in self.channels.items())):
            for name in FIELDS:
                source = getattr(wording, name)
                if source is not None:
                    yield f"{prefix}{name}", source


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """One customer's copy: empty where a channel has no use for a field, `url` None where it leads nowhere."""

    subject: str
    title: str
    text: str
    html: str
    url: str | None


def to_json(template: Template) -> dict[str, Any]:
    """Plain JSON, without what is not said; the same shape as a template file."""
    parts = {str(channel): _said(wording) for channel, wording in template.channels.items()}
    end = {"valid_until": template.valid_until} if template.valid_until else {}
    return {"name": template.name, **_said(template.wording), **parts, **end}


def from_json(stored: Mapping[str, Any]) -> Template:
    """Read what `to_json` wrote. Not for what people wrote: `template_definition.load_template` checks that."""
    channels = {channel: _wording(stored[channel]) for channel in Channel if channel in stored}
    return Template(stored["name"], _wording(stored), channels, stored.get("valid_until"))


def _said(wording: Wording) -> dict[str, str]:
    return {name: value for name, value in asdict(wording).items() if value is not None}


def _wording(stored: Mapping[str, Any]) -> Wording:
    return Wording(**{name: stored[name] for name in FIELDS if name in stored})
