"""Text messages over Amazon SNS: the adapter that needs no set-up. It is paid by the part, so nothing here ever
repeats."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from omnicascade.adapters.aws_errors import code_of, message_of, send_error
from omnicascade.domain.errors import PermanentAddressError, RenderError, SendError
from omnicascade.domain.sms import MAX_CHARACTERS
from omnicascade.usecases.ports import Receipt, SmsMessage

if TYPE_CHECKING:
    from types_boto3_sns.client import SNSClient
    from types_boto3_sns.type_defs import MessageAttributeValueTypeDef

_BAD_NUMBER: Final = re.compile(r"phone ?number|opted out|not valid to publish to", re.IGNORECASE)
"""SNS's words for a number it will never send to; they come with the same code as any other bad parameter."""

_OF_ACCOUNT: Final = re.compile(r"sandbox|verif", re.IGNORECASE)
"""In the SMS sandbox a good number is refused because our account has not verified it."""


class SnsSmsSender:
    """`SmsSender` on SNS Publish. Cost: one request; the client must make one attempt only (`one_attempt_client`).

    SNS accepts numbers that opted out at the carrier and writes the failure to its delivery log only. When the
    account's monthly spend limit is reached SNS likewise accepts and drops: watch the metric `SMSMonthToDateSpentUSD`.
    """

    def __init__(self, client: SNSClient, sender_id: str = "", max_price_usd: str = "") -> None:
        """Args: sender_id as shown on the phone, where the country allows it; max_price_usd caps one message's
        price."""
        self._client = client
        self._sender_id = sender_id
        self._max_price_usd = max_price_usd

    def send(self, message: SmsMessage) -> Receipt:
        """See `SmsSender.send`; also ChannelUnavailableError (permission, parameters) and RenderError (text too
        long)."""
        if len(message.text) > MAX_CHARACTERS:
            raise RenderError(f"the SMS has {len(message.text)} characters; at most {MAX_CHARACTERS} can be sent")
        try:
            answer = self._client.publish(
                PhoneNumber=message.to, Message=message.text, MessageAttributes=self._attributes(message)
            )
        except (ClientError, BotoCoreError) as error:
            raise _explained(error) from error
        return Receipt(answer["MessageId"])

    def _attributes(self, message: SmsMessage) -> dict[str, MessageAttributeValueTypeDef]:
        kind = "Transactional" if message.transactional else "Promotional"
        said = {"SMSType": ("String", kind), "SenderID": ("String", self._sender_id)}
        said["MaxPrice"] = ("Number", self._max_price_usd)
        return {
            f"AWS.SNS.SMS.{name}": {"DataType": data_type, "StringValue": value}
            for name, (data_type, value) in said.items()
            if value
        }


def _explained(error: ClientError | BotoCoreError) -> SendError:
    if isinstance(error, ClientError):
        code, words = code_of(error), message_of(error)
        of_number = bool(_BAD_NUMBER.search(words)) and not _OF_ACCOUNT.search(words)
        if code == "OptedOut" or (code in {"InvalidParameter", "ParameterValueInvalid"} and of_number):
            return PermanentAddressError(f"SNS Publish: {words}")
    return send_error(error, "SNS Publish")
