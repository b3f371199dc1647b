"""What the deployment's secret makes of links: codes of clicks that nobody can guess, and signed ways out.

The token of a way out carries what `domain.links` says of it, so that it needs no database and nobody can forge one.
The secret may hold several words, newest last: the last one signs, all of them verify, so that a rotation does not
break the links in e-mails already sent.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError
from itsdangerous import BadData, URLSafeSerializer

from omnicascade.domain.errors import NotFoundError, UnavailableError
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.json_text import mapping
from omnicascade.domain.links import CODE_LENGTH, UnsubscribeLink

if TYPE_CHECKING:
    from types_boto3_secretsmanager.client import SecretsManagerClient

_UNSUBSCRIBE: Final = "omnicascade.unsubscribe"
"""Part of every key that signs ways out: whatever else the secret will sign one day is none."""

LONGEST_TOKEN: Final = 4096
"""No token of ours comes near; a longer one is not even decoded."""


class LinkTokens:
    """Writes the addresses `/l/{code}` and `/u/{token}`, and reads the latter's tokens."""

    def __init__(self, public_url: str, secret: Callable[[], str]) -> None:
        """Args: public_url without a trailing slash is the API's address; secret is asked once, at the first link."""
        self._public_url = public_url.rstrip("/")
        self._secret = secret

    def click_code(self, message_id: str) -> str:
        """The code of a message's tracked link: the same at every repetition, and of use to its reader only.

        Raises:
            UnavailableError: the key could not be read.
        """
        return self.click_codes(message_id)[-1]

    def click_codes(self, message_id: str) -> list[str]:
        """Every code that a message's link can have been given, one per word of the secret; raises as `click_code`."""
        digests = [hmac.digest(word.encode(), message_id.encode(), "sha256") for word in self._words]
        return [urlsafe_b64encode(digest).decode()[:CODE_LENGTH] for digest in digests]

    def click_url(self, code: str) -> str:
        """The address of a tracked link."""
        return f"{self._public_url}/l/{code}"

    def unsubscribe_url(self, link: UnsubscribeLink) -> str:
        """The address of a message's way out; raises as `click_code`."""
        said = {"m": link.message_id, "i": str(link.customer), "c": link.channel, "t": link.topic}
        return f"{self._public_url}/u/{self._signer.dumps(said)}"

    def read_unsubscribe(self, token: str) -> UnsubscribeLink:
        """What the token of a way out says.

        Raises:
            NotFoundError: not a token of ours.
            UnavailableError: the key could not be read.
        """
        if len(token) > LONGEST_TOKEN:
            raise NotFoundError("this is no link of ours")
        try:
            said = mapping(self._signer.loads(token))
        except (BadData, ValueError) as error:
            raise NotFoundError("this is no link of ours") from error
        if not all(isinstance(said.get(name), str) for name in ("m", "i", "c", "t")):
            raise NotFoundError("this is no link of ours")
        return UnsubscribeLink(said["m"], _identifier(said["i"]), said["c"], said["t"])

    @cached_property
    def _words(self) -> list[str]:
        return self._secret().split()

    @cached_property
    def _signer(self) -> URLSafeSerializer:
        return URLSafeSerializer(self._words, salt=_UNSUBSCRIBE)


def secret_of(client: SecretsManagerClient, arn: str) -> str:
    """The signing secret. Cost: one GetSecretValue; `LinkTokens` asks once per process.

    Raises:
        UnavailableError: the secret could not be read.
    """
    try:
        return client.get_secret_value(SecretId=arn)["SecretString"]
    except (ClientError, BotoCoreError) as error:
        raise UnavailableError("the key for links could not be read") from error


def _identifier(text: str) -> Identifier:
    kind, _, value = text.partition(":")
    return Identifier(kind, value)
