"""A process that dies between any two writes of intake, profile, run and send harms nobody.

The whole road of one customer is driven again and again; each time the process dies at another write, once just before
it is made and once just after. What the customer and the marketer see in the end must be what they see without a crash.
"""

import gzip
import json
from typing import Any, Literal

import pytest

from infra.local.stack import Stack
from tests.stack.fault_plan import FaultPlan
from tests.stack.shop import CASCADE, Shop

ENTRY = {"event": "Basket Filled", "key": "properties.cart_id", "after": "1h"}
EXIT = [{"event": "Order Completed", "match": "properties.cart_id"}]


def story(shop: Shop, name: str) -> None:
    """Identified, filled a cart, ignored push and e-mail for a day, bought just before the SMS."""
    who = {"type": "track", "userId": name}
    shop.reachable(name)
    shop.deliver(
        {**who, "event": "Basket Filled", "messageId": f"{name}-cart", "properties": {"cart_id": name}}, "local-app"
    )
    shop.stack.settle()
    shop.stack.advance("12h")
    order = {"cart_id": name, "total": 12.5, "currency": "USD"}
    shop.deliver({**who, "event": "Order Completed", "messageId": f"{name}-order", "properties": order}, "local-pos")
    shop.stack.settle()
    shop.stack.advance("3d")


def outcome(shop: Shop, name: str) -> dict[str, Any]:
    """What is left of the story, without ids and times; `ledger` tells what the run knows, `handed_over` what left."""
    profile = shop.profile(f"user_id:{name}")
    runs = shop.runs("crash", f"user_id:{name}")
    executions = [e for e in shop.stack.executions if e.name in [run["run_id"] for run in runs]]
    addresses = {f"{name}-token": "push", f"{name}@example.com": "email"}
    return {
        "identifiers": sorted(i["type"] for i in profile["identifiers"]),
        "counters": {k: profile["counters"][k] for k in ("orders", "revenue")},
        "runs": [(run["status"], run["outcome"]) for run in runs],
        "executions": [execution.status for execution in executions],
        "ledger": [(message["channel"], message["outcome"]) for run in runs for message in run["messages"]],
        "handed_over": [addresses[m["to"]] for m in shop.stack.messages() if m["to"] in addresses],
    }


EXPECTED: dict[str, Any] = {
    "identifiers": ["email", "ios.id", "ios.push_token", "phone", "user_id"],
    "counters": {"orders": 1, "revenue": {"USD": 12.5}},
    "runs": [("ended", "exited")],
    "executions": ["SUCCEEDED"],
    "ledger": [("push", "sent"), ("email", "sent")],
    "handed_over": ["push", "email"],
}


def as_expected(seen: dict[str, Any]) -> bool:
    """Everything as without a crash, but for one message whose outcome nobody can know: recorded so, never repeated.

    A process that dies between a claim and its outcome leaves it open whether the provider was called.
    """
    if seen == EXPECTED:
        return True
    unknown = [channel for channel, word in seen["ledger"] if word == "unknown"]
    if len(unknown) != 1:
        return False
    certain = [channel for channel in EXPECTED["handed_over"] if channel not in unknown]
    ledger = [(channel, "unknown" if channel in unknown else word) for channel, word in EXPECTED["ledger"]]
    if seen["handed_over"] not in (EXPECTED["handed_over"], certain):
        return False
    return seen == EXPECTED | {"ledger": ledger, "handed_over": seen["handed_over"]}


@pytest.fixture(scope="module")
def writes(shop: Shop, plan: FaultPlan) -> list[tuple[str, str]]:
    """Every write of the story without a crash; the story is seen to go as expected."""
    shop.put_journey({"name": "crash", "entry": ENTRY, "exit": EXIT, "steps": [CASCADE]})
    plan.begin()
    story(shop, "nocrash")
    made = list(plan.writes)
    assert outcome(shop, "nocrash") == EXPECTED
    return made


def test_the_story_makes_every_kind_of_write(writes: list[tuple[str, str]]) -> None:
    """The story covers the whole road: without this, the crashes below would prove little."""
    kinds = {operation for _, operation in writes}
    assert {
        "SendMessageBatch",
        "PutItem",
        "TransactWriteItems",
        "StartExecution",
        "SendMessages",
        "SendEmail",
        "SendTaskFailure",
        "PutObject",
    } <= kinds


def every(writes: list[tuple[str, str]], share: int, start: int) -> list[int]:
    """The numbers of every so many writes, counted from 1."""
    return list(range(1, len(writes) + 1))[start::share]


def harmed_by(shop: Shop, plan: FaultPlan, numbers: list[int], moment: Literal["before", "after"]) -> dict[str, Any]:
    """The story once per number, dying at that write; what came out wrong."""
    harmed: dict[str, Any] = {}
    for number in numbers:
        name = f"crash-{moment}-{number}"
        plan.begin(crash_at=number, moment=moment)
        story(shop, name)
        write = plan.writes[number - 1]
        plan.begin()
        shop.stack.advance("2d")
        seen = outcome(shop, name)
        if not as_expected(seen):
            harmed[f"{number} {moment} {write}"] = seen
    return harmed


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_is_repaired(
    shop: Shop, plan: FaultPlan, writes: list[tuple[str, str]], moment: Literal["before", "after"]
) -> None:
    """At every fourth write: the same profile, one run that ended on the order, no message twice, none invented."""
    numbers = every(writes, 4, 0 if moment == "before" else 2)
    harmed = harmed_by(shop, plan, numbers, moment)
    assert not harmed, json.dumps(harmed, indent=1)


@pytest.mark.soak
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_at_any_write_is_repaired(
    shop: Shop, plan: FaultPlan, writes: list[tuple[str, str]], moment: Literal["before", "after"]
) -> None:
    """The same at every write."""
    harmed = harmed_by(shop, plan, every(writes, 1, 0), moment)
    assert not harmed, json.dumps(harmed, indent=1)


def test_the_archive_keeps_every_event_once(shop: Shop) -> None:
    """Whatever crashed, each accepted call is in the archive, under a name that a repeated batch would reuse."""
    stack: Stack = shop.stack
    bucket = next(value for name, value in stack.outputs.items() if "Archive" in name)
    clients = stack.clients
    lines: list[dict[str, Any]] = []
    for item in clients.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        body = clients.s3.get_object(Bucket=bucket, Key=item.get("Key", ""))["Body"].read()
        lines += [json.loads(line) for line in gzip.decompress(body).decode().splitlines()]
    ids = [line["call"]["messageId"] for line in lines]
    assert "nocrash-order" in ids
    assert {i for i in ids if i.startswith("crash-before-")} >= {"crash-before-1-order", "crash-before-1-identify"}
