"""PartiQL writes in batches, which moto cannot read: `INSERT … VALUE {…}` and `UPDATE … SET … WHERE …` with parameters.

Only the forms the product writes are understood, anything else is an error that says so. Each statement becomes one of
moto's own conditional writes, so that keys, sizes and stream records are moto's, and each has an outcome of its own. As
on AWS a batch is not atomic: whoever is asked before each statement may let the process die between two.

Source: DynamoDB developer guide, "PartiQL insert statements", "PartiQL update statements", "Running batch operations
with PartiQL" and API reference, BatchStatementError (2026-11-22).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from moto.dynamodb.exceptions import ConditionalCheckFailed, MockValidationException

MOST_STATEMENTS: Final = 25
"""Statements of one batch. Source: "Running batch operations with PartiQL"."""

type Before = Callable[[int], None]
"""Told the position of the statement that is carried out next; whatever it raises ends the batch there."""

_INSERT: Final = re.compile(r"INSERT INTO \"(?P<table>[^\"]+)\" VALUE \{(?P<fields>.*)\}")
_FIELD: Final = re.compile(r"\s*'(?P<name>\w+)'\s*:\s*(?P<value>\?|'[^']*')\s*(?:,|$)")
_UPDATE: Final = re.compile(
    r"UPDATE \"(?P<table>[^\"]+)\"(?P<sets>(?: SET \"\w+\"=\?)+)(?P<removes>(?: REMOVE \"\w+\")*)"
    r" WHERE (?P<where>\"\w+\"=\S+(?: AND \"\w+\"=\S+)*)"
)
_EQUALS: Final = re.compile(r"\"(?P<name>\w+)\"=(?P<value>\?|'[^']*')")


def execute_batch(backend: Any, statements: Sequence[Mapping[str, Any]], before: Before) -> list[dict[str, Any]]:
    """Carry out the statements of one `BatchExecuteStatement` in order; the answers, each its own outcome.

    Raises:
        MockValidationException: the batch as a whole is refused, nothing is carried out.
    """
    if not 1 <= len(statements) <= MOST_STATEMENTS:
        raise MockValidationException(f"a batch has 1 to {MOST_STATEMENTS} statements, not {len(statements)}")
    read = [_read(backend, one["Statement"], iter(one.get("Parameters", ()))) for one in statements]
    written = [write.place for write in read if isinstance(write, _Write)]
    if len(set(written)) < len(written):
        raise MockValidationException("Provided list of item keys contains duplicates")
    answers: list[dict[str, Any]] = []
    for position, write in enumerate(read):
        before(position)
        answers.append(_carry_out(backend, write) if isinstance(write, _Write) else write)
    return answers


@dataclass(frozen=True, slots=True)
class _Write:
    """A statement that was understood: an item to be inserted, or attributes to be set where others are equal.

    Attributes:
        key: of the item to be updated; empty: the item is to be inserted.
        place: tells which item it is about.
        removes: attributes that the item must not have afterwards.
    """

    table: str
    values: Mapping[str, Any]
    key: Mapping[str, Any]
    where: Mapping[str, Any]
    place: tuple[str, ...]
    removes: Sequence[str] = ()


def _read(backend: Any, statement: str, parameters: Iterator[Any]) -> _Write | dict[str, Any]:
    """The statement's meaning, or the outcome of one that means nothing."""
    insert, update = _INSERT.fullmatch(statement), _UPDATE.fullmatch(statement)
    found = insert or update
    if found is None:
        return _failed("ValidationError", f"the embedded stack does not know this form of statement: {statement}")
    if found["table"] not in backend.tables:
        return _failed("ResourceNotFound", "Requested resource not found")
    values = _values(_FIELD, found["fields"], parameters) if insert else _values(_EQUALS, found["sets"], parameters)
    where = {} if insert else _values(_EQUALS, found["where"], parameters)
    if None in [*values.values(), *where.values()] or next(parameters, None) is not None:
        return _failed("ValidationError", "there must be as many parameters as question marks")
    table = backend.get_table(found["table"])
    names, keyed = (table.hash_key_attr, table.range_key_attr), values if insert else where
    if not all(name in keyed for name in names):
        return _failed("ValidationError", "the statement does not name the whole primary key")
    place = (found["table"], *(repr(keyed[name]) for name in names))
    key = {} if insert else {name: where.pop(name) for name in names}
    removes = [] if insert else re.findall(r"REMOVE \"(\w+)\"", found["removes"])
    return _Write(found["table"], values, key, where, place, removes)


def _carry_out(backend: Any, write: _Write) -> dict[str, Any]:
    try:
        if write.key:
            _update(backend, write)
        else:
            _insert(backend, write)
    except ConditionalCheckFailed:
        if write.key:
            return _failed("ConditionalCheckFailed", "The conditional request failed")
        return _failed("DuplicateItem", "Duplicate primary key exists in table")
    except MockValidationException as error:
        return _failed("ValidationError", str(error.description))
    return {"TableName": write.table}


def _insert(backend: Any, write: _Write) -> None:
    hash_name = backend.get_table(write.table).hash_key_attr
    backend.put_item(write.table, dict(write.values), condition_expression=f"attribute_not_exists({hash_name})")


def _update(backend: Any, write: _Write) -> None:
    # An UPDATE makes no item: one that is absent fails the condition.
    hash_name = backend.get_table(write.table).hash_key_attr
    conditions = [f"attribute_exists({hash_name})", *(f"#{name} = :was_{name}" for name in write.where)]
    backend.update_item(
        write.table,
        dict(write.key),
        "SET "
        + ", ".join(f"#{name} = :{name}" for name in write.values)
        + (" REMOVE " + ", ".join(f"#{name}" for name in write.removes) if write.removes else ""),
        expression_attribute_names={f"#{name}": name for name in (*write.values, *write.where, *write.removes)},
        expression_attribute_values={f":{name}": value for name, value in write.values.items()}
        | {f":was_{name}": value for name, value in write.where.items()},
        condition_expression=" AND ".join(conditions),
    )


def _values(form: re.Pattern[str], text: str, parameters: Iterator[Any]) -> dict[str, Any]:
    """Names with their values: a text in quotes is itself, a question mark the next parameter (None: there is none)."""
    values: dict[str, Any] = {}
    for found in form.finditer(text):
        given = found["value"]
        values[found["name"]] = next(parameters, None) if given == "?" else {"S": given[1:-1]}
    return values


def _failed(code: str, message: str) -> dict[str, Any]:
    return {"Error": {"Code": code, "Message": message}}
