"""The kinds of computed traits: each adds events up to a small state whose order and grouping cannot matter.

A kind is a commutative monoid: adding an event is merging it in, merging is exact (whole numbers, smallest, largest)
and says the same for any order and any partition of the events. What is bounded is bounded so that this still holds:
of the keys of a state those stay that come first in an order which only the key decides (its CRC-32), and none that
stays has ever been left out before. A customer with more shops, currencies or channels than that is no customer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol
from zlib import crc32

from omnicascade.domain.computed.reading import PLACES, Reading
from omnicascade.domain.moments import epoch_ms, iso_ms

if TYPE_CHECKING:
    from omnicascade.domain.event import Event

type State = Any
"""JSON values; never changed in place."""

MOST_KEYS: Final = 32
"""Keys (shops, sources, currencies, hours) that one state holds."""

MOST_PERIODS: Final = 32
"""Half-lives that a decayed sum looks back: what is older weighs less than a four-billionth."""

EVERYTHING: Final = "*"
"""Listens to every event."""

_ALONE: Final = ""
"""The only key of a state that is not grouped."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """Which events a definition hears.

    Attributes:
        weights: by event name, or `EVERYTHING`; calls that are no track call have their type as name.
        unless: an event in which this holds something is not heard, such as a click by a machine.
        not_from: sources that are not heard.
    """

    weights: Mapping[str, int]
    unless: Reading | None = None
    not_from: frozenset[str] = frozenset()

    def weight(self, event: Event) -> int:
        """How much the event counts; 0: it is not heard."""
        if event.source in self.not_from or (self.unless and self.unless.holds(event)):
            return 0
        return self.weights.get(event.name) or self.weights.get(EVERYTHING, 0)


class Kind(Protocol):
    """One definition at work. A state is never changed: another one is returned."""

    @property
    def key(self) -> str:
        """Where its state is kept: its name with a hash of what it means, so that two meanings never mix."""
        ...

    @property
    def hearing(self) -> Hearing:
        """Which events it hears."""
        ...

    def add(self, state: State | None, event: Event, at_ms: int) -> State | None:
        """The state with an event (at `at_ms`); None when there was none and the event says nothing."""
        ...

    def merge(self, left: State, right: State) -> State:
        """What both states saw together."""
        ...

    def show(self, state: State) -> Mapping[str, Any]:
        """The computed traits, as JSON values."""
        ...


TALLY_FIELDS: Final[Mapping[str, Callable[[int, int], int]]] = {
    "count": lambda left, right: left + right,
    "sum": lambda left, right: left + right,
    "first": min,
    "last": max,
}
"""What a tally keeps for each key, and how two of them make one. Sums are in millionths, times in Unix ms."""

TALLY_VIEWS: Final[Mapping[str, tuple[str, ...]]] = {
    "count": ("count",),
    "counts": ("count",),
    "sum": ("sum",),
    "sums": ("sum",),
    "average": ("count", "sum"),
    "averages": ("count", "sum"),
    "first": ("first",),
    "firsts": ("first",),
    "last": ("last",),
    "lasts": ("last",),
    "most": ("count",),
}
"""What can be shown of a tally, and the fields it needs. In the plural by key; `most` is the most frequent key."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Count, sum, first and last time of events, for each key.

    Attributes:
        by: what to group by; an event without it is not counted.
        value: what to add up; an event without it is not counted. A weight multiplies it, and may be negative.
        shown: computed trait and view, see `TALLY_VIEWS`.
        fields: what the views need, in the order of `TALLY_FIELDS`.
    """

    key: str
    hearing: Hearing
    by: Reading | None
    value: Reading | None
    shown: tuple[tuple[str, str], ...]
    fields: tuple[str, ...]

    def add(self, state: State | None, event: Event, at_ms: int) -> State | None:
        """Count the event under its key."""
        weight = self.hearing.weight(event)
        key = _ALONE if self.by is None else self.by.text(event)
        amount = 0 if self.value is None else self.value.amount(event)
        if not weight or key is None or amount is None:
            return state
        alone = {"count": 1, "sum": weight * amount, "first": at_ms, "last": at_ms}
        one = [alone[field] for field in self.fields]
        if state is None:
            return {key: one}
        held = state.get(key)
        if held is None:
            return _bounded({**state, key: one})
        both = self._together(held, one)
        return state if both == held else {**state, key: both}

    def merge(self, left: State, right: State) -> State:
        """Key by key."""
        merged = dict(left)
        for key, one in right.items():
            merged[key] = self._together(merged[key], one) if key in merged else one
        return _bounded(merged)

    def _together(self, left: list[int], right: list[int]) -> list[int]:
        return [TALLY_FIELDS[f](a, b) for f, a, b in zip(self.fields, left, right, strict=True)]

    def show(self, state: State) -> Mapping[str, Any]:
        """Each view under its computed trait's name."""
        every = sorted(state.items()) if len(state) > 1 else list(state.items())
        totals = every[0][1]
        for _, one in every[1:]:
            totals = self._together(totals, one)
        shown: dict[str, Any] = {}
        for trait, view in self.shown:
            if view == "most":
                shown[trait] = self._spelled(min(every, key=lambda item: (-self._named(item[1])["count"], item[0]))[0])
            elif view.endswith("s"):
                shown[trait] = {key: _viewed(view[:-1], self._named(one)) for key, one in every}
            else:
                shown[trait] = _viewed(view, self._named(totals))
        return shown

    def _named(self, one: list[int]) -> Mapping[str, int]:
        return dict(zip(self.fields, one, strict=True))

    def _spelled(self, key: str) -> str | int:
        return int(key) if self.by and self.by.word == "hour" else key


