"""Distributed maps on virtual time: where items come from, batches, concurrency, tolerance and results."""

import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.asl import DefinitionError, checked_states
from infra.local.clock import VirtualClock
from infra.local.execution import Execution
from infra.local.lambda_runtime import Invocation
from infra.local.machine_runner import MachineRunner
from infra.local.scheduler import Scheduler
from infra.local.step_functions import StepFunctions
from infra.local.task_tokens import TaskTokens

WORKER = "arn:aws:lambda:us-east-1:123456789012:function:worker"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:audience"


class MissingKeyError(Exception):
    """What S3 answers for an object that is not there."""


class Exceptions:
    """The client's own error classes."""

    NoSuchKey = MissingKeyError
    NoSuchBucket = MissingKeyError


@dataclass
class Bucket:
    """One bucket in memory, with the calls that a map makes."""

    objects: dict[str, bytes] = field(default_factory=dict[str, bytes])
    exceptions = Exceptions

    def get_paginator(self, operation: str) -> "Bucket":
        assert operation == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803 - the SDK's names
        del Bucket
        for key in sorted(self.objects):
            if key.startswith(Prefix):
                yield {"Contents": [{"Key": key, "Size": len(self.objects[key])}]}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        del Bucket
        if Key not in self.objects:
            raise MissingKeyError(Key)
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        del Bucket
        self.objects[Key] = Body


@dataclass
class World:
    """A runner, a bucket and a worker that notes what it is given."""

    bucket: Bucket = field(default_factory=Bucket)
    given: list[Any] = field(default_factory=list[Any])
    broken: Sequence[Any] = ()

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(VirtualClock(datetime(2026, 3, 10, tzinfo=UTC)))
        tokens = TaskTokens()
        runner = MachineRunner(self.scheduler, tokens, self.work, lambda: self.bucket)  # pyright: ignore[reportArgumentType]
        self.service = StepFunctions(self.scheduler.clock, runner, tokens)

    def work(self, arn: str, event: Any) -> Invocation:
        assert arn == WORKER
        self.given.append(event)
        if event in self.broken:
            return Invocation({"errorType": "Broken", "errorMessage": "no"}, True)
        return Invocation({"seen": event}, False)

    def run(self, state: Mapping[str, Any], value: Any, *, hours: int = 0) -> Execution:
        """One machine of one map state, until nothing is left to do."""
        states = {"Each": {"Type": "Map", "End": True, "ItemProcessor": PROCESSOR, **state}}
        definition = {"QueryLanguage": "JSONata", "StartAt": "Each", "States": states}
        self.service.create_machine(MACHINE, "role", json.dumps(definition))
        execution = self.service.start_execution(MACHINE, value)
        self.scheduler.settle()
        if hours:
            self.scheduler.advance(timedelta(hours=hours))
        return execution


def child(steps: Mapping[str, Any], start: str, kind: str = "EXPRESS") -> dict[str, Any]:
    return {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind}, "StartAt": start, "States": steps}


CALL = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Arguments": {"FunctionName": WORKER, "Payload": "{% $states.input %}"},
    "Output": "{% $states.result.Payload.seen %}",
}
PUT = "arn:aws:states:::s3:putObject"
PROCESSOR = child({"Work": CALL | {"End": True}}, "Work")


@pytest.fixture
def world() -> World:
    """A fresh runner."""
    return World()


def test_items_come_from_the_input(world: World) -> None:
    """One child per item, results in the items' order."""
    execution = world.run({"Items": "{% $states.input.people %}"}, {"people": ["ann", "bob"]})
    assert (execution.status, execution.output) == ("SUCCEEDED", ["ann", "bob"])
    assert [one.name for one in execution.children] == [f"{execution.name}-0", f"{execution.name}-1"]


def test_no_items_are_no_children(world: World) -> None:
    """An empty audience ends at once."""
    assert world.run({"Items": "{% [] %}"}, {}).output == []


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("people.jsonl", b'{"id":"ann"}\n\n{"id":"bob"}\n', "JSONL"),
        ("people.jsonl.gz", gzip.compress(b'{"id":"ann"}\n{"id":"bob"}\n', mtime=0), "JSONL"),
        ("people.json", b'[{"id":"ann"},{"id":"bob"}]', "JSON"),
        ("people.csv", b"id\nann\nbob\n", "CSV"),
    ],
    ids=["lines", "gzipped lines", "array", "table"],
)
def test_items_come_from_an_object(world: World, name: str, content: bytes, kind: str) -> None:
    """JSON lines, an array or a table in S3."""
    world.bucket.objects[name] = content
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": kind},
        "Arguments": {"Bucket": "b", "Key": "{% $states.input.key %}"},
    }
    assert world.run({"ItemReader": reader}, {"key": name}).output == [{"id": "ann"}, {"id": "bob"}]


