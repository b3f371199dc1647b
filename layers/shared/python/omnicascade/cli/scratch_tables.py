"""Tables on disk for the length of one import: joined files, and how often each row was seen.

Why it exists: both grow with the files. SQLite keeps them in a temporary file that it spills to only when it must, and
which vanishes with the process.
"""

import sqlite3
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from decimal import Decimal

_SCHEMA = (
    "CREATE TABLE seen (digest BLOB PRIMARY KEY, times INTEGER) WITHOUT ROWID",
    "CREATE TABLE joined (key TEXT, name TEXT, value TEXT, PRIMARY KEY (key, name)) WITHOUT ROWID",
)
_COUNT_SEEN = "INSERT INTO seen VALUES (?, 1) ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times"
_ADD = (
    "INSERT INTO joined VALUES (?, ?, ?) "
    "ON CONFLICT DO UPDATE SET value = decimal_add(value, excluded.value)"
)  # fmt: skip
_KEEP_FIRST = "INSERT INTO joined VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_APPEND = "INSERT INTO joined VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = value || ',' || excluded.value"
_FIND = "SELECT name, value FROM joined WHERE key = ?"


def _decimal_add(left: str, right: str) -> str:
    return str(Decimal(left) + Decimal(right))


class ScratchTables:
    """The scratch database of one import; use `open_tables`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def times_seen(self, digest: bytes) -> int:
        """Count a digest once more, and return how often it was seen by now (from 1)."""
        return int(self._connection.execute(_COUNT_SEEN, (digest,)).fetchone()[0])

    def add(self, key: str, name: str, number: Decimal) -> None:
        """Add to the exact sum kept under (key, name)."""
        self._connection.execute(_ADD, (key, name, str(number)))

    def keep_first(self, key: str, name: str, text: str) -> None:
        """Keep a text under (key, name) unless there is one already."""
        self._connection.execute(_KEEP_FIRST, (key, name, text))

    def append(self, key: str, name: str, json_text: str) -> None:
        """Append to the comma-separated JSON values under (key, name)."""
        self._connection.execute(_APPEND, (key, name, json_text))

    def find(self, key: str) -> Mapping[str, str]:
        """Everything kept under a key, by name."""
        return dict(self._connection.execute(_FIND, (key,)).fetchall())


@contextmanager
def open_tables() -> Generator[ScratchTables]:
    """Empty tables that are gone afterwards."""
    connection = sqlite3.connect("")  # a temporary file of SQLite's own
    try:
        connection.create_function("decimal_add", 2, _decimal_add, deterministic=True)
        for statement in _SCHEMA:
            connection.execute(statement)
        yield ScratchTables(connection)
    finally:
        connection.close()
