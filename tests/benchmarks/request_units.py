"""What DynamoDB bills for a call, in request units, by its published rules.

DynamoDB Local tells the units of a single put, get or query, but not those of a PartiQL batch, forgets what a key that
is not there costs, and counts a transaction twice over. So the units are computed here, from the very items, and
compared with what DynamoDB Local says wherever it says so rightly (see metered_table).

Sources, read 2026-11-22: DynamoDB developer guide, "DynamoDB read and write operations" (units, failed conditions,
absent items), "DynamoDB item sizes and formats", "Local secondary indexes" (write capacity of an index).
"""

from base64 import b64decode
from collections.abc import Mapping
from math import ceil
from typing import Any, Final

type Item = Mapping[str, Mapping[str, Any]]

WRITE_UNIT_BYTES: Final = 1024
READ_UNIT_BYTES: Final = 4096


def item_bytes(item: Item) -> int:
    """The size of an item: its attributes' names and values."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return ceil(len(content.strip("-").replace(".", "")) / 2) + 1
        case "B":
            return len(b64decode(content)) if isinstance(content, str) else len(content)
        case "BOOL" | "NULL":
            return 1
        case "L":
            return 3 + sum(1 + _value_bytes(part) for part in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_bytes(part) for name, part in content.items())
        case _:
            raise ValueError(f"no rule here for an attribute of type {kind}")


def write_units(*versions: Item | None) -> int:
    """Of a write that meets these versions of an item (before, after): 1 per started KB of the larger one, at least 1.

    A write whose condition fails costs as much.
    """
    largest = max((item_bytes(version) for version in versions if version), default=0)
    return max(1, ceil(largest / WRITE_UNIT_BYTES))


def index_units(before: Item | None, after: Item | None) -> int:
    """Of the same write in a local index, given the entries before and after; 0 where the entry stays as it is."""
    if before == after:
        return 0
    if before and after and before.keys() == after.keys():
        return write_units(before, after)
    return (write_units(before) if before else 0) + (write_units(after) if after else 0)


def read_units(size: int, *, consistent: bool) -> float:
    """Of reading so many bytes at once, 0 for an item that is not there: 1 per started 4 KB, at least 1, or half."""
    return max(1, ceil(size / READ_UNIT_BYTES)) * (1 if consistent else 0.5)
