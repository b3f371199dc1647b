"""moto's tables with and without our quick ways: the same answers to the same calls."""

import contextlib
from typing import Any

import botocore.session
from botocore.exceptions import ClientError
from moto import mock_aws

from infra.local.moto_dynamodb import quick_tables

TABLE = "t"


def _client() -> Any:
    session = botocore.session.get_session()
    session.set_credentials("x", "y")
    client: Any = session.create_client("dynamodb", region_name="us-east-1")
    attributes = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "at", "g")]
    client.create_table(
        TableName=TABLE,
        AttributeDefinitions=attributes,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        LocalSecondaryIndexes=[
            {
                "IndexName": "timeline",
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["n"]},
            }
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "global",
                "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    return client


def _item(pk: str, number: int) -> dict[str, Any]:
    nested = {"L": [{"S": "ż"}, {"N": "1.5"}, {"NULL": True}, {"M": {"b": {"BOOL": False}}}]}
    return {
        "pk": {"S": pk},
        "sk": {"S": f"E#{number:02d}"},
        "at": {"S": f"2026-{99 - number:02d}"},
        "g": {"S": f"g{number % 2}"},
        "n": {"N": str(number)},
        "nested": nested,
        "set": {"SS": ["b", "a"]},
        "raw": {"B": b"\x00\xff"},
    }


def _query(client: Any, condition: str, index: str | None = None, **more: Any) -> Any:
    values = {":p": {"S": more.pop("key", "a")}, **more.pop("values", {})}
    named = {"IndexName": index} if index else {}
    answer = client.query(
        TableName=TABLE, KeyConditionExpression=condition, ExpressionAttributeValues=values, **named, **more
    )
    return {key: answer.get(key) for key in ("Items", "Count", "ScannedCount", "LastEvaluatedKey")}


def _transaction(client: Any, *, fails: bool) -> Any:
    key = {"pk": {"S": "a"}, "sk": {"S": "E#01"}}
    condition = "attribute_not_exists(pk)" if fails else "attribute_exists(pk)"
    actions = [
        {
            "Update": {
                "TableName": TABLE,
                "Key": key,
                "UpdateExpression": "SET n = n + :one",
                "ExpressionAttributeValues": {":one": {"N": "1"}},
            }
        },
        {"Put": {"TableName": TABLE, "Item": _item("new", 1)}},
        {"Delete": {"TableName": TABLE, "Key": {"pk": {"S": "a"}, "sk": {"S": "E#03"}}}},
        {
            "ConditionCheck": {
                "TableName": TABLE,
                "Key": {"pk": {"S": "b"}, "sk": {"S": "E#00"}},
                "ConditionExpression": condition,
            }
        },
    ]
    try:
        client.transact_write_items(TransactItems=actions)
    except ClientError as error:
        return error.response.get("CancellationReasons")
    return "done"


def _conversation() -> list[Any]:
    client = _client()
    for pk in ("b", "a", "c"):
        for number in (3, 0, 2, 1, 4):
            client.put_item(TableName=TABLE, Item=_item(pk, number))
    return [
        client.get_item(TableName=TABLE, Key={"pk": {"S": "a"}, "sk": {"S": "E#02"}})["Item"],
        _query(client, "pk = :p"),
        _query(client, "pk = :p", ScanIndexForward=False, Limit=2),
        _query(client, "pk = :p AND begins_with(sk, :s)", values={":s": {"S": "E#0"}}, Limit=3),
        _query(client, "pk = :p AND sk > :s", values={":s": {"S": "E#02"}}),
        _query(
            client,
            "pk = :p AND #at BETWEEN :l AND :h",
            "timeline",
            values={":l": {"S": "2026-96"}, ":h": {"S": "2026-98"}},
            ExpressionAttributeNames={"#at": "at"},
        ),
        _query(
            client,
            "pk = :p",
            "timeline",
            ScanIndexForward=False,
            Limit=2,
            ExclusiveStartKey={"pk": {"S": "a"}, "sk": {"S": "E#01"}, "at": {"S": "2026-98"}},
        ),
        _query(client, "g = :p", "global", key="g1"),
        _query(client, "pk = :p", key="nobody"),
        _transaction(client, fails=True),
        client.scan(TableName=TABLE)["Items"],
        _transaction(client, fails=False),
        client.scan(TableName=TABLE)["Items"],
    ]


def test_the_same_conversation_gets_the_same_answers() -> None:
    """Reads, pages, both kinds of index, a cancelled and a committed transaction: word for word the same."""
    answers: list[list[Any]] = []
    for ways in (contextlib.nullcontext(), quick_tables()):
        with mock_aws(), ways:
            answers.append(_conversation())
    plain, quick = answers
    assert quick == plain
    assert plain[9][3]["Code"] == "ConditionalCheckFailed"


def test_a_cancelled_transaction_leaves_no_trace_in_the_stream() -> None:
    """The records of what was undone are gone; a committed one's are there."""
    from moto.backends import get_backend

    with mock_aws(), quick_tables():
        client = _client()
        for number in range(4):
            client.put_item(TableName=TABLE, Item=_item("a", number))
        client.put_item(TableName=TABLE, Item=_item("b", 0))
        shard: Any = get_backend("dynamodb")["123456789012"]["us-east-1"].get_table(TABLE).stream_shard
        _transaction(client, fails=True)
        assert len(shard.items) == 5
        _transaction(client, fails=False)
        assert [item.record["eventName"] for item in shard.items[5:]] == ["MODIFY", "INSERT", "REMOVE"]
