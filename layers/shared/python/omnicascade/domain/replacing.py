"""`dataclasses.replace` for values that are replaced a hundred thousand times: the same promise at a third of the cost.

Exists because a run has some thirty fields and every move of it makes a new one: what the standard function spends on
asking each field whether it may be replaced, and on the constructor, is more than the engine's own work.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to copy values of one class: all fields at once, and where each is put."""

    read: Callable[[Any], tuple[Any, ...]]
    put: tuple[Callable[[Any, Any], None], ...]
    put_named: Mapping[str, Callable[[Any, Any], None]]


_PLANS: dict[type, _Plan] = {}


def replace[Value](value: Value, /, **changes: Any) -> Value:
    """The same frozen value with some fields changed.

    Args:
        value: of a dataclass with slots, at least two fields, and nothing that its constructor checks or works out.
        changes: by field.

    Raises:
        KeyError: there is no such field.
    """
    kind = type(value)
    plan = _PLANS.get(kind) or _plan(kind)
    copy = object.__new__(kind)
    for put, kept in zip(plan.put, plan.read(value), strict=True):
        put(copy, kept)
    for name, changed in changes.items():
        plan.put_named[name](copy, changed)
    return copy


def _plan(kind: Any) -> _Plan:
    if "__post_init__" in vars(kind) or "__slots__" not in vars(kind):
        raise TypeError(f"{kind.__name__} is no dataclass with slots and without `__post_init__`")
    named = {field.name: getattr(kind, field.name).__set__ for field in fields(kind)}
    plan = _PLANS[kind] = _Plan(attrgetter(*named), tuple(named.values()), named)
    return plan
