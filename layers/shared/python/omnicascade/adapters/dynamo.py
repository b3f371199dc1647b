"""The few DynamoDB calls that every store makes, with the service's errors told apart once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from omnicascade.domain.errors import OmnicascadeError, StaleWriteError, UnavailableError

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

type Item = dict[str, Any]
"""An item in DynamoDB's wire notation: {"pk": {"S": "…"}, …}."""

_CONDITION_FAILED: Final = "ConditionalCheckFailedException"
_CONFLICTS: Final = frozenset({"TransactionConflictException", "TransactionInProgressException"})
_TEMPORARY: Final = frozenset(
    {
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
    }
)

_REFUSED: Final = frozenset({"ConditionalCheckFailed", "DuplicateItem"})
_TEMPORARY_STATEMENT: Final = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingError",
        "TransactionConflict",
    }
)
"""Outcomes of one statement. Source: DynamoDB API reference, BatchStatementError."""

_MOST_STATEMENTS: Final = 25
"""Statements of one request. Source: DynamoDB developer guide, "Running batch operations with PartiQL"."""

type Statement = tuple[str, list[Item]]
"""A PartiQL statement with a value for each of its question marks."""


class ConditionFailedError(StaleWriteError):
    """A write's condition does not hold.

    Attributes:
        failed: of a transaction, the places of those writes whose conditions do not hold, from 0.
    """

    def __init__(self, message: str, failed: frozenset[int] = frozenset()) -> None:
        super().__init__(message)
        self.failed = failed


class WriteConflictError(UnavailableError):
    """Another transaction was at one of the items at this very moment; nothing was written, and at once may do."""


def text(value: str) -> Item:
    """A string attribute."""
    return {"S": value}


def number(value: int) -> Item:
    """A number attribute."""
    return {"N": str(value)}


class Table:
    """One DynamoDB table. Every method raises `UnavailableError` for throttling and outages (retryable)."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self.name = name

    def get(self, pk: str, sk: str, *, consistent: bool = True) -> Item | None:
        """One item or None. Cost: 1 read unit per 4 KB, half of it when not consistent."""
        key = {"pk": text(pk), "sk": text(sk)}
        answer = self._call(self._client.get_item, TableName=self.name, Key=key, ConsistentRead=consistent)
        return answer.get("Item")

    def put(self, item: Item, condition: str = "", values: Item | None = None) -> None:
        """Write an item if the condition holds; cost: 1 write unit per KB, also when it fails.

        Raises:
            ConditionFailedError: it does not.
        """
        request: dict[str, Any] = {"TableName": self.name, "Item": item}
        if condition:
            request["ConditionExpression"] = condition
        if values:
            request["ExpressionAttributeValues"] = values
        self._call(self._client.put_item, **request)

    def delete(self, pk: str, sk: str, condition: str = "", values: Item | None = None) -> None:
        """Delete an item, if it is there and the condition holds; cost: 1 write unit per KB.

        Raises:
            ConditionFailedError: it does not.
        """
        request: dict[str, Any] = {"TableName": self.name, "Key": {"pk": text(pk), "sk": text(sk)}}
        if condition:
            request |= {"ConditionExpression": condition, "ExpressionAttributeValues": values or {}}
        self._call(self._client.delete_item, **request)

    def delete_many(self, keys: Sequence[tuple[str, str]]) -> None:
        """Delete items, those that are there; each key once. Cost: one request per 25; write units as `put`."""
        for start in range(0, len(keys), 25):
            wanted: Any = [
                {"DeleteRequest": {"Key": {"pk": text(pk), "sk": text(sk)}}} for pk, sk in keys[start : start + 25]
            ]
            while wanted:
                request: Any = {self.name: wanted}
                answer = self._call(self._client.batch_write_item, RequestItems=request)
                wanted = answer.get("UnprocessedItems", {}).get(self.name, [])

    def query(self, pk: str, prefix: str, *, consistent: bool = True, page: int | None = None) -> Iterator[Item]:
        """Items of a partition whose sort key begins with a prefix, in order, all pages; `page` items a request."""
        yield from self._pages(
            TableName=self.name,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":pk": text(pk), ":prefix": text(prefix)},
            ConsistentRead=consistent,
            **({"Limit": page} if page else {}),
        )

    def query_from(self, pk: str, first: str, last: str, *, consistent: bool = True) -> Iterator[Item]:
        """Items of a partition whose sort key lies between two, both included, in order, all pages."""
        yield from self._pages(
            TableName=self.name,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={":pk": text(pk), ":first": text(first), ":last": text(last)},
            ConsistentRead=consistent,
        )

    def query_index(self, limit: int | None = None, **request: Any) -> Iterator[Item]:
        """A query in the caller's own words; `limit` items at most."""
        if limit:
            request["Limit"] = limit
        for count, item in enumerate(self._pages(TableName=self.name, **request), start=1):
            yield item
            if count == limit:
                return

    def scan_page(self, after: tuple[str, str] | None, **request: Any) -> tuple[list[Item], tuple[str, str] | None]:
        """One page of a scan in the caller's own words, and the key to go on from. Cost: 128 read units, one MB."""
        if after:
            request["ExclusiveStartKey"] = {"pk": text(after[0]), "sk": text(after[1])}
        answer = self._call(self._client.scan, TableName=self.name, **request)
        last = answer.get("LastEvaluatedKey")
        return answer["Items"], last and (last["pk"]["S"], last["sk"]["S"])

    def get_many(self, keys: Sequence[tuple[str, str]], *, consistent: bool = True) -> list[Item]:
        """Items by key, in no order; absent ones are left out. Cost: one request per 100; read units as `get`."""
        found: list[Item] = []
        for start in range(0, len(keys), 100):
            wanted: Any = [{"pk": text(pk), "sk": text(sk)} for pk, sk in keys[start : start + 100]]
            while wanted:
                request: Any = {self.name: {"Keys": wanted, "ConsistentRead": consistent}}
                answer = self._call(self._client.batch_get_item, RequestItems=request)
                found += answer["Responses"].get(self.name, [])
                wanted = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
        return found

    def execute_all(self, statements: Sequence[Statement]) -> list[bool]:
        """Carry out PartiQL writes in order, 25 a request; of each whether it was done or its condition failed.

        Not atomic. No two of one call may name the same item. Cost: as the single writes, in a tenth of the CPU.

        Raises:
            OmnicascadeError: one of them at least was not carried out; all others were tried.
        """
        done, failure = list[bool](), None
        for start in range(0, len(statements), _MOST_STATEMENTS):
            some = statements[start : start + _MOST_STATEMENTS]
            wanted: Any = [{"Statement": statement, "Parameters": given} for statement, given in some]
            try:
                answer = self._call(self._client.batch_execute_statement, Statements=wanted)
            except OmnicascadeError as error:
                failure = error
                continue
            for outcome in answer["Responses"]:
                code = outcome["Error"]["Code"] if "Error" in outcome else ""
                if code and code not in _REFUSED:
                    failure = _statement_failure(outcome["Error"])
                done.append(not code)
        if failure:
            raise failure
        return done

    def write_together(self, puts: Sequence[tuple[Item, str, Item]]) -> None:
        """Write items with their conditions, all or none; cost: 2 write units per KB.

        Raises:
            ConditionFailedError: one of the conditions does not hold.
        """
        self.transact([put_action(*put) for put in puts])

    def transact(self, actions: Sequence[Item]) -> None:
        """Carry out writes made by `put_action`, `update_action` and `delete_action`, all or none.

        Cost: 2 write units per KB of each item.

        Raises:
            ConditionFailedError: some conditions do not hold; it says which.
            WriteConflictError: another transaction was at one of the items.
        """
        named = [{kind: {"TableName": self.name, **request} for kind, request in action.items()} for action in actions]
        self._call(self._client.transact_write_items, TransactItems=named)

    def update(self, pk: str, sk: str, change: str, condition: str = "", values: Item | None = None) -> None:
        """Change an item in place, or make it, if the condition holds; cost: 1 write unit per KB.

        Raises:
            ConditionFailedError: it does not.
        """
        request = update_action(pk, sk, change, condition, values)["Update"]
        self._call(self._client.update_item, TableName=self.name, **request)

    def _pages(self, **request: Any) -> Iterator[Item]:
        while True:
            answer = self._call(self._client.query, **request)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _call(self, operation: Callable[..., Any], **request: Any) -> Any:
        try:
            return operation(**request)
        except ClientError as error:
            raise _translated(error.response) from error
        except BotoCoreError as error:
            raise UnavailableError(f"DynamoDB cannot be reached: {error}") from error


