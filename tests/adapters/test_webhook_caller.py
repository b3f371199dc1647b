"""Webhooks: signed as Standard Webhooks says, to listed hosts at public addresses only, and never further."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import urllib3
from urllib3.exceptions import ConnectTimeoutError, ReadTimeoutError

from omnicascade.adapters import webhook_caller
from omnicascade.adapters.webhook_caller import HttpsWebhookCaller, posted, secret_for, signed_headers
from omnicascade.domain.errors import ChannelUnavailableError, RetryableSendError
from omnicascade.usecases.ports import WebhookCall

HOST = "hooks.example.com"
PUBLIC = "93.184.215.14"
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@dataclass
class Net:
    """A network: what the host resolves to, one answer after the other, and what was posted where."""

    addresses: list[Collection[str] | OSError] = field(default_factory=lambda: [[PUBLIC]])
    status: int | Exception = 200
    asked: list[str] = field(default_factory=list[str])
    posts: list[tuple[str, str, str, bytes, dict[str, str]]] = field(
        default_factory=list[tuple[str, str, str, bytes, dict[str, str]]]
    )

    def resolve(self, host: str) -> Collection[str]:
        """The next answer; the last one stays."""
        self.asked.append(host)
        answer = self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]
        if isinstance(answer, OSError):
            raise answer
        return answer

    def post(self, address: str, host: str, path: str, body: bytes, headers: dict[str, str]) -> int:
        """Keep it, and answer as told."""
        self.posts.append((address, host, path, body, headers))
        if isinstance(self.status, Exception):
            raise self.status
        return self.status

    def call(self, url: str = f"https://{HOST}/in?a=1", hosts: Collection[str] = (HOST,)) -> str:
        """One webhook over this network."""
        caller = HttpsWebhookCaller(lambda: "older newest", resolve=self.resolve, post=self.post)
        return caller.call(WebhookCall("webhook:r1:tell", url, {"name": "Zoë"}, NOW), hosts)


def test_the_published_vector_is_signed_as_published() -> None:
    """The example of the Standard Webhooks reference libraries, byte for byte."""
    key = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    call = WebhookCall("msg_p5jXN8AQM9LWM0D4loKWxJek", "", {}, datetime.fromtimestamp(1_614_265_330, UTC))
    headers = signed_headers(call, b'{"test": 2432232314}', key)
    assert headers["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_call_goes_to_the_address_that_was_looked_at() -> None:
    """One resolution, one post to what it gave, for the host's name and path, signed by the newest secret."""
    net = Net()
    assert net.call() == f"{HOST} answered 200"
    assert net.asked == [HOST]
    ((address, host, path, body, headers),) = net.posts
    assert (address, host, path) == (PUBLIC, HOST, "/in?a=1")
    assert body == '{"name":"Zoë"}'.encode()
    call = WebhookCall("webhook:r1:tell", "", {}, NOW)
    assert headers == signed_headers(call, body, secret_for(HOST, "newest"))


def test_every_host_has_a_secret_of_its_own() -> None:
    """Who receives one cannot sign as the deployment to another."""
    secrets = {secret_for(HOST, "s"), secret_for("b.example.com", "s"), secret_for(HOST, "t")}
    assert len(secrets) == 3
    assert {len(secret) for secret in secrets} == {32}


def test_a_rebinding_host_gains_nothing() -> None:
    """What it would resolve to the next moment is never asked: the connection goes to the address that was judged."""
    net = Net([[PUBLIC], ["169.254.169.254"]])
    net.call()
    assert [post[0] for post in net.posts] == [PUBLIC]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::",
        "2130706433",
        "not an address",
    ],
)
@pytest.mark.parametrize("beside", [[], [PUBLIC]])
def test_an_address_that_is_not_public_is_never_connected_to(address: str, beside: list[str]) -> None:
    """Also where the host has a public one beside it."""
    net = Net([[address, *beside]])
    with pytest.raises(ChannelUnavailableError, match="not public"):
        net.call()
    assert net.posts == []


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14"])
def test_a_public_address_is_called(address: str) -> None:
    """Of either kind, and one written as the other."""
    assert Net([[address]]).call()


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}/",
        f"https://{HOST}:8443/",
        f"https://user:word@{HOST}/",
        f"https://user@{HOST}/",
        "https://other.example.com/",
        f"https://{HOST}.evil.example/",
        f"https://sub.{HOST}/",
        f"https://{HOST}@evil.example/",
        "https://127.0.0.1/",
        "https://[::1]/",
        f"https://{HOST}:port/",
        "https://[broken/",
        "file:///etc/passwd",
        "",
    ],
)
def test_what_is_not_listed_to_the_letter_is_not_even_resolved(url: str) -> None:
    """Scheme, port, user and the exact host."""
    net = Net()
    with pytest.raises(ChannelUnavailableError):
        net.call(url)
    assert (net.asked, net.posts) == ([], [])


