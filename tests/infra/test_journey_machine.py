"""The state machine: its definition, its one role, and the arithmetic of its waits."""

import json
from typing import Any

import pytest
from jsonata import Jsonata

from infra.journey_definition import FALLBACK_WAIT_S, FORESEEN_WAIT, machine_definition
from infra.rebuild_definition import rebuild_definition
from omnicascade.contracts import RUN_FINISHED_ERROR, Env, Function
from tests.infra.template_reader import TemplateReader, walk


def _evaluate(expression: str, states: dict[str, Any]) -> Any:
    program = Jsonata(expression)
    frame = program.create_frame()
    frame.bind("states", states)
    return program.evaluate(None, frame)


@pytest.mark.parametrize(
    ("execution_input", "expected"),
    [
        ({}, FALLBACK_WAIT_S),
        ({"journey": "welcome", "profile": "email:ann@example.com"}, FALLBACK_WAIT_S),
        ({"waits": []}, FALLBACK_WAIT_S),
        ({"waits": [5]}, 5),
        ({"waits": [5], "step": 0}, 5),
        ({"waits": [5], "step": 1}, FALLBACK_WAIT_S),
        ({"waits": [14400, 72000, 60]}, 14400),
        ({"waits": [14400, 72000, 60], "step": 1}, 72000),
        ({"waits": [14400, 72000, 60], "step": 2}, 60),
        ({"waits": [14400, 72000, 60], "step": 3}, FALLBACK_WAIT_S),
        ({"waits": [0]}, 1),
        ({"waits": [1.2]}, 2),
        ({"waits": [400 * 86_400]}, 365 * 86_400),
    ],
)
def test_the_state_waits_as_the_step_foresees(execution_input: dict[str, Any], expected: int) -> None:
    """The time-out is the wait of the current step, whole and positive, or a minute where none is foreseen."""
    wait = _evaluate(FORESEEN_WAIT, {"input": execution_input})
    assert (wait, type(wait)) == (expected, int)


@pytest.mark.parametrize(("before", "after"), [({}, 1), ({"step": 0}, 1), ({"step": 4, "run": "r"}, 5)])
def test_a_time_out_moves_to_the_next_step(before: dict[str, Any], after: int) -> None:
    """The input is kept and its step counts up, from 0 where there was none."""
    catch = machine_definition("arn")["States"]["SendAndAwait"]["Catch"][0]
    assert catch["ErrorEquals"] == ["States.Timeout"]
    moved = _evaluate(catch["Output"].strip("{% }").rstrip("% "), {"input": before})
    assert moved == before | {"step": after}


@pytest.mark.parametrize(("state", "expected"), [({}, 0), ({"RetryCount": 0}, 0), ({"RetryCount": 3}, 3)])
def test_the_sender_learns_how_often_it_was_retried(state: dict[str, Any], expected: int) -> None:
    """The attempt is Step Functions' own count, and 0 where the context has none."""
    payload = machine_definition("arn")["States"]["SendAndAwait"]["Arguments"]["Payload"]
    expression = payload["attempt"].removeprefix("{% ").removesuffix(" %}")
    assert _evaluate(expression, {"context": {"State": state}}) == expected


def test_a_finished_run_ends_the_execution() -> None:
    """The sender's failure of that name leads to the end, with its cause as the outcome."""
    states = machine_definition("arn")["States"]
    (finish,) = [c for c in states["SendAndAwait"]["Catch"] if c["ErrorEquals"] == [RUN_FINISHED_ERROR]]
    assert (finish["Next"], states["Finished"]) == ("Finished", {"Type": "Succeed"})


def test_there_is_one_task_state_and_it_loops() -> None:
    """A cascade costs one transition per stop and one for the end."""
    states = machine_definition("arn")["States"]
    assert set(states) == {"SendAndAwait", "Finished"}
    assert states["SendAndAwait"]["Next"] == "SendAndAwait"
    assert states["SendAndAwait"]["Resource"].endswith(":lambda:invoke.waitForTaskToken")


def test_the_deployed_definition_is_this_one_and_calls_the_sender(prod: TemplateReader) -> None:
    """With the sender's ARN filled in, the template holds the definition, in JSONata throughout."""
    join = prod.machine("journeys")["DefinitionString"]["Fn::Join"]
    sender = {"Fn::GetAtt": [prod.function_id(Function.SEND_NEXT_MESSAGE), "Arn"]}
    assert sender in join[1]
    text = "".join("arn:sender" if part == sender else part for part in join[1])
    assert json.loads(text) == machine_definition("arn:sender")
    assert json.loads(text)["QueryLanguage"] == "JSONata"


def test_functions_know_the_machine_by_the_name_it_has(prod: TemplateReader) -> None:
    """The ARN they are told is made of the machine's fixed name."""
    machine = prod.machine("journeys")
    for name in (Function.PROJECT_PROFILES, Function.SEND_NEXT_MESSAGE, Function.SERVE_STAFF_API):
        arn = prod.function(name)["Environment"]["Variables"][Env.STATE_MACHINE_ARN.value]
        assert arn["Fn::Join"][1][-1] == f":stateMachine:{machine['StateMachineName']}"


def test_the_machine_may_call_the_sender_and_nothing_else_of_ours(prod: TemplateReader) -> None:
    """Besides log delivery and tracing its role has one action on one function."""
    call, watch = prod.machine_statements("journeys")
    assert call["Action"] == "lambda:InvokeFunction"
    assert call["Resource"] == {"Fn::GetAtt": [prod.function_id(Function.SEND_NEXT_MESSAGE), "Arn"]}
    assert {action.partition(":")[0] for action in watch["Action"]} == {"logs", "xray"}


def test_logs_hold_errors_and_no_customer(prod: TemplateReader) -> None:
    """Execution data, which name customers, stay out of the logs."""
    logging = prod.machine("journeys")["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False)


@pytest.mark.parametrize(
    "definition",
    [machine_definition("arn"), rebuild_definition(function_arn="arn", bucket="bucket", reports_prefix="rebuilds/")],
    ids=["journeys", "rebuild"],
)
def test_no_jsonpath_is_left(definition: dict[str, Any]) -> None:
    """No field of the other query language is in a definition, where it would be refused at deployment."""
    fields = {key for key, _ in walk(definition)}
    assert not fields & {"Parameters", "ResultPath", "InputPath", "OutputPath", "ResultSelector", "TimeoutSecondsPath"}
