"""Erasures in the table: orders, receipts, and the deleting of everything that a node holds.

Access: a receipt is one item under its id; an order is one small item beside it, which whoever archives events reads
from the latest it knows on. Both expire, the order with the tombstones, the receipt years later.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final

from omnicascade.adapters import keys
from omnicascade.adapters.customer_store import edge_from, slot_from
from omnicascade.adapters.dynamo import ConditionFailedError, Item, number, text
from omnicascade.adapters.erasure_orders import DynamoErasureOrders, order_item
from omnicascade.adapters.event_store import event_from, event_item
from omnicascade.adapters.membership_items import membership_from
from omnicascade.adapters.run_items import run_from
from omnicascade.adapters.segment_store import DynamoSegmentStore
from omnicascade.domain.erasure import RECEIPT_KEPT, Counts, Erasure, Receipt, Work
from omnicascade.domain.errors import StaleWriteError
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.identity import Edge
from omnicascade.domain.moments import epoch_ms, from_ms
from omnicascade.domain.projection import Projection
from omnicascade.domain.projection_json import dump_projection, load_projection
from omnicascade.usecases.erasure_ports import Holdings
from omnicascade.usecases.move_runs import ATTEMPTS
from omnicascade.usecases.segment_ports import Membership

PAGE_ITEMS: Final = 500
"""Items read at a time: at most 16 MB of the largest events, and half a megabyte of usual ones."""

BEFORE_ALL: Final = "0" * 40
"""The watermark of a partition of which nothing was folded: before every sequence number."""

REVISED: Final = "~"
"""Appended to a watermark: another one than before, and still before every later sequence number."""


class DynamoErasureStore(DynamoErasureOrders):
    """`ErasureStore` on the table."""

    def open(self, erasure: Erasure, receipt: Receipt) -> Receipt:
        """See `ErasureStore.open`. Cost: 2 write units, more for hundreds of identifiers."""
        self._table.put(order_item(erasure))
        try:
            self._table.put(_receipt_item(receipt), "attribute_not_exists(pk)")
        except ConditionFailedError:
            return self.receipt(receipt.erasure_id) or receipt
        return receipt

    def receipt(self, erasure_id: str) -> Receipt | None:
        """See `ErasureStore.receipt`. Cost: 1 read unit."""
        item = self._table.get(keys.RECEIPTS, erasure_id)
        return _receipt_from(item) if item else None

    def save(self, receipt: Receipt) -> Receipt:
        """See `ErasureStore.save`. Cost: 1 write unit per KB; an hour of the archive takes 7 bytes."""
        after = replace(receipt, revision=receipt.revision + 1)
        try:
            self._table.put(_receipt_item(after), "rev = :rev", {":rev": number(receipt.revision)})
        except ConditionFailedError as error:
            raise StaleWriteError(f"erasure {receipt.erasure_id} is being carried out by another worker") from error
        return after

    def edges_at(self, node: NodeId) -> Sequence[Edge]:
        """See `ErasureStore.edges_at`. Cost: 1 read unit per 4 KB."""
        return [edge_from(item) for item in self._table.query(node, keys.EDGE_PREFIX)]

    def received(self, edges: Collection[Edge]) -> Mapping[tuple[NodeId, MessageId], datetime]:
        """See `ErasureStore.received`. Cost: 1 read unit per 4 KB of each event."""
        wanted = {(edge.a.node_id, keys.event_key(edge.message_id)): edge for edge in edges}
        found = self._table.get_many(sorted(wanted))
        return {
            (edge.a.node_id, edge.message_id): from_ms(int(item["rx"]["N"]))
            for item in found
            for edge in (wanted[NodeId(item["pk"]["S"]), item["sk"]["S"]],)
        }

    def remove_edges(self, edges: Collection[Edge]) -> None:
        """See `ErasureStore.remove_edges`. Cost: 2 write units an edge."""
        ends = {
            (here.node_id, keys.edge_key(there.node_id, edge.place))
            for edge in edges
            for here, there in ((edge.a, edge.b), (edge.b, edge.a))
        }
        self._table.delete_many(sorted(ends))

    def revise(self, node: NodeId, change: Callable[[Projection], Projection], *, until: datetime | None) -> None:
        """See `ErasureStore.revise`. Cost: 1 read unit and 1 write unit per KB."""
        for _ in range(ATTEMPTS):
            item = self._table.get(node, keys.PROJECTION)
            held = load_projection(item["state"]["S"]) if item else Projection()
            changed = change(held)
            if changed == held:
                return
            revised = {
                "pk": text(node),
                "sk": text(keys.PROJECTION),
                "seq": text((item["seq"]["S"] if item else BEFORE_ALL) + REVISED),
                "state": text(dump_projection(changed)),
            } | ({"expires_at": number(int(until.timestamp()))} if until else {})
            condition = "seq = :seq" if item else "attribute_not_exists(pk)"
            try:
                self._table.put(revised, condition, {":seq": item["seq"]} if item else None)
            except ConditionFailedError:
                continue
            return
        raise StaleWriteError(f"the projection of {node} keeps changing")

    def holdings(self, node: NodeId, after: str) -> Holdings:
        """See `ErasureStore.holdings`. Cost: 1 read unit per 4 KB."""
        page = list(
            self._table.query_index(
                PAGE_ITEMS,
                KeyConditionExpression="pk = :pk AND sk > :after",
                ExpressionAttributeValues={":pk": text(node), ":after": text(after or " ")},
                ConsistentRead=True,
            )
        )
        named = [(item["sk"]["S"], item) for item in page]
        return Holdings(
            events=[(sk, event_from(item)) for sk, item in named if sk.startswith(keys.EVENT_KEY_PREFIX)],
            slots=[(sk, slot_from(item)) for sk, item in named if sk.startswith(keys.SLOT_PREFIX)],
            runs=[(sk, run_from(item)) for sk, item in named if sk.startswith((keys.RUN_PREFIX, keys.LIVE_RUN_PREFIX))],
            memberships=[membership_from(item) for sk, item in named if sk.startswith(keys.MEMBERSHIP_PREFIX)],
            rest=[sk for sk, _ in named if sk == keys.CONTACTS],
            last=named[-1][0] if len(named) == PAGE_ITEMS else None,
        )

    def remove(self, node: NodeId, places: Collection[str]) -> None:
        """See `ErasureStore.remove`. Cost: 1 write unit per KB, and 1 for an event's place in the timeline."""
        self._table.delete_many([(node, place) for place in places])

    def forget(self, known: Membership) -> None:
        """See `ErasureStore.forget`. Cost: 1 write unit; 6 for a member."""
        DynamoSegmentStore(self._table).forget(known)

    def tracked(self, codes: Collection[str]) -> Sequence[str]:
        """See `ErasureStore.tracked`. Cost: 1 read unit each."""
        found = self._table.get_many([keys.link_key(code) for code in codes])
        return [item["pk"]["S"].removeprefix(keys.LINK_KEY_PREFIX) for item in found]

    def forget_messages(self, provider_ids: Collection[str], codes: Collection[str]) -> None:
        """See `ErasureStore.forget_messages`. Cost: 1 write unit each."""
        messages = {keys.message_key(provider_id) for provider_id in provider_ids}
        self._table.delete_many(sorted(messages | {keys.link_key(code) for code in codes}))

    def replace_event(self, event: Event) -> None:
        """See `ErasureStore.replace_event`. Cost: as for storing it."""
        try:
            self._table.put(event_item(event), "attribute_exists(pk)")
        except ConditionFailedError:
            return


