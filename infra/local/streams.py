"""DynamoDB stream event source mappings: in order, from the first record on, with Lambda's rules for failures.

Records are read from moto's stream in this process, each mapping with a cursor of its own. A failed batch is retried,
halved first where the mapping bisects, from the checkpoint where the function reports one; when the retries are used
up a note about it goes to the on-failure queue and the stream goes on. Batching windows and Lambda's pause between
retries are left out: nothing else runs until a failing batch is through, as in one shard.

Source: AWS Lambda developer guide, "Using AWS Lambda with Amazon DynamoDB" (retries, bisect, checkpoints), 2026-11-21.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from infra.local.event_filter import wanted_by
from infra.local.faults import Faults
from infra.local.lambda_runtime import Invocation, LambdaRuntime
from infra.local.queues import reported_failures

if TYPE_CHECKING:
    from types_boto3_sqs.client import SQSClient

ENDLESS_RETRIES: Final = 100
"""What -1 (retry until the record expires) comes to here: a poison record must not hang the stack."""

type Records = Callable[[], Sequence[Mapping[str, Any]]]
"""All records of a table's stream so far, in order."""


@dataclass(frozen=True, slots=True)
class StreamMapping:
    """One stream feeding one function."""

    function: str
    function_arn: str
    stream_arn: str
    batch_size: int
    partial_failures: bool
    bisect: bool
    retries: int
    patterns: Sequence[Mapping[str, Any]]
    failure_queue_url: str | None


class StreamReader:
    """A source of the scheduler: one batch of one stream at a time."""

    def __init__(
        self,
        mapping: StreamMapping,
        records: Records,
        *,
        sqs: "SQSClient",
        runtime: LambdaRuntime,
        faults: Faults,
        now: Callable[[], datetime],
    ) -> None:
        """Begin at the first record (TRIM_HORIZON)."""
        self._mapping = mapping
        self._records = records
        self._sqs = sqs
        self._runtime = runtime
        self._faults = faults
        self._now = now
        self._cursor = 0

    def __call__(self) -> bool:
        """Deliver the next batch; whether there was one."""
        fresh = self._records()[self._cursor :]
        batch: list[Mapping[str, Any]] = []
        for record in fresh:
            if len(batch) == self._mapping.batch_size:
                break
            self._cursor += 1
            if wanted_by(self._mapping.patterns, record):
                batch.append(_as_lambda_sees(record, self._mapping.stream_arn))
        if not batch:
            return False
        for given in self._faults.deliveries(self._mapping.stream_arn, batch, _partition):
            self._deliver(list(given), self._mapping.retries)
        return True

    def _deliver(self, batch: list[Mapping[str, Any]], retries: int) -> None:
        # A stack of batches, not recursion: the first to deliver is the last in the list. Splitting a batch, at a
        # checkpoint or in halves, does not count as a retry.
        waiting = [(batch, retries)]
        while waiting:
            records, left = waiting.pop()
            answer = self._runtime.invoke(self._mapping.function, {"Records": records})
            failed_at = self._first_failure(answer, records)
            if failed_at is None:
                continue
            rest = records[failed_at:]
            if failed_at > 0:
                waiting.append((rest, left))
            elif answer.failed and self._mapping.bisect and len(rest) > 1:
                half = len(rest) // 2
                waiting += [(rest[half:], left), (rest[:half], left)]
            elif left > 0:
                waiting.append((rest, left - 1))
            else:
                self._give_up(rest)

    def _first_failure(self, answer: Invocation, batch: Sequence[Mapping[str, Any]]) -> int | None:
        """The index of the first record to deliver again; None when all are done."""
        if answer.failed:
            return 0
        if not self._mapping.partial_failures:
            return None
        failures = reported_failures(answer.payload)
        if failures is None:
            return 0
        places = {record["dynamodb"]["SequenceNumber"]: index for index, record in enumerate(batch)}
        return min((places.get(sequence_number, 0) for sequence_number in failures), default=None)

    def _give_up(self, batch: Sequence[Mapping[str, Any]]) -> None:
        if self._mapping.failure_queue_url is None:
            return
        now = self._now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        note = {
            "requestContext": {"functionArn": self._mapping.function_arn, "condition": "RetryAttemptsExhausted"},
            "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
            "version": "1.0",
            "timestamp": now,
            "DDBStreamBatchInfo": {
                "streamArn": self._mapping.stream_arn,
                "batchSize": len(batch),
                "startSequenceNumber": batch[0]["dynamodb"]["SequenceNumber"],
                "endSequenceNumber": batch[-1]["dynamodb"]["SequenceNumber"],
            },
        }
        self._sqs.send_message(QueueUrl=self._mapping.failure_queue_url, MessageBody=json.dumps(note))


def _as_lambda_sees(record: Mapping[str, Any], stream_arn: str) -> Mapping[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(record, default=_plain))
    return plain | {"eventSourceARN": stream_arn}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return int(aware.timestamp())
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    msg = f"a stream record holds a {type(value).__name__}"
    raise TypeError(msg)


def _partition(record: Mapping[str, Any]) -> str:
    keys: Mapping[str, Any] = record["dynamodb"]["Keys"]
    return json.dumps(next(iter(keys.values())), sort_keys=True)
