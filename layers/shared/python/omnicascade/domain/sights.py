"""When and where identifiers were seen, while it is being found out: the fold's and the join's common notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.profile import KnownIdentifier

MOST_SEEN: Final = 64
"""Identifiers that one projection remembers with their times, latest first, so that an item stays small whoever shares
an account. Of the others the edges still tell when they were first seen."""


@dataclass(slots=True, eq=False)
class Sight:
    """An identifier with when and where it was seen, while that is being found out."""

    identifier: Identifier
    first: datetime
    last: datetime
    source: str

    def extend(self, first: datetime, last: datetime, source: str) -> None:
        """Seen from then to then, too; the source is that of the first time."""
        if last > self.last:  # noqa: PLR1730 - asked for every event, and `max` is a call
            self.last = last
        if first < self.first or (first == self.first and source < self.source):
            self.first, self.source = first, source

    def known(self) -> KnownIdentifier:
        """What was found out."""
        return KnownIdentifier(self.identifier, self.first, self.last, self.source)


def latest_seen(seen: dict[NodeId, KnownIdentifier]) -> Mapping[NodeId, KnownIdentifier]:
    """The `MOST_SEEN` identifiers that were seen last."""
    if len(seen) <= MOST_SEEN:
        return seen
    by_age = sorted(seen.items(), key=lambda item: (item[1].last_seen, item[0]), reverse=True)
    return dict(by_age[:MOST_SEEN])


def see(seen: dict[NodeId, Sight], known: KnownIdentifier) -> None:
    """Add what is known of an identifier to the notebook."""
    held = seen.get(known.identifier.node_id)
    if held is None:
        held = Sight(known.identifier, known.first_seen, known.last_seen, known.source)
        seen[known.identifier.node_id] = held
    else:
        held.extend(known.first_seen, known.last_seen, known.source)
