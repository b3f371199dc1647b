"""Law 8 on the whole stack: after an erasure no item, archived object, queue or log line names the person."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any, Literal
from urllib.parse import quote

import pytest

from tests.stack.fault_plan import FaultPlan
from tests.stack.shop import CASCADE, Shop

ENTRY = {"event": "Basket Filled", "key": "properties.cart_id", "after": "1h"}


def under_way(shop: Shop, name: str) -> None:
    """A customer with app, e-mail and phone, an hour into a cascade: push and e-mail went out, the SMS is to come."""
    shop.put_journey({"name": "erase", "entry": ENTRY, "steps": [CASCADE]})
    shop.reachable(name)
    shop.deliver(
        {
            "type": "track",
            "event": "Basket Filled",
            "messageId": f"{name}-cart",
            "userId": name,
            "anonymousId": f"{name}-browser",
            "properties": {"cart_id": f"{name}-cart"},
        }
    )
    shop.stack.settle()
    shop.stack.advance("6h")
    assert shop.channels(f"user_id:{name}") == ["push", "email"]


def names_of(name: str) -> list[str]:
    """Every identifier the customer was ever given."""
    return [
        f"user_id:{name}",
        f"email:{name}@example.com",
        f"anonymous_id:{name}-browser",
        f"ios.id:{name}-device",
        f"ios.push_token:{name}-token",
    ]


def erase(shop: Shop, name: str) -> str:
    """Ask until the customer is not found any more; the last receipt's path, if an answer came."""
    receipt = ""
    for _ in range(5):
        status, body = shop.call("DELETE", f"/v1/profiles/{quote(f'user_id:{name}', safe='')}")
        receipt = body["receipt"] if status == 202 else receipt
        if status == 404:
            return receipt
    raise AssertionError("never erased")


def readable(item: object) -> str:
    """An item as text, what is packed in it unpacked: a name must not hide from the search."""
    return json.dumps(item, default=lambda packed: zlib.decompress(packed).decode())


def traces(shop: Shop, name: str) -> list[str]:
    """Everything in table, archive and queues, old versions included, that holds a name of the customer."""
    clients, outputs = shop.stack.clients, shop.stack.outputs
    kept = [readable(item) for item in clients.dynamodb.scan(TableName=outputs["TableName"])["Items"]]
    bucket = outputs["ArchiveBucketName"]
    for version in clients.s3.list_object_versions(Bucket=bucket).get("Versions", []):
        key, held = version.get("Key", ""), version.get("VersionId", "")
        body = clients.s3.get_object(Bucket=bucket, Key=key, VersionId=held)["Body"].read()
        kept.append(gzip.decompress(body).decode() if key.endswith(".gz") else body.decode())
    for url in shop.stack.inventory.queue_urls.values():
        answer = clients.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        kept += [message.get("Body", "") for message in answer.get("Messages", [])]
    return [text for text in kept if name in text]


def failures(shop: Shop) -> list[str]:
    """What an operator would be woken for: failed executions, and messages given up."""
    return [
        str(execution.cause) for execution in shop.stack.executions if execution.status not in ("RUNNING", "SUCCEEDED")
    ]


def test_nothing_of_the_person_is_left(shop: Shop, plan: FaultPlan) -> None:
    """Not found by any name at once; no byte in table, archive and queues after the worker; others keep everything."""
    plan.begin()
    under_way(shop, "zenobia")
    under_way(shop, "wacław")
    other = shop.profile("user_id:wacław"), shop.runs("erase", "user_id:wacław"), len(traces(shop, "wacław-cart"))
    message = shop.stack.messages(profile="user_id:zenobia", channel="email")[0]
    receipt = erase(shop, "zenobia")
    for name in names_of("zenobia"):
        assert shop.call("GET", f"/v1/profiles/{quote(name, safe='')}")[0] == 404
    shop.stack.settle()
    assert traces(shop, "zenobia") == []
    assert shop.call("GET", f"/v1/messages/{message['id']}")[0] == 404
    shown = shop.call("GET", receipt)[1]
    assert shown["status"] == "done"
    wanted = {"events": 3, "identifiers": 6, "edges": 5, "runs": 1, "messages": 2, "links": 1}
    assert {name: shown["counts"][name] for name in wanted} == wanted
    assert shown["counts"]["archive_objects_rewritten"] >= 3
    assert other[0] == shop.profile("user_id:wacław")
    assert other[1] == shop.runs("erase", "user_id:wacław")
    assert other[2] == len(traces(shop, "wacław-cart"))


def test_the_journey_stops_and_what_comes_later_leaves_nothing(shop: Shop, plan: FaultPlan) -> None:
    """No SMS follows, no execution fails; an old queue message and an old batch of the stream change nothing."""
    plan.begin()
    under_way(shop, "yaroslava")
    sent = len(shop.stack.messages())
    queue = next(url for arn, url in shop.stack.inventory.queue_urls.items() if "EventsQueue" in arn)
    records = [record for record in _stream(shop) if "yaroslava" in readable(record)]
    erase(shop, "yaroslava")
    late = {"type": "page", "messageId": "late", "userId": "yaroslava", "timestamp": "2026-03-10T12:00:00Z"}
    envelope = {"source": "local-web", "received_at": "2026-03-10T12:00:00+00:00", "calls": [late]}
    shop.stack.clients.sqs.send_message(
        QueueUrl=queue, MessageBody=json.dumps(envelope | {"default_region": None, "shared_device": False})
    )
    shop.stack.settle()
    for function in ("project_profiles", "archive_events"):
        shop.stack.invoke(function, {"Records": records})
    shop.stack.advance("20m")
    assert traces(shop, "yaroslava") == []
    shop.stack.advance("3d")
    own = [m for m in shop.stack.messages()[sent:] if "yaroslava" in m["to"]]
    assert own == []
    assert failures(shop) == []
    assert traces(shop, "yaroslava") == []


