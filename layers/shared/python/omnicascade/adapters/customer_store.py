"""Projections and identity edges in the table."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

from omnicascade.adapters import keys
from omnicascade.adapters.dynamo import ConditionFailedError, Item, Table, number, text
from omnicascade.domain.event import MessageId
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import Edge
from omnicascade.domain.identity_rules import Trust
from omnicascade.domain.moments import epoch_ms, from_ms
from omnicascade.domain.projection_json import dump_projection, load_projection
from omnicascade.usecases.store_ports import MOST_PARTNERS, Head, ProjectionChange, Slot, StoredProjection

_PAGE: Final = MOST_PARTNERS + 100
"""Items of a head read in one request: all of it, unless the node is crowded."""


class DynamoCustomerStore:
    """`CustomerStore` on the table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def head(self, node: NodeId, *, consistent: bool) -> Head:
        """See `CustomerStore.head`. Cost: one query, 0.5 or 1 read unit per 4 KB; two if crowded."""
        projection, watermark, edges, slots = None, "", list[Edge](), list[Slot]()
        for item in self._head_items(node, consistent=consistent):
            sk = item["sk"]["S"]
            if sk == keys.PROJECTION:
                projection, watermark = load_projection(item["state"]["S"]), item["seq"]["S"]
            elif sk.startswith(keys.EDGE_PREFIX):
                edges.append(_edge_from(item))
            elif sk.startswith(keys.SLOT_PREFIX):
                slots.append(slot_from(item))
        return Head(node, projection, watermark, edges, slots)

    def _head_items(self, node: NodeId, *, consistent: bool) -> Iterator[Item]:
        """All items of a head; edges stand before the rest, so that those of a crowded node must be jumped over."""
        others = set[str]()
        for item in self._table.query(node, keys.HEAD_PREFIX, consistent=consistent, page=_PAGE):
            if item["sk"]["S"].startswith(keys.EDGE_PREFIX):
                others.add(keys.edge_partner(item["sk"]["S"]))
                if len(others) > MOST_PARTNERS:
                    break
            yield item
        else:
            return
        yield from self._table.query_from(node, keys.PROJECTION, keys.HEAD_END, consistent=consistent)

    def projections(self, nodes: Collection[NodeId], *, consistent: bool) -> Mapping[NodeId, StoredProjection]:
        """See `CustomerStore.projections`. Cost: one request per 100, 0.5 or 1 read unit per 4 KB of each."""
        items = self._table.get_many([(node, keys.PROJECTION) for node in nodes], consistent=consistent)
        return {
            NodeId(item["pk"]["S"]): StoredProjection(load_projection(item["state"]["S"]), item["seq"]["S"])
            for item in items
        }

    def propose(self, edges: Collection[Edge]) -> None:
        """See `CustomerStore.propose`. Cost: 2 write units an edge.

        An end that already has the edge from an earlier event keeps it. Two writes rather than a transaction: a crash
        between them is repaired by the retry, and until then the edge is seen from one end, as if it came later.
        """
        for edge in edges:
            for here, there in ((edge.b, edge.a), (edge.a, edge.b)):
                item = _edge_item(edge, here, there)
                outranked = "ord < :ord" if edge.by_hand else "ord > :ord"
                try:
                    self._table.put(item, f"attribute_not_exists(pk) OR {outranked}", {":ord": item["ord"]})
                except ConditionFailedError:
                    continue

    def withdraw(self, edges: Collection[Edge]) -> None:
        """See `CustomerStore.withdraw`. Cost: 2 write units an edge."""
        for edge in edges:
            for here, there in ((edge.b, edge.a), (edge.a, edge.b)):
                item = _edge_item(edge, here, there)
                with suppress(ConditionFailedError):
                    self._table.delete(item["pk"]["S"], item["sk"]["S"], "ord = :ord", {":ord": item["ord"]})

    def save_projections(self, changes: Sequence[ProjectionChange]) -> frozenset[NodeId]:
        """See `CustomerStore.save_projections`. Cost: 1 write unit per KB of each."""
        stale = set[NodeId]()
        for change in changes:
            item = {
                "pk": text(change.node),
                "sk": text(keys.PROJECTION),
                "seq": text(change.watermark),
                "state": text(dump_projection(change.projection)),
            }
            condition = "seq = :previous" if change.previous else "attribute_not_exists(pk)"
            values = {":previous": text(change.previous)} if change.previous else None
            try:
                self._table.put(item, condition, values)
            except ConditionFailedError:
                stale.add(change.node)
        return frozenset(stale)


def _edge_item(edge: Edge, here: Identifier, there: Identifier) -> Item:
    return {
        "pk": text(here.node_id),
        "sk": text(keys.edge_key(there.node_id, edge.place)),
        "ord": text(f"{epoch_ms(edge.at):015d}#{edge.message_id}"),
        "rule": text(edge.rule),
        "src": text(edge.source),
        "trust": number(edge.trust),
        "period": number(edge.period),
        "ends": text(json.dumps([[edge.a.type, edge.a.value], [edge.b.type, edge.b.value]])),
    }


def _edge_from(item: Item) -> Edge:
    at, _, message_id = item["ord"]["S"].partition("#")
    (a_type, a_value), (b_type, b_value) = json.loads(item["ends"]["S"])
    ends = Identifier(a_type, a_value), Identifier(b_type, b_value)
    return Edge(
        *ends,
        at=from_ms(int(at)),
        message_id=MessageId(message_id),
        rule=item["rule"]["S"],
        source=item["src"]["S"],
        trust=Trust(int(item["trust"]["N"])),
        period=int(item["period"]["N"]),
    )


def slot_item(slot: Slot) -> Item:
    """The stored form of a slot."""
    return {
        "pk": text(slot.node),
        "sk": text(keys.slot_key(slot.journey, slot.key)),
        "journey": text(slot.journey),
        "run": text(slot.run_id),
        "live": {"BOOL": slot.live},
        "entries": number(slot.entries),
        "started": text(slot.last_started.isoformat()),
    } | ({"key": text(slot.key)} if slot.key is not None else {})


def slot_from(item: Item) -> Slot:
    """Read what `slot_item` wrote."""
    return Slot(
        node=NodeId(item["pk"]["S"]),
        journey=item["journey"]["S"],
        key=item["key"]["S"] if "key" in item else None,
        run_id=item["run"]["S"],
        live=item["live"]["BOOL"],
        entries=int(item["entries"]["N"]),
        last_started=datetime.fromisoformat(item["started"]["S"]),
    )
