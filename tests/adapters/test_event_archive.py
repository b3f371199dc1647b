"""The archive in S3: one object per batch and hour, and nothing left of what an erasure rewrote."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from omnicascade.adapters.event_archive import S3EventArchive, hour_prefix, line_of
from omnicascade.adapters.event_store import event_item
from omnicascade.domain.erasure import Erasure, hour_of, line_without
from omnicascade.domain.errors import UnavailableError
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.identifiers import Identifier
from tests.fakes.aws_wire import wire

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = hour_of(NOON)
ANN, BOB = Identifier("email", "ann@example.com"), Identifier("user_id", "bob")
ERASED = {ANN.node_id: NOON + timedelta(minutes=30)}


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """An S3 in this process."""
    session = botocore.session.Session()
    session.set_credentials("AKIATEST", "secret")
    with mock_aws():
        yield session.create_client("s3", region_name="us-east-1")


_names = (f"archive-{number}" for number in itertools.count())


@pytest.fixture
def bucket(s3: Any) -> str:
    """An empty bucket that keeps versions."""
    name = next(_names)
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def event(message_id: str, *who: Identifier, at: datetime = NOON, **more: Any) -> Event:
    body = {"messageId": message_id, "type": "track", "event": "Seen", **more}
    return Event(MessageId(message_id), "track", "Seen", "web", at, at, who, body)


def images(*events: Event, first: int = 1) -> list[dict[str, Any]]:
    return [
        {"NewImage": event_item(one), "SequenceNumber": f"{number:021d}"} for number, one in enumerate(events, first)
    ]


def everything(s3: Any, bucket: str) -> dict[str, list[str]]:
    """The texts of every version of every object, by key; a deletion's mark is an empty text."""
    listed = s3.list_object_versions(Bucket=bucket)
    found: dict[str, list[str]] = {mark["Key"]: [""] for mark in listed.get("DeleteMarkers", [])}
    for version in listed.get("Versions", []):
        body = s3.get_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])["Body"].read()
        found.setdefault(version["Key"], []).append(gzip.decompress(body).decode())
    return found


def test_a_batch_is_kept_by_the_hours_of_its_events(s3: Any, bucket: str) -> None:
    """A batch across two hours makes two objects, each named after its own events' sequence numbers; delivered again it
    replaces them."""
    archive = S3EventArchive(s3, bucket)
    before, after = event("a", ANN, at=NOON - timedelta(milliseconds=1)), event("b", ANN)
    later = event("c", ANN, at=NOON + timedelta(minutes=59))
    batch = images(before, after, later)
    keys = archive.store(batch)
    assert keys == [
        f"archive/2026/03/10/11/{1:021d}-{1:021d}.jsonl.gz",
        f"archive/2026/03/10/12/{2:021d}-{3:021d}.jsonl.gz",
    ]
    assert archive.store(batch) == keys
    assert everything(s3, bucket)[keys[1]][0] == f"{line_of(after)}\n{line_of(later)}\n"


def test_an_hours_place_is_its_number(s3: Any, bucket: str) -> None:
    """Whoever knows the hour finds its objects."""
    (key,) = S3EventArchive(s3, bucket).store(images(event("a", ANN)))
    assert key.startswith(hour_prefix(HOUR))
    assert hour_prefix(0) == "archive/1970/01/01/00/"


def test_what_is_erased_is_not_written(s3: Any, bucket: str) -> None:
    """A batch that comes late holds none of the erased person's events, and no name of theirs in others'."""
    order = Erasure("1-a", (ANN.node_id,), NOON + timedelta(minutes=30))
    shared = event("b", BOB, ANN, context={"traits": {"email": "Ann@Example.com"}})
    new = event("c", ANN, at=order.at + timedelta(seconds=1))
    (key,) = S3EventArchive(s3, bucket).store(images(event("a", ANN), shared, new), [order])
    (text,) = everything(s3, bucket)[key]
    kept = [json.loads(line) for line in text.splitlines()]
    assert [(line["call"]["messageId"], line["identifiers"]) for line in kept] == [
        ("b", ["user_id:bob"]),
        ("c", ["email:ann@example.com"]),
    ]
    assert kept[0]["call"]["context"] == {"traits": {"email": None}}


