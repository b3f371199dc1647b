"""Feedback on its way to the events queue."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from omnicascade.domain.errors import UnavailableError
from omnicascade.usecases.receive_feedback import FeedbackRecord, Refusal, receive_feedback
from omnicascade.usecases.store_ports import SentMessage
from tests.fakes.event_queue import MemoryEventQueue

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
DELIVERY = {
    "eventType": "Delivery",
    "mail": {
        "messageId": "s-1",
        "timestamp": "2026-03-10T11:00:00Z",
        "destination": ["ann@example.com"],
        "tags": {"message": ["m-1"]},
    },
    "delivery": {"timestamp": "2026-03-10T11:00:01Z", "recipients": ["ann@example.com"]},
}
REPLY = {
    "originationNumber": "+48601234567",
    "messageBody": "stop",
    "inboundMessageId": "in-1",
    "previousPublishedMessageId": "sns-1",
}


class Messages:
    """A `MessageLookup` that knows one message, and can be down."""

    def __init__(self, *, down: bool = False) -> None:
        self.down = down

    def find_message(self, provider_id: str) -> SentMessage | None:
        if self.down:
            raise UnavailableError("the table is throttled")
        if provider_id != "sns-1":
            return None
        return SentMessage(
            "sns-1", "run-1-2", "run-1", "cart", "cascade-1", "sms", "cart", "p", "+48601234567", NOW, "sent"
        )


def record(body: object, record_id: str = "1") -> FeedbackRecord:
    return FeedbackRecord(record_id, body if isinstance(body, str) else json.dumps(body))


def receive(*records: FeedbackRecord, queue: MemoryEventQueue, messages: Messages | None = None) -> list[Refusal]:
    return list(receive_feedback(records, queue=queue, messages=messages or Messages(), now=NOW))


def test_records_become_one_envelope_of_the_feedback_source() -> None:
    """A batch is one put; an SMS reply is joined to the message it answers."""
    queue = MemoryEventQueue()
    assert receive(record(DELIVERY), record(REPLY, "2"), queue=queue) == []
    (envelope,) = queue.envelopes
    assert (envelope.source, envelope.received_at) == ("feedback", NOW)
    assert [call["event"] for call in envelope.calls] == ["Email Delivered", "SMS Replied", "Unsubscribed"]
    assert [call["properties"]["message_id"] for call in envelope.calls] == ["m-1", "run-1-2", "run-1-2"]


@pytest.mark.parametrize("reference", ["other", "", None])
def test_a_reply_to_an_unknown_message_is_still_a_reply(reference: Any) -> None:
    """Nothing is lost because we cannot tell what is answered."""
    queue = MemoryEventQueue()
    assert receive(record({**REPLY, "previousPublishedMessageId": reference}), queue=queue) == []
    assert "message_id" not in queue.calls[0]["properties"]


def test_snss_envelope_is_opened() -> None:
    """A subscription without raw delivery brings the same record in an envelope."""
    queue = MemoryEventQueue()
    assert receive(record({"Type": "Notification", "Message": json.dumps(DELIVERY)}), queue=queue) == []
    assert [call["event"] for call in queue.calls] == ["Email Delivered"]


@pytest.mark.parametrize(
    "greeting",
    [
        "Successfully validated SNS topic for Amazon SES event publishing.",
        {"notificationType": "AmazonSnsSubscriptionSucceeded", "message": "You have successfully subscribed"},
    ],
)
def test_greetings_are_taken_and_forgotten(greeting: object) -> None:
    """What SES says when a topic is connected is no failure and no event."""
    queue = MemoryEventQueue()
    assert receive(record(greeting), queue=queue) == []
    assert queue.envelopes == []


@pytest.mark.parametrize("bad", ["not json", "[]", "{}", {"eventType": "Teleport"}, {"originationNumber": "x"}])
def test_a_bad_record_fails_alone_with_its_reason(bad: object) -> None:
    """Its neighbours are queued; it comes again and ends in the dead-letter queue, with a reason in the log."""
    queue = MemoryEventQueue()
    (refusal,) = receive(record(bad, "bad"), record(DELIVERY, "good"), queue=queue)
    assert refusal.id == "bad"
    assert refusal.reason
    assert [call["event"] for call in queue.calls] == ["Email Delivered"]


def test_nothing_is_confirmed_while_the_queue_is_down() -> None:
    """Every record comes again if the events could not be queued."""
    refused = receive(record(DELIVERY, "1"), record("nonsense", "2"), queue=MemoryEventQueue(down=True))
    assert {refusal.id for refusal in refused} == {"1", "2"}


def test_a_reply_waits_for_the_table() -> None:
    """A reply whose message cannot be looked up now comes again, instead of losing its reference for ever."""
    queue = MemoryEventQueue()
    (refusal,) = receive(record(REPLY, "r"), record(DELIVERY, "d"), queue=queue, messages=Messages(down=True))
    assert (refusal.id, refusal.reason) == ("r", "the table is throttled")
    assert [call["event"] for call in queue.calls] == ["Email Delivered"]


def test_redelivery_makes_the_same_message_ids() -> None:
    """The same records again are duplicates to the store."""
    first, again = MemoryEventQueue(), MemoryEventQueue()
    for queue in (first, again):
        receive(record(DELIVERY), record(REPLY, "2"), queue=queue)
    assert [call["messageId"] for call in first.calls] == [call["messageId"] for call in again.calls]
