"""Signed link tokens: what `domain.links` says, in a URL, so that a link needs no database and nobody can forge one.

The key is a secret of the deployment. It may hold several words, newest last: the last one signs, all of them verify,
so that a rotation does not break the links in e-mails already sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError
from itsdangerous import BadData, URLSafeSerializer

from omnicascade.domain.errors import NotFoundError, UnavailableError
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.json_text import mapping
from omnicascade.domain.links import ClickLink, UnsubscribeLink, location_of

if TYPE_CHECKING:
    from types_boto3_secretsmanager.client import SecretsManagerClient

_CLICK: Final = "omnicascade.click"
_UNSUBSCRIBE: Final = "omnicascade.unsubscribe"
"""Salts: a token of one kind is no token of the other."""

LONGEST_TOKEN: Final = 4096
"""No token of ours comes near; a longer one is not even decoded."""


class LinkTokens:
    """Writes and reads the tokens of `/l/{token}` and `/u/{token}`."""

    def __init__(self, public_url: str, secret: Callable[[], str]) -> None:
        """Args: public_url without a trailing slash is the API's address; secret is asked once, at the first token."""
        self._public_url = public_url.rstrip("/")
        self._secret = secret
        self._serializers: dict[str, URLSafeSerializer] = {}

    def click_url(self, link: ClickLink) -> str:
        """The tracked address of a link.

        Raises:
            UnavailableError: the key could not be read.
        """
        token = self._dump(_CLICK, {"m": link.message_id, "i": str(link.customer), "u": link.url})
        return f"{self._public_url}/l/{token}"

    def unsubscribe_url(self, link: UnsubscribeLink) -> str:
        """The address of a message's way out; raises as `click_url`."""
        said = {"m": link.message_id, "i": str(link.customer), "c": link.channel, "t": link.topic}
        return f"{self._public_url}/u/{self._dump(_UNSUBSCRIBE, said)}"

    def read_click(self, token: str) -> ClickLink:
        """What a click token says.

        Raises:
            NotFoundError: not a token of ours, or one that leads to no web address.
            UnavailableError: the key could not be read.
        """
        said = self._load(_CLICK, token, ("m", "i", "u"))
        if location_of(said["u"]) is None:
            raise NotFoundError("the link leads to no web address")
        return ClickLink(said["m"], _identifier(said["i"]), said["u"])

    def read_unsubscribe(self, token: str) -> UnsubscribeLink:
        """What an unsubscribe token says; raises as `read_click`."""
        said = self._load(_UNSUBSCRIBE, token, ("m", "i", "c", "t"))
        return UnsubscribeLink(said["m"], _identifier(said["i"]), said["c"], said["t"])

    def _dump(self, salt: str, said: dict[str, str]) -> str:
        return str(self._serializer(salt).dumps(said))

    def _load(self, salt: str, token: str, names: tuple[str, ...]) -> Mapping[str, str]:
        if len(token) > LONGEST_TOKEN:
            raise NotFoundError("this is no link of ours")
        try:
            said = mapping(self._serializer(salt).loads(token))
        except (BadData, ValueError) as error:
            raise NotFoundError("this is no link of ours") from error
        if not all(isinstance(said.get(name), str) for name in names):
            raise NotFoundError("this is no link of ours")
        return said

    def _serializer(self, salt: str) -> URLSafeSerializer:
        if salt not in self._serializers:
            self._serializers[salt] = URLSafeSerializer(self._secret().split(), salt=salt)
        return self._serializers[salt]


def secret_of(client: SecretsManagerClient, arn: str) -> str:
    """The signing secret. Cost: one GetSecretValue; `LinkTokens` asks for each kind of token once per process.

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
