"""A marketer starts a journey in Step Functions itself, with nothing but a journey's and a customer's name."""

import json
from typing import Any

import botocore.session
import pytest

from infra.local.execution import Execution
from tests.stack.shop import CASCADE, Shop


def started_by_hand(shop: Shop, given: dict[str, Any], name: str) -> Execution:
    """Start an execution as the console does and let it settle."""
    session = botocore.session.get_session()
    session.set_credentials("marketer", "marketer")
    client: Any = session.create_client("stepfunctions", region_name="us-east-1")
    machine = client.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    client.start_execution(stateMachineArn=machine, name=name, input=json.dumps(given))
    shop.stack.settle()
    return next(e for e in shop.stack.executions if e.name == name)


def test_journey_and_profile_are_all_it_takes(shop: Shop) -> None:
    """The cascade runs as if the API had started it; finding out the waits costs one transition more."""
    shop.put_journey({"name": "console", "steps": [CASCADE]})
    who = shop.reachable("console")
    execution = started_by_hand(shop, {"journey": "console", "profile": who}, "spring-offer")
    assert shop.channels(who) == ["push"]
    shop.stack.advance("2d")
    assert shop.channels(who) == ["push", "email", "sms"]
    assert (execution.status, execution.transitions) == ("SUCCEEDED", 5)
    assert json.loads(execution.output["outcome"])["outcome"] == "completed"


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({}, 'the input needs "journey", the name of a journey'),
        ({"journey": "console"}, 'the input needs "profile", such as "email:ann@example.com"'),
        ({"journey": "nowhere", "profile": "user_id:x"}, "there is no journey nowhere (known: "),
        (
            {"journey": "abandoned-cart", "profile": "user_id:nobody-at-all"},
            "there is no customer user_id:nobody-at-all",
        ),
        ({"journey": "abandoned-cart", "profile": "email:not-an-address"}, "identifies nobody"),
    ],
)
def test_bad_input_fails_at_once_with_a_readable_cause(shop: Shop, given: dict[str, Any], cause: str) -> None:
    """The execution fails in its first state, and its cause says what to change."""
    execution = started_by_hand(shop, given, f"bad-{abs(hash(json.dumps(given)))}")
    assert execution.status == "FAILED"
    assert execution.error == "InvalidInput"
    assert execution.cause is not None
    assert cause in execution.cause


def test_a_second_start_is_not_a_second_run(shop: Shop) -> None:
    """Another execution for a customer whose run lives ends at once and says why."""
    shop.put_journey({"name": "console-again", "steps": [CASCADE]})
    who = shop.reachable("again")
    started_by_hand(shop, {"journey": "console-again", "profile": who}, "first")
    second = started_by_hand(shop, {"journey": "console-again", "profile": who}, "second")
    assert second.status == "SUCCEEDED"
    assert "still live" in json.loads(second.output["outcome"])["reason"]
    assert shop.channels(who) == ["push"]
