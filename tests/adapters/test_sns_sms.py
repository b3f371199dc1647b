"""What goes to SNS."""

from typing import Any, cast
from urllib.parse import parse_qsl

import pytest

from omnicascade.adapters.sns_sms import SnsSmsSender
from omnicascade.domain.errors import ChannelUnavailableError, PermanentAddressError, RenderError
from omnicascade.usecases.ports import SmsMessage
from tests.fakes.aws_wire import Wire, wire

TAKEN = "<PublishResponse><PublishResult><MessageId>sns-1</MessageId></PublishResult></PublishResponse>"


def sent(sns: Wire) -> dict[str, str]:
    body = cast("Any", sns.requests[-1].body)
    return dict(parse_qsl(body.decode() if isinstance(body, bytes) else body))


def attributes(form: dict[str, str]) -> dict[str, tuple[str, str]]:
    names = {key.split(".")[2]: value for key, value in form.items() if key.endswith(".Name")}
    prefix = "MessageAttributes.entry"
    return {
        n: (form[f"{prefix}.{i}.Value.DataType"], form[f"{prefix}.{i}.Value.StringValue"]) for i, n in names.items()
    }


@pytest.mark.parametrize(("transactional", "kind"), [(True, "Transactional"), (False, "Promotional")])
def test_the_request_names_kind_sender_and_price_cap(transactional: bool, kind: str) -> None:
    """Number, text and the three SMS attributes are on the wire."""
    sns = wire("sns")
    sns.answer(200, TAKEN)
    SnsSmsSender(sns.client, "SHOP", "0.10").send(SmsMessage("+48601234567", "Zażółć", transactional))
    form = sent(sns)
    assert (form["PhoneNumber"], form["Message"]) == ("+48601234567", "Zażółć")
    assert attributes(form) == {
        "AWS.SNS.SMS.SMSType": ("String", kind),
        "AWS.SNS.SMS.SenderID": ("String", "SHOP"),
        "AWS.SNS.SMS.MaxPrice": ("Number", "0.10"),
    }


def test_settings_that_are_empty_are_left_out() -> None:
    """Countries without sender ids get none, and no cap means no cap."""
    sns = wire("sns")
    sns.answer(200, TAKEN)
    SnsSmsSender(sns.client).send(SmsMessage("+48601234567", "Hi", transactional=False))
    assert attributes(sent(sns)) == {"AWS.SNS.SMS.SMSType": ("String", "Promotional")}


def test_a_text_over_the_limit_never_leaves() -> None:
    """1,601 characters are our mistake and cost nothing."""
    sns = wire("sns")
    with pytest.raises(RenderError, match="1601 characters"):
        SnsSmsSender(sns.client).send(SmsMessage("+48601234567", "a" * 1601, transactional=False))
    assert sns.requests == []


def test_an_opted_out_number_is_permanent() -> None:
    """A number that said STOP to the carrier is dead for us."""
    sns = wire("sns")
    sns.answer(400, "<ErrorResponse><Error><Code>OptedOut</Code><Message>opted out</Message></Error></ErrorResponse>")
    with pytest.raises(PermanentAddressError):
        SnsSmsSender(sns.client).send(SmsMessage("+48601234567", "Hi", transactional=False))


def test_the_sandbox_never_costs_a_number() -> None:
    """A number that only our account's sandbox refuses stays usable."""
    sns = wire("sns")
    words = "Invalid parameter: PhoneNumber Reason: number is not verified, your account is in the SMS sandbox"
    sns.answer(
        400, f"<ErrorResponse><Error><Code>InvalidParameter</Code><Message>{words}</Message></Error></ErrorResponse>"
    )
    with pytest.raises(ChannelUnavailableError):
        SnsSmsSender(sns.client).send(SmsMessage("+48601234567", "Hi", transactional=False))
