"""The channels and the controls under /local/: what was sent, acting as the customer, the clock, starting over."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from infra.local.outbox import Outcome
from infra.local.stack import Stack

if TYPE_CHECKING:
    from tests.local.conftest import Probe

ONCE = Config(retries={"max_attempts": 0})
PROFILES = {
    "email:ann@example.com": "P1",
    "profile_id:P1": "P1",
    "profile_id:P0": "P1",
    "email:bob@example.com": "P2",
    "phone:+48601234567": "P1",
}


def _client(service: str) -> Any:
    session = botocore.session.get_session()
    session.set_credentials("local", "local")
    return session.create_client(service, region_name="us-east-1", config=ONCE)


def _email(to: str = "ann@example.com", text: str = "Hi http://127.0.0.1:8787/l/tok1?x=1.") -> str:
    return _client("sesv2").send_email(
        FromEmailAddress="Shop <shop@example.com>",
        Destination={"ToAddresses": [to]},
        Content={
            "Simple": {
                "Subject": {"Data": "Hello"},
                "Body": {"Text": {"Data": text}, "Html": {"Data": "<p>Hi</p>"}},
                "Headers": [{"Name": "List-Unsubscribe", "Value": "<https://x/u/1>"}],
            }
        },
        EmailTags=[{"Name": "run", "Value": "r1"}],
        ConfigurationSetName="small",
    )["MessageId"]


def _sms(to: str = "+48601234567", text: str = "Hi http://127.0.0.1:8787/l/tok2") -> str:
    attributes = {"AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Promotional"}}
    return _client("sns").publish(PhoneNumber=to, Message=text, MessageAttributes=attributes)["MessageId"]


def _push(token: str = "tok", kind: str = "APNS") -> dict[str, Any]:
    raw: Any = {"aps": {"alert": {"title": "T", "body": "B"}}, "message_id": "m1"}
    if kind == "GCM":
        raw = {"fcmV1Message": {"message": {"notification": {"title": "T", "body": "B"}, "data": {"message_id": "m1"}}}}
    answer = _client("pinpoint").send_messages(
        ApplicationId="app",
        MessageRequest={
            "Addresses": {token: {"ChannelType": kind}},
            "MessageConfiguration": {f"{kind}Message": {"RawContent": json.dumps(raw)}},
        },
    )
    return answer["MessageResponse"]["Result"][token]


def _feedback(stack: Stack) -> list[dict[str, Any]]:
    url = next(url for arn, url in stack.inventory.queue_urls.items() if arn.endswith("-Feedback"))
    found: list[dict[str, Any]] = []
    sqs: Any = stack.clients.sqs
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def _staff(event: Any, _context: Any) -> Any:
    """A staff API that knows two profiles, one of them merged from two, and one message."""
    if event["routeKey"] == "GET /v1/messages/{message_id}":
        number = event["pathParameters"]["message_id"]
        entry = {"journey": "cart", "run_id": "r1", "step": "s", "profile_id": "P0", "cost": {"amount": "1"}, "more": 1}
        return {"statusCode": 200, "body": json.dumps(entry)} if "email" in number else {"statusCode": 404}
    found = PROFILES.get(unquote(event["pathParameters"]["id"]))
    return {"statusCode": 200 if found else 404, "body": json.dumps({"profile_id": found})}


@pytest.fixture
def stack(small: Callable[..., Stack], probe: "Probe") -> Stack:
    """The small stack with that staff API."""
    probe.on["staff"] = _staff
    return small()


def _get(stack: Stack, path: str) -> Any:
    response = stack.request("GET", path)
    assert response.status == 200
    return response.json()


def test_an_email_is_kept_whole_and_reported_as_delivered(stack: Stack) -> None:
    """The list has every field of the contract; SES's delivery event reaches the feedback queue with our tags."""
    provider_id = _email()
    (message,) = _get(stack, "/local/messages")
    assert message == {
        "id": provider_id,
        "at": "2026-03-10T12:00:00.000Z",
        "channel": "email",
        "to": "ann@example.com",
        "subject": "Hello",
        "body": "Hi http://127.0.0.1:8787/l/tok1?x=1.",
        "html": "<p>Hi</p>",
        "journey": "cart",
        "run_id": "r1",
        "step": "s",
        "profile_id": "P0",
        "cost": {"amount": "1"},
        "headers": {"List-Unsubscribe": "<https://x/u/1>"},
    }
    (event,) = _feedback(stack)
    assert event["eventType"] == "Delivery"
    assert event["mail"]["messageId"] == provider_id
    assert event["mail"]["tags"]["run"] == ["r1"]
    assert event["mail"]["destination"] == event["delivery"]["recipients"] == ["ann@example.com"]


