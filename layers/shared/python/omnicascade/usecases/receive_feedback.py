"""Feedback from providers goes the road of every event: read, turned into track calls, queued."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from omnicascade.domain.errors import MalformedBodyError, UnavailableError
from omnicascade.domain.feedback import events_from_ses, events_from_sms_reply
from omnicascade.domain.json_text import mapping, parse_json
from omnicascade.domain.track_call import FEEDBACK_SOURCE
from omnicascade.usecases.ports import Envelope, EventQueue

if TYPE_CHECKING:
    from omnicascade.usecases.store_ports import SentMessage

GREETING: Final = "Successfully validated SNS topic"
"""What SES publishes, as plain text, when a topic becomes an event destination."""


class MessageLookup(Protocol):
    """Finds our message by the provider's id; every `RunStore` does."""

    def find_message(self, provider_id: str) -> SentMessage | None:
        """The message a provider speaks of, or None.

        Raises:
            UnavailableError: ask again later.
        """
        ...


@dataclass(frozen=True, slots=True)
class FeedbackRecord:
    """One message of the feedback queue, as it was delivered."""

    id: str
    body: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that was not processed, and why; no personal data in the reason."""

    id: str
    reason: str


def receive_feedback(
    records: Iterable[FeedbackRecord], *, queue: EventQueue, messages: MessageLookup, now: datetime
) -> Sequence[Refusal]:
    """Queue what the records tell. A bad record fails alone; if the queue fails, all do and come again.

    Args:
        records: each an SES event or a two-way SMS message, with or without SNS's envelope.
        queue: where the calls go, as one envelope of the source `feedback`.
        messages: names the message an SMS answers.
        now: when the records were received (UTC).

    Returns:
        The records to deliver again (and in the end to the dead-letter queue).
    """
    calls, taken, refused = list[Mapping[str, Any]](), list[str](), list[Refusal]()
    for record in records:
        try:
            calls += _calls(record.body, messages, now)
            taken.append(record.id)
        except (MalformedBodyError, UnavailableError) as error:
            refused.append(Refusal(record.id, str(error)))
    try:
        if calls:
            queue.put(Envelope(FEEDBACK_SOURCE, now, calls))
    except UnavailableError as error:
        refused += [Refusal(record_id, str(error)) for record_id in taken]
    return refused


def _calls(body: str, messages: MessageLookup, now: datetime) -> Sequence[Mapping[str, Any]]:
    if body.startswith(GREETING):
        return ()
    record = mapping(parse_json(body))
    if record.get("Type") == "Notification":
        return _calls(str(record.get("Message", "")), messages, now)
    if "originationNumber" in record:
        return events_from_sms_reply(record, at=now, message=_answered(record, messages))
    return events_from_ses(record)


def _answered(record: Mapping[str, Any], messages: MessageLookup) -> Mapping[str, str]:
    provider_id = record.get("previousPublishedMessageId")
    found = messages.find_message(provider_id) if isinstance(provider_id, str) and provider_id else None
    if found is None:
        return {}
    return {"message_id": found.message_id, "run_id": found.run_id, "journey": found.journey, "step": found.step}
