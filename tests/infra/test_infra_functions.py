"""The functions: what they run, what they are told, and what calls them."""

import json

import pytest

from omnicascade.contracts import EVENT_KEY_PREFIX, Env, Function
from tests.infra.template_reader import TemplateReader

LATER = {
    Env.ERRANDS_QUEUE_URL,
    Env.ERRANDS_SCHEDULE_GROUP,
    Env.ERRANDS_SCHEDULE_ROLE_ARN,
    Env.ERRANDS_FUNCTION_ARN,
}
SENDING = set(Env) - LATER - {Env.ARCHIVE_BUCKET, Env.SMS_DELIVERY_ROLE_ARN, Env.ERASURES_QUEUE_URL}
TOLD = {
    Function.INGEST_EVENTS: {Env.TABLE, Env.EVENTS_QUEUE_URL},
    Function.RECORD_EVENTS: {Env.TABLE},
    Function.PROJECT_PROFILES: LATER | {Env.TABLE, Env.EVENTS_QUEUE_URL, Env.STATE_MACHINE_ARN},
    Function.ARCHIVE_EVENTS: {Env.TABLE, Env.ARCHIVE_BUCKET},
    Function.SEND_NEXT_MESSAGE: SENDING,
    Function.RUN_AUDIENCE: SENDING | {Env.ARCHIVE_BUCKET},
    Function.RECEIVE_FEEDBACK: {Env.TABLE, Env.EVENTS_QUEUE_URL},
    Function.FOLLOW_LINKS: {Env.TABLE, Env.EVENTS_QUEUE_URL, Env.SIGNING_SECRET_ARN, Env.PUBLIC_URL},
    Function.SERVE_STAFF_API: LATER | {Env.TABLE, Env.EVENTS_QUEUE_URL, Env.STATE_MACHINE_ARN, Env.ERASURES_QUEUE_URL},
    Function.ERASE_CUSTOMERS: {
        Env.TABLE,
        Env.ERASURES_QUEUE_URL,
        Env.ARCHIVE_BUCKET,
        Env.STATE_MACHINE_ARN,
        Env.PUBLIC_URL,
        Env.SIGNING_SECRET_ARN,
    },
    Function.REBUILD_PROFILES: {Env.TABLE, Env.ARCHIVE_BUCKET, Env.ERRANDS_QUEUE_URL},
    Function.CONFIGURE_DEPLOYMENT: LATER | {Env.TABLE, Env.SMS_DELIVERY_ROLE_ARN},
    Function.RUN_ERRANDS: LATER | {Env.TABLE, Env.EVENTS_QUEUE_URL, Env.STATE_MACHINE_ARN},
    Function.WATCH_RUNS: {Env.TABLE, Env.STATE_MACHINE_ARN},
}
STREAM_READERS = (Function.PROJECT_PROFILES, Function.ARCHIVE_EVENTS)
QUEUE_READERS = (Function.RECORD_EVENTS, Function.RECEIVE_FEEDBACK, Function.ERASE_CUSTOMERS, Function.RUN_ERRANDS)


@pytest.mark.parametrize("name", Function)
def test_a_function_runs_its_own_folder(prod: TemplateReader, name: Function) -> None:
    """The handler's module is in the asset, and no other function's code is."""
    assert prod.function(name)["Handler"] == f"functions.{name}.handler.handler"
    folders = {path.name for path in (prod.asset(name) / "functions").iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} == {name.value}
    assert (prod.asset(name) / "functions" / name / "handler.py").is_file()


@pytest.mark.parametrize("name", Function)
def test_a_function_runs_python_3_13_on_arm_with_the_layer(prod: TemplateReader, name: Function) -> None:
    """Runtime, processor and layer are those the layer's lock was made for."""
    function = prod.function(name)
    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
    assert function["Layers"] == [{"Ref": layer} for layer in prod.of_type("AWS::Lambda::LayerVersion")]


@pytest.mark.parametrize("name", Function)
def test_a_function_is_told_what_its_work_needs(prod: TemplateReader, name: Function) -> None:
    """The environment holds the contract's names for this function and the logger's, nothing else."""
    variables = prod.function(name)["Environment"]["Variables"]
    runtime = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "PYTHONTZPATH"}
    assert set(variables) == {v.value for v in TOLD[name]} | runtime
    assert variables["POWERTOOLS_SERVICE_NAME"] == "omnicascade"


@pytest.mark.parametrize("name", Function)
def test_a_functions_log_ends(prod: TemplateReader, name: Function) -> None:
    """Log lines live as long as the stage says, in JSON."""
    config = prod.function(name)["LoggingConfig"]
    group = prod.of_type("AWS::Logs::LogGroup")[config["LogGroup"]["Ref"]]
    assert (config["LogFormat"], group["RetentionInDays"]) == ("JSON", 30)


def test_callers_over_http_hear_of_a_time_out_from_the_function(prod: TemplateReader) -> None:
    """Functions behind the API end before API Gateway's 30 seconds do."""
    for name in (Function.INGEST_EVENTS, Function.FOLLOW_LINKS, Function.SERVE_STAFF_API):
        assert prod.function(name)["Timeout"] < 30
        assert prod.function(name)["MemorySize"] == 1024


