"""The table's stream as Lambda reads it: in lanes, each lane in order, and every lane by two readers at once.

Lambda lets one worker at a time read a shard. Here two do, at their own pace, in batches of their own making and with
repetitions, which is more than Lambda ever does to the projections' watermark.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Sequence
from random import Random
from typing import Any, Final

from omnicascade.contracts import EVENT_KEY_PREFIX
from tests.workers.worker_process import KilledError, Worker

LONGEST_BATCH: Final = 40
MOST_DELIVERIES: Final = 60
"""Of one batch, before the run is given up."""

type Record = dict[str, Any]


class Lanes:
    """Records of the stream by partition, as far as they were read; safe for threads."""

    def __init__(self, count: int) -> None:
        self._lanes: list[list[Record]] = [[] for _ in range(count)]
        self._changed = threading.Condition()
        self._complete = False

    def add(self, records: Sequence[Record]) -> None:
        """Append what the stream brought."""
        with self._changed:
            for record in records:
                pk = record["dynamodb"]["NewImage"]["pk"]["S"]
                self._lanes[zlib.crc32(pk.encode()) % len(self._lanes)].append(record)
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing more will come."""
        with self._changed:
            self._complete = True
            self._changed.notify_all()

    def after(self, lane: int, place: int, most: int) -> Sequence[Record]:
        """Up to `most` records of a lane from a place on; waits for one, empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._complete or len(self._lanes[lane]) > place)
            return self._lanes[lane][place : place + most]


class Stream:
    """The stream of a table on DynamoDB Local, from its beginning."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn
        self._iterators: dict[str, str | None] = {}

    def read(self) -> list[Record]:
        """Inserts of events that came since the last time, as the function's event filter lets them through."""
        described = self._client.describe_stream(StreamArn=self._arn)["StreamDescription"]
        found: list[Record] = []
        for shard in described["Shards"]:
            found += self._read_shard(shard["ShardId"])
        return [record for record in found if _is_event(record)]

    def _read_shard(self, shard: str) -> list[Record]:
        if shard not in self._iterators:
            self._iterators[shard] = self._client.get_shard_iterator(
                StreamArn=self._arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
        found: list[Record] = []
        while iterator := self._iterators[shard]:
            answer = self._client.get_records(ShardIterator=iterator)
            self._iterators[shard] = answer.get("NextShardIterator")
            found += answer["Records"]
            if not answer["Records"]:
                break
        return found


def _is_event(record: Record) -> bool:
    image = record["dynamodb"].get("NewImage", {})
    return record["eventName"] == "INSERT" and image["sk"]["S"].startswith(EVENT_KEY_PREFIX)


def read_lane(worker: Worker, lanes: Lanes, lane: int, random: Random, kills: int) -> None:
    """Deliver a lane to a worker to its end: batches of any length, some again, some to a process that dies.

    Args:
        worker: a process of `project_profiles`.
        lanes: where the records are.
        lane: which of them.
        random: decides the batches; the moments of threads it cannot decide.
        kills: how often the process may be killed.
    """
    place = 0
    before: Sequence[Record] = ()
    while batch := lanes.after(lane, place, random.randint(1, LONGEST_BATCH)):
        if random.random() < 0.25:
            deliver(worker, before)  # the checkpoint was lost
        if kills and random.random() < 0.3:
            kills -= 1
            deliver(worker, batch, kill_after_s=random.uniform(0, 0.05))
        else:
            deliver(worker, batch)
        place += len(batch)
        before = batch


def deliver(worker: Worker, batch: Sequence[Record], *, kill_after_s: float | None = None) -> None:
    """As the event source mapping does: after a failure from where it was reported, after a crash all again.

    Raises:
        AssertionError: it never went through.
    """
    left = batch
    for _ in range(MOST_DELIVERIES):
        if not left:
            return
        try:
            failures = worker({"Records": left}, kill_after_s=kill_after_s)["batchItemFailures"]
        except KilledError:
            kill_after_s = None
            continue
        if not failures:
            return
        sequence = failures[0]["itemIdentifier"]
        start = next(n for n, one in enumerate(left) if one["dynamodb"]["SequenceNumber"] == sequence)
        left = left[start:]
    raise AssertionError(f"a batch of {len(batch)} records never went through")
