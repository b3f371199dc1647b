"""EventBridge Scheduler through the SDK and from the template, on virtual time."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from infra.local.stack import Stack

if TYPE_CHECKING:
    from tests.local.conftest import Probe

WORKER = "arn:aws:lambda:us-east-1:123456789012:function:small-worker"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:small-journeys"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:small-Queue"
FAILURES = {"Fn::GetAtt": ["Failures", "Arn"]}


def _client() -> Any:
    session = botocore.session.get_session()
    session.set_credentials("local", "local")
    return session.create_client("scheduler", region_name="us-east-1")


def _schedule(expression: str, **more: Any) -> dict[str, Any]:
    target = {"Arn": WORKER, "RoleArn": "arn:aws:iam::123456789012:role/r", "Input": '{"word": "now"}'}
    return {
        "Name": "one",
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
        **more,
    }


def _code(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"]  # pyright: ignore[reportTypedDictNotRequiredAccess]


def test_a_one_off_schedule_calls_its_function_at_its_very_moment(small: Callable[..., Stack], probe: "Probe") -> None:
    """Neither before nor twice; the schedule that deletes itself is gone then."""
    stack, client = small(), _client()
    at: list[Any] = []
    probe.on["worker"] = lambda event, _: at.append((stack.now(), event))
    moment = stack.now() + timedelta(days=2, seconds=7)
    text = moment.isoformat(timespec="seconds").removesuffix("+00:00")
    client.create_schedule(**_schedule(f"at({text})", ActionAfterCompletion="DELETE"))
    stack.advance(timedelta(days=2, seconds=6))
    assert at == []
    stack.advance("3d")
    assert at == [(moment, {"word": "now"})]
    assert _code(lambda: client.get_schedule(Name="one")) == "ResourceNotFoundException"


def test_a_finished_schedule_stays_unless_told_otherwise(small: Callable[..., Stack], probe: "Probe") -> None:
    """On AWS these pile up, so they do here."""
    del probe
    stack, client = small(), _client()
    client.create_schedule(**_schedule("at(2026-03-10T12:30:00)"))
    stack.advance("1h")
    assert client.get_schedule(Name="one")["ScheduleExpression"] == "at(2026-03-10T12:30:00)"


def test_everything_due_in_between_happens_in_order(small: Callable[..., Stack], probe: "Probe") -> None:
    """A rate, a cron in a zone of its own and a delayed message interleave by their moments."""
    stack, client = small(), _client()
    seen: list[tuple[str, str]] = []

    def work(event: Any, _context: Any) -> Any:
        word = event["Records"][0]["body"] if "Records" in event else event["word"]
        seen.append((stack.now().isoformat()[11:16], word))

    probe.on["worker"] = work
    client.create_schedule(**_schedule("rate(2 hours)"))
    cron = _schedule("cron(30 14 * * ? *)", ScheduleExpressionTimezone="Europe/Warsaw")
    daily: dict[str, Any] = {**cron, "Name": "daily", "Target": {**cron["Target"], "Input": '{"word": "cron"}'}}
    client.create_schedule(**daily)
    stack.clients.sqs.send_message(QueueUrl=stack.outputs["Queue"], MessageBody="late", DelaySeconds=900)
    stack.advance("4h")
    assert seen == [("12:00", "now"), ("12:15", "late"), ("13:30", "cron"), ("14:00", "now"), ("16:00", "now")]


def test_a_message_is_delivered_at_its_delay_to_the_moment(small: Callable[..., Stack], probe: "Probe") -> None:
    """Not a millisecond early and none late: what must happen at a second happens at it."""
    stack = small()
    at: list[Any] = []
    probe.on["worker"] = lambda _, __: at.append(stack.now())
    due = stack.now() + timedelta(seconds=900)
    stack.clients.sqs.send_message(QueueUrl=stack.outputs["Queue"], MessageBody="x", DelaySeconds=900)
    stack.advance("1h")
    assert at == [due]


def test_a_name_is_given_once_in_a_group(small: Callable[..., Stack]) -> None:
    """The same name again is a conflict, also for another moment; another group is another matter, if there is one."""
    small()
    client = _client()
    client.create_schedule(**_schedule("rate(1 hour)"))
    assert _code(lambda: client.create_schedule(**_schedule("rate(2 hours)"))) == "ConflictException"
    unknown = _schedule("rate(1 hour)", GroupName="nobodys")
    assert _code(lambda: client.create_schedule(**unknown)) == "ResourceNotFoundException"
    assert _code(lambda: client.create_schedule(**_schedule("soon") | {"Name": "x"})) == "ValidationException"


def test_deleting_and_updating_change_what_comes(small: Callable[..., Stack], probe: "Probe") -> None:
    """A deleted schedule calls nobody; an updated one calls at its new moments only; a disabled one rests."""
    stack, client = small(), _client()
    client.create_schedule(**_schedule("at(2026-03-10T13:00:00)"))
    client.create_schedule(**_schedule("at(2026-03-10T13:00:00)") | {"Name": "two"})
    client.create_schedule(**_schedule("at(2026-03-10T13:00:00)", State="DISABLED") | {"Name": "three"})
    assert [one["Name"] for one in client.list_schedules()["Schedules"]] == ["one", "three", "two"]
    client.delete_schedule(Name="one")
    client.update_schedule(**_schedule("at(2026-03-10T15:00:00)") | {"Name": "two"})
    stack.advance("2h")
    assert "worker" not in probe.seen
    stack.advance("2h")
    assert probe.seen["worker"] == [{"word": "now"}]
    assert _code(lambda: client.delete_schedule(Name="one")) == "ResourceNotFoundException"


def test_start_and_end_bound_a_rate(small: Callable[..., Stack], probe: "Probe") -> None:
    """Calls begin with the start date and stop with the end date."""
    stack, client = small(), _client()
    begin, end = stack.now() + timedelta(hours=1), stack.now() + timedelta(hours=3)
    client.create_schedule(**_schedule("rate(1 hour)", StartDate=begin, EndDate=end))
    stack.advance("1d")
    assert stack.schedules.fired("one") == [begin, begin + timedelta(hours=1), end]
    assert len(probe.seen["worker"]) == 3


def test_queues_and_machines_are_targets_too(small: Callable[..., Stack], probe: "Probe") -> None:
    """The input goes to a queue as a message and to a machine as an execution's input, with the moment filled in."""
    stack, client = small(), _client()
    given = '{"at": "<aws.scheduler.scheduled-time>"}'
    for name, arn in (("queue", QUEUE), ("machine", MACHINE)):
        target = {"Arn": arn, "RoleArn": "arn:aws:iam::123456789012:role/r", "Input": given}
        client.create_schedule(**_schedule("at(2026-03-10T13:00:00)") | {"Name": name, "Target": target})
    stack.advance("1h")
    (event,) = probe.seen["worker"]
    assert json.loads(event["Records"][0]["body"]) == {"at": "2026-03-10T13:00:00Z"}
    assert [one.input for one in stack.executions] == [{"at": "2026-03-10T13:00:00Z"}]


