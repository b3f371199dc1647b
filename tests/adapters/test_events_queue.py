"""The events queue on SQS: what is sent weighs what SQS allows, and is read back as it was."""

import itertools
import json
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnicascade.adapters.events_queue import CHUNK_BYTES, REQUEST_BYTES, SqsEventQueue, decode, encode
from omnicascade.domain.errors import UnavailableError
from omnicascade.domain.intake import MAX_EVENT_BYTES
from omnicascade.usecases.ports import Envelope
from tests.fakes.aws_wire import Wire, wire

NOW = datetime(2026, 3, 1, 9, 30, 0, 123_000, tzinfo=UTC)
MAX_MESSAGE_BYTES = 256 * 1024
"""SQS, "Message quotas": of one message and of one batch, before 2025-08."""


def envelope(calls: list[dict[str, Any]]) -> Envelope:
    return Envelope("web", NOW, calls, "PL", shared_device=True)


def queue() -> tuple[SqsEventQueue, Wire]:
    sqs = wire("sqs")
    return SqsEventQueue(sqs.client, "https://sqs.us-east-1.amazonaws.com/1/events"), sqs


def takes(sqs: Wire, times: int) -> None:
    for _ in range(times):
        sqs.json(200, {"Successful": [{"Id": "0", "MessageId": "1", "MD5OfMessageBody": "x"}]})


def entries(sqs: Wire) -> list[list[dict[str, str]]]:
    """The entries of every request that was sent."""
    return [json.loads(cast("bytes", request.body))["Entries"] for request in sqs.requests]


CALLS = st.lists(
    st.dictionaries(
        st.text(max_size=4), st.text(max_size=20) | st.integers() | st.lists(st.none(), max_size=2), max_size=3
    ),
    max_size=6,
)


@given(CALLS)
def test_what_is_queued_is_read_back(calls: list[dict[str, Any]]) -> None:
    """Every call once, in order, with its source's settings; no message is empty."""
    read = [decode(body) for body in encode(envelope(calls))]
    assert [call for part in read for call in part.calls] == calls
    assert all(part.calls for part in read)
    assert {(p.source, p.received_at, p.default_region, p.shared_device) for p in read} <= {("web", NOW, "PL", True)}


@given(st.lists(st.integers(0, 80_000), max_size=12))
def test_messages_are_filled_but_not_over(sizes: list[int]) -> None:
    """A message has several calls only within a chunk, and two neighbours never fit into one."""
    bodies = list(encode(envelope([{"x": "a" * size} for size in sizes])))
    counts = [len(decode(body).calls) for body in bodies]
    assert all(len(body) <= CHUNK_BYTES + 200 or count == 1 for body, count in zip(bodies, counts, strict=True))
    assert all(len(one) + len(next_) > CHUNK_BYTES for one, next_ in itertools.pairwise(bodies))


@pytest.mark.parametrize("letter", ["a", "ż", "漢", "😀", "\x01"])
def test_the_largest_call_fits_a_message_in_every_script(letter: str) -> None:
    """Escaped to ASCII a call grows up to threefold; SQS takes it still."""
    call = {"x": letter * (MAX_EVENT_BYTES // len(letter.encode()))}
    (body,) = encode(envelope([call]))
    assert body.isascii()
    assert body.isprintable()
    assert len(body) < MAX_MESSAGE_BYTES
    assert decode(body).calls == [call]


def test_a_small_batch_is_one_request() -> None:
    """Calls share messages and messages share requests."""
    target, sqs = queue()
    takes(sqs, 1)
    target.put(envelope([{"n": n} for n in range(2_500)]))
    (sent,) = entries(sqs)
    assert len(sent) == 1


@pytest.mark.parametrize(("calls", "size"), [(40, 30_000), (12, 90_000), (300, 1_000)])
def test_a_request_keeps_sqs_limits(calls: int, size: int) -> None:
    """At most ten entries with ids of their own, and their sum under the limit of every Region."""
    target, sqs = queue()
    takes(sqs, 20)
    target.put(envelope([{"n": n, "x": "a" * size} for n in range(calls)]))
    for sent in entries(sqs):
        assert 1 <= len(sent) <= 10
        assert len({entry["Id"] for entry in sent}) == len(sent)
        assert sum(len(entry["MessageBody"]) for entry in sent) <= REQUEST_BYTES
    assert sum(len(decode(entry["MessageBody"]).calls) for sent in entries(sqs) for entry in sent) == calls


def test_nothing_to_queue_asks_nobody() -> None:
    """An empty envelope costs no request."""
    target, sqs = queue()
    target.put(envelope([]))
    assert sqs.requests == []


def test_a_part_that_was_not_taken_fails_the_whole() -> None:
    """Nothing is confirmed that is not durable; the client sends all again."""
    target, sqs = queue()
    failed = {"Id": "0", "Code": "InternalError", "SenderFault": False}
    sqs.json(200, {"Successful": [], "Failed": [failed]})
    with pytest.raises(UnavailableError):
        target.put(envelope([{"n": 1}]))


def test_a_queue_out_of_order_is_said_so() -> None:
    """A refused request is a 503, not a crash."""
    target, sqs = queue()
    for _ in range(6):
        sqs.json(503, {"message": "down"}, "ServiceUnavailable")
    with pytest.raises(UnavailableError) as caught:
        target.put(envelope([{"n": 1}]))
    assert caught.value.retryable
