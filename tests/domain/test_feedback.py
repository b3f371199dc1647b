"""Provider records as events."""

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnicascade.domain.errors import MalformedBodyError
from omnicascade.domain.feedback import events_from_ses, events_from_sms_reply, is_stop_word

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
MAIL: dict[str, Any] = {
    "timestamp": "2026-03-10T11:00:00.000Z",
    "messageId": "ses-1",
    "source": "Shop <shop@example.com>",
    "destination": ["Ann <Ann@Example.com>"],
    "tags": {
        "message": ["run-1-2"],
        "run": ["run-1"],
        "journey": ["cart"],
        "step": ["cascade-1"],
        "ses:from-domain": ["x"],
    },
}
REFERENCE = {"message_id": "run-1-2", "run_id": "run-1", "journey": "cart", "step": "cascade-1"}


def ses(kind: str, part: str, **details: Any) -> dict[str, Any]:
    return {"eventType": kind, "mail": copy.deepcopy(MAIL), part: {"timestamp": "2026-03-10T11:30:00.500Z", **details}}


def only(calls: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(calls) == 1
    return calls[0]


@pytest.mark.parametrize(
    ("record", "name", "properties"),
    [
        (ses("Delivery", "delivery", recipients=["ann@example.com"]), "Email Delivered", {}),
        (ses("Open", "open", userAgent="Mozilla/5.0"), "Email Opened", {}),
        (
            ses("Click", "click", link="https://s.example/", userAgent="M"),
            "Email Link Clicked",
            {"link": "https://s.example/"},
        ),
        (ses("Complaint", "complaint", complaintFeedbackType="abuse"), "Email Marked as Spam", {"reason": "abuse"}),
        (ses("Reject", "reject", reason="Bad content"), "Email Rejected", {"reason": "Bad content"}),
        (ses("Rendering Failure", "failure", errorMessage="no x"), "Email Rendering Failed", {"reason": "no x"}),
        (
            ses(
                "DeliveryDelay",
                "deliveryDelay",
                delayType="MailboxFull",
                delayedRecipients=[{"emailAddress": "ann@example.com"}],
            ),
            "Email Delivery Delayed",
            {"reason": "MailboxFull"},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_record_is_an_event_of_the_recipient(
    record: dict[str, Any], name: str, properties: dict[str, Any]
) -> None:
    """Name, time, reference to our message and the one address are all there, and nobody else is named."""
    call = only(events_from_ses(record))
    assert call["event"] == name
    assert call["properties"] == {**properties, **REFERENCE}
    assert call["context"] == {"traits": {"email": "ann@example.com"}}
    assert call["timestamp"] == "2026-03-10T11:30:00.500+00:00"
    assert "userId" not in call
    assert "anonymousId" not in call


@pytest.mark.parametrize(("kind", "permanent"), [("Permanent", True), ("Transient", False), ("Undetermined", False)])
def test_a_bounce_says_whether_it_is_for_good(kind: str, permanent: bool) -> None:
    """Only a permanent bounce condemns the address; the mail server's own words are the reason."""
    recipients = [{"emailAddress": "ann@example.com", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}]
    call = only(
        events_from_ses(ses("Bounce", "bounce", bounceType=kind, bounceSubType="General", bouncedRecipients=recipients))
    )
    assert call["event"] == "Email Bounced"
    assert call["properties"]["permanent"] is permanent
    assert call["properties"]["bounce_type"] == kind
    assert call["properties"]["reason"] == f"{kind}/General: smtp; 550 5.1.1 user unknown"


def test_a_legacy_notification_is_read_alike() -> None:
    """`notificationType` of identity notifications does the work of `eventType`, and tags may be missing."""
    record = ses("Delivery", "delivery")
    record["notificationType"] = record.pop("eventType")
    del record["mail"]["tags"]
    call = only(events_from_ses(record))
    assert (call["event"], call["properties"]) == ("Email Delivered", {})


@pytest.mark.parametrize("kind", ["Send", "Subscription"])
def test_what_is_known_elsewhere_makes_no_event(kind: str) -> None:
    """A send is in the run's ledger already."""
    assert events_from_ses({"eventType": kind, "mail": MAIL}) == []


def test_not_spam_is_no_complaint() -> None:
    """A customer who takes a mail out of the spam folder must not be treated as one who complained."""
    assert events_from_ses(ses("Complaint", "complaint", complaintFeedbackType="not-spam")) == []


def test_the_same_record_again_has_the_same_id_and_another_has_not() -> None:
    """Redelivery is a duplicate; a second click, a second link and a second recipient are not."""
    first = ses("Click", "click", link="https://s.example/a")
    other_link = ses("Click", "click", link="https://s.example/b")
    later = ses("Click", "click", link="https://s.example/a")
    later["click"]["timestamp"] = "2026-03-10T11:31:00.000Z"
    ids = [only(events_from_ses(record))["messageId"] for record in (first, copy.deepcopy(first), other_link, later)]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_every_bounced_recipient_has_an_event() -> None:
    """Two recipients are two customers."""
    two = [{"emailAddress": "ann@example.com"}, {"emailAddress": "bob@example.com"}]
    calls = events_from_ses(
        ses("Bounce", "bounce", bounceType="Permanent", bounceSubType="General", bouncedRecipients=two)
    )
    assert [call["context"]["traits"]["email"] for call in calls] == ["ann@example.com", "bob@example.com"]
    assert calls[0]["messageId"] != calls[1]["messageId"]


@pytest.mark.parametrize(
    "details",
    [
        {"isMachine": True},
        {"machine_open": "true"},
        {"isBot": True},
        {"userAgent": "Mozilla/5.0 (compatible; Mimecast)"},
    ],
)
def test_a_machine_is_marked(details: dict[str, Any]) -> None:
    """Whatever spelling says so, and known scanners' user agents, set `machine`."""
    assert only(events_from_ses(ses("Open", "open", **details)))["properties"]["machine"] is True


def test_a_person_is_not_marked_as_a_machine() -> None:
    """A false mark is no mark."""
    assert "machine" not in only(events_from_ses(ses("Open", "open", isMachine=False)))["properties"]


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"eventType": "Teleport", "mail": MAIL},
        {"eventType": "Open", "mail": MAIL},
        {"eventType": "Open", "open": {"timestamp": "2026-03-10T11:30:00Z"}},
        {"eventType": "Open", "mail": MAIL, "open": {"timestamp": "yesterday"}},
        {"eventType": "Open", "mail": {**MAIL, "messageId": ""}, "open": {"timestamp": "2026-03-10T11:30:00Z"}},
        {
            "eventType": "Open",
            "mail": {**MAIL, "destination": ["nobody"]},
            "open": {"timestamp": "2026-03-10T11:30:00Z"},
        },
    ],
)
def test_an_unreadable_record_is_refused(record: dict[str, Any]) -> None:
    """What cannot be read is an error, never silently nothing."""
    with pytest.raises(MalformedBodyError):
        events_from_ses(record)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("ann@example.com"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["Open", "Bounce", "Complaint"]), st.data())
