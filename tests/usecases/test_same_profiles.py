"""The first events of the reference stream, on the road over the stores in memory, against DuckDB."""

from pathlib import Path

import pytest

from tests.benchmarks.reference_stream import (
    DIGEST,
    PROFILES,
    STREAM_MD5,
    Outcome,
    oracle,
    reference_stream,
    segment_call,
    stream_md5,
    write_calls,
)
from tests.benchmarks.same_profiles import Delivery, profiles_of

FIRST = 3_000


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """DuckDB's profiles of the first events."""
    return oracle(write_calls(tmp_path_factory.mktemp("stream") / "calls.jsonl", reference_stream(FIRST)))


def test_the_stream_and_its_oracle_are_those_that_every_figure_names(tmp_path: Path) -> None:
    """The checksum of the events and the digest of their profiles are published: neither may drift."""
    events = reference_stream()
    assert stream_md5(events) == STREAM_MD5
    assert oracle(write_calls(tmp_path / "calls.jsonl", events)) == Outcome(PROFILES, DIGEST)


@pytest.mark.parametrize(
    "delivery",
    [
        Delivery(1, FIRST),
        Delivery(10, FIRST, again=True),
        Delivery(100, FIRST),
        Delivery(100, FIRST, shuffled=True, again=True),
    ],
    ids=str,
)
def test_however_events_arrive_the_profiles_are_those_of_duckdb(delivery: Delivery, wanted: Outcome) -> None:
    """Batches of any size, any order and repeated deliveries make the same customers and the same sums."""
    assert profiles_of([segment_call(event) for event in reference_stream(FIRST)], delivery) == wanted


def test_one_event_less_is_seen_in_the_digest(wanted: Outcome) -> None:
    """The comparison can fail: without its first event the stream has another digest."""
    calls = [segment_call(event) for event in reference_stream(FIRST)]
    fewer = [call for call in calls if call["messageId"] != calls[0]["messageId"]]
    assert profiles_of(fewer, Delivery(100, FIRST)) != wanted
