"""Who sends: write keys and the sources they name, in the table and remembered for a minute."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final

from omnicascade.adapters import keys
from omnicascade.adapters.dynamo import Table
from omnicascade.domain.deployment import Source
from omnicascade.domain.deployment_json import source_from

KEY_MEMORY: Final = timedelta(seconds=60)
"""How long a write key is remembered: a key that is taken away works this much longer."""

_MAX_REMEMBERED: Final = 1_000


class DynamoSourceDirectory:
    """`SourceDirectory` on the table, with a memory. Cost: 0.5 read units per key and minute."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._known: dict[str, tuple[datetime, Source]] = {}

    def find(self, write_key: str, now: datetime) -> Source | None:
        """See `SourceDirectory.find`. Unknown keys are not remembered, so a new key works at once."""
        known = self._known.get(write_key)
        if known and abs(now - known[0]) < KEY_MEMORY:
            return known[1]
        item = self._table.get(keys.CONFIG, keys.source_key(write_key), consistent=False)
        if item is None:
            self._known.pop(write_key, None)
            return None
        source = source_from(json.loads(item["state"]["S"]))
        if len(self._known) >= _MAX_REMEMBERED:
            self._known.clear()
        self._known[write_key] = (now, source)
        return source
