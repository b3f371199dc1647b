"""Reads a journey's document: YAML or JSON text, or nested mappings, into plain JSON types.

Exists because a document comes from outside: its size, depth and types are bounded here, before anything looks at what
it says. YAML is read as YAML 1.2 reads it (`on` is a word, `21:00` is text, dates are text), duplicate keys are refused
as an author's slip, and anchors and aliases are refused because a few lines of them can stand for gigabytes.
"""

import json
import math
import re
from collections.abc import Hashable, Mapping
from typing import Any, Final, Never, cast, override

import yaml

from omnicascade.domain.errors import Problem, UnacceptableError

LARGEST_BYTES: Final = 100_000
"""A quarter of what a DynamoDB item may hold. Source: DynamoDB developer guide, "Item size": 400 KB."""

DEEPEST: Final = 60


def read_document(source: str | Mapping[str, Any]) -> dict[str, Any]:
    """The document as nested dicts, lists, text, numbers, booleans and None.

    Raises:
        UnacceptableError: too large, too deep, not YAML or JSON, or not a mapping; the problem says where.
    """
    if isinstance(source, str):
        if len(source.encode()) > LARGEST_BYTES:
            _refuse("too_large", f"a document may have {LARGEST_BYTES} bytes")
        source = _parse(source)
    if not isinstance(source, Mapping):
        _refuse("not_a_mapping", "expected a mapping, one or more lines such as `name: …`, or a JSON object")
    return cast("dict[str, Any]", _plain(source, "", 0))


def _parse(text: str) -> Any:
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text, object_pairs_hook=_unique)
        except json.JSONDecodeError:
            pass  # YAML's own braces look alike: {name: welcome}
        except RecursionError:
            _refuse("too_deep", f"a document may be nested {DEEPEST} deep")
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader with fewer types
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        _refuse("not_yaml", f"{error.problem or 'cannot be read'}{where}")
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        _refuse("not_yaml", f"cannot be read as YAML: {error}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        _refuse("duplicate_key", f"{twice!r} stands twice in the same mapping")
    return found


def _plain(value: object, path: str, depth: int) -> Any:
    if depth > DEEPEST:
        _refuse("too_deep", f"a document may be nested {DEEPEST} deep", path)
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {_name(key, path): _plain(item, f"{path}.{key}".lstrip("."), depth + 1) for key, item in items}
    if isinstance(value, list | tuple):
        listed = cast("list[object]", value)
        return [_plain(item, f"{path}.{n}".lstrip("."), depth + 1) for n, item in enumerate(listed)]
    if isinstance(value, float) and not math.isfinite(value):
        _refuse("not_a_number", f"{value} is no number", path)
    if isinstance(value, str):
        return _text(value, path)
    if value is None or isinstance(value, int | float):
        return value
    return _refuse("type", f"{type(value).__name__} is not a type of JSON", path)


def _name(key: object, path: str) -> str:
    if not isinstance(key, str):
        _refuse("key", f"the key {key!r} must be text", path)
    return _text(key, path)


def _text(text: str, path: str) -> str:
    """A text that can be stored: JSON may escape half of a character, which UTF-8 has no bytes for."""
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        _refuse("not_text", f"{text!a} has half of a character: write the character itself", path)
    return text


def _refuse(code: str, message: str, path: str = "") -> Never:
    raise UnacceptableError(message, code=code, path=path or None, problems=[Problem(path, code, message)])


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core types and nothing else."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own convention; filled below

    @override
    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark: Any = cast("Any", self.peek_event()).start_mark  # pyright: ignore[reportUnknownMemberType]
            raise yaml.MarkedYAMLError(problem="anchors and aliases are not read", problem_mark=mark)
        return super().compose_node(parent, index)

    @override
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} stands twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def _resolve(tag: str, pattern: str, first: str) -> None:
    matcher = re.compile(pattern)
    _Loader.add_implicit_resolver(  # pyright: ignore[reportUnknownMemberType]
        f"tag:yaml.org,2002:{tag}", matcher, list(first)
    )


_resolve("bool", r"^(?:true|false)$", "tf")
_resolve("null", r"^(?:~|null)$", "~n")
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^$"), [""])  # pyright: ignore[reportUnknownMemberType]
_resolve("int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789")
_resolve("float", r"^[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$", "-+0123456789")
