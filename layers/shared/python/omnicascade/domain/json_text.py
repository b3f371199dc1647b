"""JSON as outside clients write it: read strictly, measured by what it weighs, and always storable again."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, cast

from omnicascade.domain.errors import MalformedBodyError


def parse_json(text: bytes | str) -> Any:
    """Parse one JSON document.

    Text that could not be written to a store again is mended, not refused: a lone surrogate (half an emoji, cut off
    by a client) becomes U+FFFD.

    Raises:
        MalformedBodyError: not UTF-8, not JSON, NaN or an infinite number, or nested beyond the parser's depth.
    """
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        value = json.loads(decoded, parse_constant=_refuse, parse_float=_finite)
        return _mended(value) if "\\ud" in decoded or "\\uD" in decoded else value
    except UnicodeDecodeError as error:
        raise MalformedBodyError("the body is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise MalformedBodyError(
            f"the body is not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        ) from error
    except RecursionError as error:
        raise MalformedBodyError("the body nests too deeply", code="too_deep") from error
    except ValueError as error:
        raise MalformedBodyError(f"the body is not JSON: {error}") from error


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number != 0:
        raise ValueError("a number is too large")
    return number


def _mended(value: Any) -> Any:
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    return value


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a JSON object, else an empty one."""
    if type(value) is dict:  # asked often, of parsed JSON nearly always, and quicker than what an abstract class asks
        return cast("Mapping[str, Any]", value)
    if value is None:
        return {}
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[Any]:
    """The value if it is a JSON list, else an empty one."""
    return cast("Sequence[Any]", value) if isinstance(value, list) else ()


def depth(value: object, limit: int) -> int:
    """How many levels of objects and lists a value nests; counting stops one past the limit."""
    deepest = 0
    level: list[Any] = [value]
    while deepest <= limit and (level := [v for v in level if mapping(v) or items(v)]):
        deepest += 1
        level = [child for v in level for child in (*mapping(v).values(), *items(v))]
    return deepest


def json_bytes(value: object, enough: int) -> int:
    """The size of a value as compact UTF-8 JSON, in bytes; exact only where the limit `enough` is near."""
    escaped = len(json.dumps(value, separators=(",", ":")))
    if escaped <= enough:
        return escaped
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace"))