def test_items_are_the_objects_of_a_folder(world: World) -> None:
    """A listing gives keys and sizes."""
    world.bucket.objects |= {"archive/1": b"a", "archive/2": b"bb", "other/3": b""}
    reader = {"Resource": "arn:aws:states:::s3:listObjectsV2", "Arguments": {"Bucket": "b", "Prefix": "archive/"}}
    execution = world.run({"ItemReader": reader}, {})
    assert [(one["Key"], one["Size"]) for one in execution.output] == [("archive/1", 1), ("archive/2", 2)]


@pytest.mark.parametrize(("key", "content"), [("absent", b""), ("broken", b"{")])
def test_what_cannot_be_read_fails_the_map(world: World, key: str, content: bytes) -> None:
    """States.ItemReaderFailed, which a catcher can take."""
    world.bucket.objects["broken"] = content
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSONL"},
        "Arguments": {"Bucket": "b", "Key": key},
    }
    execution = world.run({"ItemReader": reader}, {})
    assert (execution.status, execution.error) == ("FAILED", "States.ItemReaderFailed")


def test_items_are_selected_and_put_into_batches(world: World) -> None:
    """Each child gets so many, and what they share once."""
    state = {
        "Items": "{% [1, 2, 3] %}",
        "ItemSelector": {"n": "{% $states.context.Map.Item.Value %}", "at": "{% $states.context.Map.Item.Index %}"},
        "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"step": "{% $states.input.step %}"}},
    }
    execution = world.run(state, {"step": 7})
    assert execution.output == [
        {"BatchInput": {"step": 7}, "Items": [{"n": 1, "at": 0}, {"n": 2, "at": 1}]},
        {"BatchInput": {"step": 7}, "Items": [{"n": 3, "at": 2}]},
    ]


def test_no_more_children_run_at_once_than_allowed(world: World) -> None:
    """With waits of an hour and two at a time, five children take three hours."""
    steps = {"Pause": {"Type": "Wait", "Seconds": 3600, "End": True}}
    state = {"Items": "{% [1, 2, 3, 4, 5] %}", "MaxConcurrency": 2, "ItemProcessor": child(steps, "Pause", "STANDARD")}
    execution = world.run(state, {}, hours=2)
    assert (execution.status, [one.status for one in execution.children].count("SUCCEEDED")) == ("RUNNING", 4)
    world.scheduler.advance(timedelta(hours=1))
    assert execution.status == "SUCCEEDED"


@pytest.mark.parametrize(
    ("tolerance", "broken", "status"),
    [
        ({}, 1, "FAILED"),
        ({"ToleratedFailurePercentage": 20}, 2, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 20}, 3, "FAILED"),
        ({"ToleratedFailureCount": 3}, 3, "SUCCEEDED"),
        ({"ToleratedFailureCount": 3, "ToleratedFailurePercentage": 10}, 2, "FAILED"),
    ],
    ids=["none", "as many as tolerated", "one more", "by count", "the smaller counts"],
)
def test_failures_are_tolerated_up_to_the_threshold(
    world: World, tolerance: dict[str, int], broken: int, status: str
) -> None:
    """One failure too many ends the map and its children."""
    world.broken = range(broken)
    execution = world.run({"Items": f"{{% {list(range(10))} %}}", "MaxConcurrency": 1, **tolerance}, {})
    assert execution.status == status
    if status == "FAILED":
        assert execution.error == "States.ExceedToleratedFailureThreshold"
        assert len(execution.children) == broken
    else:
        assert execution.output == list(range(broken, 10))


def test_results_are_written_to_s3(world: World) -> None:
    """The state's result then names a manifest; what failed is in a file of its own."""
    world.broken = [2]
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Arguments": {"Bucket": "b", "Prefix": "results"}}
    execution = world.run({"Items": "{% [1, 2] %}", "ResultWriter": writer, "ToleratedFailureCount": 1}, {})
    manifest = json.loads(world.bucket.objects[execution.output["ResultWriterDetails"]["Key"]])
    rows = {
        status: [json.loads(world.bucket.objects[file["Key"]]) for file in files]
        for status, files in manifest["ResultFiles"].items()
    }
    assert [row["Output"] for row in rows["SUCCEEDED"][0]] == ["1"]
    assert [row["Error"] for row in rows["FAILED"][0]] == ["Broken"]


