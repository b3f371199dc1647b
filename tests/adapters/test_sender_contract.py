"""One contract for every sender: the same conditions make the same errors on SES, SNS, push and the in-memory sender.

The real adapters run on real botocore clients with canned answers on the wire.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from omnicascade.adapters.memory_senders import MemorySender
from omnicascade.adapters.pinpoint_push import PinpointPushSender
from omnicascade.adapters.ses_email import SesEmailSender
from omnicascade.adapters.sns_sms import SnsSmsSender
from omnicascade.domain.errors import (
    ChannelUnavailableError,
    PermanentAddressError,
    RetryableSendError,
    SendError,
    UnknownOutcomeError,
)
from omnicascade.domain.identifiers import Identifier
from omnicascade.usecases.ports import EmailMessage, PushMessage, Receipt, SmsMessage
from tests.fakes.aws_wire import Wire, wire

EMAIL = EmailMessage("ann@example.com", "Hi", "<p>Hi</p>", "Hi", {"message": "m-1"})
SMS = SmsMessage("+48601234567", "Hi", transactional=False)
PUSH = PushMessage(Identifier("android.push_token", "tok"), "Hi", "there", None, {"message_id": "m-1"})


@dataclass(frozen=True)
class Rig:
    """One sender: how to send once, how to bring about each condition, and how often the provider was called."""

    send: Callable[[], Receipt]
    conditions: dict[str, Callable[[], None]]
    calls: Callable[[], int]


def ses_rig() -> Rig:
    made = wire("sesv2")

    def bad(status: int, code: str, message: str) -> Callable[[], None]:
        return lambda: made.json(status, {"message": message}, code)

    conditions = {
        "taken": lambda: made.json(200, {"MessageId": "provider-1"}),
        "throttled": bad(429, "TooManyRequestsException", "Maximum sending rate exceeded."),
        "internal failure": bad(500, "InternalFailure", ""),
        "service unavailable": bad(503, "ServiceUnavailable", ""),
        "dead address": bad(400, "BadRequestException", "Illegal address"),
        "misconfigured": bad(400, "MessageRejected", "Email address is not verified. Failed: shop@example.com"),
        "denied": bad(403, "AccessDeniedException", "not authorized to perform ses:SendEmail"),
    }
    return _rig(made, lambda: SesEmailSender(made.client, "shop@example.com", "set").send(EMAIL), conditions)


def sns_rig() -> Rig:
    made = wire("sns")

    def bad(status: int, code: str, message: str) -> Callable[[], None]:
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        return lambda: made.answer(
            status, f'<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">{error}</ErrorResponse>'
        )

    taken = "<PublishResponse><PublishResult><MessageId>provider-1</MessageId></PublishResult></PublishResponse>"
    conditions = {
        "taken": lambda: made.answer(200, taken),
        "throttled": bad(400, "Throttling", "Rate exceeded"),
        "internal failure": bad(500, "InternalError", "An internal error"),
        "service unavailable": bad(503, "ServiceUnavailable", ""),
        "dead address": bad(
            400, "InvalidParameter", "Invalid parameter: PhoneNumber Reason: +1 is not valid to publish to"
        ),
        "misconfigured": bad(400, "InvalidParameter", "Invalid parameter: SenderID Reason: SenderID is not registered"),
        "denied": bad(403, "AuthorizationError", "not authorized to perform: SNS:Publish"),
    }
    return _rig(made, lambda: SnsSmsSender(made.client).send(SMS), conditions)


def push_rig() -> Rig:
    made = wire("pinpoint")

    def bad(status: int, code: str, message: str) -> Callable[[], None]:
        return lambda: made.json(status, {"Message": message, "RequestID": "r"}, code)

    def result(status: str, code: int, message: str = "") -> Callable[[], None]:
        told = {"DeliveryStatus": status, "StatusCode": code, "StatusMessage": message, "MessageId": "provider-1"}
        return lambda: made.json(200, {"ApplicationId": "app", "Result": {"tok": told}})

    conditions = {
        "taken": result("SUCCESSFUL", 200),
        "throttled": bad(429, "TooManyRequestsException", "slow down"),
        "internal failure": bad(500, "InternalServerErrorException", ""),
        "service unavailable": bad(503, "ServiceUnavailable", ""),
        "dead address": result("PERMANENT_FAILURE", 410, "Unregistered"),
        "misconfigured": result("PERMANENT_FAILURE", 401, "The APNs credentials are not valid"),
        "denied": bad(403, "ForbiddenException", "not authorized"),
    }
    return _rig(made, lambda: PinpointPushSender(made.client, "app").send(PUSH), conditions)


def memory_rig() -> Rig:
    sender = MemorySender[SmsMessage](name="provider")
    errors: dict[str, type[SendError]] = {
        "throttled": RetryableSendError,
        "internal failure": UnknownOutcomeError,
        "service unavailable": RetryableSendError,
        "dead address": PermanentAddressError,
        "misconfigured": ChannelUnavailableError,
        "denied": ChannelUnavailableError,
        "no connection": RetryableSendError,
        "connect time-out": RetryableSendError,
        "read time-out": UnknownOutcomeError,
        "connection closed": UnknownOutcomeError,
    }
    conditions: dict[str, Callable[[], None]] = {
        name: (lambda error=error, name=name: sender.fail_next(error(name))) for name, error in errors.items()
    }
    return Rig(lambda: sender.send(SMS), {"taken": lambda: None, **conditions}, lambda: sender.attempts)


def _rig(made: Wire, send: Callable[[], Receipt], conditions: dict[str, Any]) -> Rig:
    url = "https://aws.test/"
    broken = {
        "no connection": EndpointConnectionError(endpoint_url=url),
        "connect time-out": ConnectTimeoutError(endpoint_url=url),
        "read time-out": ReadTimeoutError(endpoint_url=url),
        "connection closed": ConnectionClosedError(endpoint_url=url),
    }
    failures: dict[str, Callable[[], None]] = {
        name: (lambda error=error: made.fail(error)) for name, error in broken.items()
    }
    return Rig(send, conditions | failures, lambda: len(made.requests))


@pytest.fixture(params=[ses_rig, sns_rig, push_rig, memory_rig], ids=["ses", "sns", "push", "memory"])
def rig(request: pytest.FixtureRequest) -> Rig:
    return request.param()


@pytest.mark.parametrize(
    ("condition", "error"),
    [
        ("throttled", RetryableSendError),
        ("service unavailable", RetryableSendError),
        ("no connection", RetryableSendError),
        ("connect time-out", RetryableSendError),
        ("read time-out", UnknownOutcomeError),
        ("connection closed", UnknownOutcomeError),
        ("internal failure", UnknownOutcomeError),
        ("dead address", PermanentAddressError),
        ("misconfigured", ChannelUnavailableError),
        ("denied", ChannelUnavailableError),
    ],
)
def test_every_sender_reads_the_same_conditions_alike(rig: Rig, condition: str, error: type[SendError]) -> None:
    """A condition is exactly one class of the tree, whoever the provider is; the provider is called once."""
    rig.conditions[condition]()
    with pytest.raises(SendError) as caught:
        rig.send()
    assert type(caught.value) is error
    assert rig.calls() == 1


def test_every_sender_returns_the_providers_id(rig: Rig) -> None:
    """What the provider took has its id there, by which feedback finds it again."""
    rig.conditions["taken"]()
    assert rig.send() == Receipt("provider-1")
    assert rig.calls() == 1
