"""What the intake accepts, call by call."""

import json
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omnicascade.contracts import INTAKE_CALLS
from omnicascade.domain.errors import InvalidInputError, MalformedBodyError, TooLargeError
from omnicascade.domain.intake import (
    EARLIEST,
    LATEST,
    MAX_BATCH_EVENTS,
    MAX_DEPTH,
    MAX_EVENT_BYTES,
    Accepted,
    accept,
    read_time,
)

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
NOTHING: dict[str, Any] = {}
GOOD = {"type": "track", "userId": "42", "event": "Song Played"}


def accepted(kind: str, body: object) -> Accepted:
    numbers = count()
    return accept(kind, body, received_at=NOW, new_id=lambda: f"made-{next(numbers)}")


def single(kind: str = "track", **members: Any) -> dict[str, Any]:
    """The one accepted call of a good track call with these members."""
    return dict(accepted(kind, {**GOOD, **members}).calls[0])


def refused(kind: str, body: object) -> tuple[int, str, str | None]:
    with pytest.raises(InvalidInputError) as caught:
        accepted(kind, body)
    return caught.value.status, caught.value.code, caught.value.path


@pytest.mark.parametrize("kind", INTAKE_CALLS)
def test_every_kind_of_call_is_taken(kind: str) -> None:
    """With its type, id and time filled in, and everything else as it was sent."""
    body = {"userId": "42", "event": "A", "groupId": "g", "custom": {"kept": [1, None]}, "writeKey": "secret"}
    call = accepted(kind, body).calls[0]
    assert call == {
        "userId": "42",
        "event": "A",
        "groupId": "g",
        "custom": {"kept": [1, None]},
        "type": kind,
        "messageId": "made-0",
        "timestamp": "2026-03-01T09:30:00.000+00:00",
    }


@pytest.mark.parametrize(
    ("kind", "body", "answer"),
    [
        ("track", None, (400, "malformed_body", "")),
        ("track", [GOOD], (400, "malformed_body", "")),
        ("track", "text", (400, "malformed_body", "")),
        ("batch", [], (400, "malformed_body", "")),
        ("batch", {}, (400, "missing_batch", "batch")),
        ("batch", {"batch": None}, (400, "missing_batch", "batch")),
        ("batch", {"batch": {"0": GOOD}}, (400, "missing_batch", "batch")),
        ("batch", {"batch": []}, (400, "no_good_call", "batch")),
        ("batch", {"batch": [None, 1, NOTHING]}, (400, "no_good_call", "batch")),
        ("track", {"userId": "42"}, (400, "missing_event", "event")),
        ("track", {"userId": "42", "event": " "}, (400, "missing_event", "event")),
        ("track", {"userId": "42", "event": None}, (400, "missing_event", "event")),
        ("track", {"userId": "42", "event": 5}, (400, "wrong_type", "event")),
        ("page", {"userId": "42", "name": {}}, (400, "wrong_type", "name")),
        ("group", {"userId": "42"}, (400, "missing_group_id", "groupId")),
        ("group", {"userId": "42", "groupId": ""}, (400, "missing_group_id", "groupId")),
        ("identify", {}, (400, "missing_identifier", "userId")),
        ("identify", {"userId": "", "anonymousId": None}, (400, "missing_identifier", "userId")),
        ("identify", {"userId": "  \t"}, (400, "missing_identifier", "userId")),
        ("identify", {"traits": {"email": ""}}, (400, "missing_identifier", "userId")),
        ("identify", {"context": {"externalIds": [{"type": "crm"}, 5]}}, (400, "missing_identifier", "userId")),
        ("identify", {"userId": True}, (400, "wrong_type", "userId")),
        ("identify", {"userId": 1.5}, (400, "wrong_type", "userId")),
        ("identify", {"userId": ["42"]}, (400, "wrong_type", "userId")),
        ("identify", {"userId": "42", "anonymousId": {}}, (400, "wrong_type", "anonymousId")),
        ("identify", {"userId": "42", "messageId": []}, (400, "wrong_type", "messageId")),
        ("identify", {"userId": "42", "traits": []}, (400, "wrong_type", "traits")),
        ("identify", {"userId": "42", "context": "web"}, (400, "wrong_type", "context")),
        ("track", {**GOOD, "properties": 5}, (400, "wrong_type", "properties")),
        ("track", {**GOOD, "timestamp": "yesterday"}, (400, "bad_timestamp", "timestamp")),
        ("track", {**GOOD, "timestamp": True}, (400, "bad_timestamp", "timestamp")),
        ("track", {**GOOD, "timestamp": {}}, (400, "bad_timestamp", "timestamp")),
        ("track", {**GOOD, "originalTimestamp": "2200-01-01"}, (400, "bad_timestamp", "originalTimestamp")),
    ],
)
def test_a_fault_has_its_code_and_place(kind: str, body: object, answer: tuple[int, str, str | None]) -> None:
    """A client's author reads what to change and where."""
    assert refused(kind, body) == answer


