"""What events said of traits, leaf by leaf, and what stands of it.

The latest word on a leaf stands, by event time. Null deletes, and an empty object clears, with one exception: a form
on a strange device can add to what is known but not erase it. The event that first joins a device to a customer without
a login proves nothing of who sits there, so its nulls and empty objects are void.

Which event joined first is known only when all events are, so such words are kept apart ("doubtful") and judged when
a profile is read, by the edges that are stored then.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii
from typing import Any, Final, NamedTuple, cast

from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import SAME_CALL, STAFF_SOURCE, Edge
from omnicascade.domain.json_text import mapping
from omnicascade.domain.moments import from_ms
from omnicascade.domain.profile import TraitSource

MOST_DOUBTS: Final = 8
"""Doubtful words on one leaf that are kept, the latest ones, each of other identifiers."""


class Stamp(NamedTuple):
    """A place in time that two different events of one partition never share: event time in ms, then message id."""

    at_ms: int
    message_id: MessageId


@dataclass(frozen=True, slots=True)
class Trait:
    """One leaf of the traits: its value (None: deleted), when and by whom it was said."""

    value: Any
    stamp: Stamp
    source: str


type Words = dict[str, Trait]
"""By path: a JSON list of the names that lead to the leaf."""

type Doubts = dict[str, dict[str, Trait]]
"""By path, then by the identifiers that were named: all events that name the same ones propose the same edges, so of
these only the earliest can have been the first, and only the latest of their words matters."""


@dataclass(slots=True, eq=False)
class TraitWords:
    """Words being gathered.

    Attributes:
        words: the latest certain word on each leaf.
        doubts: doubtful words that are later than it.
    """

    words: Words
    doubts: Doubts

    @classmethod
    def of(cls, words: Mapping[str, Trait], doubts: Mapping[str, Mapping[str, Trait]]) -> TraitWords:
        """A copy to add to."""
        return cls(dict(words), {path: dict(several) for path, several in doubts.items()})

    def add(self, event: Event, at_ms: int) -> None:
        """Add what an event, which happened then, says: in its own traits, which count first, and in its context's."""
        own, told = event.body.get("traits"), mapping(event.body.get("context")).get("traits")
        if not (own or told):
            return
        stamp = Stamp(at_ms, event.message_id)
        if own and event.type not in _OF_OTHERS:
            self.say(mapping(own), stamp, event.source, event.identifiers)
        if told:
            self.say(mapping(told), stamp, event.source, event.identifiers)

    def say(
        self, traits: Mapping[str, Any], stamp: Stamp, source: str, named: Sequence[Identifier], lead: str = "["
    ) -> None:
        """Add what a source says of whom it names; `lead` is the path of what the traits lie in."""
        for name, value in traits.items():
            here = lead + encode_basestring_ascii(name)
            if isinstance(value, dict) and value:
                self.say(cast("Mapping[str, Any]", value), stamp, source, named, here + ",")
                continue
            path = here + "]"
            held = self.words.get(path)
            if held is not None and not held.stamp < stamp:
                continue
            trait = Trait(value, stamp, source)
            if (value is None or value == {}) and _is_doubtful(source, named):
                self._doubt(path, trait, named)
            else:
                self.words[path] = trait
                if path in self.doubts:
                    self._keep_later(path, stamp)

    def _doubt(self, path: str, trait: Trait, identifiers: Sequence[Identifier]) -> None:
        several = self.doubts.setdefault(path, {})
        named = _named(identifiers)
        held = several.get(named)
        if held is None or held.stamp < trait.stamp:
            several[named] = trait
        if len(several) > MOST_DOUBTS:
            del several[min(several, key=lambda known: (several[known].stamp, known))]

    def _keep_later(self, path: str, stamp: Stamp) -> None:
        later = {named: trait for named, trait in self.doubts.pop(path).items() if stamp < trait.stamp}
        if later:
            self.doubts[path] = later


_OF_OTHERS: Final = ("group", "alias")
"""Calls whose own traits are not the customer's: a group's describe the group."""


def _is_doubtful(source: str, named: Sequence[Identifier]) -> bool:
    if source == STAFF_SOURCE:
        return False  # they know whom they speak of
    return len(named) > 1 and all(identifier.type != "user_id" for identifier in named)


def _named(identifiers: Sequence[Identifier]) -> str:
    nodes = "".join(identifier.node_id for identifier in identifiers)
    return hashlib.sha256(nodes.encode()).hexdigest()[:10]


def void_events(edges: Iterable[Edge]) -> Mapping[NodeId, Collection[MessageId]]:
    """Events that were the first to name some pair of identifiers together, by the partition they are stored in.

    Args:
        edges: at least those of every partition that is asked for; of each pair the earliest proposal must be there.
    """
    earliest: dict[tuple[NodeId, NodeId], Edge] = {}
    for edge in edges:
        pair = (edge.a.node_id, edge.b.node_id)
        if edge.rule == SAME_CALL and (pair not in earliest or edge.order < earliest[pair].order):
            earliest[pair] = edge
    void: dict[NodeId, set[MessageId]] = {}
    for (node, _), edge in earliest.items():
        void.setdefault(node, set()).add(edge.message_id)
    return void


def standing_traits(
    words: Mapping[str, Trait], doubts: Mapping[str, Mapping[str, Trait]], void: Collection[MessageId]
) -> Mapping[str, Trait]:
    """The word that stands on each leaf of one partition, given the events whose doubtful words are void."""
    standing = dict(words)
    for path, several in doubts.items():
        valid = [trait for trait in several.values() if trait.stamp.message_id not in void]
        if valid:
            standing[path] = max(valid, key=lambda trait: trait.stamp)
    return standing


def nested(words: Mapping[str, Trait]) -> tuple[dict[str, Any], dict[str, TraitSource]]:
    """The traits as one object, and who said each value, by JSON Pointer.

    Leaves are set in the order in which they were said, so that a later scalar replaces an earlier object and vice
    versa; deleting within what is no object makes it one, as in JSON Merge Patch (RFC 7396).
    """
    tree: dict[str, Any] = {}
    for path, trait in sorted(words.items(), key=lambda item: (item[1].stamp, item[0])):
        *parents, leaf = json.loads(path)
        place = tree
        for name in parents:
            if not isinstance(place.get(name), dict):
                place[name] = {}
            place = place[name]
        if trait.value is None:
            place.pop(leaf, None)
        else:
            place[leaf] = trait
    said: dict[str, Trait] = {}
    values = _spelled(tree, "", said)
    calls = {(trait.source, trait.stamp.at_ms) for trait in said.values()}
    sources = {call: TraitSource(call[0], from_ms(call[1])) for call in calls}
    return values, {pointer: sources[trait.source, trait.stamp.at_ms] for pointer, trait in said.items()}


def _spelled(tree: Mapping[str, Any], lead: str, said: dict[str, Trait]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, child in tree.items():
        pointer = f"{lead}/{name.replace('~', '~0').replace('/', '~1')}"
        if isinstance(child, Trait):
            values[name] = child.value
            said[pointer] = child
        else:
            values[name] = _spelled(child, pointer, said)
    return values
