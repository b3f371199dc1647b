"""What must be said by hand so that some identifiers of a customer leave and the others stay.

Pure, and apart from how words are stored: which pairs to part and which to hold together follows from the edges alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import INCLUDE, SEPARATE, Edge

MOST_PAIRS: Final = 250
"""Where the identifiers that leave times those that stay are more, only those pairs are parted that an edge joins, and
each one with the strongest of the other side. A pair is two writes, and a call has 25 seconds."""


@dataclass(frozen=True, slots=True)
class Word:
    """What staff say of two identifiers; the order of the two means nothing."""

    a: Identifier
    b: Identifier
    rule: str

    @property
    def pair(self) -> frozenset[NodeId]:
        """The two nodes."""
        return pair_of(self.a, self.b)


def pair_of(a: Identifier, b: Identifier) -> frozenset[NodeId]:
    """Two identifiers, whichever is named first."""
    return frozenset((a.node_id, b.node_id))


def latest_words(words: Iterable[Edge]) -> dict[frozenset[NodeId], Edge]:
    """Of words by hand the last one about each pair."""
    latest: dict[frozenset[NodeId], Edge] = {}
    for word in words:
        pair = pair_of(word.a, word.b)
        if pair not in latest or word.outranks(latest[pair]):
            latest[pair] = word
    return latest


def parting_words(
    leaving: Sequence[Identifier], staying: Sequence[Identifier], accepted: Collection[Edge], *, contested: bool
) -> list[Word]:
    """Words that make one customer of those that leave, and another of those that stay, whatever is proposed later.

    Args:
        leaving: strongest first.
        staying: strongest first.
        accepted: the edges that hold the customer together. Where one side hangs together only through the other, its
            parts are held together by hand: nobody said that they are different people.
        contested: whether strangers' proposals about these identifiers were refused. One of them may hold as soon as
            some of the customer's own do not, and refuse others in turn: then each side is held together whole.
    """
    if len(leaving) * len(staying) <= MOST_PAIRS:
        apart = list(product(leaving, staying))
    else:
        apart = [(away, staying[0]) for away in leaving] + [(leaving[0], rest) for rest in staying[1:]]
        apart += _crossing(leaving, staying, accepted)
    parted = [Word(a, b, SEPARATE) for a, b in dict.fromkeys(apart)]
    return parted + [
        Word(a, b, INCLUDE)
        for side in (leaving, staying)
        for a, b in _loose_ends(side, accepted if not contested else ())
    ]


def _crossing(
    leaving: Collection[Identifier], staying: Collection[Identifier], accepted: Collection[Edge]
) -> Iterator[tuple[Identifier, Identifier]]:
    for edge in accepted:
        for away, rest in ((edge.a, edge.b), (edge.b, edge.a)):
            if away in leaving and rest in staying:
                yield away, rest


def _loose_ends(side: Sequence[Identifier], accepted: Collection[Edge]) -> Iterator[tuple[Identifier, Identifier]]:
    """The strongest of a side with the strongest of each part that the side's own edges do not join to it."""
    neighbours: dict[Identifier, list[Identifier]] = {identifier: [] for identifier in side}
    for edge in accepted:
        if edge.a in neighbours and edge.b in neighbours:
            neighbours[edge.a].append(edge.b)
            neighbours[edge.b].append(edge.a)
    reached = set[Identifier]()
    for identifier in side:
        if identifier in reached:
            continue
        if reached:
            yield side[0], identifier
        ahead = [identifier]
        while ahead:
            here = ahead.pop()
            if here not in reached:
                reached.add(here)
                ahead += neighbours[here]
