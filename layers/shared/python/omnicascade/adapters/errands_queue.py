"""Errands: a queue that holds each back to the second, and a diary in the table for those of later days.

SQS holds a message back for 15 minutes at most. What is due later is written into the table under its ten minutes, and
EventBridge Scheduler is told to open that page five minutes before they begin; then each of them is put on the queue
with what is left of its time. So nothing runs while there is nothing to do, and no moment is missed by more than the
queue's own second.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from omnicascade.adapters import keys
from omnicascade.adapters.aws_errors import code_of
from omnicascade.adapters.dynamo import Table, text
from omnicascade.domain.errors import UnavailableError

if TYPE_CHECKING:
    from types_boto3_sqs.client import SQSClient

LONGEST_DELAY: Final = timedelta(seconds=900)
"""Source: SQS quotas, "Message timer"."""

BUCKET: Final = timedelta(minutes=10)
AHEAD: Final = timedelta(minutes=5)
"""How long before its ten minutes a bucket is opened: EventBridge Scheduler is a minute late at most, and the last
errand of a bucket is then not further away than a message can be held back."""

QUEUED_WITHIN: Final = 2 * LONGEST_DELAY
"""What is due sooner is never written into a bucket, which might be opened just then; it is held back twice."""

MOST_MESSAGES: Final = 10
"""Messages of one request. Source: SQS quotas, "Batched message quota"."""

_BUCKET_NAME: Final = "%Y%m%dT%H%M"


class QueuedErrands:
    """`Errands` on SQS, a table and EventBridge Scheduler.

    Cost: one request for what is due within half an hour; else a write unit, and one request for the first of a bucket.
    """

    def __init__(self, sqs: SQSClient, queue_url: str, table: Table, diary: BucketOpener) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._table = table
        self._diary = diary

    def run_at(self, at: datetime, errand: Mapping[str, Any], now: datetime) -> None:
        """See `Errands.run_at`."""
        body = encode_errand(at, errand)
        if at - now > QUEUED_WITHIN:
            bucket = bucket_of(at)
            place = f"{at.astimezone(UTC).isoformat()}#{keys.short_hash(body)}"
            self._table.put({"pk": text(keys.bucket_key(bucket)), "sk": text(place), "body": text(body)})
            self._diary.open_at(bucket, _opening(bucket))
            return
        try:
            self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=body, DelaySeconds=delay_s(at, now))
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError("the errands queue did not take an errand; try again") from error

    def sweep(self, bucket: str, now: datetime) -> bool:
        """Put a bucket's errands on the queue, some hundreds of them; whether there are more. May be repeated.

        Raises:
            UnavailableError: some of them are still there; sweep again.
        """
        found = list(
            self._table.query_index(
                _SWEPT_TOGETHER,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": text(keys.bucket_key(bucket))},
                ConsistentRead=True,
            )
        )
        for start in range(0, len(found), MOST_MESSAGES):
            some = found[start : start + MOST_MESSAGES]
            self._send([item["body"]["S"] for item in some], now)
            self._table.delete_many([(item["pk"]["S"], item["sk"]["S"]) for item in some])
        return len(found) == _SWEPT_TOGETHER

    def _send(self, bodies: Sequence[str], now: datetime) -> None:
        entries: Any = [
            {"Id": str(place), "MessageBody": body, "DelaySeconds": delay_s(decode_errand(body)[0], now)}
            for place, body in enumerate(bodies)
        ]
        try:
            answer = self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError("the errands queue did not take a bucket's errands; sweep again") from error
        if answer.get("Failed"):
            raise UnavailableError("the errands queue did not take all of a bucket's errands; sweep again")


_SWEPT_TOGETHER: Final = 500


class BucketOpener:
    """One-off schedules of EventBridge Scheduler, one a bucket; each deletes itself."""

    def __init__(self, scheduler: Any, *, group: str, role_arn: str, function_arn: str) -> None:
        """Args: function_arn is called with `{"sweep": bucket}`, by a role that Scheduler may take on."""
        self._scheduler = scheduler
        self._group = group
        self._role_arn = role_arn
        self._function_arn = function_arn
        self._known: set[str] = set()

    def open_at(self, bucket: str, at: datetime) -> None:
        """Have a bucket swept at a moment; asking again is harmless.

        Raises:
            UnavailableError: not scheduled; try again.
        """
        if bucket in self._known:
            return
        try:
            self._scheduler.create_schedule(
                Name=f"errands-{bucket}",
                GroupName=self._group,
                ScheduleExpression=f"at({at:%Y-%m-%dT%H:%M:%S})",
                ScheduleExpressionTimezone="UTC",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Target={
                    "Arn": self._function_arn,
                    "RoleArn": self._role_arn,
                    "Input": json.dumps({"sweep": bucket}),
                },
            )
        except ClientError as error:
            if code_of(error) != "ConflictException":
                raise UnavailableError(f"EventBridge Scheduler did not take a schedule: {error}") from error
        except BotoCoreError as error:
            raise UnavailableError(f"EventBridge Scheduler cannot be reached: {error}") from error
        self._known.add(bucket)


def bucket_of(at: datetime) -> str:
    """The name of the ten minutes that a moment lies in, such as `20260310T1230`; UTC."""
    moment = at.astimezone(UTC)
    return moment.replace(minute=moment.minute // 10 * 10).strftime(_BUCKET_NAME)


def _opening(bucket: str) -> datetime:
    return datetime.strptime(bucket, _BUCKET_NAME).replace(tzinfo=UTC) - AHEAD


def delay_s(at: datetime, now: datetime) -> int:
    """Whole seconds until a moment, never too early, and at most what a message can be held back."""
    left = min(max(at - now, timedelta()), LONGEST_DELAY)
    return ceil(left.total_seconds())


def encode_errand(at: datetime, errand: Mapping[str, Any]) -> str:
    """The message's body: the same for the same errand and moment."""
    return json.dumps({**errand, "at": at.astimezone(UTC).isoformat()}, sort_keys=True, separators=(",", ":"))


def decode_errand(body: str) -> tuple[datetime, dict[str, Any]]:
    """Read what `encode_errand` wrote: the moment, and the errand.

    Raises:
        ValueError, KeyError, TypeError: it did not write this.
    """
    errand = json.loads(body)
    return datetime.fromisoformat(errand.pop("at")), errand