def test_text_messages_and_pushes_are_kept_whole(stack: Stack) -> None:
    """Attributes of an SMS, title, body and data of a push to either kind of device."""
    _sms()
    assert _push()["DeliveryStatus"] == _push("tok2", "GCM")["DeliveryStatus"] == "SUCCESSFUL"
    sms, ios, android = _get(stack, "/local/messages")
    assert (sms["to"], sms["headers"]) == ("+48601234567", {"AWS.SNS.SMS.SMSType": "Promotional"})
    assert sms["journey"] is None
    for push in (ios, android):
        assert (push["subject"], push["body"], push["data"]) == ("T", "B", {"message_id": "m1"})


def test_messages_are_listed_by_channel_and_by_profile_also_a_merged_one(stack: Stack) -> None:
    """A message to a profile that was merged away is found under the survivor, and under its old id."""
    _email()
    _sms()
    assert [m["channel"] for m in _get(stack, "/local/messages?channel=sms")] == ["sms"]
    for profile in ("email:ann@example.com", "phone:+48601234567", "P1", "profile_id:P0", "email%3Aann%40example.com"):
        assert [m["channel"] for m in _get(stack, f"/local/messages?profile={profile}")] == ["email"]
    assert _get(stack, "/local/messages?profile=email:bob@example.com") == []
    assert _get(stack, "/local/messages?profile=email:nobody@example.com") == []


@pytest.mark.parametrize(
    ("act", "kind", "field"),
    [
        ("open", "Open", "userAgent"),
        ("click", "Click", "link"),
        ("bounce", "Bounce", "bouncedRecipients"),
        ("complain", "Complaint", "complainedRecipients"),
    ],
)
def test_acts_on_an_email_are_what_ses_reports(stack: Stack, act: str, kind: str, field: str) -> None:
    """Each act arrives as SES's own event, at virtual time."""
    provider_id = _email()
    _feedback(stack)
    stack.advance("1h")
    assert stack.request("POST", f"/local/messages/{provider_id}/{act}").status == 200
    (event,) = _feedback(stack)
    assert event["eventType"] == kind
    assert event[kind.lower()]["timestamp"] == "2026-03-10T13:00:00.000Z"
    assert field in event[kind.lower()]
    if act == "click":
        assert event["click"]["link"] == "http://127.0.0.1:8787/l/tok1?x=1"


def test_a_tap_is_what_the_apps_sdk_would_post(stack: Stack, probe: "Probe") -> None:
    """The intake gets a track call of the source local-app, naming the device and carrying the push's data."""
    message_id = _push("device-token", "GCM")["MessageId"]
    assert stack.request("POST", f"/local/messages/{message_id}/tap").status == 200
    (event,) = probe.seen["intake"]
    assert event["headers"]["authorization"] == stack.write_key("local-app")[1]
    call = json.loads(event["body"])
    assert call["event"] == "Push Notification Tapped"
    assert call["properties"]["message_id"] == "m1"
    assert call["context"]["device"] == {"type": "android", "token": "device-token"}


def test_an_sms_is_clicked_by_following_its_link_and_answered_by_a_reply(stack: Stack, probe: "Probe") -> None:
    """The link reaches the product with a phone's browser; the reply comes back as two-way SMS."""
    provider_id = _sms()
    assert stack.request("POST", f"/local/messages/{provider_id}/click").status == 200
    assert probe.seen["intake"][0]["rawPath"] == "/l/tok2"
    assert "iPhone" in probe.seen["intake"][0]["headers"]["user-agent"]
    assert stack.request("POST", f"/local/messages/{provider_id}/reply", body={"text": "STOP"}).status == 200
    (reply,) = _feedback(stack)
    assert (reply["originationNumber"], reply["messageBody"]) == ("+48601234567", "STOP")
    assert reply["previousPublishedMessageId"] == provider_id


def test_what_nobody_can_do_is_refused(stack: Stack) -> None:
    """Tapping an e-mail, opening an SMS, an unknown message, a wrong method, an SMS without link: code and message."""
    email, sms = _email(), _sms(text="no link here")

    def refused(method: str, path: str) -> tuple[int, str]:
        response = stack.request(method, path)
        return response.status, response.json()["code"]

    assert refused("POST", f"/local/messages/{email}/tap") == (409, "impossible_act")
    assert refused("POST", f"/local/messages/{sms}/open") == (409, "impossible_act")
    assert refused("POST", f"/local/messages/{sms}/click") == (409, "impossible_act")
    assert refused("POST", "/local/messages/none/open") == (404, "unknown_message")
    assert refused("GET", f"/local/messages/{email}/open") == (405, "method_not_allowed")
    assert refused("DELETE", "/local/messages") == (405, "method_not_allowed")
    assert refused("GET", "/local/nothing") == (404, "not_found")


