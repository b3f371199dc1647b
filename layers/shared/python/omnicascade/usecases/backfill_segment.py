"""Judge everybody by a segment that is new, page by page, each page an errand of its own.

Nobody is sent anything for it: whoever is found in a segment that was just written down has not entered it now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from omnicascade.domain.segments import Segment
from omnicascade.usecases.keep_segments import Cause, SegmentKeeper

if TYPE_CHECKING:
    from omnicascade.domain.identifiers import NodeId
    from omnicascade.usecases.find_customer import Customer
    from omnicascade.usecases.segment_ports import Census
    from omnicascade.usecases.store_ports import Errands

BACKFILL: Final = "backfill"
"""The errand: `{"kind", "segment", "version"}`, with a `cursor` where it goes on, and `again` the second time."""

SETTLED_AFTER: Final = timedelta(minutes=2)
"""Nobody who began before a definition was stored is still at work so long after: twice a function's time."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """Walks over everybody, for one segment at a time."""

    keeper: SegmentKeeper
    census: Census

    def go_on(
        self, errand: Mapping[str, Any], now: datetime, out_of_time: Callable[[], bool]
    ) -> tuple[datetime, Mapping[str, Any]] | None:
        """Go on where the errand stands, until all are judged or time is up; the next errand and when, if there is one.

        A page may be walked over again. Everybody is walked over twice: an event that was at work under the definitions
        of before may have been overlooked the first time.
        """
        segment = self.keeper.deployment.segments.get(errand["segment"])
        if segment is None or segment.version != errand["version"]:
            return None  # a later version has an errand of its own
        cursor: str | None = errand.get("cursor")
        while True:
            page = self.census.page(cursor)
            for node in page.nodes:
                self._judge(segment, node, now)
            cursor = page.cursor
            if cursor is None:
                return self._finished(segment, errand, now)
            if out_of_time():
                return now, {**errand, "cursor": cursor}

    def _judge(self, segment: Segment, node: NodeId, now: datetime) -> None:
        customer = self.keeper.find(node)
        if customer is None:
            self._forget(segment, node)
        elif is_first(node, customer):
            cause = Cause(f"backfill {segment.name} {segment.version}", starts=False)
            self.keeper.look(node, cause, now, only={segment.name}, customer=customer)

    def _forget(self, segment: Segment, node: NodeId) -> None:
        """What is remembered of an identifier that is nobody's any more, since a rule or a person parted it."""
        for known in self.keeper.customers.head(node, consistent=True).memberships:
            if known.segment == segment.name:
                self.keeper.segments.forget(known)

    def _finished(
        self, segment: Segment, errand: Mapping[str, Any], now: datetime
    ) -> tuple[datetime, Mapping[str, Any]] | None:
        if errand.get("again"):
            return None
        self.keeper.segments.ready(segment.name, segment.version)
        again = {"kind": BACKFILL, "segment": segment.name, "version": segment.version, "again": True}
        return max(now, (segment.put_at or now) + SETTLED_AFTER), again


def is_first(node: NodeId, customer: Customer) -> bool:
    """Whether a customer is to be judged at this one of their nodes, of those that a census names."""
    return node == min(customer.projections, default=None)


def order_backfills(segments: Iterable[Segment], errands: Errands, now: datetime) -> None:
    """Have everybody judged by these segments, because what their conditions look at is another thing than before."""
    for segment in segments:
        order_backfill(segment, errands, now)


def order_backfill(segment: Segment, errands: Errands, now: datetime) -> None:
    """Have everybody judged by a segment, as soon as possible."""
    errands.run_at(now, {"kind": BACKFILL, "segment": segment.name, "version": segment.version}, now)
