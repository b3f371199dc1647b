"""Webhooks by HTTPS, signed as the Standard Webhooks specification says, and only to hosts that the deployment lists.

A definition of a journey names the address, so it is not trusted: the host must be listed by its exact name, what it
resolves to must be a public address, the connection goes to that very address (a second resolution could give another
one), and no redirect is followed.
"""

from __future__ import annotations

import hmac
import json
import socket
from base64 import b64encode
from collections.abc import Callable, Collection
from functools import cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from urllib3 import HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

from omnicascade.domain.errors import ChannelUnavailableError, RetryableSendError
from omnicascade.usecases.ports import WebhookCall

TIME_OUT_S: Final = 10
"""For connecting and for the answer, each."""

_PORT: Final = 443
_TRY_AGAIN: Final = frozenset({408, 425, 429})
"""Besides 5xx: answers that promise a later success."""

_MOST_READ: Final = 1_024
"""Bytes of an answer's body that are read; nothing of it is used."""

type Resolve = Callable[[str], Collection[str]]
"""The addresses of a host; raises OSError."""

type Post = Callable[[str, str, str, bytes, dict[str, str]], int]
"""Posts to (address, host, path) a body with headers; returns the status. Raises HTTPError or OSError."""


class HttpsWebhookCaller:
    """`WebhookCaller` over HTTPS. Cost: a resolution and a connection of their own for each call."""

    def __init__(self, secret: Callable[[], str], *, resolve: Resolve | None = None, post: Post | None = None) -> None:
        """Args: secret is the deployment's, asked at the first call: words, of which the last one signs; resolve and
        post reach the network unless given."""
        self._secret = cache(secret)
        self._resolve = resolve or resolved
        self._post = post or posted

    def call(self, call: WebhookCall, hosts: Collection[str]) -> str:
        """See `WebhookCaller.call`."""
        host, path = _allowed(call.url, hosts)
        address = self._public_address(host)
        body = json.dumps(call.body, ensure_ascii=False, separators=(",", ":")).encode()
        headers = signed_headers(call, body, secret_for(host, self._secret().split()[-1]))
        try:
            status = self._post(address, host, path, body, headers)
        except (HTTPError, OSError) as error:
            raise RetryableSendError(f"{host} did not answer: {type(error).__name__}") from error
        if status in _TRY_AGAIN or status >= 500:
            raise RetryableSendError(f"{host} answered {status}")
        if not 200 <= status < 300:
            raise ChannelUnavailableError(f"{host} answered {status}")
        return f"{host} answered {status}"

    def _public_address(self, host: str) -> str:
        try:
            found = sorted(self._resolve(host))
        except OSError as error:
            raise RetryableSendError(f"{host} cannot be resolved") from error
        if not found:
            raise RetryableSendError(f"{host} has no address")
        if not all(_is_public(address) for address in found):
            raise ChannelUnavailableError(f"{host} is at an address that is not public")
        return found[0]


def secret_for(host: str, secret: str) -> bytes:
    """The key that signs a host's webhooks: made from the deployment's secret, which it does not betray.

    Its receiver is given `whsec_` and this in base64.
    """
    return hmac.digest(secret.encode(), b"omnicascade.webhook." + host.encode(), "sha256")


def signed_headers(call: WebhookCall, body: bytes, key: bytes) -> dict[str, str]:
    """The headers of a call. Source: Standard Webhooks specification 1.0, "Signature scheme" (symmetric, `v1`)."""
    moment = str(int(call.at.timestamp()))
    signed = f"{call.message_id}.{moment}.".encode() + body
    return {
        "content-type": "application/json",
        "user-agent": "omnicascade",
        "webhook-id": call.message_id,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{b64encode(hmac.digest(key, signed, 'sha256')).decode()}",
    }


def _allowed(url: str, hosts: Collection[str]) -> tuple[str, str]:
    """Host and path of an address that may be called."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise ChannelUnavailableError("the webhook's address cannot be read") from error
    if parts.scheme != "https" or parts.username is not None or parts.password is not None or port not in {None, _PORT}:
        raise ChannelUnavailableError("a webhook's address is https, on port 443, without a user")
    if host not in {known.lower() for known in hosts}:
        raise ChannelUnavailableError(f"{host} is none of the hosts that webhooks may call")
    return host, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _is_public(address: str) -> bool:
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = getattr(parsed, "ipv4_mapped", None) or getattr(parsed, "sixtofour", None) or parsed
    return all(one.is_global and not one.is_multicast for one in {parsed, inner})


def resolved(host: str) -> Collection[str]:
    """The addresses of a host, as this machine resolves it."""
    found = socket.getaddrinfo(host, _PORT, type=socket.SOCK_STREAM)
    return {str(place[0]) for *_, place in found}


def posted(address: str, host: str, path: str, body: bytes, headers: dict[str, str]) -> int:
    """Post to an address as to its host, whose certificate must name the host; returns the status."""
    time_out = Timeout(connect=TIME_OUT_S, read=TIME_OUT_S)
    with HTTPSConnectionPool(
        address,
        _PORT,
        timeout=time_out,
        retries=False,
        server_hostname=host,
        assert_hostname=host,
        cert_reqs="REQUIRED",
    ) as pool:
        answer = pool.urlopen(
            "POST", path, body=body, headers={**headers, "host": host}, redirect=False, preload_content=False
        )
        answer.read(_MOST_READ)
        return answer.status