def test_the_templates_schedules_run_and_their_group_is_there(
    small: Callable[..., Stack], document: dict[str, Any], probe: "Probe"
) -> None:
    """A schedule of the template calls its function from deployment on; functions may add schedules to its group."""
    target = {"Arn": {"Fn::GetAtt": ["Worker", "Arn"]}, "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}, "Input": "{}"}
    document["Resources"] |= {
        "Group": {"Type": "AWS::Scheduler::ScheduleGroup", "Properties": {"Name": "ours"}},
        "Hourly": {
            "Type": "AWS::Scheduler::Schedule",
            "Properties": {
                "GroupName": {"Ref": "Group"},
                "ScheduleExpression": "rate(1 hour)",
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": target,
            },
        },
    }
    stack = small()
    stack.advance("2h")
    assert probe.seen["worker"] == [{}, {}, {}]
    _client().create_schedule(**_schedule("at(2026-03-11T00:00:00)", GroupName="ours"))
    assert stack.schedules.names("ours") == ["one", "small-Hourly"]


def test_a_call_that_fails_is_repeated_and_then_handed_to_the_queue(
    small: Callable[..., Stack], document: dict[str, Any], probe: "Probe"
) -> None:
    """Three attempts, a minute and two minutes apart; the event lies in the queue with what went wrong."""
    document["Resources"]["Calls"] = {
        "Type": "AWS::Lambda::EventInvokeConfig",
        "Properties": {
            "FunctionName": {"Ref": "Staff"},
            "Qualifier": "$LATEST",
            "MaximumRetryAttempts": 2,
            "DestinationConfig": {"OnFailure": {"Destination": FAILURES}},
        },
    }
    stack = small()
    at: list[Any] = []

    def fail(_event: Any, _context: Any) -> Any:
        at.append((stack.now() - begun).total_seconds())
        raise ValueError("broken")

    probe.on["staff"] = fail
    begun = stack.now()
    target = {"Arn": WORKER.replace("worker", "staff"), "RoleArn": "arn:aws:iam::123456789012:role/r", "Input": "[7]"}
    _client().create_schedule(**_schedule("at(2026-03-10T12:00:00)") | {"Target": target})
    stack.advance("1h")
    assert at == [0, 60, 180]
    url = next(url for arn, url in stack.inventory.queue_urls.items() if arn.endswith("-Failures"))
    (message,) = stack.clients.sqs.receive_message(QueueUrl=url)["Messages"]  # pyright: ignore[reportTypedDictNotRequiredAccess]
    record = json.loads(message["Body"])  # pyright: ignore[reportTypedDictNotRequiredAccess]
    assert (record["requestPayload"], record["requestContext"]["approximateInvokeCount"]) == ([7], 3)
    assert record["responsePayload"]["errorMessage"] == "broken"