def _stream(shop: Shop) -> list[Any]:
    """The stream's records of new events so far, as Lambda delivers them."""
    from infra.local.deployment import REGION
    from infra.local.http_api import ACCOUNT
    from infra.local.moto_state import stream_records

    records = stream_records(ACCOUNT, REGION, shop.stack.outputs["TableName"])()
    wanted = [
        record["dynamodb"]
        for record in records[:]
        if record["eventName"] == "INSERT" and record["dynamodb"]["Keys"]["sk"]["S"].startswith("E#")
    ]
    return [{"dynamodb": {key: record[key] for key in ("NewImage", "SequenceNumber")}} for record in wanted]


def test_no_function_logs_a_name(shop: Shop, plan: FaultPlan) -> None:
    """Whatever the functions wrote while all of this happened names no customer, errors included."""
    plan.begin(crash_at=3)
    under_way(shop, "xymena")
    shop.call("POST", "/v1/journeys/erase/runs", {"profile": "email:xymena@example.com"})
    shop.call("GET", "/v1/profiles/email%3Axymena%40nowhere.example")
    shop.call("PUT", "/v1/profiles/user_id%3Axymena/consent", {"xymena/x": "granted"})
    shop.call("POST", "/v1/track", {"userId": "xymena", "properties": "xymena"}, source="local-web")
    erase(shop, "xymena")
    shop.stack.settle()
    lines = [line for written in shop.stack.logs().values() for line in written]
    assert lines
    assert [line for line in lines if "xymena" in line] == []


def test_a_new_event_starts_an_empty_profile(shop: Shop, plan: FaultPlan) -> None:
    """Only what came after the erasure is in it, and it goes on as any other; it survives the worker's second look."""
    plan.begin()
    under_way(shop, "walentyna")
    erase(shop, "walentyna")
    shop.stack.settle()
    shop.stack.advance("1s")
    back = {"type": "identify", "messageId": "back", "userId": "walentyna", "anonymousId": "walentyna-tablet"}
    shop.deliver(back)
    shop.stack.settle()
    shop.stack.advance("1h")
    profile = shop.profile("user_id:walentyna")
    assert sorted(i["type"] for i in profile["identifiers"]) == ["anonymous_id", "user_id"]
    assert (profile["traits"], profile["counters"]["events"]) == ({}, 1)
    assert shop.call("GET", "/v1/profiles/email%3Awalentyna%40example.com")[0] == 404
    assert len(traces(shop, "walentyna-tablet")) >= 3


def test_a_restored_table_is_erased_again(shop: Shop, plan: FaultPlan) -> None:
    """Items that a backup brings back go when the last erasures are ordered again; who has come back since stays."""
    plan.begin()
    under_way(shop, "urszula")
    table = shop.stack.outputs["TableName"]
    backup = shop.stack.clients.dynamodb.scan(TableName=table)["Items"]
    erase(shop, "urszula")
    shop.stack.settle()
    now = shop.stack.clients.dynamodb.scan(TableName=table)["Items"]
    for item in now:
        shop.stack.clients.dynamodb.delete_item(TableName=table, Key={key: item[key] for key in ("pk", "sk")})
    for item in backup:
        shop.stack.clients.dynamodb.put_item(TableName=table, Item=item)
    assert traces(shop, "urszula")
    assert shop.stack.invoke("erase_customers", {"reapply": True})["ordered"] >= 1
    shop.stack.settle()
    assert traces(shop, "urszula") == []


def crashed(shop: Shop, plan: FaultPlan, number: int, moment: Literal["before", "after"]) -> list[str]:
    """An erasure whose process dies at one of its writes; what is left of the person, and who would be woken."""
    name = f"terencja{moment}{number}x"
    plan.begin()
    under_way(shop, name)
    plan.begin(crash_at=number, moment=moment)
    erase(shop, name)
    shop.stack.settle()
    plan.begin()
    shop.stack.advance("3h")
    return traces(shop, name) + failures(shop)


@pytest.fixture(scope="module")
def writes(shop: Shop, plan: FaultPlan) -> list[tuple[str, str]]:
    """Every write of an erasure, second look included."""
    plan.begin()
    under_way(shop, "sabina")
    plan.begin()
    erase(shop, "sabina")
    shop.stack.advance("20m")
    return list(plan.writes)


def test_an_erasure_makes_every_kind_of_write(writes: list[tuple[str, str]]) -> None:
    """Without this, the crashes below would prove little."""
    kinds = {operation for _, operation in writes}
    assert {"SendMessage", "PutItem", "BatchWriteItem", "TransactWriteItems", "SendTaskFailure", "PutObject"} <= kinds
    assert "DeleteObjects" in kinds


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_is_repaired(
    shop: Shop, plan: FaultPlan, writes: list[tuple[str, str]], moment: Literal["before", "after"]
) -> None:
    """At every tenth write: staff ask again, the queue delivers again, and nothing is left."""
    start = 2 if moment == "before" else 7
    harmed = {n: crashed(shop, plan, n, moment) for n in range(start, len(writes) + 1, 10)}
    assert not any(harmed.values()), json.dumps(harmed, indent=1)


@pytest.mark.soak
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_at_any_write_is_repaired(
    shop: Shop, plan: FaultPlan, writes: list[tuple[str, str]], moment: Literal["before", "after"]
) -> None:
    """The same at every write."""
    harmed = {n: crashed(shop, plan, n, moment) for n in range(1, len(writes) + 1)}
    assert not any(harmed.values()), json.dumps(harmed, indent=1)
