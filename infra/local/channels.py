"""The providers: SES v2 for e-mail, SNS for text messages, Pinpoint for push. They accept, refuse or lose as AWS does.

Whatever they accept goes to the outbox whole. What only AWS knows about addresses (bounces, complaints) is played by
acts on a message, not here.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, cast
from urllib.parse import parse_qs, unquote

from botocore.exceptions import ReadTimeoutError

from infra.local.clock import VirtualClock
from infra.local.gateway import Answer, Call
from infra.local.outbox import Message, Outbox, Outcome

type Accepted = Callable[[Message], None]
"""Told about every accepted e-mail: SES reports on it."""

_ENDPOINT: Final = "https://provider.local"


class Channels:
    """Answers the send calls of the three services."""

    def __init__(self, outbox: Outbox, clock: VirtualClock, email_accepted: Accepted) -> None:
        """Send into `outbox`."""
        self._outbox = outbox
        self._clock = clock
        self._email_accepted = email_accepted

    def ses(self, call: Call) -> Answer | None:
        """SES v2: SendEmail and GetAccount; anything else is moto's."""
        if call.operation == "GetAccount":
            quota = {
                "Max24HourSend": 50_000.0,
                "MaxSendRate": 14.0,
                "SentLast24Hours": float(len(self._outbox.messages)),
            }
            return Answer.of({"ProductionAccessEnabled": True, "SendingEnabled": True, "SendQuota": quota})
        if call.operation != "SendEmail":
            return None
        message = self._email(call.json())
        outcome = self._outbox.outcome(message.to)
        if outcome is Outcome.PERMANENT:
            return Answer.error("MessageRejected", f"Invalid email address <{message.to}>.")
        if outcome is Outcome.THROTTLED:
            return Answer.error("TooManyRequestsException", "Maximum sending rate exceeded.", 429)
        self._accept(message, outcome)
        return Answer.of({"MessageId": message.id})

    def sns(self, call: Call) -> Answer | None:
        """SNS: Publish to a phone number; topics are moto's."""
        form = {key: values[0] for key, values in parse_qs(call.body.decode(), keep_blank_values=True).items()}
        if form.get("Action") != "Publish" or "PhoneNumber" not in form:
            return None
        message = self._sms(form)
        outcome = self._outbox.outcome(message.to)
        if outcome is Outcome.PERMANENT:
            reason = f"Invalid parameter: PhoneNumber Reason: {message.to} is not valid to publish to"
            return _xml_error("InvalidParameter", reason, 400)
        if outcome is Outcome.THROTTLED:
            return _xml_error("Throttled", "Rate exceeded", 429)
        self._accept(message, outcome)
        return _xml(
            f"<PublishResponse><PublishResult><MessageId>{message.id}</MessageId></PublishResult></PublishResponse>"
        )

    def pinpoint(self, call: Call) -> Answer | None:
        """Pinpoint: SendMessages to device tokens; the answer is per token."""
        if call.operation != "SendMessages":
            return None
        request: Mapping[str, Any] = call.json()
        application = unquote(call.path.split("/")[3])
        results = {
            token: self._push(token, address, request["MessageConfiguration"])
            for token, address in request["Addresses"].items()
        }
        return Answer.of({"ApplicationId": application, "RequestId": "local", "Result": results})

    def _accept(self, message: Message, outcome: Outcome) -> None:
        self._outbox.keep(message)
        if message.channel == "email":
            self._email_accepted(message)
        if outcome is Outcome.UNKNOWN:
            raise ReadTimeoutError(endpoint_url=_ENDPOINT)

    def _email(self, request: Mapping[str, Any]) -> Message:
        simple = request["Content"]["Simple"]
        body = simple["Body"]
        return Message(
            id=self._id("email"),
            at=self._clock.now(),
            channel="email",
            to=request["Destination"]["ToAddresses"][0],
            subject=simple["Subject"]["Data"],
            body=body.get("Text", {}).get("Data", ""),
            html=body.get("Html", {}).get("Data"),
            headers={header["Name"]: header["Value"] for header in simple.get("Headers", [])},
            extra={
                "from": request.get("FromEmailAddress"),
                "configuration_set": request.get("ConfigurationSetName"),
                "tags": {tag["Name"]: tag["Value"] for tag in request.get("EmailTags", [])},
            },
        )

    def _sms(self, form: Mapping[str, str]) -> Message:
        prefix = "MessageAttributes.entry."
        names = {
            key.split(".")[2]: value for key, value in form.items() if key.startswith(prefix) and key.endswith(".Name")
        }
        attributes = {name: form.get(f"{prefix}{number}.Value.StringValue", "") for number, name in names.items()}
        return Message(
            id=self._id("sms"),
            at=self._clock.now(),
            channel="sms",
            to=form["PhoneNumber"],
            body=form["Message"],
            extra={"attributes": attributes},
        )

    def _push(self, token: str, address: Mapping[str, Any], configuration: Mapping[str, Any]) -> dict[str, Any]:
        outcome = self._outbox.outcome(token)
        if outcome is Outcome.PERMANENT:
            return _delivery("PERMANENT_FAILURE", 410, "The device token is not registered")
        if outcome is Outcome.THROTTLED:
            return _delivery("THROTTLED", 429, "Rate exceeded")
        kind = address["ChannelType"]
        raw = json.loads(configuration[f"{kind.removesuffix('_SANDBOX')}Message"]["RawContent"])
        title, body, data = _notification(raw)
        message = Message(
            id=self._id("push"),
            at=self._clock.now(),
            channel="push",
            to=token,
            subject=title,
            body=body,
            data=data,
            extra={"channel_type": kind, "raw": raw},
        )
        self._accept(message, outcome)
        return _delivery("SUCCESSFUL", 200, "") | {"MessageId": message.id}

    def _id(self, channel: str) -> str:
        return f"local-{channel}-{self._outbox.next_number():06d}"


def _notification(raw: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    if "aps" in raw:
        alert = raw["aps"].get("alert", {})
        return alert.get("title", ""), alert.get("body", ""), {key: part for key, part in raw.items() if key != "aps"}
    message: Mapping[str, Any] = raw.get("fcmV1Message", raw)
    inner = cast("Mapping[str, Any]", message.get("message", message))
    notification: Mapping[str, Any] = inner.get("notification", {})
    return notification.get("title", ""), notification.get("body", ""), dict(inner.get("data", {}))


def _delivery(status: str, code: int, message: str) -> dict[str, Any]:
    return {"DeliveryStatus": status, "StatusCode": code, "StatusMessage": message}


def _xml(text: str, status: int = 200) -> Answer:
    return Answer(status, text.encode(), {"content-type": "text/xml"})


def _xml_error(code: str, message: str, status: int) -> Answer:
    kind = f"<Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>"
    return _xml(f"<ErrorResponse><Error>{kind}</Error></ErrorResponse>", status)
