"""Projections and identity edges in the table."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

from omnicascade.adapters import keys
from omnicascade.adapters.dynamo import ConditionFailedError, Item, Table, number, text
from omnicascade.domain.errors import StaleWriteError
from omnicascade.domain.event import MessageId
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import Edge
from omnicascade.domain.identity_rules import Trust
from omnicascade.domain.moments import epoch_ms, from_ms
from omnicascade.domain.projection import Projection
from omnicascade.domain.projection_json import dump_projection, load_projection
from omnicascade.usecases.store_ports import Head, Slot


class DynamoCustomerStore:
    """`CustomerStore` on the table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def head(self, node: NodeId, *, consistent: bool) -> Head:
        """See `CustomerStore.head`. Cost: one query, 0.5 or 1 read unit per 4 KB."""
        projection, watermark, edges, slots = None, "", list[Edge](), list[Slot]()
        for item in self._table.query(node, keys.HEAD_PREFIX, consistent=consistent):
            sk = item["sk"]["S"]
            if sk == keys.PROJECTION:
                projection, watermark = load_projection(item["state"]["S"]), item["seq"]["S"]
            elif sk.startswith(keys.EDGE_PREFIX):
                edges.append(_edge_from(item))
            elif sk.startswith(keys.SLOT_PREFIX):
                slots.append(slot_from(item))
        return Head(node, projection, watermark, edges, slots)

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

    def save_projection(self, node: NodeId, projection: Projection, *, watermark: str, previous: str) -> None:
        """See `CustomerStore.save_projection`. Cost: 1 write unit per KB."""
        item = {
            "pk": text(node),
            "sk": text(keys.PROJECTION),
            "seq": text(watermark),
            "state": text(dump_projection(projection)),
        }
        condition = "seq = :previous" if previous else "attribute_not_exists(pk)"
        values = {":previous": text(previous)} if previous else None
        try:
            self._table.put(item, condition, values)
        except ConditionFailedError as error:
            raise StaleWriteError(f"the projection of {node} changed since it was read") from error


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