def put_action(item: Item, condition: str = "", values: Item | None = None) -> Item:
    """A put of a transaction."""
    return {"Put": {"Item": item} | _condition(condition, values)}


def delete_action(pk: str, sk: str, condition: str = "", values: Item | None = None) -> Item:
    """A deletion of a transaction."""
    return {"Delete": {"Key": {"pk": text(pk), "sk": text(sk)}} | _condition(condition, values)}


def update_action(pk: str, sk: str, change: str, condition: str = "", values: Item | None = None) -> Item:
    """An update of a transaction; `change` is its update expression."""
    key = {"pk": text(pk), "sk": text(sk)}
    return {"Update": {"Key": key, "UpdateExpression": change} | _condition(condition, values)}


def _condition(condition: str, values: Item | None) -> Item:
    request: Item = {"ConditionExpression": condition} if condition else {}
    return request | ({"ExpressionAttributeValues": values} if values else {})


def insert_statement(table: str, *names: str, **fixed: str) -> str:
    """The text that inserts an item of these attributes, in this order as parameters, and some of fixed texts.

    One text for all items of a kind: DynamoDB reads it once, and nothing of an event is ever part of it.
    """
    fields = [f"'{name}':?" for name in names] + [f"'{name}':'{value}'" for name, value in fixed.items()]
    return f"""INSERT INTO "{table}" VALUE {{{",".join(fields)}}}"""


def _statement_failure(error: Mapping[str, Any]) -> OmnicascadeError:
    code, message = error["Code"], error.get("Message", "")
    if code in _TEMPORARY_STATEMENT:
        return UnavailableError(f"DynamoDB answered {code} to a statement of a batch")
    return OmnicascadeError(f"DynamoDB refused a statement of a batch: {code}: {message}")


def _translated(response: Mapping[str, Any]) -> OmnicascadeError:
    code, message = response["Error"]["Code"], response["Error"].get("Message", "")
    if code == _CONDITION_FAILED:
        return ConditionFailedError(message)
    if code == "TransactionCanceledException":
        reasons = [reason.get("Code") for reason in response.get("CancellationReasons", ())]
        failed = frozenset(place for place, code in enumerate(reasons) if code == "ConditionalCheckFailed")
        if failed:
            return ConditionFailedError(message, failed)
        if "TransactionConflict" in reasons:
            return WriteConflictError(f"DynamoDB cancelled a transaction: {message}")
        return UnavailableError(f"DynamoDB cancelled a transaction: {message}")
    if code in _TEMPORARY or code in _CONFLICTS:
        return UnavailableError(f"DynamoDB answered {code}")
    return OmnicascadeError(f"DynamoDB refused a request: {code}: {message}")
