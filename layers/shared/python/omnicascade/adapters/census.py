"""Everybody who is known, page by page: a scan of the table for projections, and for what is remembered of segments."""

from __future__ import annotations

import json
from base64 import b32encode
from hashlib import sha256

from omnicascade.adapters import keys
from omnicascade.adapters.dynamo import Table, text
from omnicascade.domain.identifiers import NodeId
from omnicascade.usecases.segment_ports import NodePage


class DynamoCensus:
    """`Census` on the table. Cost: 128 read units a page, one MB of whatever is stored there."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def page(self, cursor: str | None) -> NodePage:
        """See `Census.page`."""
        found, last = self._table.scan_page(
            after=tuple(json.loads(cursor)) if cursor else None,
            FilterExpression="sk = :projection OR begins_with(sk, :membership)",
            ExpressionAttributeValues={
                ":projection": text(keys.PROJECTION),
                ":membership": text(keys.MEMBERSHIP_PREFIX),
            },
            ProjectionExpression="pk",
        )
        nodes = dict.fromkeys(NodeId(item["pk"]["S"]) for item in found)
        return NodePage(list(nodes), last and json.dumps(last))

    def somewhere(self, seed: str) -> str:
        """See `Census.somewhere`. A scan goes by the keys' hashes, so that any key is a place in the midst of it."""
        digest = b32encode(sha256(seed.encode()).digest()).decode().lower()
        return json.dumps([digest[:26], keys.PROJECTION])
