"""Reading an import map: YAML in, a checked `ImportMap` out, or every problem at once with its path.

Why it exists apart from the nouns: what must hold between the parts of a map (a track call needs an event, a column
must exist, two calls must not share their messageId) is no property of one part.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import yaml
from pydantic import ValidationError

from omnicascade.cli.map_model import CALL_OF_FIELD, CallRule, Column, Condition, ImportMap, Moment, nearest
from omnicascade.domain.errors import Problem, UnacceptableError


class _MapLoader(yaml.SafeLoader):
    """YAML 1.2's plain scalars: `on`, `no` and `12:30` are texts, dates too; a key given twice is refused."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Build one mapping, refusing doubled keys."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f'the key "{key.value}" is given twice', key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_PLAIN_SCALARS: Final = {
    "null": r"~|null|",
    "bool": r"true|false",
    "int": r"[-+]?(0|[1-9][0-9]*)",
    "float": r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?",
}
_MapLoader.yaml_implicit_resolvers = {}
for _tag, _pattern in _PLAIN_SCALARS.items():
    _resolver = (f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"))
    _MapLoader.yaml_implicit_resolvers.setdefault(None, []).append(_resolver)


def parse_map(text: str) -> ImportMap:
    """The checked map.

    Raises:
        UnacceptableError: with every problem found, each with its path in the map.
    """
    try:
        data = yaml.load(text, Loader=_MapLoader)  # noqa: S506 - a SafeLoader with fewer types
    except yaml.YAMLError as error:
        raise _unacceptable([Problem("", "invalid_yaml", " ".join(str(error).split()))]) from error
    if not isinstance(data, Mapping):
        raise _unacceptable(
            [Problem("", "invalid_map", "the map is not a YAML mapping; see omnicascade import --help")]
        )
    try:
        wanted = ImportMap.model_validate(data)
    except ValidationError as error:
        raise _unacceptable(
            [Problem(_path(found["loc"]), found["type"], found["msg"]) for found in error.errors(include_url=False)]
        ) from error
    problems = [problem for rule in wanted.calls for problem in _call_problems(rule)]
    problems += _same_identity(wanted.calls)
    if problems:
        raise _unacceptable(problems)
    return wanted


def check_columns(wanted: ImportMap, header: Sequence[str], file: str) -> None:
    """Return when every column the map reads is in the file or brought by a join.

    Raises:
        UnacceptableError: naming each missing column, the nearest and all there are.
    """
    brought = [name for join in wanted.join for name in join.new_columns]
    problems = [
        Problem(f"join[{i}]", "column_exists", f'the new column "{name}" is already in {file}; choose another name')
        for i, join in enumerate(wanted.join)
        for name in join.new_columns
        if name in header or brought.count(name) > 1
    ]
    known = [*header, *brought]
    problems += [missing_column(path, name, known, file) for path, name in _columns_of(wanted) if name not in known]
    if problems:
        raise _unacceptable(problems)


def missing_column(path: str, name: str, known: Sequence[str], file: str) -> Problem:
    """The problem of a column that is not in the file."""
    columns = ", ".join(known)
    return Problem(path, "unknown_column", f'no column "{name}" in {file}{nearest(name, known)} (columns: {columns})')


def _unacceptable(problems: Sequence[Problem]) -> UnacceptableError:
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return UnacceptableError(f"the map has {count}", code="invalid_map", problems=problems)


def _path(loc: Iterable[int | str]) -> str:
    """`("also", 0, "event")` as `also[0].event`, without the tags of the value union."""
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif not part.startswith("<"):
            path += f".{part}" if path else part
    return path


def _call_problems(rule: CallRule) -> Iterator[Problem]:
    """What a call of this type must and must not have. Source: Segment's spec, each call's own page."""
    given = {name for name, value in dict(rule.fields).items() if value}
    needs = {"track": {"event"}, "group": {"group_id"}, "alias": {"previous_id", "user_id"}}.get(rule.call, set[str]())
    for name in sorted(needs - given):
        yield Problem(f"{rule.path}{name}", "missing", f"a {rule.call} call needs {name}")
    about_people = rule.call in {"identify", "group", "alias"}
    for name in sorted(given & ({"event", "properties"} if about_people else set[str]())):
        remedy = "; put it under traits" if name == "properties" else ""
        yield Problem(f"{rule.path}{name}", "misplaced", f"{rule.call} calls have no {name}{remedy}")
    for name, call in CALL_OF_FIELD.items():
        if name in given and rule.call != call:
            yield Problem(f"{rule.path}{name}", "misplaced", f"{name} belongs to {call} calls")
    named = given & {"user_id", "anonymous_id"} or set(rule.fields.traits) & {"email", "phone"}
    if not named and not {"externalIds", "device"} & set(rule.fields.context):
        message = "the call names nobody: give user_id, anonymous_id, or traits.email or traits.phone"
        yield Problem(f"{rule.path}user_id", "missing", message)


def _same_identity(rules: Sequence[CallRule]) -> Iterator[Problem]:
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for rule in rules:
        identity = (rule.label, rule.fields.key)
        if identity in seen:
            message = (
                f'another call "{rule.label}" has this key, so both would get one messageId: add a column to the key'
            )
            yield Problem(f"{rule.path}key", "ambiguous", message)
        seen.add(identity)


def _columns_of(wanted: ImportMap) -> Iterator[tuple[str, str]]:
    """Each column the map reads from the row, with the path that reads it."""
    for i, join in enumerate(wanted.join):
        for name in join.on:
            yield f"join[{i}].on.{name}", name
    yield from columns_in(wanted.skip_when, "skip_when")
    for rule in wanted.calls:
        yield from columns_in(rule.when, f"{rule.path}when")
        for i, name in enumerate(rule.fields.key):
            yield f"{rule.path}key[{i}]", name
        for field in rule.fields.model_fields_set - {"key", "when", "also", "join", "skip_when"}:
            yield from columns_in(getattr(rule.fields, field), f"{rule.path}{field}")


def columns_in(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Each column a value of the map reads, with its path."""
    if isinstance(value, Moment | Condition | Column):
        yield path, value.column
    elif isinstance(value, Mapping):
        for key, inner in value.items():  # pyright: ignore[reportUnknownVariableType]
            yield from columns_in(inner, f"{path}.{key}")  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, list):
        for i, inner in enumerate(value):  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
            yield from columns_in(inner, f"{path}[{i}]")  # pyright: ignore[reportUnknownArgumentType]
