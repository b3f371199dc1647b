"""Segments, errands and the census in memory, for tests and rehearsals; the same conditions as in the table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from omnicascade.adapters import keys
from omnicascade.adapters.errands_queue import decode_errand, encode_errand
from omnicascade.adapters.memory_configuration import MemoryConfigurationStore
from omnicascade.adapters.memory_stores import MemoryCustomerStore
from omnicascade.adapters.segment_index import Index
from omnicascade.domain.errors import StaleWriteError
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.segments import Segment
from omnicascade.usecases.segment_ports import MemberPage, Membership, NodePage


class MemorySegmentStore:
    """`SegmentStore` in memory; memberships stand with their customers, definitions with the settings."""

    def __init__(self, customers: MemoryCustomerStore, configuration: MemoryConfigurationStore) -> None:
        self._customers = customers
        self._configuration = configuration
        self._index = Index()
        self._listed: dict[str, dict[NodeId, datetime]] = {}
        self._counts: dict[str, int] = {}

    def segment(self, name: str) -> Segment | None:
        """See `SegmentStore.segment`."""
        line = self._index.lines.get(name)
        return line and line.segment

    def definition(self, name: str) -> Mapping[str, Any] | None:
        """See `SegmentStore.definition`."""
        line = self._index.lines.get(name)
        return line and line.definition

    def put_segment(self, segment: Segment, definition: Mapping[str, Any]) -> Segment:
        """See `SegmentStore.put_segment`."""
        self._keep(self._index.put(segment, definition))
        return self._index.lines[segment.name].segment

    def ready(self, name: str, version: int) -> None:
        """See `SegmentStore.ready`."""
        self._keep(self._index.ready(name, version))

    def drop(self, name: str) -> None:
        """See `SegmentStore.drop`."""
        self._keep(self._index.drop(name))

    def _keep(self, index: Index) -> None:
        self._index = index
        self._configuration.use_segments({name: line.segment for name, line in index.lines.items()})

    def remember(self, found: Membership, before: Membership | None) -> None:
        """See `SegmentStore.remember`."""
        held = self._customers.at(found.node).memberships
        if held.get(found.segment) != before:
            raise StaleWriteError(f"{found.segment} was judged for this customer in the meantime")
        held[found.segment] = found
        was = before is not None and before.member
        if found.member != was:
            self._list(found, enters=found.member)

    def forget(self, known: Membership) -> None:
        """See `SegmentStore.forget`."""
        held = self._customers.at(known.node).memberships
        if held.get(known.segment) == known:
            del held[known.segment]
            if known.member:
                self._list(known, enters=False)

    def _list(self, known: Membership, *, enters: bool) -> None:
        listed = self._listed.setdefault(known.segment, {})
        if enters:
            listed[known.node] = known.since
        else:
            listed.pop(known.node, None)
        self._counts[known.segment] = self._counts.get(known.segment, 0) + (1 if enters else -1)

    def members(self, name: str, cursor: str | None, limit: int) -> MemberPage:
        """See `SegmentStore.members`."""
        if cursor is not None:
            keys.read_member_cursor(cursor)
        listed = self._listed.get(name, {})
        placed = sorted((keys.member_cursor(node), node) for node in listed)
        page = [(place, node) for place, node in placed if cursor is None or place > cursor]
        members = [(node, listed[node]) for _, node in page[:limit]]
        return MemberPage(members, page[limit - 1][0] if len(page) > limit else None)

    def count(self, name: str) -> int:
        """See `SegmentStore.count`."""
        return self._counts.get(name, 0)


class MemoryErrands:
    """`Errands` in memory: those that are due are taken in the order of their moments."""

    def __init__(self) -> None:
        self._kept: set[tuple[datetime, str]] = set()

    def run_at(self, at: datetime, errand: Mapping[str, Any], now: datetime) -> None:
        """See `Errands.run_at`."""
        del now
        self._kept.add((at, encode_errand(at, errand)))

    def next_moment(self) -> datetime | None:
        """When the earliest is due."""
        return min(self._kept)[0] if self._kept else None

    def take(self, now: datetime) -> list[tuple[datetime, dict[str, Any]]]:
        """Those due by now, each once."""
        due = sorted(entry for entry in self._kept if entry[0] <= now)
        self._kept.difference_update(due)
        return [decode_errand(body) for _, body in due]


class MemoryCensus:
    """`Census` in memory, a few nodes a page."""

    def __init__(self, customers: MemoryCustomerStore, page: int = 3) -> None:
        self._customers = customers
        self._page = page

    def page(self, cursor: str | None) -> NodePage:
        """See `Census.page`."""
        nodes = {*self._customers.known_nodes(), *self._customers.nodes_in_segments()}
        known = sorted(node for node in nodes if cursor is None or node > cursor)
        page = known[: self._page]
        return NodePage(page, page[-1] if len(known) > self._page else None)

    def somewhere(self, seed: str) -> str:
        """See `Census.somewhere`."""
        return keys.short_hash(seed, 26)
