"""The intake's one use case: who sends, is it well-formed, and only then queued."""

import gzip
import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnicascade.contracts import INTAKE_CALLS, INTAKE_PATHS
from omnicascade.domain.deployment import Source
from omnicascade.domain.errors import InvalidInputError, MalformedBodyError, TooLargeError, UnavailableError
from omnicascade.domain.intake import MAX_BODY_BYTES, MAX_EVENT_BYTES, Rejection
from omnicascade.usecases.ingest_events import IntakeRequest, ingest_events, plain_body
from tests.fakes.event_queue import MemoryEventQueue
from tests.fakes.source_directory import MemorySourceDirectory
from tests.shared_data import shared

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
TILL = Source("till", "pos", "PL", shared_device=True)
GOOD = {"type": "track", "userId": "42", "event": "Song Played"}


def basic(user: str, password: str = "") -> dict[str, str]:
    return {"authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


@dataclass(slots=True)
class World:
    """One source whose key is `key`, and a queue."""

    sources: MemorySourceDirectory = field(default_factory=lambda: MemorySourceDirectory({"key": TILL}))
    queue: MemoryEventQueue = field(default_factory=MemoryEventQueue)

    def post(
        self,
        path: str,
        body: object = GOOD,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> list[Rejection]:
        """Send a request; what is no bytes is sent as JSON, and the key as Basic user unless headers are given."""
        numbers = count()
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = IntakeRequest(path, raw, basic("key") if headers is None else headers, query or {})
        rejected = ingest_events(
            request, sources=self.sources, queue=self.queue, now=NOW, new_id=lambda: f"made-{next(numbers)}"
        )
        return list(rejected)

    def refused(self, path: str, body: object = GOOD, **more: Any) -> tuple[int, str]:
        """Status and code of a request that must be refused, and leave nothing behind."""
        with pytest.raises(InvalidInputError) as caught:
            self.post(path, body, **more)
        assert self.queue.envelopes == []
        assert caught.value.message
        return caught.value.status, caught.value.code


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("path", [*INTAKE_PATHS, "/v1/track/"])
def test_every_path_queues_its_kind(world: World, path: str) -> None:
    """The path names the call; batches name it themselves."""
    kind = INTAKE_PATHS[path.rstrip("/")]
    body = {"batch": [GOOD, GOOD]} if kind == "batch" else {**GOOD, "type": "ignored", "groupId": "g"}
    assert world.post(path, body) == []
    assert [call["type"] for call in world.queue.calls] == (["track", "track"] if kind == "batch" else [kind])


def test_the_envelope_carries_what_the_source_is(world: World) -> None:
    """Region and device sharing travel with the calls; the key does not."""
    world.post("/v1/track", {**GOOD, "writeKey": "key"}, headers={})
    (envelope,) = world.queue.envelopes
    assert (envelope.source, envelope.received_at) == ("till", NOW)
    assert (envelope.default_region, envelope.shared_device) == ("PL", True)
    assert "key" not in json.dumps(envelope.calls)


@pytest.mark.parametrize(
    ("headers", "query", "member"),
    [
        (basic("key"), {}, None),
        (basic("key", "password"), {}, None),
        ({"authorization": basic("key")["authorization"].replace("Basic", "basic")}, {}, None),
        ({"authorization": "Basic a2V5"}, {}, None),
        (basic("key"), {"writeKey": "other"}, "another"),
        ({}, {"writeKey": "key"}, None),
        (basic(""), {"writeKey": "key"}, None),
        ({"authorization": "Bearer token"}, {"writeKey": "key"}, None),
        ({}, {}, "key"),
        (basic(""), {}, "key"),
    ],
)
def test_the_key_is_found_wherever_sdks_put_it(
    world: World, headers: dict[str, str], query: dict[str, str], member: str | None
) -> None:
    """Header, then query, then body."""
    world.post("/v1/track", {**GOOD, "writeKey": member}, headers=headers, query=query)
    assert len(world.queue.calls) == 1


@pytest.mark.parametrize(
    ("headers", "query", "body"),
    [
        ({}, {}, GOOD),
        ({}, {}, [GOOD]),
        ({}, {}, {**GOOD, "writeKey": 5}),
        ({}, {}, {**GOOD, "writeKey": ""}),
        ({}, {}, {**GOOD, "writeKey": "unknown"}),
        ({}, {"writeKey": "unknown"}, {**GOOD, "writeKey": "key"}),
        (basic("unknown"), {"writeKey": "key"}, GOOD),
        (basic("key "), {}, GOOD),
        ({"authorization": "Basic !!!"}, {}, GOOD),
        ({"authorization": "Basic a2V"}, {}, GOOD),
        ({"authorization": "Basic kluczż"}, {}, GOOD),
        ({"authorization": "Basic " + b64encode(b"\xff\xfe:").decode()}, {}, GOOD),
        ({"authorization": "Basic"}, {}, GOOD),
    ],
)
def test_without_a_good_key_nothing_is_taken(
    world: World, headers: dict[str, str], query: dict[str, str], body: object
) -> None:
    """A key that is given and wrong is never replaced by another."""
    assert world.refused("/v1/track", body, headers=headers, query=query) == (401, "unknown_key")


def test_a_wrong_key_is_told_before_the_body_is_read(world: World) -> None:
    """Strangers do not make us unpack their gzip."""
    assert world.refused("/v1/track", b"\x1f\x8bgarbage", headers=basic("unknown")) == (401, "unknown_key")


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/tracks", "/v1/track/x", "/V1/track", "GET /v1/track"])
def test_an_unknown_path_says_so(world: World, path: str) -> None:
    """As JSON with a code, which SDKs take for final, and without asking for a key."""
    assert world.refused(path, headers={}) == (404, "unknown_path")
    assert world.sources.asked == []


def test_nothing_is_confirmed_while_the_queue_is_down(world: World) -> None:
    """The caller hears of it and sends again."""
    world.queue.down = True
    with pytest.raises(UnavailableError):
        world.post("/v1/track")


def test_nothing_is_taken_while_keys_cannot_be_read(world: World) -> None:
    """An outage is not a wrong key: the caller may try again."""
    world.sources.down = True
    with pytest.raises(UnavailableError):
        world.post("/v1/track")
    assert world.queue.envelopes == []


def test_a_batch_answers_with_what_it_refused(world: World) -> None:
    """The good calls are queued."""
    rejected = world.post("/v1/batch", {"batch": [GOOD, {"type": "track", "userId": "1"}, GOOD]})
    assert [(r.index, r.problem.code, r.problem.path) for r in rejected] == [(1, "missing_event", "event")]
    assert len(world.queue.calls) == 2


BOMB = gzip.compress(b" " * (8 * MAX_BODY_BYTES), mtime=0)
WHOLE = gzip.compress(json.dumps(GOOD).encode(), mtime=0)


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        ("/v1/track", b"", (400, "malformed_body")),
        ("/v1/track", b" \n", (400, "malformed_body")),
        ("/v1/track", b"{", (400, "malformed_body")),
        ("/v1/track", b"userId=42", (400, "malformed_body")),
        ("/v1/track", b'{"userId": "42", "event": NaN}', (400, "malformed_body")),
        ("/v1/track", b'{"userId": "42", "event": "A", "x": 1e400}', (400, "malformed_body")),
        ("/v1/track", b'{"userId": "42", "event": "A", "x": ' + b"9" * 5_001 + b"}", (400, "malformed_body")),
        ("/v1/track", b'{"userId": "\xff", "event": "A"}', (400, "malformed_body")),
        ("/v1/track", b'{"userId": "a\x00", "event": "A"}', (400, "malformed_body")),
        ("/v1/track", b'{"userId": "42", "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", (400, "too_deep")),
        ("/v1/track", b'{"userId": "42", "event": "A", "x": ' + b"[" * 900 + b"]" * 900 + b"}", (400, "too_deep")),
        ("/v1/track", b"[]", (400, "malformed_body")),
        ("/v1/track", b"null", (400, "malformed_body")),
        ("/v1/track", b'"text"', (400, "malformed_body")),
        ("/v1/track", {"event": "A"}, (400, "missing_identifier")),
        ("/v1/track", {"event": "A", "userId": " "}, (400, "missing_identifier")),
        ("/v1/track", {"event": "A", "userId": False}, (400, "wrong_type")),
        ("/v1/track", {"event": ["A"], "userId": "42"}, (400, "wrong_type")),
        ("/v1/track", {"userId": "42"}, (400, "missing_event")),
        ("/v1/track", {**GOOD, "x": "a" * MAX_EVENT_BYTES}, (413, "too_large")),
        ("/v1/track", b" " * (MAX_BODY_BYTES + 1), (413, "too_large")),
        ("/v1/batch", {"batch": [GOOD] * 2_501}, (413, "too_large")),
        ("/v1/batch", {"batch": []}, (400, "no_good_call")),
        ("/v1/batch", {"batch": [{"type": "track"}]}, (400, "no_good_call")),
        ("/v1/batch", GOOD, (400, "missing_batch")),
        ("/v1/track", BOMB, (413, "too_large")),
        ("/v1/track", WHOLE[:-9], (400, "malformed_body")),
        ("/v1/track", WHOLE[:10], (400, "malformed_body")),
        ("/v1/track", b"\x1f\x8b", (400, "malformed_body")),
        ("/v1/track", WHOLE[:-8] + b"\x00" * 8, (400, "malformed_body")),
        ("/v1/track", gzip.compress(b"", mtime=0), (400, "malformed_body")),
        ("/v1/track", gzip.compress(WHOLE, mtime=0), (400, "malformed_body")),
    ],
)
def test_hostile_bodies_are_refused(world: World, path: str, body: object, answer: tuple[int, str]) -> None:
    """Each with its status and code, and nothing of it queued."""
    assert world.refused(path, body) == answer


@pytest.mark.parametrize(
    "body",
    [
        {**GOOD, "userId": 42},
        {**GOOD, "userId": 10**4_000},
        {**GOOD, "userId": "a\x00b", "x\x00": "\x00"},
        b'{"userId": "\\ud83d", "event": "half an emoji \\udc00"}',
        b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
        gzip.compress(json.dumps(GOOD).encode(), mtime=0),
        {**GOOD, "properties": {"": {"": [None, True, -0.0, 1e308]}}},
    ],
)
def test_odd_but_honest_bodies_are_taken(world: World, body: object) -> None:
    """And can be written to any store."""
    assert world.post("/v1/track", body) == []
    (call,) = world.queue.calls
    json.dumps(call, allow_nan=False, ensure_ascii=False).encode()


@given(st.binary(max_size=60))
def test_gzip_is_known_by_its_content(body: bytes) -> None:
    """Packed or not, the same bytes come out; an SDK's label does not matter."""
    honest = b"{" + body
    assert plain_body(honest) == honest
    assert plain_body(gzip.compress(honest, mtime=0)) == honest


@given(st.integers(MAX_BODY_BYTES - 3, MAX_BODY_BYTES + 3), st.sampled_from([b"a", b"\x00"]), st.booleans())
def test_no_body_over_4_mb_comes_out(size: int, letter: bytes, packed: bool) -> None:
    """The limit holds to the byte, before and after unpacking."""
    plain = letter * size
    body = gzip.compress(plain, 1, mtime=0) if packed else plain
    if size <= MAX_BODY_BYTES:
        assert plain_body(body) == plain
    else:
        with pytest.raises(TooLargeError):
            plain_body(body)


@given(st.binary(max_size=200))
def test_damaged_gzip_is_a_400(rest: bytes) -> None:
    """Whatever follows the magic bytes, the answer is a body or one of two errors, and never over 4 MB."""
    try:
        assert len(plain_body(b"\x1f\x8b" + rest)) <= MAX_BODY_BYTES
    except (MalformedBodyError, TooLargeError):
        return


def test_unpacking_stops_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bomb costs the memory of the limit, not of what it holds."""
    made: list[int] = []
    unpacker = zlib.decompressobj

    class Watched:
        def __init__(self, wbits: int) -> None:
            self._inner = unpacker(wbits)

        def decompress(self, data: bytes, limit: int) -> bytes:
            out = self._inner.decompress(data, limit)
            made.append(len(out))
            return out

        @property
        def eof(self) -> bool:
            return self._inner.eof

    monkeypatch.setattr(zlib, "decompressobj", Watched)
    with pytest.raises(TooLargeError):
        plain_body(BOMB)
    assert made == [MAX_BODY_BYTES + 1]


def test_every_example_of_segments_spec_is_taken(world: World) -> None:
    """Alone and in batches; only an identifier is added, which the spec's authors left out for brevity."""
    lines = (shared("segment-spec-examples") / "examples.jsonl").read_text(encoding="utf-8").splitlines()
    messages = [{"anonymousId": "spec", **json.loads(line)["message"]} for line in lines]
    assert len(messages) == 135
    for message in messages:
        if message.get("type") in INTAKE_CALLS:
            assert world.post(f"/v1/{message['type']}", message) == []
    assert world.post("/v1/batch", {"batch": messages}) == []
    assert len(world.queue.envelopes[-1].calls) == 135


@pytest.mark.parametrize("client", ["rudder-js-xhr", "segment-analytics-python"])
def test_every_recorded_request_of_a_real_client_is_taken(world: World, client: str) -> None:
    """Path, headers and body as they were on the wire; every call in them is queued once."""
    lines = (shared("clients") / f"{client}.jsonl").read_text(encoding="utf-8").splitlines()
    posts = [recorded for recorded in map(json.loads, lines) if recorded["method"] == "POST"]
    assert posts
    for recorded in posts:
        raw = b64decode(recorded["body_base64"]) if "body_base64" in recorded else recorded["body"].encode()
        headers = {name.lower(): value for name, value in recorded["headers"]} | basic("key")
        assert world.post(recorded["path"], raw, headers=headers) == []
        sent = recorded["json"].get("batch", [recorded["json"]])
        queued = world.queue.envelopes[-1].calls
        assert [call["messageId"] for call in queued] == [call["messageId"] for call in sent]
