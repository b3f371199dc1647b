"""The reading of connection failures, on real sockets."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest

from omnicascade.adapters.sns_sms import SnsSmsSender
from omnicascade.domain.errors import ChannelUnavailableError, RetryableSendError, UnknownOutcomeError
from omnicascade.usecases.ports import SmsMessage
from tests.fakes.aws_wire import ONE_ATTEMPT, SESSION

SMS = SmsMessage("+48601234567", "Hi", transactional=False)


def sender(port: int, *, signed: bool = True) -> SnsSmsSender:
    session = SESSION if signed else botocore.session.Session()
    client: Any = session.create_client("sns", "us-east-1", endpoint_url=f"http://127.0.0.1:{port}", config=ONE_ATTEMPT)
    return SnsSmsSender(client)


@pytest.fixture
def hanging_up() -> Iterator[tuple[int, list[bytes]]]:
    """A server that reads one request and closes without a word."""
    received = list[bytes]()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                received.append(connection.recv(65_536))

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], received
        thread.join(timeout=5)


def test_a_connection_that_dies_after_the_request_is_unknown(hanging_up: tuple[int, list[bytes]]) -> None:
    """The request was on the wire, so the customer may have the message."""
    port, received = hanging_up
    with pytest.raises(UnknownOutcomeError):
        sender(port).send(SMS)
    assert received


def test_a_refused_connection_is_surely_not_sent() -> None:
    """Nobody listens on the port: nothing can have been sent."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(RetryableSendError):
        sender(port).send(SMS)


def test_missing_credentials_are_the_channels_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that could not even be signed is neither sent nor worth repeating."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(ChannelUnavailableError, match="credentials"):
        sender(9, signed=False).send(SMS)
