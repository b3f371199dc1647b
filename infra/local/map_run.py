"""One visit of a distributed map: child executions, so many at a time, with the failures that are tolerated.

Source: AWS Step Functions developer guide, "Distributed mode" and "Setting failure thresholds", 2026-11-21.
"""

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from infra.local.asl import Failure
from infra.local.execution import Execution
from infra.local.jsonata_values import render

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

MOST_CONCURRENT: Final = 10_000
"""Children at once when the state names no number. Source: Step Functions quotas."""


@dataclass(slots=True)
class MapRun:
    """The children of one visit.

    Attributes:
        arn: the Map Run's ARN.
        inputs: one per child.
        concurrent: children at once.
        start: starts a child with its number and input; it calls back when the child has ended.
        stop: ends a running child.
        done: called once, with the array of outputs or a failure.
    """

    arn: str
    inputs: Sequence[Any]
    concurrent: int
    tolerated: int
    start: Callable[[int, Any], Execution]
    stop: Callable[[Execution], None]
    done: Callable[[Any], None]
    children: list[Execution] = field(default_factory=list[Execution])
    failed: int = 0
    ended: int = 0
    closed: bool = False
    waiting: deque[int] = field(default_factory=deque[int])

    def begin(self) -> None:
        """Start as many children as may run at once."""
        self._run(range(len(self.inputs)))

    def again(self) -> None:
        """Run those children that did not succeed, and those that were not started; all others stay as they are."""
        self.closed, self.failed = False, 0
        done = {number for number, child in enumerate(self.children) if child.status == "SUCCEEDED"}
        self._run([number for number in range(len(self.inputs)) if number not in done])

    def _run(self, numbers: Sequence[int]) -> None:
        self.waiting = deque(numbers)
        self.ended = len(self.inputs) - len(numbers)
        if not numbers:
            self._close(self._outputs())
        for _ in range(min(self.concurrent, len(numbers))):
            self._next()

    def child_ended(self, child: Execution) -> None:
        """One child is through: the next one starts, or the map ends."""
        if self.closed:
            return
        self.ended += 1
        self.failed += child.status != "SUCCEEDED"
        if self.failed > self.tolerated:
            cause = f"{self.failed} of {len(self.inputs)} child executions failed; {self.tolerated} are tolerated"
            self._close(Failure("States.ExceedToleratedFailureThreshold", cause))
        elif self.ended == len(self.inputs):
            self._close(self._outputs())
        elif self.waiting:
            self._next()

    def cancel(self) -> None:
        """The parent has ended: no child goes on."""
        self.closed = True
        for child in self.children:
            if child.running:
                self.stop(child)

    def _next(self) -> None:
        number = self.waiting.popleft()
        child = self.start(number, self.inputs[number])
        self.children[number : number + 1] = [child]

    def _outputs(self) -> list[Any]:
        return [one.output for one in self.children if one.status == "SUCCEEDED"]

    def _close(self, outcome: Any) -> None:
        self.cancel()
        self.done(outcome)


def tolerated_failures(state: Mapping[str, Any], children: int, bindings: Mapping[str, Any]) -> int:
    """How many children may fail: the smaller of the count and the percentage, none when neither is given."""
    counts: list[int] = []
    if "ToleratedFailureCount" in state:
        counts.append(int(render(state["ToleratedFailureCount"], bindings)))
    if "ToleratedFailurePercentage" in state:
        counts.append(int(children * float(render(state["ToleratedFailurePercentage"], bindings)) / 100))
    return min(counts, default=0)


def write_results(
    writer: Mapping[str, Any], arn: str, children: Sequence[Execution], bindings: Mapping[str, Any], s3: "S3Client"
) -> dict[str, Any]:
    """Put a manifest and one file per status beside it, and return what the state's result is then.

    A file is an array, or with `OutputType` JSONL a row a line.
    """
    lines = writer.get("WriterConfig", {}).get("OutputType") == "JSONL"
    arguments = render(writer["Arguments"], bindings)
    bucket, folder = arguments["Bucket"], f"{arguments.get('Prefix', '')}/{arn.rpartition(':')[2]}".lstrip("/")
    files: dict[str, list[dict[str, Any]]] = {"SUCCEEDED": [], "FAILED": [], "PENDING": []}
    for status, listed in files.items():
        rows = [_row(one) for one in children if (one.status == "SUCCEEDED") == (status == "SUCCEEDED")]
        if status == "PENDING" or not rows:
            continue
        key = f"{folder}/{status}_0.json{'l' * lines}"
        content = ("".join(f"{json.dumps(row)}\n" for row in rows) if lines else json.dumps(rows)).encode()
        s3.put_object(Bucket=bucket, Key=key, Body=content)
        listed.append({"Key": key, "Size": len(content)})
    manifest = f"{folder}/manifest.json"
    described = {"DestinationBucket": bucket, "MapRunArn": arn, "ResultFiles": files}
    s3.put_object(Bucket=bucket, Key=manifest, Body=json.dumps(described).encode())
    return {"MapRunArn": arn, "ResultWriterDetails": {"Bucket": bucket, "Key": manifest}}


def _row(child: Execution) -> dict[str, Any]:
    row = {"ExecutionArn": child.arn, "Name": child.name, "Status": child.status, "Input": json.dumps(child.input)}
    if child.status == "SUCCEEDED":
        return row | {"Output": json.dumps(child.output)}
    return row | {"Error": child.error, "Cause": child.cause}