@pytest.mark.parametrize(
    "body",
    [
        {"userId": "42"},
        {"userId": 42},
        {"userId": 0},
        {"anonymousId": "a"},
        {"userId": "", "anonymousId": "a"},
        {"traits": {"email": "ann@example.com"}},
        {"traits": {"phone": 601234567}},
        {"context": {"traits": {"phone": "601234567"}}},
        {"context": {"device": {"id": "d"}}},
        {"context": {"device": {"token": "t"}}},
        {"context": {"externalIds": [{"type": "crm", "id": "c"}]}},
    ],
)
def test_one_name_is_enough(body: dict[str, Any]) -> None:
    """Wherever Segment's spec lets a call name somebody."""
    assert accepted("identify", body).calls


@pytest.mark.parametrize(
    ("message_id", "stored"),
    [("m-1", "m-1"), (" m-1 ", "m-1"), (7, "7"), (0, "0"), ("", "made-0"), (None, "made-0"), (" \t", "made-0")],
)
def test_a_message_id_is_never_blank(message_id: object, stored: str) -> None:
    """A blank id would make duplicates of different events."""
    assert single(messageId=message_id)["messageId"] == stored


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_a_call_nests_64_levels_at_most() -> None:
    """The call itself is the first of them."""
    assert single(x=nested(MAX_DEPTH - 1))
    assert refused("track", {**GOOD, "x": nested(MAX_DEPTH)}) == (400, "too_deep", "")
    assert refused("track", {**GOOD, "x": nested(50_000)}) == (400, "too_deep", "")


@pytest.mark.parametrize("letter", ["a", "ż", "漢", "😀"])
def test_a_call_has_32_kb_at_most(letter: str) -> None:
    """Counted as UTF-8, whatever the letters."""
    frame = len(json.dumps({**GOOD, "x": ""}, separators=(",", ":")).encode())
    room, letter_bytes = MAX_EVENT_BYTES - frame, len(letter.encode())
    full = letter * (room // letter_bytes) + "a" * (room % letter_bytes)
    assert single(x=full)["x"] == full
    assert refused("track", {**GOOD, "x": full + "a"}) == (413, "too_large", "")


def test_a_batch_has_2500_calls_at_most() -> None:
    """One more is a 413, and nothing of it is taken."""
    assert len(accepted("batch", {"batch": [GOOD] * MAX_BATCH_EVENTS}).calls) == MAX_BATCH_EVENTS
    with pytest.raises(TooLargeError):
        accepted("batch", {"batch": [GOOD] * (MAX_BATCH_EVENTS + 1)})


def test_a_batch_keeps_its_good_calls() -> None:
    """The others are listed by their place, an oversize one included."""
    entries = [
        GOOD,
        {"type": "track"},
        None,
        {"type": "shout", "userId": "1"},
        {**GOOD, "x": "a" * MAX_EVENT_BYTES},
        GOOD,
    ]
    answer = accepted("batch", {"batch": entries})
    assert len(answer.calls) == 2
    assert [(r.index, r.problem.code) for r in answer.rejected] == [
        (1, "missing_event"),
        (2, "wrong_type"),
        (3, "unknown_type"),
        (4, "too_large"),
    ]


def test_a_batch_without_a_good_call_says_why_of_each() -> None:
    """In the order of the list."""
    with pytest.raises(MalformedBodyError) as caught:
        accepted("batch", {"batch": [{}, {"type": "track", "userId": "1"}, 5]})
    assert [p.code for p in caught.value.problems] == ["unknown_type", "missing_event", "wrong_type"]


@pytest.mark.parametrize("kind", [None, 5, [], {}, "", "Track", "batch"])
def test_a_batched_call_needs_a_known_type(kind: object) -> None:
    """Whatever stands there."""
    answer = accepted("batch", {"batch": [GOOD, {**GOOD, "type": kind}]})
    assert [r.problem.code for r in answer.rejected] == ["unknown_type"]


def test_a_batchs_context_and_sending_time_are_for_every_call() -> None:
    """A call's own words stand before them."""
    own = {**GOOD, "context": {"locale": "pl"}, "timestamp": "2026-03-01T09:00:00Z", "sentAt": "2026-03-01T09:10:00Z"}
    shared = {**GOOD, "timestamp": "2026-03-01T09:00:00Z"}
    body = {"batch": [own, shared], "context": {"locale": "en", "ip": "::1"}, "sentAt": "2026-03-01T09:05:00Z"}
    first, second = accepted("batch", body).calls
    assert (first["context"], second["context"]) == ({"locale": "pl", "ip": "::1"}, {"locale": "en", "ip": "::1"})
    assert first["timestamp"] == "2026-03-01T09:20:00.000+00:00"
    assert second["timestamp"] == "2026-03-01T09:25:00.000+00:00"


SECONDS = st.integers(-(10**7), 10**7)


@given(SECONDS, SECONDS)
def test_a_wrong_clock_is_corrected(happened: int, clock_error: int) -> None:
    """`receivedAt - (sentAt - originalTimestamp)`: the client's error cancels out."""
    original = NOW + timedelta(seconds=happened + clock_error)
    sent = NOW + timedelta(seconds=clock_error)
    call = single(originalTimestamp=original.isoformat(), sentAt=sent.isoformat(), timestamp="ignored")
    assert datetime.fromisoformat(call["timestamp"]) == NOW + timedelta(seconds=happened)


@pytest.mark.parametrize(
    ("members", "stored"),
    [
        ({}, "2026-03-01T09:30:00.000+00:00"),
        ({"timestamp": "", "sentAt": "2026-03-01T09:00:00Z"}, "2026-03-01T09:30:00.000+00:00"),
        ({"timestamp": "2026-02-28T08:00:00.1239Z"}, "2026-02-28T08:00:00.123+00:00"),
        ({"timestamp": "2026-02-28T08:00:00+02:00"}, "2026-02-28T06:00:00.000+00:00"),
        ({"timestamp": "2026-02-28T08:00:00"}, "2026-02-28T08:00:00.000+00:00"),
        ({"timestamp": "2026-02-28"}, "2026-02-28T00:00:00.000+00:00"),
        ({"timestamp": 1772265600}, "2026-02-28T08:00:00.000+00:00"),
        ({"timestamp": 1772265600123}, "2026-02-28T08:00:00.123+00:00"),
        ({"timestamp": "2026-02-28T08:00:00Z", "sentAt": "soon"}, "2026-02-28T08:00:00.000+00:00"),
        ({"timestamp": "2199-12-31T00:00:00Z", "sentAt": "1970-01-01T00:00:00Z"}, "2199-12-31T00:00:00.000+00:00"),
    ],
)
def test_when_it_happened(members: dict[str, Any], stored: str) -> None:
    """ISO 8601 or Unix time; without a usable `sentAt` the client's word stands."""
    assert single(**members)["timestamp"] == stored


@given(st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1)), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001
def test_a_time_is_read_in_its_zone(moment: datetime, minutes: int) -> None:
    """Any offset gives the same instant in UTC."""
    aware = moment.replace(tzinfo=UTC)
    read = read_time(aware.astimezone(timezone(timedelta(minutes=minutes))).isoformat())
    assert read == aware
    assert read is not None
    assert read.tzinfo is UTC


