"""E-mail over Amazon SES v2."""

from __future__ import annotations

import re
from email.utils import formataddr, parseaddr
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from omnicascade.adapters.aws_errors import code_of, message_of, send_error
from omnicascade.domain.errors import PermanentAddressError, SendError
from omnicascade.usecases.ports import EmailMessage, Receipt

if TYPE_CHECKING:
    from types_boto3_sesv2.client import SESV2Client
    from types_boto3_sesv2.type_defs import SendEmailRequestTypeDef

_BAD_ADDRESS: Final = re.compile(
    r"illegal address|missing final|local address|domain (contains|starts|ends|name|is)|invalid (email|to|recipient)"
    r"|address (is invalid|too long)|blacklisted|suppression list",
    re.IGNORECASE,
)
"""SES's words for an address that no mail can be sent to; they come with the same code as any other bad input."""

_OF_SENDER: Final = re.compile(r"not verified|sandbox|from address|identit", re.IGNORECASE)
"""Words of a fault on our side, which must never cost a customer the address."""

TAG_LENGTH: Final = 256
"""Longest tag value. Source: SES API v2 reference, MessageTag (letters, digits, '-' and '_' only)."""


class SesEmailSender:
    """`EmailSender` on SES v2. Cost: one SendEmail; the client must make one attempt only (`one_attempt_client`)."""

    def __init__(self, client: SESV2Client, sender: str, configuration_set: str = "") -> None:
        """Args: sender is the From address, with or without a name; the configuration set is what sends feedback."""
        self._client = client
        self._from = _header_address(sender)
        self._configuration_set = configuration_set

    def send(self, message: EmailMessage) -> Receipt:
        """See `EmailSender.send`; also ChannelUnavailableError (sender not verified, sending paused, content
        refused)."""
        try:
            answer = self._client.send_email(**self._request(message))
        except (ClientError, BotoCoreError) as error:
            raise _explained(error) from error
        return Receipt(answer["MessageId"])

    def _request(self, message: EmailMessage) -> SendEmailRequestTypeDef:
        request: SendEmailRequestTypeDef = {
            "FromEmailAddress": self._from,
            "Destination": {"ToAddresses": [message.to]},
            "Content": {
                "Simple": {
                    "Subject": {"Data": message.subject, "Charset": "UTF-8"},
                    "Body": {
                        "Text": {"Data": message.text, "Charset": "UTF-8"},
                        "Html": {"Data": message.html, "Charset": "UTF-8"},
                    },
                    "Headers": [{"Name": name, "Value": value} for name, value in message.headers.items()],
                }
            },
            "EmailTags": [{"Name": _tag(name), "Value": _tag(value)} for name, value in message.tags.items() if value],
        }
        if self._configuration_set:
            request["ConfigurationSetName"] = self._configuration_set
        return request


def _explained(error: ClientError | BotoCoreError) -> SendError:
    if isinstance(error, ClientError) and code_of(error) in {"BadRequestException", "MessageRejected"}:
        words = message_of(error)
        if _BAD_ADDRESS.search(words) and not _OF_SENDER.search(words):
            return PermanentAddressError(f"SES SendEmail: {words}")
    return send_error(error, "SES SendEmail")


def _header_address(address: str) -> str:
    """An address header in ASCII: a name in another script is encoded as RFC 2047 says."""
    name, bare = parseaddr(address)
    return formataddr((name, bare)) if name else address


def _tag(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", text)[:TAG_LENGTH]
