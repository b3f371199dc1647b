"""Whatever is thrown at the intake: the right 4xx with `code` and `message`, never a 5xx, nothing half stored."""

import gzip
import json

import httpx
import pytest

from infra.local_client import StackClient

KEY = ("local-web", "")


def call(**more: object) -> bytes:
    """A good track call, changed."""
    return json.dumps({"userId": "hostile", "event": "E"} | more).encode()


REFUSED = [
    ("not JSON", "/v1/track", b"{", 400, "malformed_body"),
    ("not an object", "/v1/track", b"[1]", 400, "malformed_body"),
    ("empty", "/v1/track", b"", 400, "malformed_body"),
    ("not UTF-8", "/v1/track", b'{"event": "\xff\xfe"}', 400, "malformed_body"),
    ("NaN", "/v1/track", b'{"userId": "u", "event": "E", "properties": {"x": NaN}}', 400, "malformed_body"),
    ("infinite", "/v1/track", b'{"userId": "u", "event": "E", "properties": {"x": 1e999}}', 400, "malformed_body"),
    ("endless integer", "/v1/track", b'{"userId": ' + b"9" * 5000 + b"}", 400, "malformed_body"),
    ("deep", "/v1/track", b'{"a":' * 20000 + b"1" + b"}" * 20000, 400, "too_deep"),
    ("somewhat deep", "/v1/track", call(properties=json.loads('{"a":' * 100 + "1" + "}" * 100)), 400, "too_deep"),
    ("no event", "/v1/track", call(event=None), 400, "missing_event"),
    ("event of a wrong type", "/v1/track", call(event=7), 400, "wrong_type"),
    ("nobody", "/v1/track", call(userId=" "), 400, "missing_identifier"),
    ("a user that is an object", "/v1/track", call(userId={"$ne": 1}), 400, "wrong_type"),
    ("a user that is true", "/v1/track", call(userId=True), 400, "wrong_type"),
    ("properties as a list", "/v1/track", call(properties=[]), 400, "wrong_type"),
    ("traits as text", "/v1/identify", b'{"userId": "u", "traits": "x"}', 400, "wrong_type"),
    ("a time that is none", "/v1/track", call(timestamp="yesterday"), 400, "bad_timestamp"),
    ("a time before time", "/v1/track", call(timestamp="0001-01-01T00:00:00Z"), 400, "bad_timestamp"),
    ("a large event", "/v1/track", call(properties={"x": "y" * 33_000}), 413, "too_large"),
    ("a large body", "/v1/batch", b" " * 4_200_000 + b"{}", 413, "too_large"),
    ("too many events", "/v1/batch", json.dumps({"batch": [{}] * 2501}).encode(), 413, "too_large"),
    ("an empty batch", "/v1/batch", b'{"batch": []}', 400, "no_good_call"),
    ("a batch that is none", "/v1/batch", b'{"batch": {}}', 400, "missing_batch"),
    ("only bad calls", "/v1/batch", b'{"batch": [{"type": "trace", "userId": "u"}, 7]}', 400, "no_good_call"),
    ("a gzip bomb", "/v1/batch", gzip.compress(b"0" * 100_000_000, mtime=0), 413, "too_large"),
    ("cut gzip", "/v1/track", gzip.compress(call(), mtime=0)[:-9], 400, "malformed_body"),
    ("no gzip at all", "/v1/track", b"\x1f\x8b\x08garbage", 400, "malformed_body"),
    ("an unknown path", "/v1/trace", call(), 404, "unknown_path"),
    ("another unknown path", "/%00/../etc", call(), 404, "unknown_path"),
    ("a group without id", "/v1/group", b'{"userId": "u"}', 400, "missing_group_id"),
]


@pytest.mark.parametrize(("path", "body", "status", "code"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_bad_input_is_refused_with_the_reason(
    stack: StackClient, path: str, body: bytes, status: int, code: str
) -> None:
    """Each fault has its status and its code, and a message for a person."""
    answer = stack.http.post(path, content=body, auth=KEY, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert len(answer.json()["message"]) > 10


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"auth": ("wrong-key", "")},
        {"headers": {"authorization": "Basic !!!"}},
        {"headers": {"authorization": "Bearer local-staff"}},
        {"params": {"writeKey": "wrong"}},
        {"json": {"userId": "u", "event": "E", "writeKey": 7}},
    ],
)
def test_a_bad_key_is_a_401(stack: StackClient, credentials: dict[str, object]) -> None:
    """No key, a wrong one, and none that can be read."""
    arguments: dict[str, object] = {"json": {"userId": "u", "event": "E"}} | credentials
    answer = stack.http.post("/v1/track", **arguments)  # pyright: ignore[reportArgumentType]
    assert answer.status_code == 401
    assert answer.json()["code"] == "unknown_key"


