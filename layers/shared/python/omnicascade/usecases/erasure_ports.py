"""What erasing needs from the table and the archive. Verbs of the domain, not of a database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from omnicascade.domain.erasure import Erasure, Receipt
    from omnicascade.domain.event import Event, MessageId
    from omnicascade.domain.identifiers import NodeId
    from omnicascade.domain.identity import Edge
    from omnicascade.domain.projection import Projection
    from omnicascade.usecases.segment_ports import Membership
    from omnicascade.usecases.store_ports import Slot, StoredRun


@dataclass(frozen=True, slots=True)
class Holdings:
    """A page of what a node holds besides its projection and its edges, in the order of the sort key.

    Attributes:
        events, slots, runs: each with its sort key.
        memberships: what was found out of segments.
        rest: sort keys of what says nothing without them, such as the log of messages that caps look at.
        last: where the next page begins; None on the last one.
    """

    events: Sequence[tuple[str, Event]] = ()
    slots: Sequence[tuple[str, Slot]] = ()
    runs: Sequence[tuple[str, StoredRun]] = ()
    memberships: Sequence[Membership] = ()
    rest: Sequence[str] = ()
    last: str | None = None


class ErasureStore(Protocol):
    """Orders and receipts, and the reach into every corner of the table that only an erasure needs.

    Every method may be repeated. All of them raise `UnavailableError` when the table cannot be reached.
    """

    def open(self, erasure: Erasure, receipt: Receipt) -> Receipt:
        """Keep an order and its receipt; the receipt that is there already is returned as it is."""
        ...

    def receipt(self, erasure_id: str) -> Receipt | None:
        """Read a receipt (consistent)."""
        ...

    def save(self, receipt: Receipt) -> Receipt:
        """Replace a receipt if nobody else did since it was read; returns it with its new revision.

        Raises:
            StaleWriteError: another worker was first.
        """
        ...

    def erased_since(self, moment: datetime) -> Sequence[Erasure]:
        """The orders from a moment on, oldest first (consistent)."""
        ...

    def edges_at(self, node: NodeId) -> Sequence[Edge]:
        """Every edge of a node, however many (consistent)."""
        ...

    def received(self, edges: Collection[Edge]) -> Mapping[tuple[NodeId, MessageId], datetime]:
        """When the events that proposed these edges were received, by node and message; of those still stored."""
        ...

    def remove_edges(self, edges: Collection[Edge]) -> None:
        """Delete edges at both of their ends."""
        ...

    def revise(self, node: NodeId, change: Callable[[Projection], Projection], *, until: datetime | None) -> None:
        """Change a projection whatever else happens to it, under a new watermark that keeps its place in the stream.

        Args:
            change: from the stored one (an empty one where there is none) to the new one; the same means no write.
            until: when the table may drop it; None: never.
        """
        ...

    def holdings(self, node: NodeId, after: str) -> Holdings:
        """The next page of what a node holds, behind a sort key (empty: from the first; consistent)."""
        ...

    def remove(self, node: NodeId, places: Collection[str]) -> None:
        """Delete items of a node by sort key."""
        ...

    def forget(self, known: Membership) -> None:
        """Delete a membership with its line in the segment's list, unless something else was found out since."""
        ...

    def tracked(self, codes: Collection[str]) -> Sequence[str]:
        """Those of some codes that a tracked link is kept under."""
        ...

    def forget_messages(self, provider_ids: Collection[str], codes: Collection[str]) -> None:
        """Delete what is remembered of sent messages, and their tracked links."""
        ...

    def replace_event(self, event: Event) -> None:
        """Store an event's new text in place of the old one, if it is still there."""
        ...


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What became of an hour of the archive: objects that were read, and those that were written anew."""

    read: int = 0
    rewritten: int = 0


class ErasableArchive(Protocol):
    """The archive, as an erasure sees it. All methods raise `UnavailableError` when it cannot be reached."""

    def rewrite(
        self,
        hour: int,
        change: Callable[[Mapping[str, Any]], Mapping[str, Any] | None],
        *,
        now: datetime,
        since: datetime | None,
    ) -> Rewritten:
        """Pass every line of an hour through `change` (None drops it); no older version of any object remains.

        Args:
            hour: hours since 1970.
            now: tells how old the events are, so that an object written anew lives no longer than it would have.
            since: leave objects alone that were written before; None: read all.
        """
        ...

    def keep_order(self, erasure: Erasure) -> None:
        """Keep an order beside the archive, for the day on which the table has to be restored."""
        ...

    def orders(self) -> Sequence[Erasure]:
        """Every order that is kept."""
        ...


class ErasureQueue(Protocol):
    """Where orders wait for the worker."""

    def put(self, erasure: Erasure, by: str, *, delay_s: int = 0) -> None:
        """Return when the order is durably queued; it arrives after the delay (seconds, 900 at most).

        Raises:
            UnavailableError: not queued.
        """
        ...
