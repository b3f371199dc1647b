"""The state machine: its definition, its one role, and the arithmetic of its waits."""

import json
from datetime import timedelta
from typing import Any

import pytest
from jsonata import Jsonata

from infra.journey_definition import FALLBACK_WAIT_S, FORESEEN_WAIT, machine_definition
from infra.rebuild_definition import rebuild_definition
from omnicascade.contracts import (
    AUDIENCE_NAMED_ERROR,
    AUDIENCES_PREFIX,
    INVALID_INPUT_ERROR,
    RUN_FINISHED_ERROR,
    Env,
    Function,
)
from omnicascade.usecases.audience.move_batch import BATCH_TIME
from tests.infra.template_reader import TemplateReader, listed, walk

DEFINITION = machine_definition(sender_arn="arn:sender", audience_arn="arn:audience", bucket="bucket")


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
    catch = DEFINITION["States"]["SendAndAwait"]["Catch"][0]
    assert catch["ErrorEquals"] == ["States.Timeout"]
    moved = _evaluate(catch["Output"].strip("{% }").rstrip("% "), {"input": before})
    assert moved == before | {"step": after}


@pytest.mark.parametrize(("state", "expected"), [({}, 0), ({"RetryCount": 0}, 0), ({"RetryCount": 3}, 3)])
def test_the_sender_learns_how_often_it_was_retried(state: dict[str, Any], expected: int) -> None:
    """The attempt is Step Functions' own count, and 0 where the context has none."""
    payload = DEFINITION["States"]["SendAndAwait"]["Arguments"]["Payload"]
    expression = payload["attempt"].removeprefix("{% ").removesuffix(" %}")
    assert _evaluate(expression, {"context": {"State": state}}) == expected


def test_a_finished_run_ends_the_execution() -> None:
    """The sender's failure of that name leads to the end, with its cause as the outcome."""
    states = DEFINITION["States"]
    (finish,) = [c for c in states["SendAndAwait"]["Catch"] if c["ErrorEquals"] == [RUN_FINISHED_ERROR]]
    assert (finish["Next"], states["Finished"]) == ("Finished", {"Type": "Succeed"})


def test_one_customer_has_one_task_state_and_it_loops() -> None:
    """A cascade costs one transition per stop and one for the end."""
    task = DEFINITION["States"]["SendAndAwait"]
    assert (DEFINITION["StartAt"], task["Next"]) == ("SendAndAwait", "SendAndAwait")
    assert task["Resource"].endswith(":lambda:invoke.waitForTaskToken")
    ways = {catcher["ErrorEquals"][0]: catcher["Next"] for catcher in task["Catch"]}
    assert ways == {
        "States.Timeout": "SendAndAwait",
        RUN_FINISHED_ERROR: "Finished",
        AUDIENCE_NAMED_ERROR: "SnapshotAudience",
    }


def test_answers_of_the_sender_are_never_tried_again() -> None:
    """An end, a segment and bad input are no failures of a call."""
    final = DEFINITION["States"]["SendAndAwait"]["Retry"][0]
    assert (set(final["ErrorEquals"]), final["MaxAttempts"]) == (
        {RUN_FINISHED_ERROR, AUDIENCE_NAMED_ERROR, INVALID_INPUT_ERROR},
        0,
    )


def test_an_audience_is_listed_and_worked_off_round_by_round() -> None:
    """The states read as what they mean, and lead back to the choice until nobody is left."""
    states = DEFINITION["States"]
    following = {name: states[name].get("Next") for name in ("SnapshotAudience", "AwaitNextDue", "ForEachBatch")}
    assert following == {
        "SnapshotAudience": "MoreToSend",
        "AwaitNextDue": "ForEachBatch",
        "ForEachBatch": "GatherRound",
    }
    assert (states["GatherRound"]["Next"], states["Report"]["End"]) == ("MoreToSend", True)


@pytest.mark.parametrize(
    ("remaining", "number", "following"),
    [(0, 0, "Report"), (5, 0, "ForEachBatch"), (5, 1, "AwaitNextDue"), (0, 3, "Report")],
    ids=["nobody is in the segment", "the first round", "a later round", "everybody is through"],
)
def test_what_follows_a_round(remaining: int, number: int, following: str) -> None:
    """The first round begins at once, later ones at their moment, and nobody left is the end."""
    choice = DEFINITION["States"]["MoreToSend"]
    states = {"input": {"remaining": remaining, "number": number}}
    taken = [rule["Next"] for rule in choice["Choices"] if _evaluate(rule["Condition"].strip("{% }"), states) is True]
    assert (taken or [choice["Default"]])[0] == following