def test_other_methods_are_no_crash(stack: StackClient) -> None:
    """GET, HEAD, DELETE and a method nobody knows are answered, not crashed on."""
    for method in ("GET", "HEAD", "DELETE", "PATCH", "BREW"):
        assert stack.http.request(method, "/v1/track", auth=KEY).status_code in {404, 405}


def test_the_key_may_stand_in_the_body_or_the_query(stack: StackClient) -> None:
    """Beacons carry the key as ?writeKey=, some SDKs in the body; both are kept out of what is stored."""
    anonymous = httpx.Client(base_url=stack.url, timeout=60)
    body = {"batch": [{"type": "page", "anonymousId": "beacon-1"}]}
    assert anonymous.post("/beacon/v1/batch?writeKey=local-web", json=body).json() == {"success": True}
    in_body = {"userId": "in-body", "event": "E", "writeKey": "local-web"}
    text = {"content-type": "text/plain"}
    assert anonymous.post("/v1/t", content=json.dumps(in_body), headers=text).json() == {"success": True}
    form = {"content-type": "application/x-www-form-urlencoded"}
    packed = gzip.compress(json.dumps(in_body | {"userId": "in-gzip"}).encode(), mtime=0)
    assert anonymous.post("/v1/track", content=packed, headers=form).json() == {"success": True}
    stack.settle()
    assert stack.profile("anonymous_id:beacon-1")["counters"]["events"] == 1
    assert stack.profile("user_id:in-gzip")["counters"]["events"] == 1
    assert "local-web" not in json.dumps([e["properties"] | e["context"] for e in stack.events("user_id:in-body")])


def test_good_calls_of_a_batch_are_kept(stack: StackClient) -> None:
    """Bad calls are listed by index with code, message and path; the others become events."""
    calls = [
        {"type": "track", "userId": "batch-1", "event": "Good"},
        {"type": "track", "userId": "batch-1"},
        "no call",
        {"type": "identify", "userId": 0.5},
        {"type": "page", "userId": "batch-1"},
    ]
    answer = stack.post("/v1/batch", {"batch": calls})
    assert answer["success"] is True
    assert [(r["index"], r["code"]) for r in answer["rejected"]] == [
        (1, "missing_event"),
        (2, "wrong_type"),
        (3, "wrong_type"),
    ]
    stack.settle()
    assert stack.profile("user_id:batch-1")["counters"]["events"] == 2


def test_strange_text_is_stored_and_read_back(stack: StackClient) -> None:
    """NUL, half an emoji, right-to-left marks, and keys named like an object's own parts survive the road."""
    odd = (
        '{"userId": "odd", "event": "E", "messageId": "odd-1", "properties": {"a\\u0000b": "\\ud83d", "__proto__": 1}}'
    )
    assert stack.http.post("/v1/track", content=odd, auth=KEY).json() == {"success": True}
    stack.settle()
    event = stack.events("user_id:odd")[0]
    assert event["properties"] == {"a\x00b": "\ufffd", "__proto__": 1}


def test_a_hostile_event_does_not_stop_the_others(stack: StackClient) -> None:
    """References to runs that cannot be, identifiers without end and monstrous keys leave the stream going."""
    long = "x_" * 3000
    stack.track("Push Notification Tapped", userId="evil", properties={"message_id": f"{long}-1"})
    stack.track("Email Link Clicked", userId="evil", properties={"message_id": "a_b_c-0"})
    stack.post("/v1/track", {"userId": "evil", "event": "E", "messageId": "😀" * 400})
    stack.track("Order Completed", userId="evil", properties={"total": "1e999999", "currency": long})
    listed = [{"type": "crm", "id": f"{n}-{long[:20]}", "collection": "users"} for n in range(300)]
    stack.track("E", userId="evil", context={"externalIds": listed})
    stack.track("After", userId="evil-2")
    stack.settle()
    assert stack.profile("user_id:evil-2")["counters"]["events"] == 1
    assert stack.profile("user_id:evil")["counters"]["events"] == 5
