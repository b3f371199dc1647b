"""The embedded stack's PartiQL against Amazon's DynamoDB Local: the same batches, the same answers, statement by
statement.

What moto cannot read the embedded stack answers itself, so somebody must say that it answers rightly. Needs DynamoDB
Local in the cache (`make soak` fetches it); skipped without.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from infra.local.moto_dynamodb import quick_tables
from tests.dynamodb_local import REGION, LocalDynamoDB, or_skip, table_of_template

TABLE = "statements"
INSERT = f"""INSERT INTO "{TABLE}" VALUE {{'pk':?,'sk':?,'at':?,'rx':?,'name':?}}"""
INSERT_FIXED = f"""INSERT INTO "{TABLE}" VALUE {{'pk':?,'seq':?,'state':?,'sk':'H#P'}}"""
UPDATE = f"""UPDATE "{TABLE}" SET "seq"=? SET "state"=? REMOVE "expires_at" WHERE "pk"=? AND "sk"='H#P' AND "seq"=?"""
"""The forms of the product's statements (adapters/event_store.py, customer_store.py)."""

ROUNDS = 60

type Statement = Mapping[str, Any]


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest) -> Iterator[LocalDynamoDB]:
    """DynamoDB Local."""
    yield from or_skip(fetch=request.config.getoption("markexpr") == "soak")


@pytest.mark.parametrize("seed", range(3))
def test_each_statement_has_the_outcome_and_the_effect_that_dynamodb_gives_it(
    database: LocalDynamoDB, seed: int
) -> None:
    """Inserts of what is there, updates of what changed or is not there, between others that go through."""
    batches = _batches(Random(seed))
    theirs = database.client()
    told = _conversation(theirs, batches)
    with mock_aws(), quick_tables():
        assert _conversation(_embedded(), batches) == told
    codes = {code for answers, _ in told for code in answers}
    assert codes == {"", "DuplicateItem", "ConditionalCheckFailed"}


@pytest.mark.parametrize("numbers", [range(26), (1, 2, 1)], ids=["too long", "one item twice"])
def test_a_batch_that_is_refused_is_refused_by_both(database: LocalDynamoDB, numbers: Sequence[int]) -> None:
    """Twenty-five statements are the most, no two about one item.

    Only answers are compared: DynamoDB Local has carried out the first of the two by then. The product sends neither.
    """
    batch = [_event(str(number), "0") for number in numbers]
    told = _conversation(database.client(), [batch])
    with mock_aws(), quick_tables():
        ours = _conversation(_embedded(), [batch])
    assert [codes for codes, _ in ours] == [codes for codes, _ in told] == [["ValidationException"]]


def _embedded() -> Any:
    session = botocore.session.Session()
    session.set_credentials("x", "y")
    return session.create_client("dynamodb", region_name=REGION)


def _batches(random: Random) -> list[list[Statement]]:
    return [_batch(random, number) for number in range(ROUNDS)]


def _batch(random: Random, number: int) -> list[Statement]:
    """Up to 25 statements, no two about one item: few nodes, so that they meet what stands there."""
    events = random.sample([(node, message) for node in "abc" for message in "12345678"], random.randint(0, 12))
    nodes = random.sample("abcdef", random.randint(1, 4))
    batch = [_event(node, message) for node, message in events]
    for node in nodes:
        seq, before = f"{number:03d}", f"{random.randint(max(0, number - 4), number):03d}"
        batch.append(_said(INSERT_FIXED, node, seq, "new") if random.random() < 0.3 else _moved(node, seq, before))
    random.shuffle(batch)
    return batch


def _event(node: str, message: str) -> Statement:
    said = _said(INSERT, node, f"E#{message}", f"00{message}", "", "Żółw 'x\" ?")
    said["Parameters"][3] = {"N": "12"}
    return said


def _moved(node: str, seq: str, before: str) -> Statement:
    return _said(UPDATE, seq, f"state {seq}", node, before)


def _said(statement: str, *values: str) -> dict[str, Any]:
    return {"Statement": statement, "Parameters": [{"S": value} for value in values]}


def _conversation(client: Any, batches: Sequence[Sequence[Statement]]) -> list[tuple[list[str], list[str]]]:
    """After each batch: the code of each statement, and every item in the table, which is dropped at the end."""
    client.create_table(TableName=TABLE, **table_of_template())
    try:
        client.put_item(TableName=TABLE, Item={**_place("a"), "seq": {"S": "000"}, "expires_at": {"N": "1"}})
        return [(_codes(client, batch), _items(client)) for batch in batches]
    finally:
        client.delete_table(TableName=TABLE)


def _place(node: str) -> dict[str, Any]:
    return {"pk": {"S": node}, "sk": {"S": "H#P"}}


def _codes(client: Any, batch: Sequence[Statement]) -> list[str]:
    try:
        answers = client.batch_execute_statement(Statements=batch)["Responses"]
    except ClientError as error:
        return [error.response.get("Error", {}).get("Code", "")]
    return [answer.get("Error", {}).get("Code", "") for answer in answers]


def _items(client: Any) -> list[str]:
    return sorted(str(sorted(item.items())) for item in client.scan(TableName=TABLE)["Items"])