def _viewed(view: str, fields: Mapping[str, int]) -> Any:
    match view:
        case "count":
            return fields["count"]
        case "sum":
            return number(fields["sum"])
        case "average":
            return number((2 * fields["sum"] + fields["count"]) // (2 * fields["count"]))
        case _:
            return iso_ms(fields[view])


def number(amount: int) -> int | float:
    """Millionths as a JSON number."""
    whole, part = divmod(amount, 10**PLACES)
    return amount / 10**PLACES if part else whole


def _bounded(state: dict[str, Any]) -> dict[str, Any]:
    """At most `MOST_KEYS` keys: those that come first by CRC-32, whatever they hold."""
    if len(state) <= MOST_KEYS:
        return state
    kept = sorted(state, key=lambda key: (crc32(key.encode("utf-8", "surrogatepass")), key))[:MOST_KEYS]
    return {key: state[key] for key in kept}


STEPS: Final = 256
"""Steps of a half-life in which a weight grows."""

DECAYED_VIEWS: Final = ("most", "ranking")
"""What can be shown of a decayed sum: the key that weighs most, or all keys, heaviest first."""


@dataclass(frozen=True, slots=True)
class Decayed:
    """Weights of events per key, halved with every half-life that has passed since.

    Instead of letting the past decay, the present grows, from a fixed beginning (1970): an event weighs twice as much
    as one a half-life before it. Within a half-life the weight grows in a straight line, in `STEPS` steps, so that it
    is a whole number and sums of it are exact. The state is a sum per half-life; only the latest `MOST_PERIODS` of
    each key are kept. An event cannot have happened after it was received, so that no clock of a client that runs
    ahead decides for ever.
    """

    key: str
    hearing: Hearing
    by: Reading
    half_life_ms: int
    shown: tuple[tuple[str, str], ...]

    def add(self, state: State | None, event: Event, at_ms: int) -> State | None:
        """Add the event's weight to its key's sum."""
        weight = self.hearing.weight(event)
        key = self.by.text(event)
        if not weight or key is None:
            return state
        period, rest = divmod(min(at_ms, epoch_ms(event.received_at)), self.half_life_ms)
        one = {key: {str(period): weight * (STEPS + rest * STEPS // self.half_life_ms)}}
        return one if state is None else self.merge(state, one)

    def merge(self, left: State, right: State) -> State:
        """Key by key and half-life by half-life."""
        merged = dict(left)
        for key, sums in right.items():
            held = merged.get(key, {})
            both = held | {period: held.get(period, 0) + sums[period] for period in sums}
            latest = max(map(int, both))
            merged[key] = {p: both[p] for p in both if int(p) > latest - MOST_PERIODS}
        return _bounded(merged)

    def show(self, state: State) -> Mapping[str, Any]:
        """The heaviest key, or the ranking of all; keys that weigh the same stand in the order of their names."""
        latest = max(int(period) for sums in state.values() for period in sums)
        since = latest - 2 * MOST_PERIODS
        weights = {
            key: sum(mass << (int(p) - since) for p, mass in sums.items() if int(p) >= since)
            for key, sums in state.items()
        }
        ranking = sorted(weights, key=lambda key: (-weights[key], key))
        return {trait: ranking if view == "ranking" else ranking[0] for trait, view in self.shown}


LATEST_VIEWS: Final = ("value", "at")
"""What can be shown of a latest value: itself, or when it was said."""


@dataclass(frozen=True, slots=True)
class Latest:
    """The value that the latest event carries, by event time, then message id, then the value itself."""

    key: str
    hearing: Hearing
    value: Reading
    shown: tuple[tuple[str, str], ...]

    def add(self, state: State | None, event: Event, at_ms: int) -> State | None:
        """Keep the later of the event's value and the held one."""
        value = self.value.value(event)
        if value is None or not self.hearing.weight(event):
            return state
        one = [at_ms, event.message_id, value]
        return one if state is None else self.merge(state, one)

    def merge(self, left: State, right: State) -> State:
        """The later one."""
        return max(left, right, key=lambda one: (one[0], one[1], json.dumps(one[2])))

    def show(self, state: State) -> Mapping[str, Any]:
        """The value, or its time."""
        return {trait: iso_ms(state[0]) if view == "at" else state[2] for trait, view in self.shown}
