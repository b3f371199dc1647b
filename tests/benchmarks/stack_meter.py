"""What the functions of the embedded stack ask of AWS: calls, and DynamoDB's units by function and kind of item.

A hook at the SDK sees every request before and after it is answered, and the table's items as they were and as they
are, so the units follow from the published rules (`request_units`) and not from what moto says of them.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from botocore import handlers
from botocore.awsrequest import AWSResponse
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType

from infra.local.faults import NoFaults
from omnicascade.contracts import LIVE_DUE, LIVE_PARTITION_KEY, LIVE_SORT_KEY
from tests.benchmarks.request_units import Item, index_units, item_bytes, read_units, write_units

_KINDS: Final[Mapping[str, str]] = {
    "E#": "event",
    "H#P": "projection",
    "H#L#": "edge",
    "H#S#": "slot",
    "H#R#": "run",
    "R#": "run",
    "H#C": "contacts",
    "H#G#": "membership",
    "M": "message",
    "L": "link",
}
_TRANSACTED: Final = 2
"""Units per unit within a transaction. Source: DynamoDB developer guide, "Transactions"."""
_INDEX_KEYS: Final = (LIVE_PARTITION_KEY, LIVE_SORT_KEY)

_READS: Final = frozenset({"BatchGetItem", "GetItem", "Query"})

type Place = tuple[str, str]


@dataclass
class Metered:
    """What was asked of AWS, by function (its folder's name).

    Attributes:
        calls: by function and `service:operation`.
        written: write units by function and kind of item; `index` is the index of live runs.
        read: read units by function.
    """

    calls: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    written: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    read: defaultdict[str, float] = field(default_factory=lambda: defaultdict[str, float](float))

    def of(self, function: str) -> tuple[dict[str, int], dict[str, int]]:
        """Calls and write units of one function."""
        calls = {name: count for (who, name), count in self.calls.items() if who == function}
        return calls, {kind: units for (who, kind), units in self.written.items() if who == function}


class StackMeter(NoFaults):
    """Counts while it stands between the functions and AWS; make it before the stack."""

    def __init__(self) -> None:
        self.metered = Metered()
        self._in_handler = False
        self._consistent = False
        self._places: list[tuple[str, Place]] = []
        self._before: dict[Place, Item | None] = {}
        handlers.BUILTIN_HANDLERS.append(("provide-client-params.dynamodb", self._asked))
        handlers.BUILTIN_HANDLERS.append(("after-call.dynamodb", self._answered))

    def around_call(
        self, service: str, operation: str, proceed: Callable[[], AWSResponse | None]
    ) -> AWSResponse | None:
        """Count one call of a function."""
        self._in_handler = True
        self.metered.calls[_function(), f"{service}:{operation}"] += 1
        return proceed()

    def _asked(self, params: Mapping[str, Any], model: Any, **_: object) -> None:
        self._in_handler = False
        self._places = list(_written(model.name, params))
        self._before = {place: _item(table, place) for table, place in self._places}
        asked = next(iter(params.get("RequestItems", {}).values()), params)
        self._consistent = bool(asked.get("ConsistentRead"))

    def _answered(self, parsed: Mapping[str, Any], model: Any, **_: object) -> None:
        if not self._in_handler:
            return
        times = _TRANSACTED if model.name == "TransactWriteItems" else 1
        for table, place in self._places:
            before, after = self._before[place], _item(table, place)
            self.metered.written[_function(), _kind(place)] += times * write_units(before, after)
            self.metered.written[_function(), "index"] += index_units(_entry(before), _entry(after))
        if model.name in _READS:
            self.metered.read[_function()] += _units_read(model.name, parsed, consistent=self._consistent)


def _function() -> str:
    return os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "").rpartition("-")[2]


def _written(operation: str, params: Mapping[str, Any]) -> Iterator[tuple[str, Place]]:
    """The items that a request writes."""
    match operation:
        case "PutItem":
            yield params["TableName"], _place(params["Item"])
        case "UpdateItem" | "DeleteItem":
            yield params["TableName"], _place(params["Key"])
        case "TransactWriteItems":
            for action in params["TransactItems"]:
                for request in action.values():
                    yield request["TableName"], _place(request.get("Item") or request["Key"])
        case _:
            return


def _units_read(operation: str, parsed: Mapping[str, Any], *, consistent: bool) -> float:
    if operation == "BatchGetItem":
        found = [item for items in parsed["Responses"].values() for item in items]
        return sum(read_units(item_bytes(item), consistent=consistent) for item in found)
    items = [parsed["Item"]] if "Item" in parsed else parsed.get("Items", [])
    return read_units(sum(map(item_bytes, items)), consistent=consistent)


def _item(table: str, place: Place) -> Item | None:
    """The item as moto keeps it."""
    for backends in dynamodb_backends.values():
        for backend in backends.values():
            if table in backend.tables:
                kept: Any = backend.tables[table]
                found = kept.items.get(DynamoType({"S": place[0]}), {}).get(DynamoType({"S": place[1]}))
                return {name: value.to_json() for name, value in found.attrs.items()} if found else None
    return None


def _place(key: Mapping[str, Any]) -> Place:
    return key["pk"]["S"], key["sk"]["S"]


def _kind(place: Place) -> str:
    return next((kind for prefix, kind in _KINDS.items() if place[1].startswith(prefix)), "other")


def _entry(item: Item | None) -> Item | None:
    """What the index of live runs has of an item."""
    names = ("pk", "sk", *_INDEX_KEYS, LIVE_DUE)
    return {name: item[name] for name in names if name in item} if item and LIVE_PARTITION_KEY in item else None
