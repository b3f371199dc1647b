"""Requests that are sent as they were built say what botocore would have said."""

import json
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from omnicascade.adapters.wire_form import send_as_built
from tests.benchmarks.canned_aws import answered

ITEM = {
    "pk": {"S": "a\"b'ż\u2028"},
    "n": {"N": "1.50"},
    "ok": {"BOOL": True},
    "packed": {"B": b"\x00\xff"},
    "l": {"L": [{"M": {"x": {"NULL": True}}}]},
}
STATEMENT = {"Statement": "INSERT INTO \"t\" VALUE {'pk':?}", "Parameters": [{"S": "ż"}]}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("put_item", {"TableName": "t", "Item": ITEM, "ConditionExpression": "attribute_not_exists(pk)"}),
    ("get_item", {"TableName": "t", "Key": {"pk": {"S": "p"}}, "ConsistentRead": False}),
    ("query", {"TableName": "t", "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": "p"}}}),
    ("batch_get_item", {"RequestItems": {"t": {"Keys": [{"pk": {"S": "p"}}], "ConsistentRead": True}}}),
    ("batch_execute_statement", {"Statements": [STATEMENT]}),
    (
        "transact_write_items",
        {"TransactItems": [{"Put": {"TableName": "t", "Item": ITEM}}], "ClientRequestToken": "once"},
    ),
]


class _Sent:
    """Answers every request with nothing, and keeps the last."""

    def __init__(self) -> None:
        self.request: AWSPreparedRequest | None = None

    def __call__(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        self.request = request
        return answered(b"{}")

    def said(self) -> tuple[str, Any, dict[str, str]]:
        """Where to, what, and the headers that do not depend on the moment and the body's length."""
        assert self.request
        told = {name: str(value) for name, value in self.request.headers.items()}
        kept = {name: told[name] for name in ("X-Amz-Target", "Content-Type")}
        body: Any = self.request.body
        return self.request.url or "", json.loads(body), kept


def _client(sent: _Sent) -> Any:
    session = botocore.session.Session()
    session.set_credentials("AKIATEST", "secret")
    config = Config(region_name="eu-central-1", parameter_validation=False)
    client: Any = session.create_client("dynamodb", config=config)
    client.meta.events.register_first("before-send", sent)
    return client


@pytest.mark.parametrize(("operation", "parameters"), CALLS)
def test_a_request_is_the_same_either_way(operation: str, parameters: dict[str, Any]) -> None:
    """Address, body and headers do not tell who wrote them down; the caller's parameters stay as they were."""
    usual, quick = _Sent(), _Sent()
    client = _client(quick)
    send_as_built(client)
    send_as_built(client)
    before = repr(parameters)
    getattr(_client(usual), operation)(**parameters)
    getattr(client, operation)(**parameters)
    assert quick.said() == usual.said()
    assert repr(parameters) == before


def test_a_transaction_still_has_a_token() -> None:
    """botocore gives it one, so that its own retries happen once."""
    sent = _Sent()
    client = _client(sent)
    send_as_built(client)
    client.transact_write_items(TransactItems=[{"Put": {"TableName": "t", "Item": ITEM}}])
    _, body, _ = sent.said()
    assert len(body["ClientRequestToken"]) == 36