def test_a_hosts_name_is_the_same_in_any_case() -> None:
    """In the definition and in the settings."""
    assert Net().call(f"https://{HOST.upper()}:443", [HOST.title()])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 400, 401, 404, 410])
def test_a_redirect_or_refusal_is_final(status: int) -> None:
    """No redirect is followed, and asking again would not help."""
    net = Net(status=status)
    with pytest.raises(ChannelUnavailableError, match=str(status)):
        net.call()
    assert len(net.posts) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        408,
        425,
        429,
        500,
        503,
        ConnectTimeoutError("slow"),
        ReadTimeoutError(urllib3.HTTPSConnectionPool(HOST), "/", "slow"),
        TimeoutError(),
        ConnectionResetError(),
    ],
)
def test_what_may_succeed_later_is_worth_another_attempt(trouble: int | Exception) -> None:
    """Busy or broken receivers, and those who do not answer in time; never with the words of the exception."""
    with pytest.raises(RetryableSendError, match=HOST):
        Net(status=trouble).call()


@pytest.mark.parametrize("found", [OSError("no such host"), []])
def test_a_host_that_is_nowhere_is_worth_another_attempt(found: Any) -> None:
    """A resolver may be down."""
    net = Net([found])
    with pytest.raises(RetryableSendError):
        net.call()
    assert net.posts == []


@dataclass
class _Answer:
    status: int
    read_bytes: list[int] = field(default_factory=list[int])

    def read(self, amount: int) -> bytes:
        self.read_bytes.append(amount)
        return b""


def test_the_connection_is_made_as_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the address, for the host's certificate, ten seconds, no retries, no redirects; a kilobyte of the answer."""
    answer, made, asked = _Answer(302), dict[str, Any](), dict[str, Any]()

    class Pool:
        def __init__(self, address: str, port: int, **options: Any) -> None:
            made.update(options, address=address, port=port)

        def __enter__(self) -> Pool:
            return self

        def __exit__(self, *_: object) -> None:
            made["closed"] = True

        def urlopen(self, method: str, path: str, **options: Any) -> _Answer:
            asked.update(options, method=method, path=path)
            return answer

    monkeypatch.setattr(webhook_caller, "HTTPSConnectionPool", Pool)
    assert posted(PUBLIC, HOST, "/in", b"{}", {"webhook-id": "1"}) == 302
    assert (made["address"], made["port"], made["server_hostname"], made["assert_hostname"]) == (
        PUBLIC,
        443,
        HOST,
        HOST,
    )
    assert (made["retries"], made["cert_reqs"], made["closed"]) == (False, "REQUIRED", True)
    assert (made["timeout"].connect_timeout, made["timeout"].read_timeout) == (10, 10)
    assert (asked["method"], asked["redirect"], asked["preload_content"]) == ("POST", False, False)
    assert asked["headers"] == {"webhook-id": "1", "host": HOST}
    assert answer.read_bytes == [1024]


def test_this_machines_own_name_is_refused() -> None:
    """The resolver that the function uses finds loopback for it, and nothing is connected to."""
    net = Net()
    caller = HttpsWebhookCaller(lambda: "s", post=net.post)
    with pytest.raises(ChannelUnavailableError, match="not public"):
        caller.call(WebhookCall("m", "https://localhost/", {}, NOW), ["localhost"])
    assert net.posts == []
