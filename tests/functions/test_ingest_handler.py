"""The intake's handler: HTTP in and out, over real clients with canned answers."""

import importlib
import json
import sys
from base64 import b64encode
from collections.abc import Iterator
from types import ModuleType
from typing import Any, cast

import pytest

from omnicascade.wiring import intake
from tests.fakes.aws_wire import Wire, wire

SOURCE = {"name": "web", "kind": "web", "default_region": "PL"}
GOOD = {"type": "track", "userId": "42", "event": "Song Played"}
HANDLER = "functions.ingest_events.handler"


class Aws:
    """The table, which knows the key, and the queue."""

    def __init__(self) -> None:
        self.wires = {name: wire(name) for name in ("sqs", "dynamodb")}

    def client(self, service: str) -> Any:
        return self.wires[service].client

    def __getitem__(self, service: str) -> Wire:
        return self.wires[service]

    def key_is_known(self) -> None:
        self["dynamodb"].json(200, {"Item": {"state": {"S": json.dumps(SOURCE)}}})

    def queue_takes(self) -> None:
        self["sqs"].json(200, {"Successful": [{"Id": "0", "MessageId": "1", "MD5OfMessageBody": "x"}]})


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    made = Aws()
    monkeypatch.setattr(intake, "client", made.client)
    monkeypatch.setenv("OMNICASCADE_EVENTS_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/1/events")
    monkeypatch.setenv("OMNICASCADE_TABLE", "table")
    sys.modules.pop(HANDLER, None)
    yield made
    sys.modules.pop(HANDLER, None)


def call(body: object, path: str = "/v1/batch", method: str = "POST", **headers: str) -> dict[str, Any]:
    """The handler's answer to a request as API Gateway brings it; bytes come as base64."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    event = {
        "rawPath": path,
        "rawQueryString": "writeKey=key",
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "requestContext": {"http": {"method": method}},
        "body": b64encode(raw).decode() if isinstance(body, bytes) else raw.decode(),
        "isBase64Encoded": isinstance(body, bytes),
    }
    module: ModuleType = importlib.import_module(HANDLER)
    return cast("Any", module).handler(event, None)


def test_success_is_exactly_what_sdks_wait_for(aws: Aws) -> None:
    """200 and `{"success": true}`; older SDKs resend on anything else."""
    aws.key_is_known()
    aws.queue_takes()
    answer = call({"batch": [GOOD]})
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {"success": True}
    assert answer["headers"]["content-type"] == "application/json"


def test_refused_calls_are_listed_beside_the_good_ones(aws: Aws) -> None:
    """By their place in the batch, each with its code, sentence and path."""
    aws.key_is_known()
    aws.queue_takes()
    answer = call({"batch": [GOOD, {"type": "track", "userId": "1"}, None]})
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {
        "success": True,
        "rejected": [
            {"index": 1, "code": "missing_event", "message": "a track call needs `event`", "path": "event"},
            {"index": 2, "code": "wrong_type", "message": "a call must be a JSON object"},
        ],
    }


def test_a_batch_without_a_good_call_lists_them_all(aws: Aws) -> None:
    """The 400 says of every call why it was refused."""
    aws.key_is_known()
    answer = call({"batch": [{"type": "track", "userId": "1"}, {}]})
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["code"], body["path"]) == (400, "no_good_call", "batch")
    assert [(r["index"], r["code"], r["path"]) for r in body["rejected"]] == [
        (0, "missing_event", "event"),
        (1, "unknown_type", "type"),
    ]
    assert all(r["message"] for r in body["rejected"])


@pytest.mark.parametrize("body", [{"batch": []}, {}, [], b"\xff"])
def test_a_fault_of_the_whole_lists_no_calls(aws: Aws, body: object) -> None:
    """There is only the code and the message."""
    aws.key_is_known()
    answer = call(body)
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"]).keys() <= {"code", "message", "path"}


def test_an_unknown_key_is_a_401(aws: Aws) -> None:
    """With code and message."""
    aws["dynamodb"].json(200, {})
    answer = call(GOOD, "/v1/track")
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (401, "unknown_key")


@pytest.mark.parametrize(("path", "method"), [("/nowhere", "POST"), ("/v1/track", "GET"), ("/v1/track", "PUT")])
def test_a_path_or_method_that_is_not_ours_is_a_404(aws: Aws, path: str, method: str) -> None:
    """Nobody is asked for it."""
    answer = call(GOOD, path, method)
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (404, "unknown_path")
    assert aws["dynamodb"].requests == []


def test_an_outage_is_a_503_with_the_time_to_wait(aws: Aws) -> None:
    """Readable by browsers too, so that their SDKs try again."""
    aws.key_is_known()
    for _ in range(6):
        aws["sqs"].json(503, {"message": "down"}, "ServiceUnavailable")
    answer = call(GOOD, "/v1/track", origin="https://shop.example")
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (503, "unavailable")
    assert int(answer["headers"]["retry-after"]) > 0
    assert answer["headers"]["access-control-allow-origin"] == "https://shop.example"


def test_a_preflight_allows_what_was_asked(aws: Aws) -> None:
    """Any site may post, with the headers that its SDK wants."""
    headers = {"access_control_request_headers": "authorization,anonymousid", "access_control_request_method": "POST"}
    answer = call(b"", "/v1/track", "OPTIONS", origin="https://shop.example", **headers)
    assert answer["statusCode"] == 200
    assert answer["headers"]["access-control-allow-origin"] == "https://shop.example"
    assert answer["headers"]["access-control-allow-headers"] == "authorization,anonymousid"
    assert "POST" in answer["headers"]["access-control-allow-methods"]


def test_half_an_emoji_in_the_gateways_event_is_no_crash(aws: Aws) -> None:
    """A body that is no UTF-8 is a 400, however it came here."""
    aws.key_is_known()
    module: Any = importlib.import_module(HANDLER)
    event = {
        "rawPath": "/v1/track",
        "rawQueryString": "writeKey=key",
        "headers": {},
        "requestContext": {"http": {"method": "POST"}},
        "body": '{"userId": "\ud83d"}',
    }
    assert module.handler(event, None)["statusCode"] == 400
