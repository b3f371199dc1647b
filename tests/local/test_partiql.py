"""PartiQL batches as the embedded stack answers them; what is asked here was asked of DynamoDB Local too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from infra.local.moto_dynamodb import quick_tables

INSERT = "INSERT INTO \"people\" VALUE {'pk':?,'seq':?,'sk':'H'}"
UPDATE = 'UPDATE "people" SET "seq"=? SET "state"=? WHERE "pk"=? AND "sk"=\'H\' AND "seq"=?'


class DiesHereError(RuntimeError):
    """The process ends between two statements."""


class Bench:
    """A table with a stream, and somebody who may be made to die before a statement."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.dies_before: int | None = None

    def before(self, position: int) -> None:
        if position == self.dies_before:
            raise DiesHereError

    def write(self, *statements: tuple[str, *tuple[str, ...]]) -> list[str]:
        """Carry out one batch; each outcome's code, or nothing where it was done."""
        wanted = [{"Statement": s, "Parameters": [{"S": value} for value in values]} for s, *values in statements]
        answer = self._client.batch_execute_statement(Statements=wanted)
        return [one.get("Error", {}).get("Code", "") for one in answer["Responses"]]

    def items(self) -> list[dict[str, str]]:
        """The whole table, by key."""
        found = self._client.scan(TableName="people")["Items"]
        plain = [{name: value["S"] for name, value in item.items()} for item in found]
        return sorted(plain, key=lambda item: item["pk"])


@pytest.fixture
def bench() -> Iterator[Bench]:
    """An empty table."""
    session = botocore.session.Session()
    session.set_credentials("AKIATEST", "secret")
    with mock_aws():
        client: Any = session.create_client("dynamodb", region_name="eu-central-1")
        bench = Bench(client)
        with quick_tables(bench.before):
            client.create_table(
                TableName="people",
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            )
            yield bench


def test_an_insert_makes_an_item_once(bench: Bench) -> None:
    """The second is told apart from the others of its batch, and changes nothing."""
    assert bench.write((INSERT, "a", "1")) == [""]
    assert bench.write((INSERT, "a", "2"), (INSERT, "b", "1")) == ["DuplicateItem", ""]
    assert bench.items() == [{"pk": "a", "sk": "H", "seq": "1"}, {"pk": "b", "sk": "H", "seq": "1"}]


def test_an_update_asks_for_what_was_read(bench: Bench) -> None:
    """It sets all its attributes or none, and makes no item that is absent."""
    bench.write((INSERT, "a", "1"), (INSERT, "b", "1"))
    outcomes = bench.write((UPDATE, "2", "x", "a", "1"), (UPDATE, "2", "x", "b", "9"), (UPDATE, "2", "x", "c", "9"))
    assert outcomes == ["", "ConditionalCheckFailed", "ConditionalCheckFailed"]
    assert bench.items() == [{"pk": "a", "sk": "H", "seq": "2", "state": "x"}, {"pk": "b", "sk": "H", "seq": "1"}]


@pytest.mark.parametrize(
    "statements",
    [
        [(INSERT, "a", "1"), (INSERT, "a", "2")],
        [(INSERT, str(number), "1") for number in range(26)],
    ],
)
def test_a_batch_that_is_none_is_refused(bench: Bench, statements: list[tuple[str, *tuple[str, ...]]]) -> None:
    """An item named twice, or more than 25 statements: nothing of it is carried out."""
    with pytest.raises(ClientError, match="ValidationException"):
        bench.write(*statements)
    assert bench.items() == []


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (('DELETE FROM "people" WHERE "pk"=?', "a"), "ValidationError"),
        ((INSERT, "a"), "ValidationError"),
        ((INSERT, "a", "1", "2"), "ValidationError"),
        (("INSERT INTO \"people\" VALUE {'pk':?}", "a"), "ValidationError"),
        ((INSERT.replace("people", "nobody"), "a", "1"), "ResourceNotFound"),
        ((INSERT, "a" * 3000, "1"), "ValidationError"),
    ],
)
def test_a_statement_that_is_none_fails_alone(bench: Bench, statement: tuple[str, *tuple[str, ...]], code: str) -> None:
    """An unknown form, too few or too many values, half a key, no such table, a key too long: the others are done."""
    assert bench.write(statement, (INSERT, "b", "1")) == [code, ""]
    assert [item["pk"] for item in bench.items()] == ["b"]


def test_a_process_may_die_between_two_statements(bench: Bench) -> None:
    """What stands before its end is done, the rest is not; the retry finds out."""
    bench.dies_before = 1
    with pytest.raises(DiesHereError):
        bench.write((INSERT, "a", "1"), (INSERT, "b", "1"))
    assert [item["pk"] for item in bench.items()] == ["a"]
    bench.dies_before = None
    assert bench.write((INSERT, "a", "1"), (INSERT, "b", "1")) == ["DuplicateItem", ""]