def _receipt_item(receipt: Receipt) -> Item:
    work = receipt.work
    state: dict[str, Any] = {
        "status": receipt.status,
        "by": receipt.by,
        "requested_at": epoch_ms(receipt.requested_at),
        "completed_at": receipt.completed_at and epoch_ms(receipt.completed_at),
        "checked": receipt.checked,
        "counts": asdict(receipt.counts),
        "neighbours": sorted(work.neighbours),
        "hours": sorted(work.hours),
        "hours_done": sorted(work.hours_done),
        "visited": sorted(work.visited),
        "counted": list(work.counted),
    }
    return {
        "pk": text(keys.RECEIPTS),
        "sk": text(receipt.erasure_id),
        "rev": number(receipt.revision),
        "state": text(json.dumps(state, separators=(",", ":"))),
        "expires_at": number(int((receipt.requested_at + RECEIPT_KEPT).timestamp())),
    }


def _receipt_from(item: Item) -> Receipt:
    state = json.loads(item["state"]["S"])
    node, key = state["counted"]
    return Receipt(
        erasure_id=item["sk"]["S"],
        requested_at=from_ms(state["requested_at"]),
        by=state["by"],
        status=state["status"],
        completed_at=None if state["completed_at"] is None else from_ms(state["completed_at"]),
        checked=state["checked"],
        counts=Counts(**state["counts"]),
        work=Work(
            neighbours=frozenset(map(NodeId, state["neighbours"])),
            hours=frozenset(state["hours"]),
            hours_done=frozenset(state["hours_done"]),
            visited=frozenset(map(NodeId, state["visited"])),
            counted=(node, key),
        ),
        revision=int(item["rev"]["N"]),
    )
