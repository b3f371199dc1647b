"""Our reading of the Amazon States Language beside moto's executor, on what both can run.

Every case runs on both: same status, same output, same states entered in the same order. moto runs in real time, so its
waits are a second; all its executions run at once, and ours on virtual time.
"""

import json
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import moto.stepfunctions.parser.asl.jsonata.jsonata as moto_jsonata
import pytest
from jsonata import Jsonata  # pyright: ignore[reportMissingTypeStubs]
from moto import mock_aws
from moto.awslambda.models import LambdaFunction

from infra.local.clock import VirtualClock
from infra.local.gateway import Call
from infra.local.lambda_runtime import Invocation
from infra.local.machine_runner import MachineRunner
from infra.local.scheduler import Scheduler
from infra.local.step_functions import StepFunctions
from infra.local.task_tokens import TaskTokens

REGION = "us-east-1"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:task"
ROLE = "arn:aws:iam::123456789012:role/any"
PATIENCE_S = 30
LAMBDA = "arn:aws:states:::lambda:invoke"

type Answer = Callable[[str], None]


def _expr(text: str) -> str:
    return "{% " + text + " %}"


def _task(**more: Any) -> dict[str, Any]:
    arguments = {"FunctionName": FUNCTION, "Payload": _expr("$states.input")}
    return {"Type": "Task", "Resource": LAMBDA, "Arguments": arguments, "Next": "Done", **more}


def _waiting(**more: Any) -> dict[str, Any]:
    arguments = {"FunctionName": FUNCTION, "Payload": {"token": _expr("$states.context.Task.Token")}}
    return {"Type": "Task", "Resource": f"{LAMBDA}.waitForTaskToken", "Arguments": arguments, "Next": "Done", **more}


