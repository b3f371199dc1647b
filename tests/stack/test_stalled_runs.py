"""Runs that stand still: whatever became of their executions, the watchdog moves them, and nothing is sent twice."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from moto.backends import get_backend

from infra.local.deployment import REGION
from infra.local.execution import Execution
from infra.local.faults import NoFaults
from infra.local.http_api import ACCOUNT
from omnicascade.adapters import keys
from omnicascade.adapters.run_items import run_from, run_item
from omnicascade.contracts import LIVE_DUE, LIVE_PARTITION_KEY, LIVE_SORT_KEY
from tests.stack.shop import CASCADE, Shop, opened

GROUP = "omnicascade-local"
SLACK = 3
"""Tests run beside others on slow machines; three seconds are the goal."""


class Calls(NoFaults):
    """Counts what handlers ask of AWS."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def around_call(
        self, service: str, operation: str, proceed: Callable[[], AWSResponse | None]
    ) -> AWSResponse | None:
        """Note the call and let it through."""
        self.seen.append((service, operation))
        return proceed()


@pytest.fixture(scope="module")
def calls() -> Calls:
    """What handlers ask of AWS."""
    return Calls()


@pytest.fixture(scope="module")
def shop(calls: Calls) -> Iterator[Shop]:
    """A shop whose calls are counted; every test has customers of its own."""
    with opened(calls) as one:
        yield one


def _started(shop: Shop, journey: str) -> tuple[str, Execution]:
    """A customer whose cascade has sent its push and waits four hours for an answer."""
    shop.put_journey({"name": journey, "steps": [CASCADE]})
    who = shop.reachable(journey)
    status, body = shop.call("POST", f"/v1/journeys/{journey}/runs", {"profile": who})
    assert status == 202, body
    shop.stack.settle()
    assert shop.channels(who) == ["push"]
    return who, next(e for e in shop.stack.executions if e.name.startswith(f"{journey}_"))


def _stop(execution: Execution) -> None:
    session = botocore.session.get_session()
    session.set_credentials("operator", "operator")
    client: Any = session.create_client("stepfunctions", region_name="us-east-1")
    client.stop_execution(executionArn=execution.arn, cause="somebody pressed the button")


def _repairs(shop: Shop, execution: Execution) -> list[Execution]:
    return [e for e in shop.stack.executions if e.name.startswith(f"{execution.name}-")]


def _decided(shop: Shop, execution: Execution) -> list[str]:
    return [one["outcome"] for one in shop.call("GET", f"/v1/runs/{execution.name}")[1]["decisions"]]


def _table(shop: Shop) -> str:
    return next(iter(shop.stack.inventory.table_of_stream.values()))


def _hurry(shop: Shop, execution: Execution, due: datetime, **changed: Any) -> None:
    """Bring the stored run's moment forward and tell nobody, as if the word to its task had been lost."""
    pk, sk = keys.run_key(execution.name, live=True)
    key = {"pk": {"S": pk}, "sk": {"S": sk}}
    dynamodb: Any = shop.stack.clients.dynamodb
    item = dynamodb.get_item(TableName=_table(shop), Key=key)["Item"]
    stored = run_from(item)
    item |= run_item(replace(stored, run=replace(stored.run, due=due))) | changed
    dynamodb.put_item(TableName=_table(shop), Item=item)


def test_a_month_of_looks_at_nobody_is_over_in_seconds(shop: Shop) -> None:
    """The clock of an idle stack moves thirty days, past 720 looks, as quickly as a person will wait for."""
    (name,) = shop.stack.schedules.names(GROUP)
    before, began = len(shop.stack.schedules.fired(name, GROUP)), time.process_time()
    shop.stack.advance("30d")
    assert len(shop.stack.schedules.fired(name, GROUP)) - before == 720
    assert time.process_time() - began < 3 * SLACK


