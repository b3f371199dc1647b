"""What goes to push, and what comes back per address."""

import json
from typing import Any

import pytest

from omnicascade.adapters.pinpoint_push import MAX_PAYLOAD_BYTES, PinpointPushSender
from omnicascade.domain.errors import (
    ChannelUnavailableError,
    PermanentAddressError,
    RenderError,
    RetryableSendError,
    SendError,
    UnknownOutcomeError,
)
from omnicascade.domain.identifiers import Identifier
from omnicascade.usecases.ports import PushMessage
from tests.fakes.aws_wire import Wire, wire

ANDROID = PushMessage(Identifier("android.push_token", "tok"), "T", "B", "https://s.example/", {"message_id": "m-1"})
IOS = PushMessage(Identifier("ios.push_token", "tok"), "T", "B", None, {"message_id": "m-1"})


def push(status: str = "SUCCESSFUL", code: int = 200, message: str = "", token: str = "tok") -> Wire:
    made = wire("pinpoint")
    told = {"DeliveryStatus": status, "StatusCode": code, "StatusMessage": message, "MessageId": "p-1"}
    made.json(200, {"ApplicationId": "app", "Result": {token: told}})
    return made


def sent(made: Wire) -> tuple[Any, Any]:
    body = made.body()
    (configuration,) = body["MessageConfiguration"].values()
    return body["Addresses"], json.loads(configuration["RawContent"])


def test_android_gets_fcm_v1_with_our_data() -> None:
    """The raw FCM v1 message carries notification and data, all strings, with the address it leads to."""
    made = push()
    PinpointPushSender(made.client, "app").send(ANDROID)
    addresses, raw = sent(made)
    assert addresses == {"tok": {"ChannelType": "GCM"}}
    message = raw["fcmV1Message"]["message"]
    assert message["notification"] == {"title": "T", "body": "B"}
    assert message["data"] == {"message_id": "m-1", "url": "https://s.example/"}
    assert made.requests[-1].url.endswith("/v1/apps/app/messages")


def test_ios_gets_an_alert_with_our_data_beside_it() -> None:
    """The raw APNs payload has `aps` and our keys at its top level."""
    made = push()
    PinpointPushSender(made.client, "app").send(IOS)
    addresses, raw = sent(made)
    assert addresses == {"tok": {"ChannelType": "APNS"}}
    assert raw == {"message_id": "m-1", "aps": {"alert": {"title": "T", "body": "B"}, "sound": "default"}}
    assert made.body()["MessageConfiguration"]["APNSMessage"]["APNSPushType"] == "alert"


@pytest.mark.parametrize(
    ("status", "code", "message", "error"),
    [
        ("PERMANENT_FAILURE", 410, "Unregistered", PermanentAddressError),
        ("PERMANENT_FAILURE", 404, "", PermanentAddressError),
        ("PERMANENT_FAILURE", 400, "BadDeviceToken", PermanentAddressError),
        ("PERMANENT_FAILURE", 400, "InvalidRegistration", PermanentAddressError),
        ("PERMANENT_FAILURE", 403, "MismatchSenderId", PermanentAddressError),
        ("OPT_OUT", 200, "", PermanentAddressError),
        ("PERMANENT_FAILURE", 400, "No credentials provided for application", ChannelUnavailableError),
        ("PERMANENT_FAILURE", 403, "BadCertificate", ChannelUnavailableError),
        ("THROTTLED", 429, "", RetryableSendError),
        ("TEMPORARY_FAILURE", 500, "", RetryableSendError),
        ("UNKNOWN_FAILURE", 500, "", UnknownOutcomeError),
        ("DUPLICATE", 200, "", UnknownOutcomeError),
    ],
)
def test_each_delivery_status_is_one_error(status: str, code: int, message: str, error: type[SendError]) -> None:
    """A 200 is no success: the address's own status decides, and only a fault of the device condemns its token."""
    made = push(status, code, message)
    with pytest.raises(SendError) as caught:
        PinpointPushSender(made.client, "app").send(ANDROID)
    assert type(caught.value) is error


def test_an_answer_without_our_token_is_unknown() -> None:
    """If the service does not say, neither do we."""
    made = push(token="other")
    with pytest.raises(UnknownOutcomeError):
        PinpointPushSender(made.client, "app").send(ANDROID)


def test_a_payload_over_4_kb_never_leaves() -> None:
    """The limit counts bytes, not characters, and the error says what to do."""
    made = push()
    long = PushMessage(ANDROID.to, "T", "ż" * (MAX_PAYLOAD_BYTES // 2), None, {})
    with pytest.raises(RenderError, match="at most 4096: shorten it"):
        PinpointPushSender(made.client, "app").send(long)
    assert made.requests == []


def test_an_address_of_another_kind_is_no_push_address() -> None:
    """An e-mail address given to the push sender is our mistake, not the customer's."""
    with pytest.raises(ChannelUnavailableError):
        PinpointPushSender(push().client, "app").send(
            PushMessage(Identifier("email", "a@b.example"), "T", "B", None, {})
        )