@given(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.integers().map(lambda n: 10 ** (n % 400))
)
def test_any_value_is_a_plausible_time_or_none(value: object) -> None:
    """No number or text makes reading fail."""
    moment = read_time(value)
    assert moment is None or EARLIEST <= moment < LATEST


MEMBERS = st.sampled_from(
    [
        "type",
        "userId",
        "anonymousId",
        "event",
        "groupId",
        "messageId",
        "timestamp",
        "originalTimestamp",
        "sentAt",
        "traits",
        "context",
        "properties",
        "device",
        "externalIds",
        "email",
        "id",
        "batch",
        "name",
        "previousId",
    ]
)
TEXTS = st.text(max_size=6) | st.sampled_from(["track", "identify", "2026-03-01", "42", ""])
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(MEMBERS, inner, max_size=6),
    max_leaves=20,
)
CALLS = st.dictionaries(MEMBERS, JSON, max_size=8).map(
    lambda members: {"type": "track", "event": "A", "userId": "1", **members}
)


@settings(max_examples=300)
@given(
    st.sampled_from([*INTAKE_CALLS, "batch"]),
    JSON | CALLS | st.fixed_dictionaries({"batch": st.lists(JSON | CALLS, max_size=4)}),
)
def test_any_json_is_accepted_or_refused(kind: str, body: object) -> None:
    """Nothing but a 400 or 413 comes out, and what is accepted is complete and can be queued.

    In a batch every entry is either taken or listed.
    """
    try:
        answer = accepted(kind, body)
    except (MalformedBodyError, TooLargeError):
        return
    assert answer.calls
    for call in answer.calls:
        assert json.loads(json.dumps(call, allow_nan=False).encode()) == call
        assert call["type"] in INTAKE_CALLS
        assert call["messageId"].strip()
        assert read_time(call["timestamp"])
    if kind == "batch":
        entries: Any = body
        assert len(answer.calls) + len(answer.rejected) == len(entries["batch"])


@pytest.mark.parametrize(
    "entry",
    [
        {"action": "track", "user_id": "42", "event": "Song Played"},
        {"type": "track", "user_id": "42", "event": "Song Played"},
        {"type": "track", "userId": "42", "event": {"event": "Song Played"}},
    ],
)
def test_former_spellings_of_the_spec_are_todays(entry: dict[str, Any]) -> None:
    """Examples that Segment's documents still show are read as what they mean."""
    (call,) = accepted("batch", {"batch": [entry]}).calls
    assert (call["type"], call["userId"], call["event"]) == ("track", "42", "Song Played")


def test_todays_spelling_stands_before_the_former_one() -> None:
    """A call that has both is of the modern one."""
    assert single(user_id="43")["userId"] == "42"
