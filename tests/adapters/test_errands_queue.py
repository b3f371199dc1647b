"""Errands on SQS, the table and EventBridge Scheduler: kept for their second, whichever way is the long one."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import botocore.session
import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from infra.local.moto_dynamodb import quick_tables
from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.errands_queue import (
    AHEAD,
    BUCKET,
    LONGEST_DELAY,
    QUEUED_WITHIN,
    BucketOpener,
    QueuedErrands,
    bucket_of,
    decode_errand,
    delay_s,
    encode_errand,
)
from omnicascade.domain.errors import UnavailableError
from tests.fakes.aws_wire import Wire, wire

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
LOOK = {"kind": "look", "node": "a" * 26}
QUEUE = "https://sqs.us-east-1.amazonaws.com/1/errands"
_names = (f"errands-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    """A DynamoDB in this process."""
    session = botocore.session.Session()
    session.set_credentials("AKIATEST", "secret")
    with mock_aws(config={"core": {"passthrough": {"services": ["scheduler", "sqs"]}}}), quick_tables():
        yield session.create_client("dynamodb", region_name="eu-central-1")


class Kept:
    """Errands, with what was asked of each service."""

    def __init__(self, client: Any) -> None:
        name = next(_names)
        client.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        )
        self.sqs, self.scheduler = wire("sqs"), wire("scheduler")
        opener = BucketOpener(self.scheduler.client, group="g", role_arn="arn:role", function_arn="arn:function")
        self.errands = QueuedErrands(self.sqs.client, QUEUE, Table(client, name), opener)

    def takes(self, messages: int = 0, schedules: int = 0) -> None:
        """Let the services take so many calls."""
        for _ in range(messages):
            self.sqs.json(200, {"MessageId": "1", "MD5OfMessageBody": "x", "Successful": []})
        for _ in range(schedules):
            self.scheduler.json(200, {"ScheduleArn": "arn:schedule"})

    def sent(self) -> list[dict[str, Any]]:
        """Every message that was put on the queue."""
        bodies = [bodied(self.sqs, number) for number in range(len(self.sqs.requests))]
        return [entry for body in bodies for entry in body.get("Entries", [body])]


def bodied(sqs: Wire, number: int) -> Any:
    return json.loads(cast("bytes", sqs.requests[number].body))


@pytest.fixture
def kept(dynamodb: Any) -> Kept:
    """Nothing is kept yet."""
    return Kept(dynamodb)


@given(st.timedeltas(min_value=timedelta(0), max_value=LONGEST_DELAY))
def test_a_message_is_never_early_and_less_than_a_second_late(length: timedelta) -> None:
    """The queue counts whole seconds."""
    held_back = timedelta(seconds=delay_s(NOON + length, NOON))
    assert timedelta(0) <= held_back - length < timedelta(seconds=1)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=900)), st.data())
def test_an_errand_of_a_bucket_can_still_be_held_back_when_it_is_opened(length: timedelta, data: st.DataObject) -> None:
    """And no errand is written into a bucket that may be opened just then."""
    at = NOON + length
    opened = datetime.strptime(bucket_of(at), "%Y%m%dT%H%M").replace(tzinfo=UTC) - AHEAD
    assert timedelta(0) <= at - opened < LONGEST_DELAY
    assert AHEAD + BUCKET <= LONGEST_DELAY
    now = at - QUEUED_WITHIN - data.draw(st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(9)))
    assert opened - now > timedelta(minutes=14)


def test_an_errand_is_read_back_as_it_was_kept() -> None:
    """With its moment to the microsecond; the same errand is the same text."""
    at = NOON + timedelta(microseconds=7)
    assert decode_errand(encode_errand(at, LOOK)) == (at, LOOK)
    assert encode_errand(at, LOOK) == encode_errand(at, dict(reversed(LOOK.items())))


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"at": 7}', '{"at": "noon"}'])
def test_what_is_no_errand_is_refused(body: str) -> None:
    """A message that nobody of ours sent fails as such."""
    with pytest.raises((ValueError, KeyError, TypeError)):
        decode_errand(body)


@pytest.mark.parametrize(("minutes", "delay"), [(-5, 0), (0, 0), (14, 840), (15, 900), (29, 900), (30, 900)])
def test_what_is_due_soon_is_held_back_by_the_queue(kept: Kept, minutes: int, delay: int) -> None:
    """Half an hour takes two times; nothing is written down."""
    kept.takes(messages=1)
    kept.errands.run_at(NOON + timedelta(minutes=minutes), LOOK, NOON)
    (message,) = kept.sent()
    assert message["DelaySeconds"] == delay
    assert decode_errand(message["MessageBody"]) == (NOON + timedelta(minutes=minutes), LOOK)


def test_what_is_due_later_is_written_down_and_put_on_the_queue_in_time(kept: Kept) -> None:
    """One schedule a bucket, five minutes ahead; then each errand with what is left of its time, and none is kept."""
    kept.takes(schedules=1)
    moments = [NOON + timedelta(days=3, minutes=1, seconds=second) for second in range(13)]
    for at in (*moments, *moments):
        kept.errands.run_at(at, LOOK, NOON)
    (asked,) = kept.scheduler.requests
    assert asked.url.endswith("/schedules/errands-20260313T1200")
    body = kept.scheduler.body()
    assert body["ScheduleExpression"] == "at(2026-03-13T11:55:00)"
    assert (body["ActionAfterCompletion"], body["GroupName"]) == ("DELETE", "g")
    assert body["Target"] == {"Arn": "arn:function", "RoleArn": "arn:role", "Input": '{"sweep": "20260313T1200"}'}
    kept.takes(messages=2)
    opened = NOON + timedelta(days=3, minutes=-5)
    assert not kept.errands.sweep("20260313T1200", opened)
    assert [message["DelaySeconds"] for message in kept.sent()] == [360 + second for second in range(13)]
    assert not kept.errands.sweep("20260313T1200", opened)
    assert len(kept.sent()) == 13


def test_a_bucket_that_is_scheduled_already_is_no_fault(kept: Kept) -> None:
    """Another process may have been first; this one asks once."""
    kept.scheduler.json(409, {"Message": "exists"}, error="ConflictException")
    for seconds in (0, 1):
        kept.errands.run_at(NOON + timedelta(days=3, seconds=seconds), LOOK, NOON)
    assert len(kept.scheduler.requests) == 1


def test_what_could_not_be_kept_is_said(kept: Kept) -> None:
    """By the queue, and by the scheduler; trying again keeps it."""
    kept.sqs.fail(EndpointConnectionError(endpoint_url="https://sqs"))
    with pytest.raises(UnavailableError):
        kept.errands.run_at(NOON, LOOK, NOON)
    kept.scheduler.json(429, {"Message": "slower"}, error="ThrottlingException")
    kept.scheduler.fail(EndpointConnectionError(endpoint_url="https://scheduler"))
    kept.takes(schedules=1)
    for _ in range(2):
        with pytest.raises(UnavailableError):
            kept.errands.run_at(NOON + timedelta(days=3), LOOK, NOON)
    kept.errands.run_at(NOON + timedelta(days=3), LOOK, NOON)
    assert len(kept.scheduler.requests) == 3


def test_errands_that_the_queue_did_not_take_stay_in_their_bucket(kept: Kept) -> None:
    """The sweep fails, is called again, and finds them."""
    kept.takes(schedules=1)
    kept.errands.run_at(NOON + timedelta(days=3), LOOK, NOON)
    kept.sqs.json(200, {"Successful": [], "Failed": [{"Id": "0", "Code": "x", "SenderFault": False}]})
    with pytest.raises(UnavailableError):
        kept.errands.sweep("20260313T1200", NOON)
    kept.takes(messages=1)
    assert not kept.errands.sweep("20260313T1200", NOON)
    assert len(kept.sent()) == 2
