"""All computed traits of a deployment at once: kept by the fold, joined across identifiers, shown in the profile.

The states are part of the projection, under each definition's key. A definition that changes its meaning gets another
key: the fold drops the old state and starts anew, and a rebuild from the archive fills in what went before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from omnicascade.domain.computed.kinds import EVERYTHING, Kind, State

if TYPE_CHECKING:
    from omnicascade.domain.event import Event


@dataclass(frozen=True, slots=True)
class ComputedTraits:
    """The definitions of one deployment, in the order in which they were written.

    An event that no definition hears costs one look into a mapping.
    """

    definitions: tuple[Kind, ...] = ()
    _by_key: Mapping[str, Kind] = field(init=False, repr=False, compare=False)
    _by_event: Mapping[str, tuple[Kind, ...]] = field(init=False, repr=False, compare=False)
    _always: tuple[Kind, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the definitions by what they hear."""
        heard = {kind.key: kind.hearing.weights for kind in self.definitions}
        names = {name for weights in heard.values() for name in weights}

        def hearing(name: str) -> tuple[Kind, ...]:
            return tuple(k for k in self.definitions if name in heard[k.key] or EVERYTHING in heard[k.key])

        object.__setattr__(self, "_by_key", {kind.key: kind for kind in self.definitions})
        object.__setattr__(self, "_by_event", {name: hearing(name) for name in names})
        object.__setattr__(self, "_always", hearing(EVERYTHING))

    def current(self, states: Mapping[str, State]) -> dict[str, State]:
        """A copy without the states of definitions that are no more, or mean something else now."""
        return {key: state for key, state in states.items() if key in self._by_key}

    def add(self, states: dict[str, State], event: Event, at_ms: int) -> None:
        """Add an event, which must not have been added before, to the states."""
        for kind in self._by_event.get(event.name, self._always):
            state = kind.add(states.get(kind.key), event, at_ms)
            if state is not None:
                states[kind.key] = state

    def show(self, several: Iterable[Mapping[str, State]]) -> dict[str, Any]:
        """The computed traits of whom these states are, as JSON values; what no event spoke of is left out."""
        merged: dict[str, State] = {}
        for states in several:
            for key, state in states.items():
                kind = self._by_key.get(key)
                if kind:
                    merged[key] = kind.merge(merged[key], state) if key in merged else state
        shown: dict[str, Any] = {}
        for kind in self.definitions:
            if kind.key in merged:
                shown |= kind.show(merged[kind.key])
        return shown