DONE: dict[str, Any] = {"Type": "Succeed"}
LOOP = {
    "T": _waiting(
        TimeoutSeconds=_expr("$states.input.waits[$states.input.step]"),
        Output=_expr("$merge([$states.input, $states.result])"),
        Catch=[
            {
                "ErrorEquals": ["States.Timeout"],
                "Output": _expr("$merge([$states.input, {'step': $states.input.step + 1}])"),
                "Next": "T",
            },
            {"ErrorEquals": ["RunFinished"], "Output": _expr("$states.input"), "Next": "Done"},
        ],
        Next="T",
    ),
    "Done": DONE,
}
CASES: Mapping[str, tuple[dict[str, Any], Any]] = {
    "pass": (
        {"P": {"Type": "Pass", "Output": {"x": _expr("$states.input.a + 1")}, "Next": "Done"}, "Done": DONE},
        {"a": 1},
    ),
    "pass without output": ({"P": {"Type": "Pass", "End": True}}, {"a": [1, {"b": None}]}),
    "assign": (
        {
            "P": {"Type": "Pass", "Assign": {"kept": _expr("$states.input.a")}, "Output": {}, "Next": "Q"},
            "Q": {"Type": "Pass", "Output": {"again": _expr("$kept")}, "End": True},
        },
        {"a": [1, 2]},
    ),
    "choice taken": (
        {
            "C": {
                "Type": "Choice",
                "Choices": [
                    {"Condition": _expr("$states.input.n > 10"), "Next": "Big"},
                    {"Condition": _expr("$states.input.n > 1"), "Next": "Small"},
                ],
                "Default": "Done",
            },
            "Big": {"Type": "Fail", "Error": "Big"},
            "Small": {"Type": "Pass", "Output": {"size": "small"}, "End": True},
            "Done": DONE,
        },
        {"n": 2},
    ),
    "choice default": (
        {
            "C": {"Type": "Choice", "Choices": [{"Condition": _expr("false"), "Next": "F"}], "Default": "Done"},
            "F": {"Type": "Fail"},
            "Done": DONE,
        },
        {"n": 0},
    ),
    "fail": ({"F": {"Type": "Fail", "Error": _expr("'E' & $states.input.a"), "Cause": "because"}}, {"a": "1"}),
    "succeed output": ({"S": {"Type": "Succeed", "Output": {"y": _expr("$states.input.a")}}}, {"a": 1}),
    "wait": ({"W": {"Type": "Wait", "Seconds": _expr("$states.input.s"), "Next": "Done"}, "Done": DONE}, {"s": 1}),
    "task": ({"T": _task(Output=_expr("$states.result.Payload")), "Done": DONE}, {"answer": {"ok": True}}),
    "task caught": (
        {
            "T": _task(
                Catch=[
                    {
                        "ErrorEquals": ["NoSuchError"],
                        "Output": {"wrong": True},
                        "Next": "Done",
                    },
                    {
                        "ErrorEquals": ["KeyError"],
                        "Output": {"error": _expr("$states.errorOutput.Error")},
                        "Next": "Done",
                    },
                ]
            ),
            "Done": DONE,
        },
        {"fail": "KeyError"},
    ),
    "task uncaught": ({"T": _task(), "Done": DONE}, {"fail": "ValueError"}),
    "task retried, then caught": (
        {
            "T": _task(
                Retry=[{"ErrorEquals": ["KeyError"], "IntervalSeconds": 1, "MaxAttempts": 1}],
                Catch=[{"ErrorEquals": ["States.ALL"], "Output": {"end": "gave up"}, "Next": "Done"}],
            ),
            "Done": DONE,
        },
        {"fail": "KeyError"},
    ),
    "task retried with success": (
        {
            "T": _task(
                Retry=[{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": 2}],
                Output=_expr("$states.result.Payload"),
            ),
            "Done": DONE,
        },
        {"fail_once": "KeyError", "answer": {"seven": 7}},
    ),
    "token answered": ({"T": _waiting(Output=_expr("$states.result")), "Done": DONE}, {"succeed": {"said": "yes"}}),
    "token failed and caught": (
        {
            "T": _waiting(
                Catch=[
                    {"ErrorEquals": ["Bounce"], "Output": {"error": _expr("$states.errorOutput.Error")}, "Next": "Done"}
                ]
            ),
            "Done": DONE,
        },
        {"refuse": "Bounce"},
    ),
    "token timed out": (
        {
            "T": _waiting(
                TimeoutSeconds=1, Catch=[{"ErrorEquals": ["States.Timeout"], "Output": {"end": "late"}, "Next": "Done"}]
            ),
            "Done": DONE,
        },
        {},
    ),
    "token timed out, uncaught": ({"T": _waiting(TimeoutSeconds=1), "Done": DONE}, {}),
    "the journeys' loop": (LOOP, {"waits": [1, 1, 5], "step": 0, "finish_at": 2}),
}


@dataclass(slots=True)
class Function:
    """The one function behind all tasks: what it does is told by the execution's input."""

    succeed: Callable[[str, Any], None]
    refuse: Callable[[str, str], None]
    given: Any = None
    calls: dict[str, int] = field(default_factory=dict[str, int])

    def run(self, case: str, event: Any) -> tuple[Any, bool]:
        """Answer with (payload, failed)."""
        told = CASES[case][1]
        self.calls[case] = self.calls.get(case, 0) + 1
        if "fail" in told or ("fail_once" in told and self.calls[case] == 1):
            error = told.get("fail") or told.get("fail_once")
            return {"errorType": error, "errorMessage": "no"}, True
        if "succeed" in told:
            self.succeed(event["token"], told["succeed"])
        if "refuse" in told:
            self.refuse(event["token"], told["refuse"])
        if self.calls[case] == told.get("finish_at", -1) + 1:
            self.refuse(event["token"], "RunFinished")
        return told.get("answer"), False


def _definition(case: str) -> str:
    states = json.loads(json.dumps(CASES[case][0]).replace(FUNCTION, f"{FUNCTION}-{_slug(case)}"))
    return json.dumps({"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states})


def _slug(case: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in case)


def _ours() -> dict[str, tuple[Any, ...]]:
    scheduler = Scheduler(VirtualClock(datetime(2026, 3, 10, tzinfo=UTC)))
    tokens = TaskTokens()
    function = Function(
        lambda token, output: tokens.pending(token).settle(output),
        lambda token, error: _refuse(service, token, error),
    )
    slugs = {_slug(case): case for case in CASES}

    def invoke(arn: str, event: Any) -> Invocation:
        payload, failed = function.run(slugs[arn.removeprefix(f"{FUNCTION}-")], event)
        return Invocation(payload, failed)

    service = StepFunctions(scheduler.clock, MachineRunner(scheduler, tokens, invoke, _no_objects), tokens)
    started = {
        case: service.start_execution(
            service.create_machine(f"arn:aws:states:::stateMachine:{_slug(case)}", ROLE, _definition(case)).arn, given
        )
        for case, (_, given) in CASES.items()
    }
    scheduler.settle()
    while any(execution.running for execution in started.values()):
        scheduler.advance(timedelta(seconds=1))
    return {case: (run.status, run.output, run.entered, run.error) for case, run in started.items()}


def _no_objects() -> Any:
    message = "no case reads items from S3"
    raise AssertionError(message)


def _refuse(service: StepFunctions, token: str, error: str) -> None:
    body = json.dumps({"taskToken": token, "error": error}).encode()
    answer = service.answer(Call("sfn", "SendTaskFailure", "POST", "/", {}, body))
    assert answer.status == 200


@pytest.fixture(scope="module")
def theirs() -> Generator[dict[str, tuple[Any, ...]]]:
    """What moto's executor makes of every case."""

    def evaluate(expression: str) -> Any:
        try:
            return json.loads(json.dumps(Jsonata(expression).evaluate(None)))
        except Exception as error:
            raise moto_jsonata.JSONataException("UNKNOWN", str(error)) from error

    with pytest.MonkeyPatch.context() as patch, mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.setattr(moto_jsonata, "_eval_jsonata", evaluate)
        client = boto3.client("stepfunctions", region_name=REGION)
        function = Function(
            lambda token, output: client.send_task_success(taskToken=token, output=json.dumps(output)) and None,
            lambda token, error: client.send_task_failure(taskToken=token, error=error, cause="") and None,
        )
        slugs = {_slug(case): case for case in CASES}

        def invoke(self: LambdaFunction, event: Any = None) -> tuple[str, bool, str]:
            given = json.loads(event) if isinstance(event, str) else event
            payload, failed = function.run(slugs[self.function_name.removeprefix("task-")], given)
            return json.dumps(payload), failed, ""

        patch.setattr(LambdaFunction, "_invoke_lambda", invoke)
        yield _run_on_moto(client)


def _run_on_moto(client: Any) -> dict[str, tuple[Any, ...]]:
    boto3.client("iam", region_name=REGION).create_role(RoleName="any", AssumeRolePolicyDocument="{}")
    functions = boto3.client("lambda", region_name=REGION)
    arns: dict[str, str] = {}
    for case, (_, given) in CASES.items():
        functions.create_function(
            FunctionName=f"task-{_slug(case)}", Runtime="python3.13", Role=ROLE, Handler="x.y", Code={"ZipFile": b"x"}
        )
        machine = client.create_state_machine(name=_slug(case), definition=_definition(case), roleArn=ROLE)
        arns[case] = client.start_execution(
            stateMachineArn=machine["stateMachineArn"], name="run", input=json.dumps(given)
        )["executionArn"]
    return {case: _ended(client, arn) for case, arn in arns.items()}


def _ended(client: Any, arn: str) -> tuple[Any, ...]:
    limit = time.monotonic() + PATIENCE_S
    while (described := client.describe_execution(executionArn=arn))["status"] == "RUNNING":
        assert time.monotonic() < limit, "moto's executor did not end in time"
        time.sleep(0.05)
    history = client.get_execution_history(executionArn=arn)["events"]
    entered = [event["stateEnteredEventDetails"]["name"] for event in history if event["type"].endswith("StateEntered")]
    output = json.loads(described["output"]) if "output" in described else None
    return described["status"], output, entered, described.get("error")


@pytest.mark.parametrize("case", CASES)
def test_both_executors_agree(case: str, theirs: dict[str, tuple[Any, ...]], ours: dict[str, tuple[Any, ...]]) -> None:
    """Status, output and the states entered are the same on ours and on moto's."""
    assert ours[case][:3] == theirs[case][:3]


@pytest.mark.parametrize("case", ["fail", "task uncaught", "token timed out, uncaught"])
def test_both_name_the_same_error(
    case: str, theirs: dict[str, tuple[Any, ...]], ours: dict[str, tuple[Any, ...]]
) -> None:
    """A failed execution names the same error on both."""
    assert ours[case][3] == theirs[case][3] is not None


@pytest.fixture(scope="module")
def ours() -> dict[str, tuple[Any, ...]]:
    """What our runner makes of every case."""
    return _ours()


def test_the_journeys_loop_costs_one_transition_a_stop(ours: dict[str, tuple[Any, ...]]) -> None:
    """Three stops and the end are four states entered."""
    assert ours["the journeys' loop"][2] == ["T", "T", "T", "Done"]