def test_no_record_is_worse_than_unreadable(kind: str, data: st.DataObject) -> None:
    """Whatever stands in a record's fields, it is read or refused; it never takes its neighbours down with it."""
    fields = [
        "timestamp",
        "bouncedRecipients",
        "bounceType",
        "userAgent",
        "isMachine",
        "link",
        "messageId",
        "destination",
    ]
    record: dict[str, Any] = ses(kind, kind.lower())
    for part in (record["mail"], record[kind.lower()]):
        part.update(data.draw(st.dictionaries(st.sampled_from([*fields, "destination"]), JSON, max_size=3)))
    try:
        calls = events_from_ses(record)
    except MalformedBodyError:
        return
    assert all(call["messageId"] and call["context"]["traits"]["email"] for call in calls)


REPLY = {
    "originationNumber": "+48601234567",
    "destinationNumber": "+48500100200",
    "messageKeyword": "K",
    "messageBody": "When do you open?",
    "inboundMessageId": "in-1",
    "previousPublishedMessageId": "sns-1",
}


def test_a_reply_is_an_event_of_the_number() -> None:
    """The text, what it answers and which message of ours that was."""
    call = only(events_from_sms_reply(REPLY, at=NOW, message=REFERENCE))
    assert call["event"] == "SMS Replied"
    assert call["messageId"] == "sms-in-1"
    assert call["context"] == {"traits": {"phone": "+48601234567"}}
    assert call["properties"] == {"text": "When do you open?", "in_reply_to": "sns-1", **REFERENCE}


def test_a_stop_word_also_takes_the_number_off() -> None:
    """STOP is a reply and a refusal of every topic, with the words as proof."""
    reply, consent = events_from_sms_reply({**REPLY, "messageBody": " stop. "}, at=NOW)
    assert reply["event"] == "SMS Replied"
    assert consent["event"] == "Unsubscribed"
    assert consent["messageId"] == "sms-in-1-stop"
    assert consent["properties"]["channel"] == "sms"
    assert consent["properties"]["topic"] == "*"
    assert consent["properties"]["proof"] == "SMS reply 'stop.'"


@pytest.mark.parametrize("word", ["STOP", "Stop all", "unsubscribe", "ARRÊT", "Stopp!", "стоп", "opt-out", "QUIT"])
def test_stop_words_in_any_dress(word: str) -> None:
    """Case, accents, spaces and punctuation do not keep anybody on the list."""
    assert is_stop_word(word)


@pytest.mark.parametrize("text", ["", "do not stop", "Stop by the shop?", "ok", "1"])
def test_other_words_are_only_replies(text: str) -> None:
    """A sentence that has a stop word in it is not a refusal."""
    assert not is_stop_word(text)


@pytest.mark.parametrize("missing", ["originationNumber", "messageBody", "inboundMessageId"])
def test_a_reply_without_its_essentials_is_refused(missing: str) -> None:
    """Without number, text or id there is nothing to record."""
    with pytest.raises(MalformedBodyError):
        events_from_sms_reply({key: value for key, value in REPLY.items() if key != missing}, at=NOW)
