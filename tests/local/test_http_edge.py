"""The HTTP edge: the event a handler sees, the response a client sees, and what never reaches a handler."""

import base64
import gzip
import http.client
import json
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest

from infra.local.http_api import ApiRoute, Response, Routes
from infra.local.stack import Stack

if TYPE_CHECKING:
    from tests.local.conftest import Probe

JSON = ("Content-Type", "application/json")


def _respond(**answer: Any) -> Callable[[Any, Any], Any]:
    return lambda _event, _context: answer


def test_the_event_is_payload_format_2(small: Callable[..., Stack], probe: "Probe") -> None:
    """Paths decoded, header names lower-case and joined, cookies apart, query as sent and by name, virtual time."""
    stack = small()
    stack.request(
        "POST",
        "/v1/track?writeKey=a%20b&x=1&x=2&empty=",
        headers=[JSON, ("X-Custom", "1"), ("x-custom", "2"), ("Cookie", "a=1; b=2"), ("User-Agent", "test/1")],
        body=b'{"event": "E"}',
    )
    (event,) = probe.seen["intake"]
    assert event["version"] == "2.0"
    assert event["routeKey"] == "POST /v1/track"
    assert event["rawPath"] == "/v1/track"
    assert event["rawQueryString"] == "writeKey=a%20b&x=1&x=2&empty="
    assert event["queryStringParameters"] == {"writeKey": "a b", "x": "1,2", "empty": ""}
    assert event["headers"] == {"content-type": "application/json", "x-custom": "1,2", "user-agent": "test/1"}
    assert event["cookies"] == ["a=1", "b=2"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"event": "E"}', False)
    context = event["requestContext"]
    assert context["http"]["method"] == "POST"
    assert context["http"]["userAgent"] == "test/1"
    assert context["timeEpoch"] == int(stack.now().timestamp() * 1000)
    assert context["time"] == "10/Mar/2026:12:00:00 +0000"
    assert "pathParameters" not in event


@pytest.mark.parametrize(
    ("kind", "body", "encoded"),
    [
        ("application/json; charset=utf-8", b"{}", False),
        ("text/plain", "zażółć".encode(), False),
        ("application/json", gzip.compress(b"{}", mtime=0), True),
        ("application/octet-stream", b"{}", True),
        ("application/x-www-form-urlencoded", b"a=b", True),
    ],
)
def test_bodies_are_text_or_base64_as_api_gateway_decides(
    small: Callable[..., Stack], probe: "Probe", kind: str, body: bytes, *, encoded: bool
) -> None:
    """Text types that are text come as text; everything else, and what is no UTF-8, comes in base64."""
    small().request("POST", "/v1/track", headers=[("Content-Type", kind)], body=body)
    (event,) = probe.seen["intake"]
    assert event["isBase64Encoded"] is encoded
    assert (base64.b64decode(event["body"]) if encoded else event["body"].encode()) == body


def test_the_most_specific_route_wins() -> None:
    """Literal before parameter before greedy before $default; parameters are decoded, one segment each."""
    keys = ["$default", "GET /a/{rest+}", "GET /a/{id}", "GET /a/b", "ANY /a/{id}", "GET /a/{id}/c"]
    routes = Routes([ApiRoute(key, key, guarded=False) for key in keys])

    def taken(method: str, path: str) -> tuple[str, dict[str, str]]:
        match = routes.match(method, path)
        assert match is not None
        return match.route.key, dict(match.parameters)

    assert taken("GET", "/a/b") == ("GET /a/b", {})
    assert taken("GET", "/a/email%3Aann%40x.com") == ("GET /a/{id}", {"id": "email:ann@x.com"})
    assert taken("GET", "/a/x%2Fy/c") == ("GET /a/{id}/c", {"id": "x/y"})
    assert taken("GET", "/a/x/y/z") == ("GET /a/{rest+}", {"rest": "x/y/z"})
    assert taken("POST", "/a/b") == ("ANY /a/{id}", {"id": "b"})
    assert taken("GET", "/nowhere") == ("$default", {})
    assert Routes([]).match("GET", "/") is None


def test_staff_routes_need_the_token(small: Callable[..., Stack], probe: "Probe") -> None:
    """Without the bearer token a guarded route answers 401 itself; with it the handler is asked."""
    stack = small()
    refused = stack.request("GET", "/v1/profiles/email%3Aa")
    assert (refused.status, refused.json()["code"]) == (401, "unauthorized")
    assert "staff" not in probe.seen
    probe.on["staff"] = _respond(statusCode=200, body="{}")
    assert stack.request("GET", "/v1/profiles/email%3Aa", headers=[stack.staff()]).status == 200
    assert probe.seen["staff"][0]["pathParameters"] == {"id": "email:a"}
    assert probe.seen["staff"][0]["rawPath"] == "/v1/profiles/email:a"


