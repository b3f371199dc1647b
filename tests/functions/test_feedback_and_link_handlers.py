"""The two thin handlers: events of AWS in, answers of AWS out, over real clients with canned answers."""

import importlib
import json
import sys
from base64 import b64encode
from collections.abc import Iterator
from types import ModuleType
from typing import Any, cast

import pytest

from omnicascade.adapters.link_tokens import LinkTokens
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.links import UnsubscribeLink
from omnicascade.wiring import feedback, links
from tests.fakes.aws_wire import Wire, wire

TOKENS = LinkTokens("https://x.example", lambda: "k1")
ANN = Identifier("email", "ann@example.com")
CLICK = TOKENS.click_code("run-1-2")
WAY_OUT = TOKENS.unsubscribe_url(UnsubscribeLink("run-1-2", ANN, "email", "promotions")).rpartition("/")[2]


class Aws:
    """The three services that the handlers use."""

    def __init__(self) -> None:
        self.wires = {name: wire(name) for name in ("sqs", "dynamodb", "secretsmanager")}
        self.wires["secretsmanager"].json(200, {"SecretString": "k1"})

    def client(self, service: str) -> Any:
        return self.wires[service].client

    def __getitem__(self, service: str) -> Wire:
        return self.wires[service]

    def queue_takes(self) -> None:
        self["sqs"].json(200, {"Successful": [{"Id": "0", "MessageId": "1", "MD5OfMessageBody": "x"}]})

    def queue_is_down(self) -> None:
        for _ in range(4):
            self["sqs"].json(503, {"message": "down"}, "ServiceUnavailable")

    def link_is_kept(self) -> None:
        said = {"message": "run-1-2", "customer": str(ANN), "url": "https://s.example/c"}
        self["dynamodb"].json(200, {"Item": {name: {"S": value} for name, value in said.items()}})

    def queued(self) -> list[dict[str, Any]]:
        entries = [
            entry for request in self["sqs"].requests for entry in json.loads(cast("bytes", request.body))["Entries"]
        ]
        return [call for entry in entries for call in json.loads(entry["MessageBody"])["calls"]]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    made = Aws()
    forget_handlers()
    for module in (feedback, links):
        monkeypatch.setattr(module, "client", made.client)
    monkeypatch.setenv("OMNICASCADE_EVENTS_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/1/events")
    monkeypatch.setenv("OMNICASCADE_TABLE", "table")
    monkeypatch.setenv("OMNICASCADE_PUBLIC_URL", "https://x.example")
    monkeypatch.setenv("OMNICASCADE_SIGNING_SECRET_ARN", "arn:secret")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "omnicascade")
    yield made
    forget_handlers()


def forget_handlers() -> None:
    for name in ("receive_feedback", "follow_links"):
        sys.modules.pop(f"functions.{name}.handler", None)


def cold_start(name: str) -> ModuleType:
    return importlib.import_module(f"functions.{name}.handler")


def request(method: str, kind: str, token: str, **more: Any) -> dict[str, Any]:
    return {
        "version": "2.0",
        "routeKey": f"{method} /{kind}/{{token}}",
        "pathParameters": {"token": token},
        "requestContext": {"requestId": "r-1", "http": {"method": method}},
        "headers": {"user-agent": "Mozilla/5.0"},
        "isBase64Encoded": False,
        **more,
    }


def test_a_batch_is_answered_with_the_messages_to_deliver_again(aws: Aws) -> None:
    """A good record is queued, a bad one is named for redelivery."""
    aws.queue_takes()
    good = {
        "eventType": "Open",
        "mail": {"messageId": "s-1", "destination": ["ann@example.com"]},
        "open": {"timestamp": "2026-03-10T11:00:01Z"},
    }
    records = [{"messageId": "a", "body": json.dumps(good)}, {"messageId": "b", "body": "nonsense"}]
    answer = cold_start("receive_feedback").handler({"Records": records}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "b"}]}
    assert [call["event"] for call in aws.queued()] == ["Email Opened"]


