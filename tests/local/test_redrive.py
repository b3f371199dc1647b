"""Redriven executions: on from where they failed, what they had done kept, by Step Functions' own conditions."""

import json
from datetime import timedelta
from typing import Any

import pytest

from infra.local.execution import Execution
from infra.local.gateway import Answer, Call
from tests.local.test_distributed_map import CALL, MACHINE, World, child


@pytest.fixture
def world() -> World:
    """A fresh runner."""
    return World()


def _called(world: World, operation: str, **request: Any) -> Answer:
    return world.service.answer(Call("sfn", operation, "POST", "/", {}, json.dumps(request).encode()))


def _redriven(world: World, execution: Execution) -> dict[str, Any]:
    """What the service answers; the redriven execution has run as far as it goes."""
    answer = _called(world, "RedriveExecution", executionArn=execution.arn)
    world.scheduler.settle()
    return json.loads(answer.body)


def _two_tasks(world: World) -> Execution:
    states = {
        "First": CALL | {"Assign": {"seen": "{% $states.input %}"}, "Output": "second", "Next": "Second"},
        "Second": CALL
        | {"Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}], "Output": "{% $seen %}", "End": True},
    }
    definition = {"QueryLanguage": "JSONata", "StartAt": "First", "States": states}
    world.service.create_machine(MACHINE, "role", json.dumps(definition))
    world.broken = ["second"]
    execution = world.service.start_execution(MACHINE, "first", "one")
    world.scheduler.advance(timedelta(minutes=1))
    assert (execution.status, world.given) == ("FAILED", ["first", "second", "second"])
    return execution


def test_the_failed_state_runs_again_with_its_input_and_nothing_before_it(world: World) -> None:
    """The first task is not repeated, its variables are there, and the history goes on."""
    execution = _two_tasks(world)
    before = len(execution.history)
    world.broken = []
    assert "redriveDate" in _redriven(world, execution)
    assert (execution.status, execution.output) == ("SUCCEEDED", "first")
    assert world.given == ["first", "second", "second", "second"]
    assert execution.history[before].type == "ExecutionRedriven"
    assert execution.entered == ["First", "Second"]
    described = json.loads(_called(world, "DescribeExecution", executionArn=execution.arn).body)
    assert (described["redriveCount"], described["redriveStatus"]) == (1, "NOT_REDRIVABLE")


def test_retries_begin_anew(world: World) -> None:
    """A redriven task has all of its attempts again."""
    execution = _two_tasks(world)
    _redriven(world, execution)
    world.scheduler.advance(timedelta(minutes=1))
    assert execution.status == "FAILED"
    assert len(world.given) == 5


def test_an_execution_that_somebody_stopped_waits_on(world: World) -> None:
    """Stopped in a wait, redriven: it waits again, from the beginning of the wait."""
    states = {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}
    definition = {"QueryLanguage": "JSONata", "StartAt": "Wait", "States": states}
    world.service.create_machine(MACHINE, "role", json.dumps(definition))
    execution = world.service.start_execution(MACHINE, {}, "one")
    world.scheduler.advance(timedelta(seconds=30))
    _called(world, "StopExecution", executionArn=execution.arn)
    _redriven(world, execution)
    world.scheduler.advance(timedelta(seconds=59))
    assert execution.status == "RUNNING"
    world.scheduler.advance(timedelta(seconds=1))
    assert execution.status == "SUCCEEDED"


@pytest.mark.parametrize("days", [14, 15])
def test_two_weeks_after_its_end_it_is_too_late(world: World, days: int) -> None:
    """Fourteen days are allowed, not more; the refusal says so, as the description does."""
    execution = _two_tasks(world)
    world.scheduler.advance(timedelta(days=days) - timedelta(minutes=1))
    world.broken = []
    answer = _redriven(world, execution)
    assert (answer.get("__type") == "ExecutionNotRedrivable") == (days == 15)
    assert execution.status == ("SUCCEEDED" if days == 14 else "FAILED")


def test_what_runs_or_has_succeeded_cannot_be_redriven(world: World) -> None:
    """There is nothing to take up."""
    execution = world.run({"Items": "{% [1] %}"}, {})
    answer = _redriven(world, execution)
    assert answer == {
        "__type": "ExecutionNotRedrivable",
        "message": "Execution is SUCCEEDED and cannot be redriven.",
    }


@pytest.mark.parametrize(("kind", "started"), [("EXPRESS", 1), ("STANDARD", 0)])
def test_a_map_runs_only_those_children_again_that_did_not_succeed(world: World, kind: str, started: int) -> None:
    """Express children are started anew, standard ones redriven; the results are complete and in order."""
    world.broken = [2]
    processor = child({"Work": CALL | {"End": True}}, "Work", kind)
    execution = world.run({"Items": "{% [1, 2, 3] %}", "MaxConcurrency": 3, "ItemProcessor": processor}, {})
    assert (execution.status, execution.error) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert [one.status for one in execution.children] == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    done = len(world.given)
    world.broken = []
    _redriven(world, execution)
    assert (execution.status, execution.output) == ("SUCCEEDED", [1, 2, 3])
    assert world.given[done:] == [2]
    assert len(execution.children) == 3 + started


def test_children_that_were_never_started_run_too(world: World) -> None:
    """One at a time, the first one fails and ends the map; redriven, all of them run."""
    world.broken = [1]
    execution = world.run({"Items": "{% [1, 2, 3] %}", "MaxConcurrency": 1}, {})
    assert world.given == [1]
    world.broken = []
    _redriven(world, execution)
    assert (execution.status, execution.output) == ("SUCCEEDED", [1, 2, 3])
    assert world.given == [1, 1, 2, 3]
