"""Push notifications over Pinpoint's SendMessages, which outlived Pinpoint as AWS End User Messaging Push.

Only device tokens as addresses and raw payloads are used: endpoints are gone, and Pinpoint wraps structured data under
keys of its own. The call answers 200 even for a dead token; the truth is in the result of each address.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from omnicascade.adapters.aws_errors import send_error
from omnicascade.domain.errors import (
    ChannelUnavailableError,
    PermanentAddressError,
    RenderError,
    RetryableSendError,
    SendError,
    UnknownOutcomeError,
)
from omnicascade.usecases.ports import PushMessage, Receipt

if TYPE_CHECKING:
    from types_boto3_pinpoint.client import PinpointClient
    from types_boto3_pinpoint.type_defs import MessageResultTypeDef

MAX_PAYLOAD_BYTES: Final = 4096
"""FCM's and APNs' own limit. Source: AWS End User Messaging Push user guide, "Quotas"; FCM "About FCM messages"; Apple
"Generating a remote notification"."""

_OF_TOKEN: Final = re.compile(r"token|regist|sender.?id|unregistered|not ?found", re.IGNORECASE)
"""Words of FCM and APNs about the device, not about our credentials or our payload."""

_OUR_FAULT: Final = frozenset({400, 401, 403, 413})
"""Status codes that tell of credentials or payload, unless the words speak of the token."""


class PinpointPushSender:
    """`PushSender` on SendMessages. Cost: one request; the client must make one attempt only (`one_attempt_client`)."""

    def __init__(self, client: PinpointClient, application_id: str) -> None:
        """Args: application_id names the push application that holds the FCM and APNs credentials."""
        self._client = client
        self._application_id = application_id

    def send(self, message: PushMessage) -> Receipt:
        """See `PushSender.send`; also ChannelUnavailableError (credentials), RenderError (payload over 4 KB)."""
        token = message.to.value
        channel, configuration = _configuration(message)
        try:
            answer = self._client.send_messages(
                ApplicationId=self._application_id,
                MessageRequest={
                    "Addresses": {token: {"ChannelType": channel}},
                    "MessageConfiguration": configuration,
                },
            )
        except (ClientError, BotoCoreError) as error:
            raise send_error(error, "push SendMessages") from error
        result = answer["MessageResponse"].get("Result", {}).get(token)
        if result is None:
            raise UnknownOutcomeError("push SendMessages: the answer has no result for the token")
        if result["DeliveryStatus"] != "SUCCESSFUL":
            raise _explained(result)
        return Receipt(result.get("MessageId", ""))


def _configuration(message: PushMessage) -> tuple[Any, Any]:
    data = {**message.data, **({"url": message.url} if message.url else {})}
    notification = {"title": message.title, "body": message.body}
    if message.to.type == "ios.push_token":
        raw = _encoded({**data, "aps": {"alert": notification, "sound": "default"}})
        return "APNS", {"APNSMessage": {"APNSPushType": "alert", "RawContent": raw}}
    if message.to.type == "android.push_token":
        raw = _encoded({"fcmV1Message": {"message": {"notification": notification, "data": data}}})
        return "GCM", {"GCMMessage": {"RawContent": raw}}
    raise ChannelUnavailableError(f"no push channel for an address of type {message.to.type}")


def _encoded(payload: object) -> str:
    raw = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    size = len(raw.encode())
    if size > MAX_PAYLOAD_BYTES:
        raise RenderError(f"the push payload has {size} bytes; devices take at most {MAX_PAYLOAD_BYTES}: shorten it")
    return raw


def _explained(result: MessageResultTypeDef) -> SendError:
    status, code = result["DeliveryStatus"], result["StatusCode"]
    words = result.get("StatusMessage", "")
    said = f"push SendMessages: {status} {code}: {words}"
    match status:
        case "PERMANENT_FAILURE" if code in _OUR_FAULT and not _OF_TOKEN.search(words):
            return ChannelUnavailableError(said)
        case "PERMANENT_FAILURE" | "OPT_OUT":
            return PermanentAddressError(said)
        case "THROTTLED" | "TEMPORARY_FAILURE":
            return RetryableSendError(said)
        case _:
            return UnknownOutcomeError(said)