def test_a_reply_is_joined_through_the_table(aws: Aws) -> None:
    """The message an SMS answers is read from the table by the provider's id."""
    aws.queue_takes()
    state = dict.fromkeys(("channel", "template", "profile_id", "to", "outcome"), "x")
    state |= {"provider_id": "sns-1", "message_id": "m-1", "run_id": "r", "journey": "j", "step": "s"}
    item = {"state": {"S": json.dumps({**state, "at": "2026-03-10T11:00:00+00:00", "cost": {}})}}
    aws["dynamodb"].json(200, {"Item": item})
    body = {
        "originationNumber": "+48601234567",
        "messageBody": "ok",
        "inboundMessageId": "i",
        "previousPublishedMessageId": "sns-1",
    }
    records = [{"messageId": "a", "body": json.dumps(body)}]
    assert cold_start("receive_feedback").handler({"Records": records}, None) == {"batchItemFailures": []}
    assert aws.queued()[0]["properties"]["message_id"] == "m-1"


def test_a_click_redirects(aws: Aws) -> None:
    """GET /l/{token} answers 302 in payload format 2.0, with the click's id from the request; no secret is read."""
    aws.queue_takes()
    aws.link_is_kept()
    answer = cold_start("follow_links").handler(request("GET", "l", CLICK), None)
    assert (answer["statusCode"], answer["headers"]["location"]) == (302, "https://s.example/c")
    (call,) = aws.queued()
    assert call["messageId"] == "click-r-1"
    assert aws["dynamodb"].body()["Key"]["pk"] == {"S": f"L#{CLICK}"}
    assert aws["secretsmanager"].requests == []
    assert "machine" not in call["properties"]


@pytest.mark.parametrize("headers", [{"user-agent": "Barracuda"}, {"user-agent": "M", "sec-purpose": "prefetch"}])
def test_a_scanners_click_is_marked(aws: Aws, headers: dict[str, str]) -> None:
    """User agent and prefetch headers reach the decision."""
    aws.queue_takes()
    aws.link_is_kept()
    cold_start("follow_links").handler(request("GET", "l", CLICK, headers=headers), None)
    assert aws.queued()[0]["properties"]["machine"] is True


def test_a_get_of_the_way_out_queues_nothing(aws: Aws) -> None:
    """Only a page comes back."""
    answer = cold_start("follow_links").handler(request("GET", "u", WAY_OUT), None)
    assert answer["statusCode"] == 200
    assert aws["sqs"].requests == []


@pytest.mark.parametrize(
    ("body", "topic"),
    [
        ("List-Unsubscribe=One-Click", "promotions"),
        ("List-Unsubscribe=One-Click&scope=topic", "promotions"),
        ("List-Unsubscribe=One-Click&scope=all", "*"),
        ("", "promotions"),
    ],
)
@pytest.mark.parametrize("encoded", [True, False])
def test_a_post_unsubscribes(aws: Aws, body: str, topic: str, encoded: bool) -> None:
    """The mailbox provider's one-click body and the page's form both work, as text or base64."""
    aws.queue_takes()
    sent = b64encode(body.encode()).decode() if encoded else body
    answer = cold_start("follow_links").handler(request("POST", "u", WAY_OUT, body=sent, isBase64Encoded=encoded), None)
    assert answer["statusCode"] == 200
    assert aws.queued()[0]["properties"]["topic"] == topic


def test_a_post_while_the_queue_is_down_asks_to_come_back(aws: Aws, caplog: pytest.LogCaptureFixture) -> None:
    """503 with Retry-After for the customer, an error in the log for the operator."""
    aws.queue_is_down()
    answer = cold_start("follow_links").handler(request("POST", "u", WAY_OUT), None)
    assert answer["statusCode"] == 503
    assert answer["headers"]["retry-after"] == "60"
    assert "link_trouble" in caplog.text


@pytest.mark.parametrize(("method", "kind"), [("GET", "l"), ("GET", "u"), ("POST", "u")])
def test_a_bad_token_is_a_page(aws: Aws, method: str, kind: str) -> None:
    """A forged or broken link is 404 on every route, and records nothing."""
    answer = cold_start("follow_links").handler(request(method, kind, "forged"), None)
    assert answer["statusCode"] == 404
    assert answer["headers"]["content-type"].startswith("text/html")
    assert aws["sqs"].requests == []
