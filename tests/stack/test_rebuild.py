"""The rebuild's state machine on the whole stack: from the console to the profiles, with the archive in between."""

from __future__ import annotations

import gzip
import json
from typing import Any

import botocore.session

from omnicascade.adapters.configuration_store import DynamoConfigurationStore
from omnicascade.adapters.dynamo import Table
from tests.stack.shop import Shop, opened

OFFICE = "office@example.com"


def client(shop: Shop, service: str) -> Any:
    session = botocore.session.get_session()
    session.set_credentials("local", "local")
    return session.create_client(service, region_name=shop.stack.outputs["RebuildMachineArn"].split(":")[3])


def run(shop: Shop, given: Any) -> dict[str, Any]:
    """Start the machine as somebody in the console does, and see how it ended."""
    step_functions = client(shop, "stepfunctions")
    arn = step_functions.start_execution(
        stateMachineArn=shop.stack.outputs["RebuildMachineArn"], input=json.dumps(given)
    )["executionArn"]
    shop.stack.settle()
    shop.stack.advance("1h")
    return step_functions.describe_execution(executionArn=arn)


def shared_office(shop: Shop) -> None:
    """Two visitors who gave the address of their office, and what they did."""
    for visitor in ("a", "b"):
        named = {"anonymousId": visitor, "traits": {"email": OFFICE}}
        shop.deliver({"type": "identify", "messageId": f"i-{visitor}", **named})
        shop.deliver({"type": "track", "event": "Song Played", "messageId": f"t-{visitor}", "anonymousId": visitor})
    shop.stack.settle()
    shop.stack.advance("5m")  # the archive's batches are written


def block_office(shop: Shop) -> None:
    """What a deployment with a new rule does to the table."""
    store = DynamoConfigurationStore(Table(client(shop, "dynamodb"), shop.stack.outputs["TableName"]))
    store.put_deployment({"identity": {"blocked_values": [OFFICE]}})
    shop.stack.advance("5m")  # functions remember rules for a minute


def names(shop: Shop, who: str) -> set[str]:
    return {f"{i['type']}:{i['value']}" for i in shop.profile(who).get("identifiers", [])}


def test_a_rule_is_tried_deployed_and_rebuilt_by() -> None:
    """A dry run tells who would part and changes nothing; the rebuild parts them, and intake went on meanwhile."""
    with opened() as shop:
        shared_office(shop)
        fans = {"name": "fans", "when": {"did": "Song Played", "within": "30d", "count": {"gte": 2}}}
        assert shop.call("PUT", "/v1/segments/fans", fans)[0] in {200, 202}
        shop.stack.settle()
        assert shop.call("GET", "/v1/segments/fans")[1]["members"] == 1
        assert names(shop, "anonymous_id:a") == {f"email:{OFFICE}", "anonymous_id:a", "anonymous_id:b"}
        tried = run(shop, {"identity": {"blocked_values": [OFFICE]}})
        assert tried["status"] == "SUCCEEDED", tried
        report = json.loads(tried["output"])
        assert (report["dry_run"], report["customers_splitting"], report["moved"]) == (True, 1, 2)
        assert len(names(shop, "anonymous_id:a")) == 3
        block_office(shop)
        shop.deliver({"type": "identify", "messageId": "late", "anonymousId": "c", "traits": {"email": OFFICE}})
        shop.stack.settle()
        done = run(shop, {"dry_run": False})
        assert done["status"] == "SUCCEEDED", done
        assert json.loads(done["output"])["moved"] == 2, done["output"]
        for visitor in "ab":
            assert names(shop, f"anonymous_id:{visitor}") == {f"anonymous_id:{visitor}"}
            assert shop.profile(f"anonymous_id:{visitor}")["counters"]["events"] == 2
        assert names(shop, "anonymous_id:c") == {"anonymous_id:c"}
        assert shop.call("GET", "/v1/segments/fans")[1]["members"] == 0, "each of them played one song"
        assert json.loads(run(shop, {"dry_run": False})["output"])["moved"] == 0


def test_the_report_names_nobody() -> None:
    """It outlives an erasure: what it says of customers is found through their profile ids only."""
    with opened() as shop:
        shared_office(shop)
        report = json.loads(run(shop, {"identity": {"max_identifiers": 2}})["output"])
        (example,) = report["examples"]
        assert shop.profile(f"profile_id:{example['leaving'][0]}")["identifiers"]
        bucket = shop.stack.outputs["ArchiveBucketName"]
        s3 = client(shop, "s3")
        listed = s3.list_objects_v2(Bucket=bucket, Prefix="rebuilds/")["Contents"]
        contents = b"".join(s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in listed)
        assert report["report"] in {one["Key"] for one in listed}
        assert OFFICE.encode() not in contents
        archived = s3.list_objects_v2(Bucket=bucket, Prefix="archive/")["Contents"]
        lines = b"".join(
            gzip.decompress(s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()) for one in archived
        )
        assert OFFICE.encode() in lines, "or this proves nothing"


def test_bad_input_fails_in_the_first_state_with_what_to_change() -> None:
    """Readable where a person looks: in the execution's cause."""
    with opened() as shop:
        failed = run(shop, {"dryrun": False})
        assert (failed["status"], failed["error"]) == ("FAILED", "InvalidInput")
        assert "unknown dryrun" in failed["cause"]