def test_results_are_written_line_by_line(world: World) -> None:
    """With JSONL each child is a line, so that a reader need not hold them all."""
    writer = {
        "Resource": "arn:aws:states:::s3:putObject",
        "WriterConfig": {"OutputType": "JSONL", "Transformation": "NONE"},
        "Arguments": {"Bucket": "b", "Prefix": "results"},
    }
    execution = world.run({"Items": "{% [1, 2] %}", "ResultWriter": writer}, {})
    manifest = json.loads(world.bucket.objects[execution.output["ResultWriterDetails"]["Key"]])
    (file,) = manifest["ResultFiles"]["SUCCEEDED"]
    rows = [json.loads(line) for line in world.bucket.objects[file["Key"]].splitlines()]
    assert [(row["Input"], row["Output"]) for row in rows] == [("1", "1"), ("2", "2")]


def test_an_express_child_costs_its_parent_one_transition(world: World) -> None:
    """The parent is billed for its state and each start; the children for none of theirs."""
    execution = world.run({"Items": "{% [1, 2, 3] %}"}, {})
    assert (execution.transitions, [child.transitions for child in execution.children]) == (4, [0, 0, 0])


def test_a_standard_child_pays_for_its_states(world: World) -> None:
    """Besides its start, every state it enters."""
    steps = {"Work": CALL | {"End": True}}
    execution = world.run({"Items": "{% [1, 2] %}", "ItemProcessor": child(steps, "Work", "STANDARD")}, {})
    assert (execution.transitions, [child.transitions for child in execution.children]) == (3, [1, 1])


def test_an_express_child_lives_five_minutes(world: World) -> None:
    """One that waits for longer times out, and the map fails."""
    steps = {"Pause": {"Type": "Wait", "Seconds": 301, "End": True}}
    execution = world.run({"Items": "{% [1] %}", "ItemProcessor": child(steps, "Pause")}, {}, hours=1)
    assert (execution.status, execution.children[0].status) == ("FAILED", "TIMED_OUT")


def test_a_parent_that_is_stopped_stops_its_children(world: World) -> None:
    """Nothing goes on behind an aborted campaign."""
    steps = {"Pause": {"Type": "Wait", "Seconds": 3600, "Next": "Work"}, "Work": CALL | {"End": True}}
    execution = world.run({"Items": "{% [1, 2] %}", "ItemProcessor": child(steps, "Pause", "STANDARD")}, {})
    world.service._runner.stop(execution, None, None)  # pyright: ignore[reportPrivateUsage]
    world.scheduler.advance(timedelta(hours=2))
    assert execution.status == "ABORTED"
    assert world.given == []


def test_a_failed_map_is_tried_again(world: World) -> None:
    """A retrier on the state runs all its children anew."""
    world.broken = [1]
    retry = [{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "IntervalSeconds": 60, "MaxAttempts": 1}]
    execution = world.run({"Items": "{% [1] %}", "Retry": retry}, {})
    world.broken = []
    world.scheduler.advance(timedelta(minutes=2))
    assert (execution.status, execution.output, world.given) == ("SUCCEEDED", [1], [1, 1])


@pytest.mark.parametrize(
    "change",
    [
        {"ItemProcessor": PROCESSOR | {"ProcessorConfig": {"Mode": "INLINE"}}},
        {"ItemProcessor": child({"Work": {"Type": "Parallel"}}, "Work")},
        {"ItemReader": {"Resource": "arn:aws:states:::dynamodb:query", "Arguments": {}}},
        {"ItemBatcher": {"MaxInputBytesPerBatch": 5}},
        {"ItemsPath": "$.items"},
        {"ResultWriter": {"Resource": PUT, "WriterConfig": {"Transformation": "FLATTEN", "OutputType": "JSON"}}},
        {"ItemProcessor": child({"Work": CALL | {"Resource": f"{CALL['Resource']}.waitForTaskToken"}}, "Work")},
    ],
    ids=[
        "inline",
        "a child's state",
        "another reader",
        "bytes",
        "JSONPath",
        "transformed results",
        "a token in an Express child",
    ],
)
def test_what_cannot_be_run_is_refused_at_once(change: Mapping[str, Any]) -> None:
    """A machine is refused when it is made, with the state's name."""
    states: Sequence[Any] = [{"Type": "Map", "End": True, "ItemProcessor": PROCESSOR, **change}]
    with pytest.raises(DefinitionError, match=r"Each|Work"):
        checked_states({"QueryLanguage": "JSONata", "StartAt": "Each", "States": {"Each": states[0]}})