def test_a_run_whose_execution_was_stopped_goes_on_in_a_new_one(shop: Shop) -> None:
    """At the first look an hour after the e-mail was due it goes out, then the text message, each of them once."""
    who, execution = _started(shop, "stopped")
    _stop(execution)
    shop.stack.advance("PT4H59M")
    assert shop.channels(who) == ["push"]
    shop.stack.advance("61m")
    assert shop.channels(who) == ["push", "email"]
    shop.stack.advance("2d")
    assert shop.channels(who) == ["push", "email", "sms"]
    assert _decided(shop, execution).count("repaired") == 1
    (repair,) = _repairs(shop, execution)
    assert repair.status == "SUCCEEDED"


def test_a_task_that_sleeps_too_long_is_woken_and_no_second_one_started(shop: Shop) -> None:
    """A run that an event moved, and whose task was never told, goes on in its own execution."""
    who, execution = _started(shop, "overslept")
    _hurry(shop, execution, shop.stack.now() + timedelta(minutes=5))
    shop.stack.advance("2h")
    assert shop.channels(who) == ["push", "email"]
    assert _decided(shop, execution).count("repaired") == 1
    assert _repairs(shop, execution) == []
    shop.stack.advance("2d")
    assert shop.channels(who) == ["push", "email", "sms"]
    assert execution.status == "SUCCEEDED"


def test_a_lost_token_makes_two_executions_but_no_second_message(shop: Shop) -> None:
    """Nobody can wake the old execution: a new one takes the run up, and the old one finds nothing left to do."""
    who, execution = _started(shop, "tokenless")
    _hurry(shop, execution, shop.stack.now() + timedelta(minutes=5), token={"S": "bm9ib2R5"})
    shop.stack.advance("2h")
    assert shop.channels(who) == ["push", "email"]
    shop.stack.advance("3d")
    assert shop.channels(who) == ["push", "email", "sms"]
    assert [one.status for one in (execution, *_repairs(shop, execution))] == ["SUCCEEDED", "SUCCEEDED"]


def test_a_metric_tells_of_stalled_runs(shop: Shop) -> None:
    """One log line that CloudWatch counts, with as many runs as stood still."""
    _, first = _started(shop, "metric-a")
    _, second = _started(shop, "metric-b")
    _stop(first)
    _stop(second)
    shop.stack.advance("6h")
    lines = [json.loads(line) for line in shop.stack.logs("watch_runs")["omnicascade-local-watch_runs"]]
    told = [line for line in lines if line.get("message") == "runs_stalled"][-1]
    assert (told["stalled_runs"], told["repaired_runs"], told["table"]) == (2, 2, _table(shop))
    assert told["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["table"]]


def test_ten_thousand_healthy_runs_cost_a_few_requests(shop: Shop, calls: Calls) -> None:
    """A look pages through the index of live runs and reads none of them; a month of looks is over in seconds."""
    _put_healthy(shop, 10_000)
    calls.seen.clear()
    answer = shop.stack.invoke("watch_runs", {})
    assert answer == {"stalled": 0, "repaired": 0}
    assert calls.seen == [("dynamodb", "Scan")] * len(calls.seen)
    assert 4 <= len(calls.seen) <= 5


def _put_healthy(shop: Shop, count: int) -> None:
    """Straight into moto's table: its API takes a third of a minute for as many."""
    backend: Any = get_backend("dynamodb")[ACCOUNT][REGION]
    due = {"N": str(int((shop.stack.now() + timedelta(days=1)).timestamp()))}
    for number in range(count):
        run_id = f"healthy_{number:026d}_{number:012x}"
        pk, sk = keys.run_key(run_id, live=True)
        listed = {
            LIVE_PARTITION_KEY: {"S": keys.live_shard(run_id)},
            LIVE_SORT_KEY: {"S": keys.live_key(run_id)},
            LIVE_DUE: due,
        }
        backend.get_table(_table(shop)).put_item({"pk": {"S": pk}, "sk": {"S": sk}, **listed})
