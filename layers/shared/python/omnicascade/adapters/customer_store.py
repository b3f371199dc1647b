"""Projections and identity edges in the table."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

from omnicascade.adapters import keys
from omnicascade.adapters.dynamo import ConditionFailedError, Item, Statement, Table, insert_statement, number, text
from omnicascade.adapters.membership_items import membership_from
from omnicascade.adapters.run_items import run_from
from omnicascade.adapters.warm_memory import LONGEST_REMEMBERED, WarmMemory
from omnicascade.domain.deployment import Channel
from omnicascade.domain.event import MessageId
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import Edge
from omnicascade.domain.identity_rules import Trust
from omnicascade.domain.journeys.person import Contact
from omnicascade.domain.moments import epoch_ms, from_ms
from omnicascade.domain.projection_json import dump_projection, load_projection
from omnicascade.usecases.segment_ports import Membership
from omnicascade.usecases.store_ports import (
    MOST_PARTNERS,
    ContactLog,
    Head,
    ProjectionChange,
    Slot,
    StoredProjection,
    StoredRun,
)

_PAGE: Final = MOST_PARTNERS + 100
"""Items of a head read in one request: all of it, unless the node is crowded."""


class DynamoCustomerStore:
    """`CustomerStore` on the table."""

    def __init__(self, table: Table, *, remembered: int = 0) -> None:
        """Args: remembered is how many projections this process remembers as it wrote them last.

        They answer a read that need not be consistent. One that somebody else has written since has another watermark,
        so that a change of it does not hold, and the consistent read that follows asks the table.
        """
        self._table = table
        self._written = WarmMemory[NodeId, StoredProjection](remembered)
        self._insert_edge = insert_statement(table.name, *_EDGE_ATTRIBUTES)
        self._insert_projection = insert_statement(table.name, "pk", "seq", "state", sk=keys.PROJECTION)
        self._update_projection = (
            # An erased projection expires; one that somebody lives in again must not.
            f'UPDATE "{table.name}" SET "seq"=? SET "state"=? REMOVE "expires_at" '  # noqa: S608 - no value is part of it
            f"""WHERE "pk"=? AND "sk"='{keys.PROJECTION}' AND "seq"=?"""
        )

    def head(self, node: NodeId, *, consistent: bool) -> Head:
        """See `CustomerStore.head`. Cost: one query, 0.5 or 1 read unit per 4 KB; two if crowded."""
        projection, watermark, contacts = None, "", None
        edges, slots, runs = list[Edge](), list[Slot](), list[StoredRun]()
        memberships = list[Membership]()
        for item in self._head_items(node, consistent=consistent):
            sk = item["sk"]["S"]
            if sk == keys.PROJECTION:
                projection, watermark = load_projection(item["state"]["S"]), item["seq"]["S"]
            elif sk.startswith(keys.EDGE_PREFIX):
                edges.append(edge_from(item))
            elif sk.startswith(keys.SLOT_PREFIX):
                slots.append(slot_from(item))
            elif sk == keys.CONTACTS:
                contacts = contacts_from(item)
            elif sk.startswith(keys.MEMBERSHIP_PREFIX):
                memberships.append(membership_from(item))
            elif sk.startswith(keys.LIVE_RUN_PREFIX):
                runs.append(run_from(item))
        return Head(node, projection, watermark, edges, slots, contacts, memberships, runs)

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
        found: dict[NodeId, StoredProjection] = {}
        if not consistent:
            found = {node: held for node in nodes if (held := self._written.get(node))}
        unknown = [(node, keys.PROJECTION) for node in nodes if node not in found]
        for item in self._table.get_many(unknown, consistent=consistent):
            projection = load_projection(item["state"]["S"])
            found[NodeId(item["pk"]["S"])] = StoredProjection(projection, item["seq"]["S"])
        return found

    def propose(self, edges: Collection[Edge]) -> None:
        """See `CustomerStore.propose`. Cost: 2 write units an edge, 4 where another one is at its place.

        An end that already has the edge from an earlier event keeps it. Two writes rather than a transaction: a crash
        between them is repaired by the retry, and until then the edge is seen from one end, as if it came later.
        """
        ends: dict[tuple[NodeId, NodeId, str], tuple[Edge, Item]] = {}
        for edge in edges:
            a, b, place = edge.a.node_id, edge.b.node_id, edge.place
            if (a, b, place) not in ends or edge.outranks(ends[a, b, place][0]):
                said = _edge_words(edge)
                ends[b, a, place] = (edge, _at_end(b, a, place) | said)
                ends[a, b, place] = (edge, _at_end(a, b, place) | said)
        new = self._table.execute_all([(self._insert_edge, list(item.values())) for _, item in ends.values()])
        for (edge, item), done in zip(ends.values(), new, strict=True):
            if not done:
                self._replace_outranked(edge, item)

    def _replace_outranked(self, edge: Edge, item: Item) -> None:
        outranked = "ord < :ord" if edge.by_hand else "ord > :ord"
        with suppress(ConditionFailedError):
            self._table.put(item, f"attribute_not_exists(pk) OR {outranked}", {":ord": item["ord"]})

    def withdraw(self, edges: Collection[Edge]) -> None:
        """See `CustomerStore.withdraw`. Cost: 2 write units an edge."""
        for edge in edges:
            order = _edge_words(edge)["ord"]
            for here, there in ((edge.b.node_id, edge.a.node_id), (edge.a.node_id, edge.b.node_id)):
                with suppress(ConditionFailedError):
                    self._table.delete(here, keys.edge_key(there, edge.place), "ord = :ord", {":ord": order})

    def save_projections(self, changes: Sequence[ProjectionChange]) -> frozenset[NodeId]:
        """See `CustomerStore.save_projections`. Cost: 1 write unit per KB of each, one request per 25."""
        self._written.forget(change.node for change in changes)
        texts = [dump_projection(change.projection) for change in changes]
        statements = [self._projection_statement(*written) for written in zip(changes, texts, strict=True)]
        stale: set[NodeId] = set()
        for change, state, done in zip(changes, texts, self._table.execute_all(statements), strict=True):
            if not done:
                stale.add(change.node)
            elif len(state) <= LONGEST_REMEMBERED:
                self._written.keep(change.node, StoredProjection(change.projection, change.watermark))
        return frozenset(stale)

    def _projection_statement(self, change: ProjectionChange, state: str) -> Statement:
        node, seq = text(change.node), text(change.watermark)
        if not change.previous:
            return self._insert_projection, [node, seq, text(state)]
        return self._update_projection, [seq, text(state), node, text(change.previous)]


_EDGE_ATTRIBUTES: Final = ("pk", "sk", "ord", "e")
"""In the order in which `_at_end` and `_edge_words` name them; conditions ask for `ord`, all else is one text."""


_encode: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def _at_end(here: NodeId, there: NodeId, place: str) -> Item:
    return {"pk": text(here), "sk": text(keys.edge_key(there, place))}


def _edge_words(edge: Edge) -> Item:
    """What both ends keep."""
    rest = [edge.a.type, edge.a.value, edge.b.type, edge.b.value, edge.rule, edge.source, edge.trust, edge.period]
    return {"ord": text(f"{epoch_ms(edge.at):015d}#{edge.message_id}"), "e": text(_encode(rest))}


def edge_from(item: Item) -> Edge:
    """The edge that an item keeps at one of its ends."""
    at, _, message_id = item["ord"]["S"].partition("#")
    a_type, a_value, b_type, b_value, rule, source, trust, period = json.loads(item["e"]["S"])
    return Edge(
        Identifier(a_type, a_value),
        Identifier(b_type, b_value),
        at=from_ms(int(at)),
        message_id=MessageId(message_id),
        rule=rule,
        source=source,
        trust=Trust(trust),
        period=period,
    )


def slot_item(slot: Slot) -> Item:
    """The stored form of a slot."""
    return {
        "pk": text(slot.node),
        "sk": text(keys.slot_key(slot.journey, slot.key)),
        "journey": text(slot.journey),
        "run": text(slot.run_id),
        "entries": number(slot.entries),
        "started": text(slot.last_started.isoformat()),
        "first": text(slot.first_started.isoformat()),
        "anchor": text(slot.anchor),
    } | ({"key": text(slot.key)} if slot.key is not None else {})


def slot_from(item: Item) -> Slot:
    """Read what `slot_item` wrote."""
    return Slot(
        node=NodeId(item["pk"]["S"]),
        journey=item["journey"]["S"],
        key=item["key"]["S"] if "key" in item else None,
        run_id=item["run"]["S"],
        entries=int(item["entries"]["N"]),
        last_started=datetime.fromisoformat(item["started"]["S"]),
        first_started=datetime.fromisoformat(item["first"]["S"]),
        anchor=item["anchor"]["S"],
    )


def contacts_item(log: ContactLog) -> Item:
    """The stored form of a log of contacts; its revision is the condition of its next write."""
    said = [
        [epoch_ms(one.at), one.message_id, one.channel.value, one.journey, one.kind]
        for one in sorted(log.contacts, key=lambda one: (one.at, one.message_id))
    ]
    return {
        "pk": text(log.node),
        "sk": text(keys.CONTACTS),
        "rev": number(log.revision),
        "c": text(_encode(said)),
    }


def contacts_from(item: Item) -> ContactLog:
    """Read what `contacts_item` wrote."""
    contacts = tuple(
        Contact(from_ms(at), message_id, Channel(channel), journey, kind)
        for at, message_id, channel, journey, kind in json.loads(item["c"]["S"])
    )
    return ContactLog(NodeId(item["pk"]["S"]), int(item["rev"]["N"]), contacts)
