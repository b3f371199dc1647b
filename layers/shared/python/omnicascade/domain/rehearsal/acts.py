"""What comes back to a message, as the events production would see: the provider's report, the app's, the browser's.

Exists so that a rehearsal's customer acts through the same road as everybody's. Names: Segment's e-mail and mobile
specs, and ours for text messages and links (`journeys.marks.MARKS`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from omnicascade.domain.deployment import Channel
from omnicascade.domain.event import Event
from omnicascade.domain.feedback import is_stop_word
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.journeys.run import LedgerEntry
from omnicascade.domain.rehearsal.scenario import Reacts, event_of
from omnicascade.domain.spoken import UNSUBSCRIBED
from omnicascade.domain.track_call import FEEDBACK_SOURCE

_CLICKED: Final = "Message Link Clicked"
_NAMES: Final[Mapping[tuple[Channel, str], str]] = {
    (Channel.EMAIL, "delivered"): "Email Delivered",
    (Channel.EMAIL, "open"): "Email Opened",
    (Channel.EMAIL, "click"): "Email Link Clicked",
    (Channel.EMAIL, "tap"): "Email Link Clicked",
    (Channel.EMAIL, "failed"): "Email Rejected",
    (Channel.EMAIL, "bounce"): "Email Bounced",
    (Channel.EMAIL, "complaint"): "Email Marked as Spam",
    (Channel.PUSH, "delivered"): "Push Notification Received",
    (Channel.PUSH, "open"): "Push Notification Opened",
    (Channel.PUSH, "click"): _CLICKED,
    (Channel.PUSH, "tap"): "Push Notification Tapped",
    (Channel.PUSH, "failed"): "Push Notification Bounced",
    (Channel.PUSH, "bounce"): "Push Notification Bounced",
    (Channel.SMS, "delivered"): "SMS Delivered",
    (Channel.SMS, "click"): _CLICKED,
    (Channel.SMS, "tap"): _CLICKED,
    (Channel.SMS, "reply"): "SMS Replied",
    (Channel.SMS, "failed"): "SMS Failed",
    (Channel.SMS, "bounce"): "SMS Failed",
}
"""What each feedback is called. What is missing here is never reported by that channel: nobody is told when a text
message is read, and an answered e-mail goes to a mailbox that is not ours."""


def acted(act: Reacts, message: LedgerEntry, known: Sequence[Identifier], message_id: str) -> tuple[Event, ...]:
    """The events of an act; none where such a message brings no such feedback.

    Args:
        act: what the customer, or the provider, does.
        message: the one it is about.
        known: who the customer is, strongest first.
        message_id: of the first event.
    """
    if act.kind == "visit":
        context = {"campaign": {"source": "omnicascade", "message_id": message.message_id}}
        return (event_of("page", "page", message_id, act.at, (known[0],), {"context": context}),)
    if (message.channel, act.kind) == (Channel.SMS, "complaint"):
        return (_stop(act, message, message_id),)
    name = _NAMES.get((message.channel, act.kind))
    if name is None:
        return ()
    properties: dict[str, Any] = {"message_id": message.message_id}
    if act.kind == "bounce":
        properties |= {"permanent": True, "reason": "rehearsed"}
    if act.text:
        properties["text"] = act.text
    told = (_about(name, act, message, message_id, properties),)
    if act.kind == "reply" and is_stop_word(act.text):
        return (*told, _stop(act, message, f"{message_id}-stop"))
    return told


def _stop(act: Reacts, message: LedgerEntry, message_id: str) -> Event:
    """A text message is complained of by answering STOP."""
    properties = {"channel": "sms", "topic": "*", "message_id": message.message_id}
    return _about(UNSUBSCRIBED, act, message, message_id, properties)


def _about(name: str, act: Reacts, message: LedgerEntry, message_id: str, properties: Mapping[str, Any]) -> Event:
    """An event of the message's address alone, so that a dead one does not condemn the others."""
    body = {"properties": dict(properties)}
    return event_of("track", name, message_id, act.at, (message.address,), body, FEEDBACK_SOURCE)
