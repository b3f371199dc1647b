"""What providers tell us about our messages, as events of the customers they went to.

Every function is pure and deterministic: the same record makes the same calls with the same message ids, so that a
provider's redelivery changes nothing. Source of the records: SES developer guide, "Contents of event data that Amazon
SES publishes to Amazon SNS"; End User Messaging SMS user guide, "Two-way SMS messaging".
"""

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Any, Final

from omnicascade.domain.errors import MalformedBodyError
from omnicascade.domain.identifiers import Identifier, normalise
from omnicascade.domain.json_text import items, mapping
from omnicascade.domain.machines import is_machine
from omnicascade.domain.track_call import track_call

_IGNORED: Final = frozenset({"Send", "Subscription", "AmazonSnsSubscriptionSucceeded"})
"""What we know from elsewhere: the run's own ledger has the send, and SES's contact lists are not used."""

_EVENTS: Final = {
    "Delivery": ("Email Delivered", "delivery"),
    "Open": ("Email Opened", "open"),
    "Click": ("Email Link Clicked", "click"),
    "Bounce": ("Email Bounced", "bounce"),
    "Complaint": ("Email Marked as Spam", "complaint"),
    "Reject": ("Email Rejected", "reject"),
    "Rendering Failure": ("Email Rendering Failed", "failure"),
    "DeliveryDelay": ("Email Delivery Delayed", "deliveryDelay"),
}
"""SES's event type: our event's name (from Segment's e-mail spec where it has one) and the record's part for it."""

_RECIPIENTS: Final = ("bouncedRecipients", "complainedRecipients", "delayedRecipients", "recipients")

_MACHINE_FIELDS: Final = frozenset(
    {"machine", "ismachine", "machineopen", "machineclick", "ismachineopen", "ismachineclick", "machinegenerated"}
    | {"ismachinegenerated", "bot", "isbot", "automated", "isautomated"}
)
"""SES marks opens and clicks made by machines since 2026-08-07. The field's name was not found in any published page,
so these spellings are accepted (compared without case, `_` and `-`), and known scanners are told by their user agent
besides."""

STOP_WORDS: Final = frozenset(
    {"STOP", "STOPALL", "STOPP", "ARRET", "CANCEL", "END", "OPTOUT", "QUIT", "REMOVE", "TD", "UNSUBSCRIBE", "СТОП"}
)
"""A reply that is exactly one of these takes the number off. Source: AWS End User Messaging SMS user guide, "Opt out
keywords", and the CTIA's messaging principles; besides German and Russian."""


