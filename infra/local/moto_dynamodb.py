"""Makes moto's tables quick enough to live with, and its transactions right.

moto sorts the whole table for every query, asks every attribute value for ten members it may have, and copies whole
tables, streams and all, for every transaction: a thousand events take minutes. What is changed here gives the same
answers (see tests/local/test_moto_dynamodb.py, which asks both); batches of PartiQL writes it cannot answer at all.
"""

import contextlib
import copy
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final, cast
from unittest.mock import patch

from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

from infra.local.partiql import Before, execute_batch

_SERIALIZE: Final[Any] = vars(BaseJSONSerializer)["_serialize_type_structure"]
_CAST: Final[Any] = DynamoType.cast_value.fget
_QUERY: Final[Any] = Table.query
_TRANSACT: Final[Any] = DynamoDBBackend.transact_write_items


def _nobody(position: int) -> None:
    del position


@contextlib.contextmanager
def quick_tables(before_statement: Before = _nobody) -> Generator[None]:
    """Use the quick ways inside; calls must come one at a time, as the gateway makes them.

    Args:
        before_statement: asked before each statement of a PartiQL batch.
    """

    def execute(self: Any, statements: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return execute_batch(self, statements, before_statement)

    with (
        patch.object(BaseJSONSerializer, "_serialize_type_structure", _structure),
        patch.object(DynamoType, "cast_value", property(_cast_value)),
        patch.object(Table, "query", _query),
        patch.object(Table, "__deepcopy__", _itself, create=True),
        patch.object(DynamoDBBackend, "transact_write_items", _transact),
        patch.object(DynamoDBBackend, "batch_execute_statement", execute),
    ):
        yield


def _structure(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
    """Attribute values are in wire form already; all others as before."""
    if shape.name == "AttributeValue" and key and _in_wire_form(value):
        serialized[key] = value
    else:
        _SERIALIZE(self, serialized, value, shape, key)


def _in_wire_form(value: Any) -> bool:
    if not isinstance(value, dict) or len(cast("dict[str, Any]", value)) != 1:
        return False
    ((kind, content),) = cast("dict[str, Any]", value).items()
    match kind:
        case "S" | "N":
            return isinstance(content, str)
        case "BOOL" | "NULL":
            return isinstance(content, bool)
        case "L":
            return all(_in_wire_form(part) for part in content)
        case "M":
            return all(_in_wire_form(part) for part in content.values())
        case _:
            return False


def _cast_value(self: Any) -> Any:
    """Keys are strings: most comparisons need no cast."""
    return self.value if self.type == "S" else _CAST(self)


def _query(self: Any, hash_key: Any, *arguments: Any, **named: Any) -> Any:
    """Look at one partition only, where the query names one and the index shares the table's."""
    conditions: dict[str, Any] = dict(named.get("hash_key_conditions") or ())
    partition = hash_key or conditions.get(self.hash_key_attr)
    index_name = named.get("index_name") or (arguments[6] if len(arguments) > 6 else None)
    global_indexes: Sequence[Any] = self.global_indexes or ()
    if partition is None or index_name in {index.name for index in global_indexes}:
        return _QUERY(self, hash_key, *arguments, **named)
    everything = self.items
    self.items = {partition: everything[partition]} if partition in everything else {}
    try:
        return _QUERY(self, hash_key, *arguments, **named)
    finally:
        self.items = everything


def _itself(self: Any, memo: Any) -> Any:
    """No copy: `_transact` keeps what a transaction can change, and nothing else copies tables here."""
    del memo
    return self


def _transact(self: Any, transact_items: Sequence[Mapping[str, Mapping[str, Any]]]) -> None:
    """Keep the items named and the stream's length; put them back when the transaction fails."""
    kept = [
        _kept(self, op) for action in transact_items for op in action.values() if op.get("TableName") in self.tables
    ]
    lengths = {table.name: len(table.stream_shard.items) for table, *_ in kept if table.stream_shard}
    try:
        _TRANSACT(self, transact_items)
    except Exception:
        for table, hash_key, range_key, item in kept:
            if item is not None:
                table.items[hash_key][range_key] = item
            elif hash_key in table.items:
                table.items[hash_key].pop(range_key, None)
        for name, length in lengths.items():
            del self.tables[name].stream_shard.items[length:]
        raise


def _kept(self: Any, op: Mapping[str, Any]) -> tuple[Any, Any, Any, Any]:
    table = self.tables[op["TableName"]]
    keys: Mapping[str, Any] = op.get("Key") or op.get("Item") or {}
    hash_key, range_key = DynamoType(keys[table.hash_key_attr]), DynamoType(keys[table.range_key_attr])
    item = table.items[hash_key].get(range_key) if hash_key in table.items else None
    return table, hash_key, range_key, copy.deepcopy(item)
