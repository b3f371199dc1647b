"""Executions on virtual time: time-outs, tokens, retries, and what late callers are told."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from infra.local.stack import Stack

if TYPE_CHECKING:
    from types_boto3_stepfunctions.client import SFNClient

    from tests.local.conftest import Probe

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:small-journeys"
START_INPUT = {"journey": "cart", "profile": "email:ann@example.com"}


def _client() -> "SFNClient":
    session = botocore.session.get_session()
    session.set_credentials("local", "local")
    return session.create_client("stepfunctions", region_name="us-east-1")  # pyright: ignore[reportReturnType]


@pytest.fixture
def stack(small: Callable[..., Stack]) -> Stack:
    """The small stack, up."""
    return small()


def test_three_steps_nobody_answers_cost_four_transitions(stack: Stack, probe: "Probe") -> None:
    """Two waits time out, the third call ends the run: four StateEntered, SUCCEEDED, at the right moments."""
    client = _client()
    calls: list[tuple[float, Any]] = []

    def send(event: Any, _context: Any) -> Any:
        calls.append(((stack.now() - started.started).total_seconds(), event["foreseen_s"]))
        if len(calls) == 3:
            client.send_task_failure(taskToken=event["token"], error="RunFinished", cause="completed")

    probe.on["sender"] = send
    started = stack.step_functions.start_execution(MACHINE, {**START_INPUT, "waits": [14400, 72000]}, "run-1")
    stack.settle()
    stack.advance("2d")
    assert calls == [(0, 14400), (14400, 72000), (86400, 60)]
    assert started.status == "SUCCEEDED"
    assert started.entered == ["SendAndAwait"] * 3 + ["Finished"]
    assert started.transitions == 4
    assert started.output["outcome"] == "completed"


@pytest.mark.parametrize(
    ("given", "seconds"),
    [({}, 60), ({"waits": [5]}, 5), ({"waits": [5, 7], "step": 1}, 7), ({"waits": [5], "step": 3}, 60)],
)
def test_the_wait_foreseen_is_read_from_the_input(
    stack: Stack, probe: "Probe", given: dict[str, Any], seconds: int
) -> None:
    """No waits, one, several, or a step beyond the last: the expression gives a usable number."""
    del probe
    execution = stack.step_functions.start_execution(MACHINE, given)
    stack.settle()
    stack.advance(timedelta(seconds=seconds) - timedelta(milliseconds=1))
    assert execution.entered == ["SendAndAwait"]
    stack.advance(timedelta(milliseconds=1))
    assert execution.entered == ["SendAndAwait", "SendAndAwait"]


def test_an_answered_token_goes_on_at_once_with_the_merged_output(stack: Stack, probe: "Probe") -> None:
    """SendTaskSuccess resumes the execution without waiting, also from inside the handler itself."""
    client = _client()
    answers = iter([{"waits": [100], "step": 0}])

    def send(event: Any, _context: Any) -> Any:
        if (answer := next(answers, None)) is not None:
            client.send_task_success(taskToken=event["token"], output=json.dumps(answer))

    probe.on["sender"] = send
    execution = stack.step_functions.start_execution(MACHINE, START_INPUT)
    stack.settle()
    assert execution.entered == ["SendAndAwait", "SendAndAwait"]
    assert probe.seen["sender"][1]["input"] == {**START_INPUT, "waits": [100], "step": 0}
    assert probe.seen["sender"][1]["foreseen_s"] == 100


def test_late_and_invented_tokens_are_told_apart(stack: Stack, probe: "Probe") -> None:
    """A token whose wait is over gives TaskTimedOut, one never given out TaskDoesNotExist, nonsense InvalidToken."""
    client = _client()
    execution = stack.step_functions.start_execution(MACHINE, {"waits": [10]})
    stack.settle()
    late = probe.seen["sender"][0]["token"]
    stack.advance("11s")
    assert _code(lambda: client.send_task_success(taskToken=late, output="{}")) == "TaskTimedOut"
    client.stop_execution(executionArn=execution.arn, error="E", cause="why")
    pending = probe.seen["sender"][-1]["token"]
    assert _code(lambda: client.send_task_failure(taskToken=pending)) == "TaskTimedOut"
    assert _code(lambda: client.send_task_success(taskToken="dG9rZW4vOTk=", output="{}")) == "TaskDoesNotExist"
    assert _code(lambda: client.send_task_heartbeat(taskToken="nonsense")) == "InvalidToken"


def test_names_are_idempotent_while_input_and_run_are_the_same(stack: Stack) -> None:
    """The same name and input is the same execution; another input, or one that has ended, is refused."""
    client = _client()
    arn = MACHINE
    first = client.start_execution(stateMachineArn=arn, name="n", input='{"a": 1}')
    again = client.start_execution(stateMachineArn=arn, name="n", input='{ "a":1 }')
    assert first["executionArn"] == again["executionArn"]
    assert first["startDate"] == again["startDate"]
    assert _code(lambda: client.start_execution(stateMachineArn=arn, name="n", input="{}")) == "ExecutionAlreadyExists"
    client.stop_execution(executionArn=first["executionArn"])
    ended = _code(lambda: client.start_execution(stateMachineArn=arn, name="n", input='{"a": 1}'))
    assert ended == "ExecutionAlreadyExists"
    assert _code(lambda: client.start_execution(stateMachineArn=arn, name="a b")) == "InvalidName"
    assert _code(lambda: client.start_execution(stateMachineArn=arn + "x")) == "StateMachineDoesNotExist"


def test_a_failing_handler_is_retried_with_backoff_and_a_new_token(stack: Stack, probe: "Probe") -> None:
    """RetryableSendError is tried again after 2, 4, 8 seconds; every attempt has its own token and is billed."""
    times: list[float] = []

    class RetryableSendError(Exception):
        """As the sender's."""

    def send(event: Any, _context: Any) -> Any:
        times.append((stack.now() - execution.started).total_seconds())
        if len(times) < 4:
            raise RetryableSendError

    probe.on["sender"] = send
    execution = stack.step_functions.start_execution(MACHINE, {"waits": [1000]})
    stack.settle()
    stack.advance("20s")
    assert times == [0, 2, 6, 14]
    assert len({event["token"] for event in probe.seen["sender"]}) == 4
    assert execution.transitions == 4