def test_batches_are_express_children_of_a_hundred_customers() -> None:
    """Read from lines in S3; results are lines too, so that no state's data grows with the audience."""
    batches = DEFINITION["States"]["ForEachBatch"]
    assert batches["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}
    assert batches["ItemReader"]["ReaderConfig"] == {"InputType": "JSONL"}
    assert (batches["ItemBatcher"]["MaxItemsPerBatch"], batches["ToleratedFailurePercentage"]) == (100, 10)
    assert batches["ResultWriter"]["WriterConfig"] == {"OutputType": "JSONL", "Transformation": "NONE"}
    assert set(batches["ItemProcessor"]["States"]) == {"SendToBatch"}


def test_two_attempts_at_a_batch_fit_into_an_express_execution() -> None:
    """With the longest pause between them they take less than the five minutes that it may live."""
    task = DEFINITION["States"]["ForEachBatch"]["ItemProcessor"]["States"]["SendToBatch"]
    retry = task["Retry"][-1]
    pauses = sum(retry["IntervalSeconds"] * retry["BackoffRate"] ** n for n in range(retry["MaxAttempts"]))
    assert task["TimeoutSeconds"] * (1 + retry["MaxAttempts"]) + pauses < 300
    assert timedelta(seconds=task["TimeoutSeconds"]) > BATCH_TIME


def test_the_deployed_definition_is_this_one_and_calls_our_functions(prod: TemplateReader) -> None:
    """With the names filled in, the template holds the definition, in JSONata throughout."""
    join = prod.machine("journeys")["DefinitionString"]["Fn::Join"]
    names = {
        prod.function_id(Function.SEND_NEXT_MESSAGE): "arn:sender",
        prod.function_id(Function.RUN_AUDIENCE): "arn:audience",
    }
    parts = [part if isinstance(part, str) else names.get(_named(part), "bucket") for part in join[1]]
    assert json.loads("".join(parts)) == DEFINITION
    assert DEFINITION["QueryLanguage"] == "JSONata"


def _named(reference: dict[str, Any]) -> str:
    """The logical id behind a Ref or a GetAtt."""
    return reference["Fn::GetAtt"][0] if "Fn::GetAtt" in reference else reference["Ref"]


def test_functions_know_the_machine_by_the_name_it_has(prod: TemplateReader) -> None:
    """The ARN they are told is made of the machine's fixed name."""
    machine = prod.machine("journeys")
    for name in (Function.PROJECT_PROFILES, Function.SEND_NEXT_MESSAGE, Function.SERVE_STAFF_API):
        arn = prod.function(name)["Environment"]["Variables"][Env.STATE_MACHINE_ARN.value]
        assert arn["Fn::Join"][1][-1] == f":stateMachine:{machine['StateMachineName']}"


def test_the_machine_may_do_what_its_states_do_and_nothing_else(prod: TemplateReader) -> None:
    """It calls two functions, starts its own children, and reaches the lists of audiences and no other object."""
    statements = prod.machine_statements("journeys")
    called = [s["Resource"]["Fn::GetAtt"][0] for s in statements if s["Action"] == "lambda:InvokeFunction"]
    assert called == [prod.function_id(Function.SEND_NEXT_MESSAGE), prod.function_id(Function.RUN_AUDIENCE)]
    actions = {action for s in statements for action in listed(s["Action"])}
    assert {action for action in actions if action.partition(":")[0] not in {"logs", "xray", "lambda"}} == {
        "states:StartExecution",
        "states:DescribeExecution",
        "states:StopExecution",
        "states:RedriveExecution",
        "s3:GetObject",
        "s3:PutObject",
        "s3:ListBucket",
    }
    for statement in statements:
        if set(listed(statement["Action"])) & {"s3:GetObject", "s3:PutObject"}:
            assert f"/{AUDIENCES_PREFIX}*" in json.dumps(statement["Resource"])
        if statement["Action"] == "s3:ListBucket":
            assert statement["Condition"] == {"StringLike": {"s3:prefix": [f"{AUDIENCES_PREFIX}*"]}}


def test_logs_hold_errors_and_no_customer(prod: TemplateReader) -> None:
    """Execution data, which name customers, stay out of the logs."""
    logging = prod.machine("journeys")["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False)


@pytest.mark.parametrize(
    "definition",
    [DEFINITION, rebuild_definition(function_arn="arn", bucket="bucket", reports_prefix="rebuilds/")],
    ids=["journeys", "rebuild"],
)
def test_no_jsonpath_is_left(definition: dict[str, Any]) -> None:
    """No field of the other query language is in a definition, where it would be refused at deployment."""
    fields = {key for key, _ in walk(definition)}
    assert not fields & {"Parameters", "ResultPath", "InputPath", "OutputPath", "ResultSelector", "TimeoutSecondsPath"}
