"""Joined files: the columns that other CSVs of the same folder add to a row.

Why it exists: exports are normalised (orders here, payments and order lines there), events are whole. A joined file is
read once, before the rows, and only what the map asks of it is kept, on disk.
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

from omnicascade.cli.cells import read_number, resolve
from omnicascade.cli.csv_source import CsvSource, Row, open_csv
from omnicascade.cli.map_file import columns_in, missing_column
from omnicascade.cli.map_model import Join
from omnicascade.cli.scratch_tables import ScratchTables
from omnicascade.domain.errors import InvalidInputError, Problem, UnacceptableError

_NOTHING_FOUND: Final = "0"
"""The sum and the count of no rows."""


class Joins:
    """The joined files of one import, loaded into scratch tables."""

    def __init__(self, joins: Sequence[Join], sources: Sequence[CsvSource], tables: ScratchTables) -> None:
        """Read every joined file.

        Raises:
            InvalidInputError: a row cannot be read or summed: a wrong sum for an unknown customer must not go unseen.
        """
        self._joins, self._tables = joins, tables
        for i, (join, source) in enumerate(zip(joins, sources, strict=True)):
            for row in source.rows():
                try:
                    self._load(i, join, row)
                except (InvalidInputError, ValueError) as error:
                    message = f"{source.path.name}, line {row.line}: {error}"
                    raise InvalidInputError(message, code="joined_row") from error

    def widen(self, cells: Mapping[str, str]) -> Mapping[str, str]:
        """The row's cells with those of every join; later joins may use what earlier ones brought."""
        wide = dict(cells)
        for i, join in enumerate(self._joins):
            key = _key(i, [wide.get(name, "") for name in join.on])
            found = self._tables.find(key) if key else dict[str, str]()
            wide |= {name: found.get(name, _NOTHING_FOUND) for name in (*join.sum, *join.count)}
            wide |= {name: found.get(name, "") for name in join.first}
            wide |= {name: f"[{found[name]}]" if name in found else "" for name in join.list}
        return wide

    def _load(self, number: int, join: Join, row: Row) -> None:
        if row.problem:
            raise InvalidInputError(row.problem.message)
        key = _key(number, [row.cells.get(there, "") for there in join.on.values()])
        if not key:
            return
        for name, there in join.sum.items():
            self._tables.add(key, name, _summand(there, row.cells[there]))
        for name, there in join.count.items():
            self._tables.add(key, name, Decimal(bool(row.cells[there])))
        for name, cell in ((name, row.cells[there]) for name, there in join.first.items()):
            if cell:
                self._tables.keep_first(key, name, cell)
        for name, wanted in join.list.items():
            item = (row.cells[wanted] or None) if isinstance(wanted, str) else resolve(wanted, row.cells)
            if item is not None:
                self._tables.append(key, name, json.dumps(item, ensure_ascii=False))


def open_joined(joins: Sequence[Join], folder: Path) -> tuple[CsvSource, ...]:
    """Open every joined file, beside the imported one.

    Raises:
        InvalidInputError: a file cannot be read.
        UnacceptableError: a join names a column that its file has not.
    """
    sources = tuple(open_csv(folder / join.file) for join in joins)
    problems: list[Problem] = []
    for i, (join, source) in enumerate(zip(joins, sources, strict=True)):
        for path, name in _columns_there(join):
            if name not in source.header:
                problems.append(missing_column(f"join[{i}].{path}", name, source.header, join.file))
    if problems:
        raise UnacceptableError("the map does not fit the joined files", code="invalid_map", problems=problems)
    return sources


def _columns_there(join: Join) -> list[tuple[str, str]]:
    plain = {"on": join.on, "sum": join.sum, "count": join.count, "first": join.first}
    found = [(f"{kind}.{name}", there) for kind, columns in plain.items() for name, there in columns.items()]
    for name, wanted in join.list.items():
        found += [(f"list.{name}", wanted)] if isinstance(wanted, str) else columns_in(wanted, f"list.{name}")
    return found


def _key(number: int, values: Sequence[str]) -> str:
    """The scratch key of a join's values; nothing when one of them is empty, for nothing joins on nothing."""
    return json.dumps([number, *values]) if all(values) else ""


def _summand(column: str, cell: str) -> Decimal:
    try:
        return read_number(cell or "0")
    except ValueError as error:
        raise ValueError(f'{column}: "{cell}" is {error}') from error