def test_an_error_that_stays_fails_the_execution_with_its_name_and_text(stack: Stack, probe: "Probe") -> None:
    """What fails at every attempt and is caught nowhere ends the execution; the cause is Lambda's error object."""

    def send(_event: Any, _context: Any) -> Any:
        raise LookupError("nobody")

    probe.on["sender"] = send
    execution = stack.step_functions.start_execution(MACHINE, START_INPUT)
    stack.settle()
    assert execution.status == "RUNNING"
    stack.advance("126s")
    assert (execution.status, execution.error) == ("FAILED", "LookupError")
    assert len(probe.seen["sender"]) == 7
    assert json.loads(execution.cause or "")["errorMessage"] == "nobody"


@pytest.mark.parametrize(("error", "status"), [("RunFinished", "SUCCEEDED"), ("InvalidInput", "FAILED")])
def test_the_senders_final_answers_are_never_retried(stack: Stack, probe: "Probe", error: str, status: str) -> None:
    """A run that is over and an input that makes none end the execution at once, after one call."""
    probe.on["sender"] = lambda event, _context: _client().send_task_failure(
        taskToken=event["token"], error=error, cause="{}"
    )
    execution = stack.step_functions.start_execution(MACHINE, START_INPUT)
    stack.settle()
    assert execution.status == status
    assert len(probe.seen["sender"]) == 1


def test_the_api_describes_lists_and_tells_the_history(stack: Stack) -> None:
    """DescribeExecution, ListExecutions, GetExecutionHistory and the machine's own calls answer in AWS's shapes."""
    client = _client()
    arn = client.start_execution(stateMachineArn=MACHINE, name="n", input='{"waits": [5]}')["executionArn"]
    stack.settle()
    stack.advance("6s")
    described = client.describe_execution(executionArn=arn)
    assert (described["status"], json.loads(described["input"])) == ("RUNNING", {"waits": [5]})
    assert described["startDate"] == stack.executions[0].started
    history = client.get_execution_history(executionArn=arn)["events"]
    types = [event["type"] for event in history]
    assert types[:5] == ["ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted"]
    assert types[5:8] == ["TaskTimedOut", "TaskStateExited", "TaskStateEntered"]
    assert history[1].get("stateEnteredEventDetails", {}).get("name") == "SendAndAwait"
    backwards = client.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=2)
    assert [event["id"] for event in backwards["events"]] == [len(types), len(types) - 1]
    assert [row["name"] for row in client.list_executions(stateMachineArn=MACHINE)["executions"]] == ["n"]
    machine = client.list_state_machines()["stateMachines"][0]
    assert "SendAndAwait" in client.describe_state_machine(stateMachineArn=machine["stateMachineArn"])["definition"]


def test_a_stopped_execution_is_aborted_wherever_it_waits(stack: Stack, probe: "Probe") -> None:
    """StopExecution ends a waiting task at once; its timer does nothing later."""
    client = _client()
    execution = stack.step_functions.start_execution(MACHINE, {"waits": [10]})
    stack.settle()
    client.stop_execution(executionArn=execution.arn, error="Stopped", cause="by hand")
    stack.advance("1h")
    assert (execution.status, execution.error, execution.cause) == ("ABORTED", "Stopped", "by hand")
    assert len(probe.seen["sender"]) == 1


def _code(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response.get("Error", {}).get("Code"))
