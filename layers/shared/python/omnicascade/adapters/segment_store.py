"""Segments in the table: their definitions, who is in them, and how many.

Access: every definition is in one item (`segment_index`), read with the settings. What was found out of a customer
stands in the customer's own head. A member has besides one line in the segment's list, which is spread over partitions,
and is counted there. Finding, line and count change in one transaction, so the count is exact whatever is repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from omnicascade.adapters import keys
from omnicascade.adapters.dynamo import (
    ConditionFailedError,
    Item,
    Table,
    WriteConflictError,
    delete_action,
    number,
    put_action,
    text,
    update_action,
)
from omnicascade.adapters.membership_items import membership_item, membership_words
from omnicascade.adapters.segment_index import Index, dump_index, load_index
from omnicascade.domain.errors import ConflictError, StaleWriteError
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.segments import Segment
from omnicascade.usecases.segment_ports import MemberPage, Membership

ATTEMPTS: Final = 8
"""Transactions at one count meet; the one that is refused has written nothing and may try again at once."""

_AS_READ: Final = "m = :m"
_ABSENT: Final = "attribute_not_exists(pk)"


class DynamoSegmentStore:
    """`SegmentStore` on the table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def segment(self, name: str) -> Segment | None:
        """See `SegmentStore.segment`. Cost: 1 read unit per 4 KB of all definitions."""
        line = self._index()[0].lines.get(name)
        return line and line.segment

    def definition(self, name: str) -> Mapping[str, Any] | None:
        """See `SegmentStore.definition`."""
        line = self._index()[0].lines.get(name)
        return line and line.definition

    def put_segment(self, segment: Segment, definition: Mapping[str, Any]) -> Segment:
        """See `SegmentStore.put_segment`.

        Raises:
            ConflictError: another change of the segments was made at the same moment; put it again.
        """
        index, revision = self._index()
        after = index.put(segment, definition)
        self._save(index, after, revision)
        return after.lines[segment.name].segment

    def ready(self, name: str, version: int) -> None:
        """See `SegmentStore.ready`."""
        for _ in range(ATTEMPTS):
            index, revision = self._index()
            try:
                self._save(index, index.ready(name, version), revision)
            except ConflictError:
                continue
            return
        raise StaleWriteError("the segments keep changing")

    def drop(self, name: str) -> None:
        """See `SegmentStore.drop`."""
        index, revision = self._index()
        self._save(index, index.drop(name), revision)

    def _index(self) -> tuple[Index, int]:
        item = self._table.get(keys.CONFIG, keys.SEGMENT_INDEX)
        return (load_index(item["state"]["S"]), int(item["rev"]["N"])) if item else (Index(), 0)

    def _save(self, before: Index, after: Index, revision: int) -> None:
        if after is before:
            return
        item = {
            "pk": text(keys.CONFIG),
            "sk": text(keys.SEGMENT_INDEX),
            "rev": number(revision + 1),
            "state": text(dump_index(after)),
        }
        condition, values = ("rev = :rev", {":rev": number(revision)}) if revision else (_ABSENT, None)
        try:
            self._table.put(item, condition, values)
        except ConditionFailedError as error:
            raise ConflictError("the segments were changed at the same moment; put this one again") from error

    def remember(self, found: Membership, before: Membership | None) -> None:
        """See `SegmentStore.remember`. Cost: 1 write unit; 6 where the customer enters or leaves."""
        was, condition = before is not None and before.member, _AS_READ if before else _ABSENT
        values = {":m": text(membership_words(before))} if before else None
        try:
            if found.member == was:
                self._table.put(membership_item(found), condition, values)
            else:
                written = put_action(membership_item(found), condition, values)
                self._together([written, *_line(found, enters=found.member)])
        except ConditionFailedError as error:
            raise StaleWriteError(f"{found.segment} was judged for this customer in the meantime") from error

    def forget(self, known: Membership) -> None:
        """See `SegmentStore.forget`. Cost: 1 write unit; 6 for a member."""
        sk, values = keys.membership_key(known.segment), {":m": text(membership_words(known))}
        try:
            if known.member:
                self._together([delete_action(known.node, sk, _AS_READ, values), *_line(known, enters=False)])
            else:
                self._table.delete(known.node, sk, _AS_READ, values)
        except ConditionFailedError:
            return  # forgotten already, or judged anew by whoever lives there now

    def _together(self, actions: list[Item]) -> None:
        for _ in range(ATTEMPTS - 1):
            try:
                return self._table.transact(actions)
            except WriteConflictError:
                continue
        return self._table.transact(actions)

    def members(self, name: str, cursor: str | None, limit: int) -> MemberPage:
        """See `SegmentStore.members`. Cost: 0.5 read units per 4 KB, some 40 members, and one request a partition."""
        shard, after = keys.read_member_cursor(cursor) if cursor is not None else (0, keys.MEMBER_COUNT)
        found: list[tuple[NodeId, datetime]] = []
        while shard < keys.MEMBER_SHARDS:
            found += self._members_after(keys.members_key(name, shard), after, limit + 1 - len(found))
            if len(found) > limit:
                return MemberPage(found[:limit], keys.member_cursor(found[limit - 1][0]))
            shard, after = shard + 1, keys.MEMBER_COUNT
        return MemberPage(found, None)

    def _members_after(self, pk: str, after: str, limit: int) -> list[tuple[NodeId, datetime]]:
        lines = self._table.query_index(
            limit,
            KeyConditionExpression="pk = :pk AND sk > :after",
            ExpressionAttributeValues={":pk": text(pk), ":after": text(after)},
        )
        return [(NodeId(line["sk"]["S"]), datetime.fromisoformat(line["since"]["S"])) for line in lines]

    def count(self, name: str) -> int:
        """See `SegmentStore.count`. Cost: 16 read units."""
        places = [(keys.members_key(name, shard), keys.MEMBER_COUNT) for shard in range(keys.MEMBER_SHARDS)]
        return sum(int(item["n"]["N"]) for item in self._table.get_many(places))


def _line(known: Membership, *, enters: bool) -> list[Item]:
    """What a customer's entering or leaving does to the segment's list."""
    pk = keys.members_key(known.segment, keys.member_shard(known.node))
    line = {"pk": text(pk), "sk": text(known.node), "since": text(known.since.isoformat())}
    step = {":one": number(1 if enters else -1)}
    return [
        put_action(line) if enters else delete_action(pk, known.node),
        update_action(pk, keys.MEMBER_COUNT, "ADD n :one", values=step),
    ]