def test_rewriting_leaves_no_version_with_the_person(s3: Any, bucket: str) -> None:
    """Old versions go, also those of a batch that was delivered twice; other objects and lines stay byte by byte."""
    archive = S3EventArchive(s3, bucket)
    mixed, others = images(event("a", ANN), event("b", BOB)), images(event("c", BOB), first=3)
    (key,), (other,) = archive.store(mixed), archive.store(others)
    archive.store(mixed)
    done = archive.rewrite(HOUR, lambda line: line_without(line, ERASED), now=NOON, since=None)
    assert (done.read, done.rewritten) == (2, 1)
    assert everything(s3, bucket) == {key: [f"{line_of(event('b', BOB))}\n"], other: [f"{line_of(event('c', BOB))}\n"]}
    again = archive.rewrite(HOUR, lambda line: line_without(line, ERASED), now=NOON, since=None)
    assert (again.read, again.rewritten) == (2, 0)


def test_old_versions_go_even_if_the_new_one_was_written_by_a_worker_that_died(s3: Any, bucket: str) -> None:
    """The second attempt finds nothing to change, and deletes what the first left behind."""
    archive = S3EventArchive(s3, bucket)
    (key,) = archive.store(images(event("a", ANN), event("b", BOB)))
    clean = gzip.compress(f"{line_of(event('b', BOB))}\n".encode())
    s3.put_object(Bucket=bucket, Key=key, Body=clean)
    done = archive.rewrite(HOUR, lambda line: line_without(line, ERASED), now=NOON, since=None)
    assert (done.read, done.rewritten) == (1, 0)
    assert everything(s3, bucket) == {key: [f"{line_of(event('b', BOB))}\n"]}


def test_a_deleted_object_leaves_no_version_either(s3: Any, bucket: str) -> None:
    """What somebody deleted by hand is still there as an old version, until now."""
    archive = S3EventArchive(s3, bucket)
    (key,) = archive.store(images(event("a", ANN)))
    s3.delete_object(Bucket=bucket, Key=key)
    archive.rewrite(HOUR, lambda line: line_without(line, ERASED), now=NOON, since=None)
    assert everything(s3, bucket) == {}


def test_a_second_look_reads_only_what_is_new(s3: Any, bucket: str) -> None:
    """Objects written before a moment are left alone, and other hours always are."""
    archive = S3EventArchive(s3, bucket)
    archive.store(images(event("a", ANN), event("z", ANN, at=NOON - timedelta(hours=1))))
    future = datetime.now(UTC) + timedelta(hours=1)
    done = archive.rewrite(HOUR, lambda line: line_without(line, ERASED), now=NOON, since=future)
    assert (done.read, done.rewritten) == (0, 0)
    done = archive.rewrite(HOUR, lambda line: line_without(line, ERASED), now=NOON, since=future - timedelta(hours=2))
    assert (done.read, done.rewritten) == (1, 1)
    assert len([texts for texts in everything(s3, bucket).values() if "ann@" in texts[0]]) == 1


def test_an_object_written_anew_is_as_old_as_its_events(s3: Any, bucket: str) -> None:
    """It carries their age, by which the bucket lets it go in time; a young one needs no mark."""
    archive = S3EventArchive(s3, bucket)
    for days, tags in ((29, []), (95, [{"Key": "age_days", "Value": "90"}])):
        (key,) = archive.store(images(event("a", ANN), event("b", BOB)))
        now = NOON + timedelta(days=days)
        archive.rewrite(HOUR, lambda line: line_without(line, ERASED), now=now, since=None)
        assert s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] == tags


def test_orders_are_kept_for_a_restore(s3: Any, bucket: str) -> None:
    """They come back whole, and a repetition is the same order."""
    archive = S3EventArchive(s3, bucket)
    order = Erasure("1773144000000-a", (ANN.node_id, BOB.node_id), NOON)
    archive.keep_order(order)
    archive.keep_order(order)
    assert archive.orders() == [order]
    body = s3.get_object(Bucket=bucket, Key="erasures/1773144000000-a.json")["Body"].read().decode()
    assert "ann" not in body


def test_an_archive_that_cannot_be_reached_can_be_tried_again() -> None:
    """A refusal is never taken for a success."""
    down = wire("s3")
    archive = S3EventArchive(down.client, "bucket")
    for attempt in (
        lambda: archive.store(images(event("a", ANN))),
        lambda: archive.rewrite(HOUR, lambda line: line, now=NOON, since=None),
        archive.orders,
    ):
        down.answer(503, "<Error><Code>SlowDown</Code></Error>")
        with pytest.raises(UnavailableError):
            attempt()