@pytest.mark.parametrize("name", [*STREAM_READERS, *QUEUE_READERS])
def test_one_bad_record_does_not_repeat_the_good_ones(prod: TemplateReader, name: Function) -> None:
    """Every batch reader reports its failures one by one."""
    (mapping,) = prod.mappings(name)
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize("name", STREAM_READERS)
def test_stream_readers_see_new_events_only_and_give_up_loudly(prod: TemplateReader, name: Function) -> None:
    """Projections and runs in the same stream call nobody; what keeps failing goes to a queue with an alarm."""
    (mapping,) = prod.mappings(name)
    (pattern,) = [json.loads(f["Pattern"]) for f in mapping["FilterCriteria"]["Filters"]]
    assert pattern == {"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": EVENT_KEY_PREFIX}]}}}}
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["MaximumRetryAttempts"] == 10
    queue_id = mapping["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
    assert queue_id in _watched_queues(prod)
    destination = {"Fn::GetAtt": [queue_id, "Arn"]}
    sending = [s for s in prod.statements(name) if s["Action"] == "sqs:SendMessage"]
    assert any(destination in (s["Resource"] if isinstance(s["Resource"], list) else [s["Resource"]]) for s in sending)


@pytest.mark.parametrize(
    ("name", "batch_size", "window_s"),
    [
        (Function.RECORD_EVENTS, 100, 1),
        (Function.RECEIVE_FEEDBACK, 10, 0),
        (Function.ERASE_CUSTOMERS, 1, 0),
        (Function.RUN_ERRANDS, 10, 0),
        (Function.PROJECT_PROFILES, 100, 0),
        (Function.ARCHIVE_EVENTS, 1000, 60),
    ],
)
def test_batches_have_the_decided_size(prod: TemplateReader, name: Function, batch_size: int, window_s: int) -> None:
    """Batch size and window of every reader."""
    (mapping,) = prod.mappings(name)
    assert (mapping["BatchSize"], mapping["MaximumBatchingWindowInSeconds"]) == (batch_size, window_s)


@pytest.mark.parametrize("name", QUEUE_READERS)
def test_a_message_stays_hidden_while_it_is_tried(prod: TemplateReader, name: Function) -> None:
    """Visibility is at least six function time-outs; after five receives the message goes to a watched queue."""
    (mapping,) = prod.mappings(name)
    queue = prod.of_type("AWS::SQS::Queue")[mapping["EventSourceArn"]["Fn::GetAtt"][0]]
    assert queue["VisibilityTimeout"] >= 6 * prod.function(name)["Timeout"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
    assert queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] in _watched_queues(prod)


def test_queues_are_encrypted_and_keep_two_weeks(prod: TemplateReader) -> None:
    """Every queue encrypts, keeps messages for 14 days and refuses plain connections."""
    queues = prod.of_type("AWS::SQS::Queue")
    for queue in queues.values():
        assert queue["SqsManagedSseEnabled"] is True
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    policies = prod.of_type("AWS::SQS::QueuePolicy").values()
    refusing = {
        reference["Ref"]
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for reference in policy["Queues"]
    }
    assert refusing == set(queues)


def _watched_queues(prod: TemplateReader) -> set[str]:
    return {
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in prod.of_type("AWS::CloudWatch::Alarm").values()
        for dimension in alarm.get("Dimensions", [])
        if dimension["Name"] == "QueueName" and alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    }


def test_every_function_and_the_machine_have_an_alarm(prod: TemplateReader) -> None:
    """An error anywhere shows."""
    alarms = prod.of_type("AWS::CloudWatch::Alarm").values()
    watched = {d["Value"]["Ref"] for a in alarms if a["MetricName"] == "Errors" for d in a["Dimensions"]}
    assert watched == {prod.function_id(name) for name in Function}
    (failed,) = [a for a in alarms if a["MetricName"] == "ExecutionsFailed"]
    assert failed["Dimensions"][0]["Value"] == {"Ref": next(iter(prod.of_type("AWS::StepFunctions::StateMachine")))}


def test_the_watchdog_is_called_every_hour(prod: TemplateReader) -> None:
    """One schedule, in the stage's group, calls watch_runs at an exact rate."""
    schedule = prod.one("AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "rate(1 hour)"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["GroupName"] == {"Ref": next(iter(prod.of_type("AWS::Scheduler::ScheduleGroup")))}
    assert schedule["Target"]["Arn"] == {"Fn::GetAtt": [prod.function_id(Function.WATCH_RUNS), "Arn"]}


@pytest.mark.parametrize("name", [Function.RUN_ERRANDS, Function.WATCH_RUNS])
def test_a_call_that_nobody_waits_for_is_not_lost(prod: TemplateReader, name: Function) -> None:
    """After three attempts the event goes to a watched queue, to which the function may write."""
    rules = prod.of_type("AWS::Lambda::EventInvokeConfig").values()
    (rule,) = [one for one in rules if one["FunctionName"] == {"Ref": prod.function_id(name)}]
    assert rule["MaximumRetryAttempts"] == 2
    queue_id = rule["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
    assert queue_id in _watched_queues(prod)
    sending = [s["Resource"] for s in prod.statements(name) if s["Action"] == "sqs:SendMessage"]
    assert any({"Fn::GetAtt": [queue_id, "Arn"]} in (r if isinstance(r, list) else [r]) for r in sending)
