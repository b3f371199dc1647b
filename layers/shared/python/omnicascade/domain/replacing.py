"""`dataclasses.replace` for values that are replaced a hundred thousand times: the same promise at a tenth of the cost.

Exists because a run has some thirty fields and every move of it makes a new one: what the standard function spends on
asking each field whether it may be replaced, and on the constructor, is more than the engine's own work.
"""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

_COPIERS: dict[type, Callable[[Any, dict[str, Any]], Any]] = {}


def replace[Value](value: Value, /, **changes: Any) -> Value:
    """The same frozen value with some fields changed.

    Args:
        value: of a dataclass with slots, and nothing that its constructor checks or works out.
        changes: by field.

    Raises:
        KeyError: there is no such field.
    """
    kind = type(value)
    return (_COPIERS.get(kind) or _copier(kind))(value, changes)


def _copier(kind: Any) -> Callable[[Any, dict[str, Any]], Any]:
    """A function that copies slot by slot, written out as `dataclasses` writes out a constructor: a loop is dearer.

    The copy is filled as a value of a twin class, with the same slots but not frozen, and then becomes one of its kind:
    plain assignments cost a third of calling each slot's descriptor.
    """
    if "__post_init__" in vars(kind) or "__slots__" not in vars(kind):
        raise TypeError(f"{kind.__name__} is no dataclass with slots and without `__post_init__`")
    put = {field.name: getattr(kind, field.name).__set__ for field in fields(kind)}
    twin = type(f"Unfrozen{kind.__name__}", (), {"__slots__": tuple(put)})
    lines = ["def copier(value, changes):", " copy = new(twin)"]
    lines += [f" copy.{name} = value.{name}" for name in put]
    lines += [" copy.__class__ = kind"]
    lines += [" for name, changed in changes.items():", "  put[name](copy, changed)", " return copy"]
    known: dict[str, Any] = {"new": object.__new__, "kind": kind, "twin": twin, "put": put}
    exec("\n".join(lines), known)  # noqa: S102 - made of the names of a class's own fields, never of data
    copier = _COPIERS[kind] = known["copier"]
    return copier