def test_answers_become_responses(small: Callable[..., Stack], probe: "Probe") -> None:
    """Status, headers, cookies and base64 bodies are passed on; a bare value is a JSON body of its own."""
    stack = small()
    probe.on["intake"] = _respond(
        statusCode=302,
        headers={"Location": "https://x", "Content-Type": "image/png"},
        cookies=["a=1", "b=2"],
        body=base64.b64encode(b"\x89PNG").decode(),
        isBase64Encoded=True,
    )
    response = stack.request("GET", "/any")
    assert (response.status, response.body, response.header("Location")) == (302, b"\x89PNG", "https://x")
    assert [value for key, value in response.headers if key == "set-cookie"] == ["a=1", "b=2"]
    probe.on["intake"] = _respond(plain=1)
    assert stack.request("GET", "/any").json() == {"plain": 1}


def test_a_failing_handler_is_a_500_and_its_log_says_why(
    small: Callable[..., Stack], probe: "Probe", caplog: pytest.LogCaptureFixture
) -> None:
    """The client learns nothing, as on AWS; the console and /local/logs tell everything."""

    def fail(_event: Any, _context: Any) -> Any:
        sys.stdout.write("about to fail\n")
        raise LookupError("the reason")

    probe.on["intake"] = fail
    stack = small()
    response = stack.request("GET", "/any")
    assert (response.status, response.json()) == (500, {"message": "Internal Server Error"})
    assert "the reason" in caplog.text
    assert "about to fail" in stack.logs("intake")["small-intake"]
    probe.on["intake"] = _respond(statusCode="many")
    assert stack.request("GET", "/any").status == 500


def test_ten_megabytes_are_the_limit(small: Callable[..., Stack], probe: "Probe") -> None:
    """A body of 10 MB passes, one byte more is 413 without a handler."""
    stack = small()
    limit = 10 * 1024 * 1024
    assert stack.request("POST", "/v1/track", headers=[JSON], body=b"x" * limit).status == 200
    assert stack.request("POST", "/v1/track", headers=[JSON], body=b"x" * (limit + 1)).status == 413
    assert len(probe.seen["intake"]) == 1


@pytest.fixture
def connection(small: Callable[..., Stack], probe: "Probe") -> http.client.HTTPConnection:
    """One kept connection to a listening stack whose intake answers with what it got."""
    probe.on["intake"] = lambda event, _context: {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": json.dumps([event["requestContext"]["http"]["method"], event.get("body", "")]),
    }
    stack = small()
    parts = urlsplit(stack.serve())
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)


def _exchange(connection: http.client.HTTPConnection, method: str, path: str, **more: Any) -> Response:
    connection.request(method, path, **more)
    answer = connection.getresponse()
    return Response(answer.status, answer.getheaders(), answer.read())


def test_one_connection_serves_many_requests_of_any_kind(connection: http.client.HTTPConnection) -> None:
    """Keep-alive, chunked bodies, HEAD and unheard-of methods work one after another on the same socket."""
    assert _exchange(connection, "POST", "/v1/track", body=b"{}", headers={"Content-Type": "text/x"}).json()[1] == "{}"
    socket_used = connection.sock
    chunked = _exchange(
        connection,
        "POST",
        "/v1/track",
        body=iter([b'{"a":', b"1}"]),
        headers={"Content-Type": "application/json", "Transfer-Encoding": "chunked"},
        encode_chunked=True,
    )
    assert chunked.json() == ["POST", '{"a":1}']
    head = _exchange(connection, "HEAD", "/any")
    assert (head.status, head.body) == (200, b"")
    assert _exchange(connection, "BREW", "/any").json() == ["BREW", ""]
    assert connection.sock is socket_used


def test_a_body_over_the_limit_is_refused_over_the_socket_too(connection: http.client.HTTPConnection) -> None:
    """The client that sent too much gets to read the 413."""
    assert _exchange(connection, "POST", "/v1/track", body=b"x" * (10 * 1024 * 1024 + 1)).status == 413


def test_bad_framing_is_a_400(connection: http.client.HTTPConnection) -> None:
    """A content length that is no number ends in 400, not in a hanging or crashed server."""
    with socket.create_connection((connection.host, connection.port), timeout=5) as raw:
        raw.sendall(b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 400")
    assert _exchange(connection, "GET", "/any").status == 200


def test_real_sdk_clients_reach_the_stacks_services(small: Callable[..., Stack]) -> None:
    """boto3 with the stack's URL as endpoint starts executions and reads queues and tables."""
    stack = small()
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:small-journeys"
    keys: Any = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "y"}
    url = stack.serve()
    started = boto3.client("stepfunctions", endpoint_url=url, **keys).start_execution(stateMachineArn=machine)
    assert stack.executions[0].arn == started["executionArn"]
    assert boto3.client("dynamodb", endpoint_url=url, **keys).list_tables()["TableNames"] == ["small-Table"]
    sqs = boto3.client("sqs", endpoint_url=url, **keys)
    assert len(sqs.list_queues()["QueueUrls"]) == 4


def test_an_unsigned_call_is_known_by_its_target(small: Callable[..., Stack]) -> None:
    """POST / with AWS's target header is an AWS call, whoever sends it."""
    stack = small()
    headers = [("X-Amz-Target", "AWSStepFunctions.ListStateMachines"), ("Content-Type", "application/x-amz-json-1.0")]
    answer = stack.request("POST", "/", headers=headers, body=b"{}")
    assert [machine["name"] for machine in answer.json()["stateMachines"]] == ["small-journeys"]
