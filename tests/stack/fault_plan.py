"""Faults that a test plans: a crash at the n-th write, or every delivery twice."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from botocore.awsrequest import AWSResponse

WRITES = frozenset(
    {
        ("dynamodb", "PutItem"),
        ("dynamodb", "UpdateItem"),
        ("dynamodb", "DeleteItem"),
        ("dynamodb", "TransactWriteItems"),
        ("dynamodb", "BatchWriteItem"),
        ("dynamodb", "BatchExecuteStatement"),
        ("sqs", "SendMessage"),
        ("sqs", "SendMessageBatch"),
        ("s3", "PutObject"),
        ("s3", "DeleteObjects"),
        ("sfn", "StartExecution"),
        ("sfn", "SendTaskSuccess"),
        ("sfn", "SendTaskFailure"),
        ("sesv2", "SendEmail"),
        ("sns", "Publish"),
        ("pinpoint", "SendMessages"),
    }
)


class CrashError(RuntimeError):
    """The process dies here; nothing of ours expects a RuntimeError, so it takes the whole invocation with it."""


@dataclass
class FaultPlan:
    """Implements the stack's `Faults`.

    Attributes:
        crash_at: the number of the write at which the process dies, counted from 1; None: it lives.
        moment: before the write is made, or after it was made and before its answer arrives.
        twice: deliver every batch of a queue or stream twice.
        writes: the writes that handlers made since `begin`.
    """

    crash_at: int | None = None
    moment: Literal["before", "after"] = "before"
    twice: bool = False
    writes: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def begin(
        self, *, crash_at: int | None = None, moment: Literal["before", "after"] = "before", twice: bool = False
    ) -> None:
        """Plan anew and count from zero."""
        self.crash_at, self.moment, self.twice = crash_at, moment, twice
        self.writes.clear()

    def around_call(
        self, service: str, operation: str, proceed: Callable[[], AWSResponse | None]
    ) -> AWSResponse | None:
        """Let the call through, or die at the planned one."""
        if (service, operation) not in WRITES:
            return proceed()
        self.writes.append((service, operation))
        dies = len(self.writes) == self.crash_at
        if dies and self.moment == "before":
            raise CrashError
        answer = proceed()
        if dies:
            raise CrashError
        return answer

    def before_statement(self, position: int) -> None:
        """Every statement of a batch but the first counts as a write of its own: the process may die before it."""
        if position == 0:
            return
        self.writes.append(("dynamodb", "Statement"))
        if len(self.writes) == self.crash_at:
            raise CrashError

    def deliveries[T](self, source: str, batch: Sequence[T], key: Callable[[T], Hashable]) -> Sequence[Sequence[T]]:
        """The batch, and once more if planned."""
        del source, key
        return [batch, batch] if self.twice else [batch]
