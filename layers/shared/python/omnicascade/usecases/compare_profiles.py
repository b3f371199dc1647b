"""What a change of rules would do to customers: two rebuilds of the same events, compared customer by customer.

Why it exists: a rule that looks harmless can join strangers or tear customers apart; staff want names, not adjectives,
before it is deployed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.profile import Profile, ProfileId
from omnicascade.domain.resolution import Component
from omnicascade.usecases.rebuild_profiles import Rebuilt

_COMPARED: Final = tuple(field.name for field in fields(Profile) if field.name != "members")


@dataclass(frozen=True, slots=True)
class Regrouped:
    """Customers whose identifiers are grouped in another way.

    Attributes:
        before, after: profile ids; one becomes several (a split), several become one (a join), or both at once.
        identifiers: `type:value` of all of them, as they are after.
    """

    before: tuple[ProfileId, ...]
    after: tuple[ProfileId, ...]
    identifiers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """A customer who stays one and says something else: `what` names the parts of the profile."""

    before: ProfileId
    after: ProfileId
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every customer that is in one of two rebuilds.

    Attributes:
        joined: one after for several before.
        split: several after for one before; where both happen at once it is told here and in `joined`.
        changed: the same customer, with another profile.
        gone: before, and none of the identifiers after.
        appeared: after, and none of the identifiers before.
        same: how many are equal to the last detail.
    """

    joined: Sequence[Regrouped]
    split: Sequence[Regrouped]
    changed: Sequence[Changed]
    gone: Sequence[ProfileId]
    appeared: Sequence[ProfileId]
    same: int


def compare_profiles(before: Rebuilt, after: Rebuilt) -> Comparison:
    """Compare two rebuilds of the same events."""
    old, new = _Side(before), _Side(after)
    joined = [_regrouped(earlier, [one], one) for one in new.customers() if len(earlier := old.of(one)) > 1]
    split = [_regrouped([one], later, *later) for one in old.customers() if len(later := new.of(one)) > 1]
    changed, same = list[Changed](), 0
    for one in new.customers():
        earlier = old.of(one)
        if len(earlier) == 1 and len(new.of(earlier[0])) == 1:
            what = _differences(earlier[0].profile, one.profile)
            same += not what
            if what:
                changed.append(Changed(earlier[0].profile_id, one.profile_id, what))
    return Comparison(
        joined=joined,
        split=split,
        changed=changed,
        gone=[one.profile_id for one in old.customers() if not new.of(one)],
        appeared=[one.profile_id for one in new.customers() if not old.of(one)],
        same=same,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _One:
    """A customer, its profile made only when it is asked for: most of a million are never looked at."""

    rebuilt: Rebuilt
    component: Component

    @property
    def profile(self) -> Profile:
        return next(filter(None, [self.rebuilt.customer(self.component)])).profile

    @property
    def profile_id(self) -> ProfileId:
        return self.profile.profile_id


class _Side:
    """One rebuild, to be asked who somebody of the other is in it."""

    def __init__(self, rebuilt: Rebuilt) -> None:
        self._ones = [_One(rebuilt, each) for each in rebuilt.components() if rebuilt.customer(each)]
        self._by_node: Mapping[NodeId, _One] = {node: one for one in self._ones for node in one.component.members}

    def customers(self) -> Iterator[_One]:
        return iter(self._ones)

    def of(self, other: _One) -> list[_One]:
        """Everybody here who has one of the other's identifiers."""
        found = (self._by_node.get(node) for node in sorted(other.component.members))
        return list(dict.fromkeys(one for one in found if one))


def _regrouped(before: Sequence[_One], after: Sequence[_One], *shown: _One) -> Regrouped:
    names = [str(known.identifier) for one in shown for known in one.profile.identifiers]
    return Regrouped(tuple(one.profile_id for one in before), tuple(one.profile_id for one in after), tuple(names))


def _differences(before: Profile, after: Profile) -> tuple[str, ...]:
    return tuple(name for name in _COMPARED if getattr(before, name) != getattr(after, name))
