"""SQS event source mappings: from a queue to a function, with Lambda's promises about failures.

A batch is filled from the queue as far as it has messages; batching windows are not waited for. What the function
takes is deleted; what it fails on becomes visible again after the queue's visibility timeout, on virtual time, and
moves to the dead-letter queue after the queue's maxReceiveCount, which is moto's doing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from infra.local.faults import Faults
from infra.local.lambda_runtime import Invocation, LambdaRuntime
from infra.local.scheduler import Scheduler

if TYPE_CHECKING:
    from types_boto3_sqs.client import SQSClient

RECEIVE_LIMIT: Final = 10
"""Messages one ReceiveMessage gives at most. Source: SQS API reference, 2026-11-21."""

JUST_AFTER_S: Final = 0.001
"""moto shows a message again strictly after its time-out, not at it."""


@dataclass(frozen=True, slots=True)
class QueueMapping:
    """One queue feeding one function."""

    function: str
    queue_arn: str
    queue_url: str
    batch_size: int
    visibility_s: int
    partial_failures: bool


class QueuePoller:
    """A source of the scheduler: one batch of one queue at a time."""

    def __init__(
        self,
        mapping: QueueMapping,
        *,
        has_messages: Callable[[], bool],
        sqs: "SQSClient",
        runtime: LambdaRuntime,
        scheduler: Scheduler,
        faults: Faults,
    ) -> None:
        """Poll nothing yet; an empty queue is known by `has_messages`, which costs less than to receive nothing."""
        self._mapping = mapping
        self._has_messages = has_messages
        self._sqs = sqs
        self._runtime = runtime
        self._scheduler = scheduler
        self._faults = faults

    def __call__(self) -> bool:
        """Deliver the next batch; whether there was one."""
        messages = self._receive()
        if not messages:
            return False
        for batch in self._faults.deliveries(self._mapping.queue_arn, messages, lambda message: message["MessageId"]):
            self._deliver(batch)
        return True

    def _receive(self) -> list[Mapping[str, Any]]:
        messages: list[Mapping[str, Any]] = []
        while (room := self._mapping.batch_size - len(messages)) > 0 and self._has_messages():
            answer = self._sqs.receive_message(
                QueueUrl=self._mapping.queue_url,
                MaxNumberOfMessages=min(room, RECEIVE_LIMIT),
                WaitTimeSeconds=0,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            received = cast("list[Mapping[str, Any]]", answer.get("Messages", []))
            messages += received
            if not received:
                break
        return messages

    def _deliver(self, batch: Sequence[Mapping[str, Any]]) -> None:
        answer = self._runtime.invoke(
            self._mapping.function, {"Records": [_record(message, self._mapping.queue_arn) for message in batch]}
        )
        failed = self._failed(answer, [message["MessageId"] for message in batch])
        for message in batch:
            if message["MessageId"] not in failed:
                self._sqs.delete_message(QueueUrl=self._mapping.queue_url, ReceiptHandle=message["ReceiptHandle"])
        if failed:
            self._scheduler.after(self._mapping.visibility_s + JUST_AFTER_S, lambda: None)

    def _failed(self, answer: Invocation, ids: Sequence[str]) -> set[str]:
        if answer.failed:
            return set(ids)
        return failed_ids(answer.payload, ids) if self._mapping.partial_failures else set()


def failed_ids(payload: Any, ids: Sequence[str]) -> set[str]:
    """Which of `ids` a function answered as failed; an answer out of form fails them all, as on AWS."""
    failures = reported_failures(payload)
    if failures is None or not set(failures) <= set(ids):
        return set(ids)
    return set(failures)


def reported_failures(payload: Any) -> Sequence[str] | None:
    """The identifiers under `batchItemFailures`; an empty answer means none, None means an answer out of form."""
    if not payload:
        return []
    if not isinstance(payload, dict):
        return None
    failures: list[Any] = cast("dict[str, Any]", payload).get("batchItemFailures") or []
    return [_identifier(failure) for failure in failures]


def _identifier(failure: Any) -> str:
    return str(failure.get("itemIdentifier") or "") if isinstance(failure, dict) else ""  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def _record(message: Mapping[str, Any], queue_arn: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    known = {"StringValue": "stringValue", "BinaryValue": "binaryValue", "DataType": "dataType"}
    return {known[key]: part for key, part in value.items() if key in known}