@pytest.mark.parametrize(
    "body", [b'{"advance": "soon"}', b"{}", b"[]", b"{", b'{"advance": -5}', b'{"advance": "999999w"}']
)
def test_a_bad_duration_is_a_400(stack: Stack, body: bytes) -> None:
    """What is no duration moves nothing."""
    response = stack.request("POST", "/local/clock", body=body)
    assert response.status == 400
    assert set(response.json()) == {"code", "message"}
    assert _get(stack, "/local/clock") == {"now": "2026-03-10T12:00:00.000Z"}


@pytest.mark.parametrize(
    ("duration", "now"),
    [("90s", "12:01:30"), ("15m", "12:15:00"), ("4h", "16:00:00"), ("P1DT2H", "14:00:00"), ("PT1.5S", "12:00:01")],
)
def test_the_clock_moves(stack: Stack, duration: str, now: str) -> None:
    """Short and ISO durations move virtual time."""
    assert now in stack.request("POST", "/local/clock", body={"advance": duration}).json()["now"]


def test_scripted_failures_are_the_providers_own(stack: Stack) -> None:
    """A dead address, a throttle and a lost answer look as they do on AWS; the lost one was sent."""
    for address in ("ann@example.com", "+48601234567", "tok"):
        stack.outbox.script(address, Outcome.PERMANENT, Outcome.THROTTLED, Outcome.UNKNOWN, Outcome.ACCEPTED)
    codes: list[str] = []
    for send in (_email, _sms):
        for _ in range(2):
            with pytest.raises(ClientError) as caught:
                send()
            codes.append(str(caught.value.response.get("Error", {}).get("Code")))
        with pytest.raises(ReadTimeoutError):
            send()
        send()
    assert codes == ["MessageRejected", "TooManyRequestsException", "InvalidParameter", "Throttled"]
    assert [_push()["DeliveryStatus"] for _ in range(2)] == ["PERMANENT_FAILURE", "THROTTLED"]
    with pytest.raises(ReadTimeoutError):
        _push()
    assert [m["channel"] for m in _get(stack, "/local/messages")] == ["email", "email", "sms", "sms", "push"]


def test_executions_and_logs_can_be_read(stack: Stack, probe: "Probe") -> None:
    """The list of executions has states, transitions and input; logs can be asked by function."""
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:small-journeys"
    stack.step_functions.start_execution(machine, {"waits": [5]}, "n")
    stack.settle()
    (execution,) = _get(stack, "/local/executions")
    assert (execution["name"], execution["status"], execution["transitions"]) == ("n", "RUNNING", 1)
    assert execution["input"] == {"waits": [5]}
    assert _get(stack, "/local/logs?function=sender") == {"small-sender": []}


def test_reset_starts_over_as_new(stack: Stack, probe: "Probe") -> None:
    """Messages, executions, table, queue and timers are gone; the deployment is configured again; time goes on."""
    _email()
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:small-journeys"
    stack.step_functions.start_execution(machine, {"waits": [5]}, "n")
    stack.settle()
    table = next(iter(stack.inventory.table_of_stream.values()))
    stack.clients.dynamodb.put_item(TableName=table, Item={"pk": {"S": "p"}, "sk": {"S": "E#1"}})
    stack.advance("1s")
    assert stack.request("POST", "/local/reset").status == 200
    assert _get(stack, "/local/messages") == []
    assert _get(stack, "/local/executions") == []
    assert (
        stack.clients.dynamodb.query(
            TableName=table, KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": {"S": "p"}}
        )["Items"]
        == []
    )
    stack.advance("1h")
    assert len(probe.seen["sender"]) == 1
    assert probe.seen["setup"] == [{}, {}]
    assert _get(stack, "/local/clock")["now"] == "2026-03-10T13:00:01.000Z"


def test_settle_returns_when_nothing_is_left(stack: Stack, probe: "Probe") -> None:
    """The control drains the queues of this stack before it answers."""
    stack.clients.sqs.send_message(QueueUrl=stack.outputs["Queue"], MessageBody="x")
    assert stack.request("POST", "/local/settle").json()["settled"] is True
    assert len(probe.seen["worker"]) == 1
