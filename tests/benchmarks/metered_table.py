"""The table with a meter: every call answered in this process, its outcome and its request units known.

Two ways to use it. Alone it answers the client itself, quickly enough for the whole reference stream. Before DynamoDB
Local it lets every call through, and compares: the outcome of each statement, every item that is read, and the units
wherever DynamoDB Local says them rightly. What the first way reports is worth what the second one proves.

It knows the requests that the road of an event makes, and refuses any other.
"""

from __future__ import annotations

import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from tests.benchmarks.canned_aws import answered
from tests.benchmarks.request_units import Item, index_units, item_bytes, read_units, write_units

INDEXED: Final = ("pk", "sk", "at", "name", "rx")
"""What the timeline's entries hold (infra/constructs/customer_table.py); only items with `at` have one."""

_KINDS: Final[Mapping[str, str]] = {"E#": "event", "H#P": "projection", "H#L#": "edge", "H#S#": "slot"}
_FIELD: Final = re.compile(r"'(\w+)':(\?|'[^']*')")
_EQUALS: Final = re.compile(r"\"(\w+)\"=(\?|'[^']*')")


_RIGHTLY_MEASURED: Final = ("PutItem", "GetItem", "Query", "DeleteItem")


class UnknownRequestError(ValueError):
    """The road made a request that the meter has no rule for."""


class DisagreementError(AssertionError):
    """DynamoDB Local says otherwise."""


@dataclass(frozen=True, slots=True)
class Used:
    """Units by kind of item: `event`, `index`, `projection`, `edge`, `configuration`, `slot`, `other`."""

    written: Mapping[str, float]
    read: Mapping[str, float]
    calls: Mapping[str, float]

    def since(self, before: Used) -> Used:
        """What was used after `before`."""
        return Used(*(_less(now, then) for now, then in zip(self._all, before._all, strict=True)))

    @property
    def _all(self) -> tuple[Mapping[str, float], ...]:
        return (self.written, self.read, self.calls)


def _less(now: Mapping[str, float], then: Mapping[str, float]) -> dict[str, float]:
    return {key: now[key] - then.get(key, 0) for key in now}


