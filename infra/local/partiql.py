"""PartiQL writes in batches, which moto cannot read: `INSERT … VALUE {…}` and `UPDATE … SET … WHERE …` with parameters.

Only the forms the product writes are understood, anything else is an error that says so. Each statement becomes one of
moto's own conditional writes, so that keys, sizes and stream records are moto's, and each has an outcome of its own. As
on AWS a batch is not atomic: whoever is asked before each statement may let the process die between two.

Source: DynamoDB developer guide, "PartiQL insert statements", "PartiQL update statements", "Running batch operations
with PartiQL" and API reference, BatchStatementError (2026-11-22).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    answers: list[dict[str, Any]] = []
    for position, statement in enumerate(statements):
        before(position)
        answers.append(_execute(backend, statement["Statement"], iter(statement.get("Parameters", ()))))
    return answers


def _execute(backend: Any, statement: str, parameters: Iterator[Any]) -> dict[str, Any]:
    try:
        if insert := _INSERT.fullmatch(statement):
            return _insert(backend, insert, parameters)
        if update := _UPDATE.fullmatch(statement):
            return _update(backend, update, parameters)
    except MockValidationException as error:
        return _failed("ValidationError", str(error.description))
    return _failed("ValidationError", f"the embedded stack does not know this form of statement: {statement}")


def _insert(backend: Any, insert: re.Match[str], parameters: Iterator[Any]) -> dict[str, Any]:
    item = _values(_FIELD, insert["fields"], parameters)
    _end(parameters)
    try:
        backend.put_item(insert["table"], item, condition_expression="attribute_not_exists(pk)")
    except ConditionalCheckFailed:
        return _failed("DuplicateItem", "Duplicate primary key exists in table")
    return {"TableName": insert["table"]}


def _update(backend: Any, update: re.Match[str], parameters: Iterator[Any]) -> dict[str, Any]:
    changed = _values(_EQUALS, update["sets"], parameters)
    removed = re.findall(r"\w+", update["removes"].replace(" REMOVE ", " "))
    where = _values(_EQUALS, update["where"], parameters)
    _end(parameters)
    table = backend.get_table(update["table"])
    key = {name: where.pop(name) for name in (table.hash_key_attr, table.range_key_attr)}
    # An UPDATE makes no item: one that is absent fails the condition.
    conditions = [f"attribute_exists({table.hash_key_attr})", *(f"#{name} = :was_{name}" for name in where)]
    try:
        backend.update_item(
            update["table"],
            key,
            "SET "
            + ", ".join(f"#{name} = :{name}" for name in changed)
            + (" REMOVE " + ", ".join(f"#{name}" for name in removed) if removed else ""),
            expression_attribute_names={f"#{name}": name for name in [*changed, *where, *removed]},
            expression_attribute_values={f":{name}": value for name, value in changed.items()}
            | {f":was_{name}": value for name, value in where.items()},
            condition_expression=" AND ".join(conditions),
        )
    except ConditionalCheckFailed:
        return _failed("ConditionalCheckFailed", "The conditional request failed")
    return {"TableName": update["table"]}


def _values(form: re.Pattern[str], text: str, parameters: Iterator[Any]) -> dict[str, Any]:
    """Names with their values: of a question mark the next parameter, of a text in quotes that text."""
    values: dict[str, Any] = {}
    for found in form.finditer(text):
        given = found["value"]
        values[found["name"]] = next(parameters, None) if given == "?" else {"S": given[1:-1]}
    if None in values.values():
        raise MockValidationException("a question mark has no parameter")
    return values


def _end(parameters: Iterator[Any]) -> None:
    if next(parameters, None) is not None:
        raise MockValidationException("a parameter has no question mark")


def _failed(code: str, message: str) -> dict[str, Any]:
    return {"Error": {"Code": code, "Message": message}}
