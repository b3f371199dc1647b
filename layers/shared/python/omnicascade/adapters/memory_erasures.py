"""Erasing in memory: orders and receipts, and the reach into the other stores in memory, for tests and rehearsals."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from omnicascade.adapters import keys
from omnicascade.adapters.event_archive import described
from omnicascade.adapters.memory_configuration import MemoryConfigurationStore
from omnicascade.adapters.memory_runs import MemoryRunStore
from omnicascade.adapters.memory_segments import MemorySegmentStore
from omnicascade.adapters.memory_stores import MemoryCustomerStore, MemoryEventStore, MemoryLinkStore
from omnicascade.domain.erasure import Erasure, Receipt, erased_until, hour_of, line_without
from omnicascade.domain.errors import NotFoundError, StaleWriteError
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.identity import Edge
from omnicascade.domain.projection import Projection
from omnicascade.usecases.erasure_ports import Holdings, Rewritten
from omnicascade.usecases.segment_ports import Membership
from omnicascade.usecases.store_ports import ProjectionChange

type Line = Mapping[str, Any]


class MemoryErasureStore:
    """`ErasureStore` in memory, beside the stores that it reaches into.

    Attributes:
        page: how many items `holdings` gives at a time.
    """

    page = 3

    def __init__(
        self,
        events: MemoryEventStore,
        customers: MemoryCustomerStore,
        runs: MemoryRunStore,
        links: MemoryLinkStore,
        segments: MemorySegmentStore | None = None,
    ) -> None:
        self._segments = segments or MemorySegmentStore(customers, MemoryConfigurationStore())
        self._events, self._customers, self._runs, self._links = events, customers, runs, links
        self._orders: dict[str, Erasure] = {}
        self._receipts: dict[str, Receipt] = {}

    def open(self, erasure: Erasure, receipt: Receipt) -> Receipt:
        """See `ErasureStore.open`."""
        self._orders[erasure.erasure_id] = erasure
        return self._receipts.setdefault(erasure.erasure_id, receipt)

    def receipt(self, erasure_id: str) -> Receipt | None:
        """See `ErasureStore.receipt`."""
        return self._receipts.get(erasure_id)

    def save(self, receipt: Receipt) -> Receipt:
        """See `ErasureStore.save`."""
        if self._receipts[receipt.erasure_id].revision != receipt.revision:
            raise StaleWriteError(f"erasure {receipt.erasure_id} is being carried out by another worker")
        self._receipts[receipt.erasure_id] = replace(receipt, revision=receipt.revision + 1)
        return self._receipts[receipt.erasure_id]

    def erased_since(self, moment: datetime) -> Sequence[Erasure]:
        """See `ErasureStore.erased_since`."""
        return sorted((e for e in self._orders.values() if e.at >= moment), key=lambda e: e.erasure_id)

    def edges_at(self, node: NodeId) -> Sequence[Edge]:
        """See `ErasureStore.edges_at`."""
        return list(self._customers.at(node).edges.values())

    def received(self, edges: Collection[Edge]) -> Mapping[tuple[NodeId, MessageId], datetime]:
        """See `ErasureStore.received`."""
        return {
            (edge.a.node_id, edge.message_id): event.received_at
            for edge in edges
            for event in self._events.events_of(edge.a.node_id)
            if event.message_id == edge.message_id
        }

    def remove_edges(self, edges: Collection[Edge]) -> None:
        """See `ErasureStore.remove_edges`."""
        for edge in edges:
            for here, there in ((edge.a.node_id, edge.b.node_id), (edge.b.node_id, edge.a.node_id)):
                self._customers.at(here).edges.pop((there, edge.place), None)

    def revise(self, node: NodeId, change: Callable[[Projection], Projection], *, until: datetime | None) -> None:
        """See `ErasureStore.revise`; nothing expires here."""
        del until
        held = self._customers.at(node)
        before = held.projection or Projection()
        after = change(before)
        if after != before:
            watermark = (held.watermark or "0" * 40) + "~"
            self._customers.keep_projection(ProjectionChange(node, after, watermark, held.watermark))

    def holdings(self, node: NodeId, after: str) -> Holdings:
        """See `ErasureStore.holdings`."""
        events = [(keys.event_key(event.message_id), event) for event in self._events.events_of(node)]
        slots = [(keys.slot_key(slot.journey, slot.key), slot) for slot in self._customers.at(node).slots.values()]
        runs = [
            (keys.run_key(stored.run.run_id, live=stored.run.live)[1], stored) for stored in self._runs.kept_at(node)
        ]
        rest = [keys.CONTACTS] if self._customers.at(node).contacts else []
        known = [(keys.membership_key(one.segment), one) for one in self._customers.at(node).memberships.values()]
        named = (*(at for at, _ in (*events, *slots, *runs, *known)), *rest)
        places = sorted(place for place in named if place > after)
        page = set(places[: self.page])
        return Holdings(
            events=sorted((p, e) for p, e in events if p in page),
            slots=sorted(((p, s) for p, s in slots if p in page), key=lambda pair: pair[0]),
            runs=sorted(((p, r) for p, r in runs if p in page), key=lambda pair: pair[0]),
            memberships=[one for place, one in known if place in page],
            rest=[place for place in rest if place in page],
            last=max(page) if len(places) > self.page else None,
        )

    def remove(self, node: NodeId, places: Collection[str]) -> None:
        """See `ErasureStore.remove`."""
        gone = [event for event in self._events.events_of(node) if keys.event_key(event.message_id) in places]
        self._events.remove(gone)
        for prefix in (keys.RUN_PREFIX, keys.LIVE_RUN_PREFIX):
            self._runs.forget([place.removeprefix(prefix) for place in places if place.startswith(prefix)])
        if keys.CONTACTS in places:
            self._customers.at(node).contacts = None
        slots = self._customers.at(node).slots
        for place in places:
            slots.pop(place, None)

    def forget(self, known: Membership) -> None:
        """See `ErasureStore.forget`."""
        self._segments.forget(known)

    def tracked(self, codes: Collection[str]) -> Sequence[str]:
        """See `ErasureStore.tracked`."""
        return [code for code in codes if self._known(code)]

    def _known(self, code: str) -> bool:
        try:
            self._links.find(code)
        except NotFoundError:
            return False
        return True

    def forget_messages(self, provider_ids: Collection[str], codes: Collection[str]) -> None:
        """See `ErasureStore.forget_messages`."""
        self._runs.forget(provider_ids=provider_ids)
        self._links.forget(codes)

    def replace_event(self, event: Event) -> None:
        """See `ErasureStore.replace_event`."""
        self._events.rename(event)


class MemoryArchive:
    """The archive in memory: lines by hour.

    Attributes:
        hours: the text of every line, by the hour in which its event was received.
    """

    def __init__(self) -> None:
        self.hours: dict[int, list[str]] = {}
        self._orders: dict[str, Erasure] = {}

    def store(self, events: Sequence[Event], erasures: Collection[Erasure] = ()) -> None:
        """Add events, as `S3EventArchive.store` does."""
        for event in events:
            line = line_without(described(event), erased_until(erasures))
            if line is not None:
                self.hours.setdefault(hour_of(event.received_at), []).append(json.dumps(line, ensure_ascii=False))

    def rewrite(
        self, hour: int, change: Callable[[Line], Line | None], *, now: datetime, since: datetime | None
    ) -> Rewritten:
        """See `ErasableArchive.rewrite`; every hour is one object, and always new."""
        del now, since
        before = self.hours.get(hour)
        if before is None:
            return Rewritten()
        after = [
            json.dumps(line, ensure_ascii=False) for line in map(change, map(json.loads, before)) if line is not None
        ]
        self.hours[hour] = after
        return Rewritten(1, int(after != before))

    def keep_order(self, erasure: Erasure) -> None:
        """See `ErasableArchive.keep_order`."""
        self._orders[erasure.erasure_id] = erasure

    def orders(self) -> Sequence[Erasure]:
        """See `ErasableArchive.orders`."""
        return list(self._orders.values())


class MemoryErasureQueue:
    """The erasures queue in memory: orders with who asked and the moment from which they may be taken.

    Attributes:
        waiting: the orders, oldest first.
    """

    def __init__(self) -> None:
        self.waiting: list[tuple[Erasure, str, int]] = []

    def put(self, erasure: Erasure, by: str, *, delay_s: int = 0) -> None:
        """See `ErasureQueue.put`."""
        self.waiting.append((erasure, by, delay_s))
