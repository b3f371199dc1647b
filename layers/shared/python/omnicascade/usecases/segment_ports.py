"""What segments need of the table: definitions, who is in them, and a walk over everybody who is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from omnicascade.domain.identifiers import NodeId
    from omnicascade.domain.segments import Segment


@dataclass(frozen=True, slots=True)
class Membership:
    """What was last found out of one customer and one segment.

    Attributes:
        node: the profile id it was found out under.
        version: of the segment.
        member: whether they are in it.
        since: since when that is so (UTC), as far as it was noticed.
        turns_at: when it may change by itself, without an event; None: never.
    """

    node: NodeId
    segment: str
    version: int
    member: bool
    since: datetime
    turns_at: datetime | None = None


class SegmentStore(Protocol):
    """Segments' definitions, and who is in them."""

    def segment(self, name: str) -> Segment | None:
        """The current version."""
        ...

    def definition(self, name: str) -> Mapping[str, Any] | None:
        """The current definition as it was put."""
        ...

    def put_segment(self, segment: Segment, definition: Mapping[str, Any]) -> Segment:
        """Store a new version, or nothing when the definition is the current one; returns it with its version."""
        ...

    def ready(self, name: str, version: int) -> None:
        """Everybody who was known was judged by this version; nothing where another one is current."""
        ...

    def drop(self, name: str) -> None:
        """Drop a definition, if it is there; who was in it stays listed."""
        ...

    def remember(self, found: Membership, before: Membership | None) -> None:
        """Keep what was found out, and the line in the segment's list of members with it.

        Raises:
            StaleWriteError: another writer found something out first; look again.
        """
        ...

    def forget(self, known: Membership) -> None:
        """Drop a membership of a node that is not a profile id any more, and its line; may be repeated."""
        ...

    def members(self, name: str, cursor: str | None, limit: int) -> MemberPage:
        """Members, in no order; going on with a cursor loses none that stays.

        Raises:
            MalformedBodyError: the cursor is not one of ours.
        """
        ...

    def count(self, name: str) -> int:
        """How many members there are."""
        ...


@dataclass(frozen=True, slots=True)
class MemberPage:
    """Some members: profile ids with the moment since when; `cursor` is None on the last page."""

    members: Sequence[tuple[NodeId, datetime]]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class NodePage:
    """Some nodes that have a projection, in no order; `cursor` is None on the last page, where they may be few."""

    nodes: Sequence[NodeId]
    cursor: str | None


class Census(Protocol):
    """Walks over everybody who is known. Dear: for jobs that say so in their name."""

    def page(self, cursor: str | None) -> NodePage:
        """Some nodes after a cursor; a node that is known all the while is on one of the pages, or on two.

        Known is who has a projection, and where something is remembered of a segment: after a split that may be an
        identifier that is nobody's any more.
        """
        ...

    def somewhere(self, seed: str) -> str:
        """A cursor in the midst: another one for another seed."""
        ...
