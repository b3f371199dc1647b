"""Which stream records a mapping wants: the part of Lambda's filter language that templates here use.

Known tests: an exact value (string, number, true, false, null), `{"prefix": …}`, `{"suffix": …}`, `{"exists": …}`,
`{"anything-but": [...]}`. Another test is refused when the mapping is made.

Source: AWS Lambda developer guide, "Control which events Lambda sends to your function", 2026-11-21.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast


class FilterError(ValueError):
    """The filter uses a test the embedded stack does not know."""


_MISSING: Final = object()


def _prefix(value: object, wanted: Any) -> bool:
    return isinstance(value, str) and value.startswith(wanted)


def _suffix(value: object, wanted: Any) -> bool:
    return isinstance(value, str) and value.endswith(wanted)


def _exists(value: object, wanted: Any) -> bool:
    return (value is not _MISSING) is wanted


def _anything_but(value: object, wanted: Any) -> bool:
    unwanted = cast("list[Any]", wanted) if isinstance(wanted, list) else [wanted]
    return value is not _MISSING and value not in unwanted


_TESTS: Final[Mapping[str, Callable[[object, Any], bool]]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "exists": _exists,
    "anything-but": _anything_but,
}


def check(pattern: Mapping[str, Any]) -> None:
    """Look at every test of `pattern`.

    Raises:
        FilterError: it has one that is not known.
    """
    for key, wanted in pattern.items():
        if isinstance(wanted, Mapping):
            check(cast("Mapping[str, Any]", wanted))
            continue
        if not isinstance(wanted, list):
            msg = f"a filter lists the values of {key!r}: {wanted!r} is no list"
            raise FilterError(msg)
        for test in cast("list[Any]", wanted):
            if isinstance(test, Mapping) and not set(cast("Mapping[str, Any]", test)) <= set(_TESTS):
                msg = f"the embedded stack does not know the filter test {test!r} of {key!r}"
                raise FilterError(msg)


def wanted_by(patterns: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> bool:
    """Whether `record` passes any of `patterns`; no patterns want everything."""
    return not patterns or any(_matches(pattern, record) for pattern in patterns)


def _matches(pattern: Mapping[str, Any], value: object) -> bool:
    for key, wanted in pattern.items():
        part = cast("Mapping[str, Any]", value).get(key, _MISSING) if isinstance(value, Mapping) else _MISSING
        if isinstance(wanted, Mapping):
            if not _matches(cast("Mapping[str, Any]", wanted), part):
                return False
        elif not any(_passes(test, part) for test in cast("list[Any]", wanted)):
            return False
    return True


def _passes(test: object, value: object) -> bool:
    if isinstance(test, Mapping):
        return all(_TESTS[name](value, wanted) for name, wanted in cast("Mapping[str, Any]", test).items())
    return type(test) is type(value) and test == value
