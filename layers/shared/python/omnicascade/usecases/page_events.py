"""A customer's events page by page, as staff read them."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

from omnicascade.domain.errors import MalformedBodyError
from omnicascade.domain.event import Event
from omnicascade.domain.identity import judges_identities
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.read_customer import iso
from omnicascade.usecases.store_ports import EventStore

MAX_PAGE: Final = 100
DEFAULT_PAGE: Final = 50


def timeline_response(customer: Customer, events: EventStore, query: Mapping[str, str]) -> dict[str, Any]:
    """A page of a customer's events, newest first; what staff said of identifiers is explained elsewhere, not shown.

    Args:
        customer: whose.
        events: where they are.
        query: `limit` and `cursor`. Going on with a cursor loses no event and repeats none, whatever was added.

    Raises:
        MalformedBodyError: `limit` is no number from 1 to 100, or the cursor is not ours.
    """
    limit, place = _page_size(query.get("limit")), read_cursor(query.get("cursor"))
    shown = list[Event]()
    while True:
        page = events.timeline(customer.profile.members, limit - len(shown), place)
        shown += [event for event in page.events if not judges_identities(event)]
        place = page.cursor
        if place is None or len(shown) == limit:
            return {"events": [_shown(event) for event in shown], "cursor": show_cursor(place)}


def _page_size(limit: str | None) -> int:
    if limit is None:
        return DEFAULT_PAGE
    digits = limit.isascii() and limit.isdigit() and len(limit) <= len(str(MAX_PAGE))
    if not digits or not 1 <= int(limit) <= MAX_PAGE:
        raise MalformedBodyError(f"`limit` must be a number from 1 to {MAX_PAGE}", code="bad_limit", path="limit")
    return int(limit)


def show_cursor(place: str | None) -> str | None:
    """A store's cursor in letters that no URL needs to escape; None on the last page."""
    return place and urlsafe_b64encode(place.encode()).decode().rstrip("=")


def read_cursor(shown: str | None) -> str | None:
    """Read what `show_cursor` wrote; None on the first page.

    Raises:
        MalformedBodyError: it is none of ours.
    """
    if shown is None:
        return None
    message = "`cursor` must be the value a previous page gave"
    try:
        place = b64decode(shown + "=" * (-len(shown) % 4), altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise MalformedBodyError(message, code="bad_cursor", path="cursor") from error
    if not place:
        raise MalformedBodyError(message, code="bad_cursor", path="cursor")
    return place


def _shown(event: Event) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "message_id": event.message_id,
        "type": event.type,
        "event": event.name if event.type == "track" else event.body.get("name"),
        "source": event.source,
        "timestamp": iso(event.timestamp),
        "received_at": iso(event.received_at),
        "properties": event.properties,
        "context": event.context,
    }
    return shown | ({"traits": event.body["traits"]} if event.body.get("traits") else {})
