"""What the links in our messages mean: where a click leads, whom it concerns, and how a customer says no more.

A click is behind a short code that nobody can guess and that is looked up, so that a text message stays one part and no
URL carries an address. A way out must work years later, when nothing is stored any more, so its token carries all that
is needed; it is signed (adapters), not secret. Nothing here trusts a URL further than "a web address that somebody of
ours put into a message".
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlsplit

from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.track_call import track_call

ALL_TOPICS: Final = "*"

CODE_LENGTH: Final = 12
"""Characters of a click's code: 72 bits, which nobody finds by trying, and which leave a text message its room."""

CLICK_LIFETIME: Final = timedelta(days=400)
"""A tracked link leads somewhere for so long after its message; as long as the archive keeps events."""

_CODE: Final = re.compile(rf"[A-Za-z0-9_-]{{{CODE_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class ClickLink:
    """A tracked link: the message it stood in, whom that was sent to, and where it leads."""

    message_id: str
    customer: Identifier
    url: str


@dataclass(frozen=True, slots=True)
class UnsubscribeLink:
    """A way out: of one topic of one channel, for the address the message was sent to."""

    message_id: str
    customer: Identifier
    channel: str
    topic: str


def is_code(text: str) -> bool:
    """Whether a path segment can be a click's code at all; anything else is not worth a read."""
    return _CODE.fullmatch(text) is not None


def one_click_headers(unsubscribe_url: str) -> dict[str, str]:
    """The e-mail headers that let a mailbox provider show its own unsubscribe button. Source: RFC 8058, 3.1."""
    return {
        "List-Unsubscribe": f"<{unsubscribe_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def location_of(url: str) -> str | None:
    """A URL as a Location header carries it (ASCII), or None when it is no web address to send a browser to."""
    if re.search(r"[\x00-\x20\x7f\\]", url):
        return None
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host:
        return None
    if not parts.netloc.isascii():
        url = url.replace(parts.netloc, parts.netloc.replace(parts.hostname or "", host), 1)
    return quote(url, safe="%/:?#[]@!$&'()*+,;=-._~")


def clicked(link: ClickLink, *, click_id: str, at: datetime, machine: bool) -> dict[str, Any]:
    """The call `Message Link Clicked`.

    Args:
        click_id: one per request, so that every click counts and a retried delivery does not.
        at: the moment of the click.
        machine: a scanner or a prefetch followed the link; it is recorded, and answers nothing.
    """
    return track_call(
        "Message Link Clicked",
        about=link.customer,
        message_id=f"click-{click_id}",
        at=at,
        properties={"message_id": link.message_id, "url": link.url, "machine": True if machine else None},
    )


def unsubscribed(link: UnsubscribeLink, *, everything: bool, at: datetime, how: str) -> dict[str, Any]:
    """The call `Unsubscribed`, by which a customer leaves a topic, or with `everything` the whole channel.

    Its message id is the same for the same link within a minute: repeated presses are one event. It is not the same for
    ever, because somebody who came back in between must be able to leave again by an old link.
    """
    topic = ALL_TOPICS if everything else link.topic
    said = f"{link.channel}\n{topic}\n{link.customer}\n{link.message_id}\n{at.astimezone(UTC):%Y-%m-%dT%H:%M}"
    return track_call(
        "Unsubscribed",
        about=link.customer,
        message_id=f"unsubscribe-{hashlib.sha256(said.encode()).hexdigest()[:32]}",
        at=at,
        properties=_consent(link, topic, how),
    )


def _consent(link: UnsubscribeLink, topic: str, how: str) -> Mapping[str, object]:
    return {
        "channel": link.channel,
        "topic": topic,
        "purpose": link.topic,
        "proof": f"{how} of the link in message {link.message_id}",
        "message_id": link.message_id,
    }