class MeteredTable:
    """One table.

    Attributes:
        stream: inserts of events, in order, as the table's stream delivers them.
        cpu_s: what answering took, to be taken off again.
        compared: calls that DynamoDB Local agreed with.
    """

    def __init__(self) -> None:
        self.stream: list[dict[str, Any]] = []
        self.cpu_s = 0.0
        self.compared = 0
        self._items: dict[tuple[str, str], Item] = {}
        self._partitions: dict[str, list[str]] = {}
        self._written, self._read, self._calls = (defaultdict[str, float](float) for _ in range(3))
        self._expected: list[tuple[str, Mapping[str, Any], float]] = []

    @property
    def used(self) -> Used:
        """Units and calls so far."""
        return Used(dict(self._written), dict(self._read), dict(self._calls))

    def fill(self, partitions: Iterator[str], sk: str, item: Item) -> None:
        """Put one and the same item at many places, at no charge: other people's."""
        for pk in partitions:
            self._items[pk, sk] = item

    def attach(self, events: Any) -> None:
        """Answer a client (`client.meta.events`)."""
        events.register_first("before-send.dynamodb", self._answer)

    def stand_before(self, events: Any) -> None:
        """Let a client's calls through to DynamoDB Local, and compare."""
        events.register("provide-client-params.dynamodb", _ask_for_units)
        events.register_first("before-send.dynamodb", self._foresee)
        events.register("after-call.dynamodb", self._compare)

    def _answer(self, request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse:
        started = time.process_time()
        content, _units = self._done(request, event_name)
        status = 400 if "__type" in content else 200
        answer = answered(json.dumps(content).encode())
        answer.status_code = status
        self.cpu_s += time.process_time() - started
        return answer

    def _foresee(self, request: AWSPreparedRequest, event_name: str, **_: object) -> None:
        content, units = self._done(request, event_name)
        self._expected.append((event_name.rpartition(".")[2], content, units))

    def _compare(self, parsed: Mapping[str, Any], **_: object) -> None:
        operation, expected, units = self._expected.pop()
        told: dict[str, Any] = {key: parsed[key] for key in parsed if key != "ResponseMetadata"}
        consumed = told.pop("ConsumedCapacity", None)
        if _plain(told) != _plain(expected):
            raise DisagreementError(f"{operation}: DynamoDB Local answered {told}, expected {expected}")
        empty = expected.get("Items") == []  # AWS takes the least unit for it, DynamoDB Local none
        if operation in _RIGHTLY_MEASURED and not empty and consumed and consumed["CapacityUnits"] != units:
            raise DisagreementError(f"{operation}: DynamoDB Local took {consumed}, expected {units} units")
        self.compared += 1

    @property
    def _total(self) -> float:
        return sum(self._written.values()) + sum(self._read.values())

    def _done(self, request: AWSPreparedRequest, event_name: str) -> tuple[dict[str, Any], float]:
        operation = event_name.rpartition(".")[2]
        asked: dict[str, Any] = json.loads(cast("bytes", request.body) or b"{}")
        before = self._total
        self._calls[operation] += 1
        content = self._carry_out(operation, asked)
        return content, self._total - before

    def _carry_out(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        match operation:
            case "BatchExecuteStatement":
                return {"Responses": [self._statement(one) for one in asked["Statements"]]}
            case "PutItem":
                return self._put(asked["Item"], asked.get("ConditionExpression", ""), asked)
            case "GetItem":
                found = self._get(asked["Key"], consistent=asked.get("ConsistentRead", False))
                return {"Item": found} if found else {}
            case "BatchGetItem":
                return self._get_many(asked["RequestItems"])
            case "Query" if "IndexName" not in asked:
                return self._query(asked)
            case _:
                raise UnknownRequestError(f"{operation}: {asked}")

    def _statement(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        text, given = asked["Statement"], iter(asked.get("Parameters", ()))
        table = text.partition('"')[2].partition('"')[0]
        if text.startswith("INSERT INTO"):
            done = self._write(_bound(_FIELD, text, given), lambda held: held is None)
            return _outcome(table, done, "DuplicateItem", "Duplicate primary key exists in table")
        if not text.startswith("UPDATE"):
            raise UnknownRequestError(text)
        changes, _, where = text.partition(" WHERE ")
        changed = _bound(_EQUALS, changes, given)
        asked_for = _bound(_EQUALS, where, given)
        removed = set(re.findall(r"REMOVE \"(\w+)\"", changes))
        held = self._items.get(_key(asked_for), {})
        after = {name: value for name, value in held.items() if name not in removed} | changed
        holds = bool(held) and all(held.get(name) == value for name, value in asked_for.items())
        done = self._write({**asked_for, **after}, lambda _: holds)
        return _outcome(table, done, "ConditionalCheckFailed", "The conditional request failed")

    def _put(self, item: Item, condition: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        def holds(held: Item | None) -> bool:
            if not condition or held is None:
                return True
            _, _, otherwise = condition.partition(" OR ")
            if not otherwise:
                return False
            if otherwise not in ("ord > :ord", "ord < :ord"):
                raise UnknownRequestError(condition)
            there, new = held["ord"]["S"], asked["ExpressionAttributeValues"][":ord"]["S"]
            return there > new if ">" in otherwise else there < new

        if self._write(item, holds):
            return {}
        kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
        return {"__type": kind, "message": "The conditional request failed"}

    def _write(self, item: Item, holds: Callable[[Item | None], bool]) -> bool:
        place = _key(item)
        held = self._items.get(place)
        kind = _kind(*place)
        self._written[kind] += write_units(held, item)
        if not holds(held):
            return False
        indexed = index_units(_entry(held), _entry(item))
        if indexed:
            self._written["index"] += indexed
        self._items[place] = item
        if held is None:
            self._partitions.setdefault(place[0], []).append(place[1])
            self._tell(kind, item)
        return True

    def _tell(self, kind: str, item: Item) -> None:
        if kind == "event":
            sequence = f"{len(self.stream) + 1:021d}"
            self.stream.append({"eventName": "INSERT", "dynamodb": {"NewImage": item, "SequenceNumber": sequence}})

    def _get(self, key: Item, *, consistent: bool) -> Item | None:
        place = _key(key)
        found = self._items.get(place)
        self._read[_kind(*place)] += read_units(item_bytes(found) if found else 0, consistent=consistent)
        return found

    def _get_many(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        ((table, asked),) = wanted.items()
        consistent = asked.get("ConsistentRead", False)
        found = [self._get(key, consistent=consistent) for key in asked["Keys"]]
        return {"Responses": {table: [item for item in found if item]}, "UnprocessedKeys": {}}

    def _query(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        values = {name: value["S"] for name, value in asked["ExpressionAttributeValues"].items()}
        first = values.get(":prefix") or values[":first"]
        last = values.get(":last") or f"{values[':prefix']}\uffff"
        pk = values[":pk"]
        places = sorted(sk for sk in self._partitions.get(pk, ()) if first <= sk <= last)
        limit = asked.get("Limit", len(places))
        items = [self._items[pk, sk] for sk in places[:limit]]
        size = sum(map(item_bytes, items))
        self._read["head"] += read_units(size, consistent=asked.get("ConsistentRead", False))
        answer: dict[str, Any] = {"Items": items, "Count": len(items), "ScannedCount": len(items)}
        if limit and len(places) >= limit:
            answer["LastEvaluatedKey"] = {"pk": {"S": pk}, "sk": {"S": places[limit - 1]}}
        return answer


def _ask_for_units(params: dict[str, Any], model: Any, **_: object) -> dict[str, Any]:
    if "ReturnConsumedCapacity" not in model.input_shape.members:
        return params
    return {**params, "ReturnConsumedCapacity": "INDEXES"}


def _outcome(table: str, done: bool, code: str, message: str) -> dict[str, Any]:
    told = {"TableName": table}
    return told if done else {**told, "Error": {"Code": code, "Message": message}}


def _bound(form: re.Pattern[str], text: str, given: Iterator[Item]) -> dict[str, Any]:
    return {name: next(given) if value == "?" else {"S": value[1:-1]} for name, value in form.findall(text)}


def _key(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _entry(item: Item | None) -> Item | None:
    return {name: item[name] for name in INDEXED if name in item} if item and "at" in item else None


def _kind(pk: str, sk: str) -> str:
    if pk == "CONFIG":
        return "configuration"
    return next((kind for prefix, kind in _KINDS.items() if sk.startswith(prefix)), "other")


def _plain(answer: Mapping[str, Any]) -> Any:
    """An answer without what may differ: the order of a batch's items, the words of an error."""
    if "Error" in answer or "__type" in answer:
        return "refused"
    responses: Mapping[str, Sequence[Any]] | Sequence[Any] = answer.get("Responses", ())
    if isinstance(responses, Mapping):
        return {table: sorted(map(json.dumps, map(_sorted, items))) for table, items in responses.items()}
    if responses:
        return [one.get("Error", {}).get("Code") for one in responses]
    return answer


def _sorted(item: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted(item.items()))
