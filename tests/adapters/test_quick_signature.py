"""Signatures made quickly are botocore's own, letter by letter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from botocore import auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials

from omnicascade.adapters.quick_signature import QuickSigV4Auth, sign_quickly
from tests.benchmarks.canned_aws import answered

HEADERS = {
    "X-Amz-Target": "DynamoDB_20120810.PutItem",
    "Content-Type": "application/x-amz-json-1.0",
    "User-Agent": "omnicascade",
    "amz-sdk-request": "attempt=1;  max=4",
}


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sign at one moment."""
    monkeypatch.setattr(auth, "get_current_datetime", lambda: datetime(2026, 3, 10, 12, tzinfo=UTC))


def signed(by: type[auth.SigV4Auth], url: str, body: bytes, token: str | None, secret: str) -> dict[str, str]:
    """The headers of a request that was signed."""
    request = AWSRequest(method="POST", url=url, headers=dict(HEADERS), data=body)
    by(Credentials("AKIATEST", secret, token), "dynamodb", "eu-central-1").add_auth(request)
    return {name: str(value) for name, value in request.headers.items()}


@pytest.mark.parametrize(
    "url",
    [
        "https://dynamodb.eu-central-1.amazonaws.com/",
        "https://000000000000.ddb.eu-central-1.amazonaws.com",
        "https://dynamodb.eu-central-1.amazonaws.com:443/",
        "http://localhost:8000/",
        "http://Local:80/?b=2&a=1",
    ],
)
@pytest.mark.parametrize("token", [None, "a session's token"])
@pytest.mark.parametrize("secret", ["secret", "another"])
def test_the_signature_is_the_same(url: str, token: str | None, secret: str) -> None:
    """Wherever it goes, for roles and users, also after another secret's key was derived."""
    for body in (b"", b'{"TableName":"t"}'):
        told = signed(QuickSigV4Auth, url, body, token, secret)
        assert told == signed(auth.SigV4Auth, url, body, token, secret)
        assert "Signature=" in told["Authorization"]


class Sent:
    """Answers requests with nothing, one failure first, and keeps what they were signed with."""

    def __init__(self) -> None:
        self.authorizations: list[str] = []

    def __call__(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        told = request.headers["Authorization"]
        self.authorizations.append(told.decode() if isinstance(told, bytes) else str(told))
        answer = answered(b"{}")
        if len(self.authorizations) == 1:
            answer.status_code = 500
        return answer


def test_a_client_signs_so_on_every_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks the quick signer, also when botocore tries again."""
    asked: list[AWSRequest] = []
    asleep: list[float] = []
    quick = QuickSigV4Auth.headers_to_sign

    def watched(self: QuickSigV4Auth, request: AWSRequest) -> Any:
        asked.append(request)
        return quick(self, request)

    monkeypatch.setattr(QuickSigV4Auth, "headers_to_sign", watched)
    monkeypatch.setattr("time.sleep", asleep.append)
    session = botocore.session.Session()
    session.set_credentials("AKIATEST", "secret")
    retries: Any = {"mode": "standard", "total_max_attempts": 2}
    config = Config(region_name="eu-central-1", retries=retries)
    client: Any = session.create_client("dynamodb", config=config)
    sent = Sent()
    client.meta.events.register_first("before-send", sent)
    for _ in range(2):
        sign_quickly(client)
    client.put_item(TableName="t", Item={"pk": {"S": "p"}})
    assert len(asleep) == 1
    assert len(sent.authorizations) == 2
    assert len({id(request) for request in asked}) == 2
