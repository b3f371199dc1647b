"""Feedback as a run sees it: which message an event speaks of, and what it says of it.

Exists so that provider events, taps, clicks and visits are told apart in one table, by the names of Segment's specs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

from omnicascade.domain.event import Event
from omnicascade.domain.json_text import mapping

REFERENCE_PARAMETER: Final = "oc"
"""Query parameter that our links carry to the site: the id of the message that brought the visit."""

MARKS: Final[Mapping[str, str]] = {
    "Email Delivered": "delivered",
    "Email Opened": "open",
    "Email Link Clicked": "click",
    "Email Bounced": "bounce",
    "Email Rejected": "bounce",
    "Email Rendering Failed": "bounce",
    "Email Marked as Spam": "complaint",
    "Push Notification Received": "delivered",
    "Push Notification Opened": "open",
    "Push Notification Tapped": "tap",
    "Push Notification Bounced": "bounce",
    "SMS Delivered": "delivered",
    "SMS Link Clicked": "click",
    "SMS Replied": "reply",
    "SMS Failed": "bounce",
    "Message Link Clicked": "click",
    "Message Failed": "bounce",
}
"""Mark per event name. Source: Segment's email and mobile specs for the names they define; the SMS names follow them.
`bounce` stands for every report that a message did not arrive."""

_VISITS: Final = frozenset({"page", "screen", "track"})


@dataclass(frozen=True, slots=True)
class Mark:
    """What an event says of one message; `permanent` is false for a bounce that may still arrive."""

    message_id: str
    kind: str
    permanent: bool = True


def message_reference(event: Event) -> str | None:
    """The id of the message an event refers to: in its properties, its campaign, or the address of the page visited."""
    return _text(mapping(event.body.get("properties")).get("message_id")) or _visit_reference(event)


def _visit_reference(event: Event) -> str | None:
    context = mapping(event.body.get("context"))
    campaign = _text(mapping(context.get("campaign")).get("message_id"))
    if campaign:
        return campaign
    for visited in (event.body.get("properties"), context.get("page")):
        url = mapping(visited).get("url")
        if isinstance(url, str) and f"{REFERENCE_PARAMETER}=" in url:
            return _parameter(url)
    return None


def mark_of(event: Event) -> Mark | None:
    """What an event says of a message; None for other events, and for what a machine did (scanner, prefetch)."""
    if event.properties.get("machine") is True:
        return None
    kind = MARKS.get(event.name) if event.type == "track" else None
    if kind:
        reference, permanent = message_reference(event), event.properties.get("permanent") is not False
        return Mark(reference, kind, permanent) if reference else None
    # `properties.message_id` alone makes no visit: a delay report or an unsubscription names the message too.
    reference = _visit_reference(event) if event.type in _VISITS else None
    return Mark(reference, "visit") if reference else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _parameter(url: str) -> str | None:
    try:
        return next(iter(parse_qs(urlsplit(url).query).get(REFERENCE_PARAMETER, [])), None)
    except ValueError:
        return None
