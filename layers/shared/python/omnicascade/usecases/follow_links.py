"""The links in our messages at work: a click is recorded and led on, a wish to leave is recorded before it is
confirmed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from omnicascade.domain.errors import NotFoundError, UnavailableError
from omnicascade.domain.links import ClickLink, UnsubscribeLink, clicked, location_of, unsubscribed
from omnicascade.domain.track_call import FEEDBACK_SOURCE
from omnicascade.usecases.link_pages import Answer, ask, busy, gone, redirect, unknown_link
from omnicascade.usecases.ports import Envelope, EventQueue


class LinkStore(Protocol):
    """Tracked links by code."""

    def find(self, code: str) -> ClickLink:
        """The link behind a code.

        Raises:
            NotFoundError: not a code of ours, or one that expired.
            UnavailableError: the table could not be read.
        """
        ...


class LinkReader(Protocol):
    """Reads the signed tokens."""

    def read_unsubscribe(self, token: str) -> UnsubscribeLink:
        """What an unsubscribe token says.

        Raises:
            NotFoundError: not a token of ours.
            UnavailableError: the key could not be read.
        """
        ...


def follow_click(
    code: str, *, links: LinkStore, queue: EventQueue, click_id: str, machine: bool, now: datetime
) -> Answer:
    """Record `Message Link Clicked` and lead the browser on.

    The customer gets where they wanted to go even if the click cannot be queued: the loss is told in `trouble`, and the
    visit that follows answers the message as well. A bad code is a page, never a redirect.

    Args:
        code: of the path.
        links: every link that was sent lately.
        queue: where the call goes.
        click_id: one per request.
        machine: a scanner or prefetch; recorded as such.
        now: aware, UTC.
    """
    try:
        link = links.find(code)
    except NotFoundError:
        return unknown_link()
    except UnavailableError as error:
        return busy(str(error))
    location = location_of(link.url)
    if location is None:
        return unknown_link()
    try:
        _put(queue, clicked(link, click_id=click_id, at=now, machine=machine), now)
    except UnavailableError as error:
        return redirect(location, trouble=f"a click on message {link.message_id} was not recorded: {error}")
    return redirect(location)


def show_way_out(token: str, *, links: LinkReader) -> Answer:
    """The page with the buttons. It changes nothing: mail scanners open every link (RFC 8058, 3.2)."""
    try:
        return ask(links.read_unsubscribe(token))
    except NotFoundError:
        return unknown_link()
    except UnavailableError as error:
        return busy(str(error))


def leave(token: str, *, everything: bool, links: LinkReader, queue: EventQueue, now: datetime) -> Answer:
    """Record `Unsubscribed`, then confirm it: what is confirmed is durably queued.

    Args:
        token: of the path; whoever has it may leave, by a mailbox provider's button or by ours.
        everything: the whole channel rather than the message's topic.
        links: knows the key.
        queue: where the call goes.
        now: aware, UTC.
    """
    try:
        link = links.read_unsubscribe(token)
        _put(queue, unsubscribed(link, everything=everything, at=now, how="POST"), now)
    except NotFoundError:
        return unknown_link()
    except UnavailableError as error:
        return busy(str(error))
    return gone(link, everything=everything)


def _put(queue: EventQueue, call: Mapping[str, Any], now: datetime) -> None:
    queue.put(Envelope(FEEDBACK_SOURCE, now, [call]))
