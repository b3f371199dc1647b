"""Real SDK traffic: recorded, documented, and live."""

import base64
import json
from typing import Any

import pytest
from segment.analytics.client import Client

from infra.local_client import StackClient
from tests.shared_data import shared

HOP_BY_HOP = {"host", "connection", "content-length"}


def recorded(name: str) -> list[dict[str, Any]]:
    """The requests of one recording, in order."""
    lines = shared(f"clients/{name}").read_text(encoding="utf-8").splitlines()
    return sorted(map(json.loads, lines), key=lambda line: line["seq"])


def with_key(line: dict[str, Any], key: str) -> tuple[dict[str, str], bytes]:
    """Headers and body of a recorded request, with our write key in place of the recorded one."""
    headers = {name: value for name, value in line["headers"] if name.lower() not in HOP_BY_HOP}
    if any(name.lower() == "authorization" for name in headers):
        headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
        headers["Authorization"] = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
    body = base64.b64decode(line["body_base64"]) if line.get("body_base64") else line["body"].encode()
    return headers, body


@pytest.mark.parametrize("name", ["segment-analytics-python.jsonl", "rudder-js-xhr.jsonl"])
def test_every_recorded_request_is_accepted(stack: StackClient, name: str) -> None:
    """Every POST is answered 200 with success, every preflight grants the headers it asks for."""
    for line in recorded(name):
        headers, body = with_key(line, "local-web")
        url = line["path"] + (f"?{line['query']}" if line["query"] else "")
        answer = stack.http.request(line["method"], url, headers=headers, content=body)
        assert answer.status_code == 200, (line["seq"], answer.text)
        if line["method"] == "POST":
            assert answer.json() == {"success": True}, line["seq"]
            assert not headers.get("Origin") or answer.headers["access-control-allow-origin"] == headers["Origin"]
            continue
        wanted = headers["Access-Control-Request-Headers"].lower().split(",")
        granted = [h.strip() for h in answer.headers["access-control-allow-headers"].lower().split(",")]
        assert set(wanted) <= set(granted)
        assert "POST" in answer.headers["access-control-allow-methods"]


def test_recorded_identify_becomes_a_profile(stack: StackClient) -> None:
    """What a recorded SDK said of a customer is read back, spelled the one way identifiers are stored."""
    for line in recorded("segment-analytics-python.jsonl")[:1]:
        headers, body = with_key(line, "local-server")
        assert stack.http.post(line["path"], headers=headers, content=body).status_code == 200
    stack.settle()
    profile = stack.profile("user_id:u-pl-1")
    values = {i["type"]: i["value"] for i in profile["identifiers"]}
    assert values["phone"] == "+48512345678"
    assert values["email"] == "zażółć.gęślą@xn--przykad-rjb.pl"
    assert profile["traits"]["company"]["name"] == "Żółw Sp. z o.o."


def test_every_documented_call_is_accepted(stack: StackClient) -> None:
    """All example calls of Segment's spec are accepted, each on its own and all as one batch."""
    lines = shared("segment-spec-examples/examples.jsonl").read_text(encoding="utf-8").splitlines()
    calls = [{"anonymousId": f"spec-{n}"} | json.loads(line)["message"] for n, line in enumerate(lines)]
    assert len(calls) == 135
    for call in calls:
        path = f"/v1/{call.get('type') or call['action']}"
        assert stack.post(path, call, "local-server") == {"success": True}
    assert stack.post("/v1/batch", {"batch": calls}, "local-server") == {"success": True}
    stack.settle()
    assert stack.profile("anonymous_id:spec-5")["counters"]["events"] >= 1


def test_live_sdk_delivers(stack: StackClient) -> None:
    """The official Python SDK, pointed at the stack, delivers everything and reports no error."""
    errors: list[object] = []

    def report(error: object, _calls: object) -> None:
        errors.append(error)

    client: Any = Client(  # the SDK has no types
        "local-server",
        host=stack.url,
        gzip=True,
        sync_mode=False,
        on_error=report,
    )
    client.identify("sdk-user", {"email": "Sdk@Example.com", "plan": "pro"})
    for number in range(150):
        client.track("sdk-user", "Product Viewed", {"number": number})
    client.alias("sdk-anonymous", "sdk-user")
    client.group("sdk-user", "shop-1", {"name": "Shop"})
    client.flush()
    client.join()
    assert errors == []
    stack.settle()
    profile = stack.profile("email:sdk@example.com")
    assert profile["counters"]["events"] == 153
    assert {"type": "anonymous_id", "value": "sdk-anonymous"}.items() <= next(
        i for i in profile["identifiers"] if i["type"] == "anonymous_id"
    ).items()
