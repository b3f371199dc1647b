"""From the text of a cell to a JSON value.

Why it exists: the one place that decides what `yes`, `1.234,50` or `03.01.2018` mean, so that maps can say it in
a word. Empty cells are left out: nothing here is called for them.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from omnicascade.cli.map_model import ISO, UNIX_FORMATS, CellType, Column, Moment
from omnicascade.domain.errors import InvalidInputError

_TRUE: Final = frozenset({"true", "t", "yes", "y", "1"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "0"})


def resolve(value: object, cells: Mapping[str, str]) -> Any:
    """A value of the map for one row: constants as they are, columns converted, whatever is empty left out (None).

    Raises:
        InvalidInputError: a cell is not of its column's type; `path` is the column.
    """
    if isinstance(value, Column):
        cell = cells.get(value.column, "")
        return _CONVERSIONS[value.type](cell, value) if cell else None
    if isinstance(value, dict):
        inner = {str(k): resolve(v, cells) for k, v in value.items()}  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
        return {k: v for k, v in inner.items() if v is not None} or None
    if isinstance(value, list):
        items = [resolve(v, cells) for v in value]  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
        return [v for v in items if v is not None] or None
    return value


def read_number(cell: str, decimal: str = ".") -> Decimal:
    """The exact number a cell holds; with a decimal comma, points and spaces group thousands.

    Raises:
        ValueError: it holds none.
    """
    plain = cell.replace(".", "").replace(" ", "").replace("\u00a0", "").replace(",", ".") if decimal == "," else cell
    try:
        number = Decimal(plain)
    except InvalidOperation:
        raise ValueError("not a number") from None
    if not number.is_finite():
        raise ValueError("not a finite number")
    return number


def read_moment(cell: str, rule: Moment) -> datetime:
    """The moment a cell holds, in UTC.

    Raises:
        ValueError: the cell does not follow the format.
    """
    if rule.format in UNIX_FORMATS:
        return datetime.fromtimestamp(float(read_number(cell) / UNIX_FORMATS[rule.format]), UTC)
    moment = datetime.fromisoformat(cell) if rule.format == ISO else datetime.strptime(cell, rule.format)  # noqa: DTZ007 - the zone comes next
    aware = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(rule.zone))
    return aware.astimezone(UTC)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, as SDKs write it: `2018-01-01T00:00:00.000Z`."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_timestamp(cell: str, rule: Moment) -> str:
    """The moment a cell holds, as ISO 8601 in UTC.

    Raises:
        InvalidInputError: the cell does not follow the format.
    """
    try:
        return iso(read_moment(cell, rule))
    except (ValueError, OverflowError, OSError) as error:
        raise _not_a("timestamp", cell, rule, f" of format {rule.format}") from error


def _not_a(kind: str, cell: str, rule: Moment, more: str = "") -> InvalidInputError:
    shown = cell if len(cell) <= 40 else f"{cell[:40]}…"
    return InvalidInputError(f'"{shown}" is not a {kind}{more}', code=f"not_a_{kind}", path=rule.column)


def _number(cell: str, rule: Column) -> int | float:
    try:
        number = read_number(cell, rule.decimal) * (1 if rule.scale is None else rule.scale)
    except ValueError as error:
        raise _not_a("number", cell, rule) from error
    return int(number) if number == number.to_integral_value() else float(number)


def _integer(cell: str, rule: Column) -> int:
    try:
        return int(cell)
    except ValueError as error:
        raise _not_a("integer", cell, rule) from error


def _boolean(cell: str, rule: Column) -> bool:
    word = cell.lower()
    if word not in _TRUE | _FALSE:
        raise _not_a("boolean", cell, rule)
    return word in _TRUE


def _json(cell: str, rule: Column) -> object:
    try:
        return json.loads(cell, parse_constant=_refuse_constant)
    except ValueError as error:
        raise _not_a("json", cell, rule) from error


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _text(cell: str, _rule: Column) -> str:
    return cell


_CONVERSIONS: Final[Mapping[CellType, Callable[[str, Column], object]]] = {
    "text": _text,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "json": _json,
    "timestamp": read_timestamp,
}
