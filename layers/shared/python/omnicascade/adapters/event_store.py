"""Events in the table: one conditional put each, read by time through the local index."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from heapq import merge
from typing import Final

from omnicascade.adapters import keys
from omnicascade.adapters.dynamo import ConditionFailedError, Item, Table, insert_statement, number, text
from omnicascade.adapters.warm_memory import WarmMemory
from omnicascade.contracts import EVENT_KEY_PREFIX, TIMELINE_INDEX
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.moments import epoch_ms, from_ms
from omnicascade.usecases.store_ports import Page

type _Place = tuple[NodeId, str]
"""(pk, sk) of an event."""


def _place_of(event: Event) -> _Place:
    return event.node_id, keys.event_key(event.message_id)


class DynamoEventStore:
    """`EventStore` on the table."""

    def __init__(self, table: Table, *, remembered: int = 0) -> None:
        """Args: remembered is how many events this process remembers to have stored, to which adding costs no write."""
        self._table = table
        self._insert = insert_statement(table.name, *_ATTRIBUTES)
        self._stored = WarmMemory[_Place, int](remembered)

    def add(self, event: Event) -> bool:
        """See `EventStore.add`. Cost: 1 write unit per KB, and 1 for its place in the timeline."""
        place = _place_of(event)
        if self._surely_stored([place]):
            return False
        new = True
        try:
            self._table.put(_item(event, *place), "attribute_not_exists(pk)")
        except ConditionFailedError:
            new = False
        self._stored.keep(place, epoch_ms(event.received_at))
        return new

    def add_all(self, events: Sequence[Event]) -> int:
        """See `EventStore.add_all`. Cost: write units as for `add`, one request per 25."""
        if len(events) == 1:
            return int(self.add(events[0]))
        first: dict[_Place, Event] = {}
        for event in events:
            first.setdefault(_place_of(event), event)  # of two with one id the first counts, as with two calls of `add`
        stored = self._surely_stored(first)
        fresh = {place: event for place, event in first.items() if place not in stored}
        new = sum(
            self._table.execute_all(
                [(self._insert, list(_item(event, *place).values())) for place, event in fresh.items()]
            )
        )
        for place, event in fresh.items():
            self._stored.keep(place, epoch_ms(event.received_at))
        return new

    def _surely_stored(self, places: Iterable[_Place]) -> Collection[_Place]:
        """Those that this process remembers, unless somebody was erased since: then the table must say.

        Cost: 1 read unit where any is remembered.
        """
        known = {place: since for place in places if (since := self._stored.get(place)) is not None}
        if not known:
            return ()
        since = keys.order_from(min(known.values()))
        erased = self._table.query_from(keys.ORDERS, since, keys.ORDERS_END, consistent=True)
        return () if any(erased) else known

    def remove(self, events: Collection[Event]) -> None:
        """See `EventStore.remove`. Cost: as for writing each."""
        for event in events:
            self._table.delete(event.node_id, keys.event_key(event.message_id))

    def events_of(self, node: NodeId) -> Iterator[Event]:
        """See `EventStore.events_of`. Cost: 1 read unit per 4 KB."""
        return map(event_from, self._table.query(node, EVENT_KEY_PREFIX))

    def rename(self, event: Event) -> None:
        """See `EventStore.rename`. Cost: as for writing it."""
        with suppress(ConditionFailedError):
            self._table.put(event_item(event), "attribute_exists(pk)")

    def timeline(
        self, nodes: Collection[NodeId], limit: int, cursor: str | None, *, oldest_first: bool = False
    ) -> Page:
        """See `EventStore.timeline`. Cost: one query per node, one batch read per page.

        Raises:
            MalformedBodyError: the cursor is not one of ours.
        """
        after = keys.read_cursor(cursor) if cursor else None
        each = [self._places(node, limit + 1, after, oldest_first=oldest_first) for node in nodes]
        places = list(merge(*each, key=_place, reverse=not oldest_first))
        page = places[:limit]
        found = {(i["pk"]["S"], i["sk"]["S"]): i for i in self._table.get_many([_key(p) for p in page])}
        events = [event_from(found[_key(p)]) for p in page if _key(p) in found]
        return Page(events, keys.cursor(*_place(page[-1])) if len(places) > limit else None)

    def _places(self, node: NodeId, limit: int, after: tuple[str, str] | None, *, oldest_first: bool) -> list[Item]:
        values, beyond = {":pk": text(node)}, ""
        if after:
            at, last = after
            sign, equal_too = (">", node > last) if oldest_first else ("<", node < last)
            beyond = f" AND #at {sign}{'=' if equal_too else ''} :cursor"
            values[":cursor"] = text(at)
        return list(
            self._table.query_index(
                limit,
                IndexName=TIMELINE_INDEX,
                KeyConditionExpression="pk = :pk" + beyond,
                ExpressionAttributeValues=values,
                ProjectionExpression="pk, sk, #at",
                ExpressionAttributeNames={"#at": "at"},
                ScanIndexForward=oldest_first,
            )
        )

    def arrived(
        self, nodes: Collection[NodeId], names: Collection[str], *, happened_from: datetime, received_from: datetime
    ) -> Sequence[Event]:
        """See `EventStore.arrived`. Cost: one consistent query per node over the events since `happened_from`."""
        wanted = sorted(names)
        if not wanted:
            return []
        values = {f":n{position}": text(name) for position, name in enumerate(wanted)}
        places = [
            item
            for node in sorted(nodes)
            for item in self._table.query_index(
                IndexName=TIMELINE_INDEX,
                KeyConditionExpression="pk = :pk AND #at >= :from",
                FilterExpression=f"#name IN ({', '.join(values)}) AND rx >= :rx",
                ExpressionAttributeValues=values
                | {
                    ":pk": text(node),
                    ":from": text(keys.timeline_from(epoch_ms(happened_from))),
                    ":rx": number(epoch_ms(received_from)),
                },
                ExpressionAttributeNames={"#at": "at", "#name": "name"},
                ConsistentRead=True,
            )
        ]
        return [event_from(item) for item in self._table.get_many([_key(p) for p in places])]


def _place(item: Item) -> tuple[str, str]:
    return item["at"]["S"], item["pk"]["S"]


def _key(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


_ATTRIBUTES: Final = ("pk", "sk", "at", "rx", "name", "e")
"""In the order in which `_item` names them. `at`, `rx` and `name` are what the timeline index is asked for; all else is
one text, because every attribute of its own costs the client as much CPU as the whole text does."""


def event_item(event: Event) -> Item:
    """The stored form of an event."""
    return _item(event, event.node_id, keys.event_key(event.message_id))


def _item(event: Event, node: NodeId, sk: str) -> Item:
    rest = [event.type, event.source, [[i.type, i.value] for i in event.identifiers], event.body]
    return {
        "pk": {"S": node},
        "sk": {"S": sk},
        "at": {"S": keys.timeline_key(event)},
        "rx": {"N": str(epoch_ms(event.received_at))},
        "name": {"S": event.name},
        "e": {"S": _encode(rest)},
    }


_encode: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def event_from(item: Item) -> Event:
    """Read what `event_item` wrote; also from a stream record's new image."""
    kind, source, identifiers, body = json.loads(item["e"]["S"])
    return Event(
        message_id=MessageId(body["messageId"]),
        type=kind,
        name=item["name"]["S"],
        source=source,
        timestamp=from_ms(int(item["at"]["S"].partition("#")[0])),
        received_at=from_ms(int(item["rx"]["N"])),
        identifiers=tuple(Identifier(kind, value) for kind, value in identifiers),
        body=body,
    )