def events_from_ses(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The track calls an SES event record amounts to: one for each recipient, or none for what is of no interest.

    Raises:
        MalformedBodyError: this is no SES record that we can read.
    """
    kind = record.get("eventType") or record.get("notificationType") or ""
    if not isinstance(kind, str) or kind not in (*_IGNORED, *_EVENTS):
        raise MalformedBodyError(f"unknown SES event type {kind!r}", path="eventType")
    if kind in _IGNORED:
        return []
    name, part = _EVENTS[kind]
    mail, details = _part(record, "mail"), _part(record, part)
    if details.get("complaintFeedbackType") == "not-spam":
        return []  # the customer took the mail out of the spam folder: the opposite of a complaint
    at = _moment(details.get("timestamp") or mail.get("timestamp"))
    return [
        track_call(
            name,
            about=address,
            message_id=_event_id(mail.get("messageId"), kind, at, details.get("link"), address),
            at=at,
            properties={**_properties(part, details, told), **_message(mail)},
        )
        for address, told in _recipients(mail, details)
    ]


def events_from_sms_reply(
    record: Mapping[str, Any], *, at: datetime, message: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """The track calls a two-way SMS message amounts to: `SMS Replied`, and `Unsubscribed` when it is a stop word.

    Args:
        record: {originationNumber, messageBody, inboundMessageId, previousPublishedMessageId …}.
        at: when it was received; the record itself has no time.
        message: {message_id, run_id, journey, step} of the message it answers, where that is known.

    Raises:
        MalformedBodyError: no number, or no id.
    """
    sender = normalise("phone", record.get("originationNumber"))
    reply_id, text = record.get("inboundMessageId"), record.get("messageBody")
    if sender is None or not isinstance(reply_id, str) or not isinstance(text, str):
        raise MalformedBodyError("an SMS reply needs originationNumber, messageBody and inboundMessageId")
    known = {"in_reply_to": record.get("previousPublishedMessageId"), **(message or {})}
    calls = [
        track_call("SMS Replied", about=sender, message_id=f"sms-{reply_id}", at=at, properties={"text": text, **known})
    ]
    if is_stop_word(text):
        consent = {"channel": "sms", "topic": "*", "purpose": "all", "proof": f"SMS reply {text.strip()!r}", **known}
        calls.append(
            track_call("Unsubscribed", about=sender, message_id=f"sms-{reply_id}-stop", at=at, properties=consent)
        )
    return calls


def is_stop_word(text: str) -> bool:
    """Whether a whole reply says stop; case, accents, spaces and punctuation aside."""
    bare = unicodedata.normalize("NFKD", text)
    return "".join(c for c in bare if c.isalpha()).upper() in STOP_WORDS


def _recipients(mail: Mapping[str, Any], details: Mapping[str, Any]) -> Iterator[tuple[Identifier, Mapping[str, Any]]]:
    listed = next((details[key] for key in _RECIPIENTS if details.get(key)), mail.get("destination"))
    if not items(listed):
        raise MalformedBodyError("the record names no recipient", path="mail.destination")
    for item in items(listed):
        told = mapping(item) or {"emailAddress": item}
        address = normalise("email", parseaddr(str(told.get("emailAddress")))[1])
        if address is None:
            raise MalformedBodyError("a recipient's address cannot be read", path="mail.destination")
        yield address, told


def _properties(part: str, details: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, object]:
    match part:
        case "bounce":
            kind, subtype = details.get("bounceType"), details.get("bounceSubType")
            why = told.get("diagnosticCode") or told.get("status")
            reason = f"{kind}/{subtype}: {why}" if why else f"{kind}/{subtype}"
            return {"bounce_type": kind, "bounce_subtype": subtype, "permanent": kind == "Permanent", "reason": reason}
        case "complaint":
            return {"reason": details.get("complaintFeedbackType") or details.get("complaintSubType")}
        case "open" | "click":
            return {"link": details.get("link"), "machine": _by_machine(details) or None}
        case _:
            return {"reason": details.get("reason") or details.get("errorMessage") or details.get("delayType")}


def _by_machine(details: Mapping[str, Any]) -> bool:
    marked = any(
        key.lower().replace("_", "").replace("-", "") in _MACHINE_FIELDS and str(value).lower() == "true"
        for key, value in details.items()
    )
    return marked or is_machine(str(details.get("userAgent") or ""))


def _message(mail: Mapping[str, Any]) -> dict[str, object]:
    """Which of our messages this was, from the tags it was sent with."""
    tags = mapping(mail.get("tags"))
    named = {"message_id": "message", "run_id": "run", "journey": "journey", "step": "step"}
    return {name: items(tags.get(tag))[0] for name, tag in named.items() if items(tags.get(tag))}


def _event_id(ses_id: object, kind: str, at: datetime, link: object, address: Identifier) -> str:
    if not ses_id:
        raise MalformedBodyError("an SES record needs mail.messageId", path="mail.messageId")
    said = "\n".join((str(ses_id), kind, at.isoformat(), str(link or ""), address.value))
    return f"ses-{hashlib.sha256(said.encode()).hexdigest()[:32]}"


def _moment(text: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise MalformedBodyError(f"unreadable timestamp {text!r}", path="timestamp") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _part(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = mapping(record.get(name))
    if not part:
        raise MalformedBodyError(f"the record has no {name}", path=name)
    return part
