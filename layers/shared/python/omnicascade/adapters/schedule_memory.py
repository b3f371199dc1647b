"""For which moment each journey's clock is wound, in the table and in memory."""

from __future__ import annotations

import json
from datetime import datetime

from omnicascade.adapters import keys
from omnicascade.adapters.dynamo import Table, text


class DynamoScheduleMemory:
    """`ScheduleMemory` on the table. Cost: 1 unit a call."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def kept(self, journey: str) -> tuple[str, datetime] | None:
        """See `ScheduleMemory.kept`."""
        item = self._table.get(keys.CONFIG, keys.schedule_key(journey))
        if item is None:
            return None
        expression, at = json.loads(item["state"]["S"])
        return expression, datetime.fromisoformat(at)

    def keep(self, journey: str, expression: str, at: datetime) -> None:
        """See `ScheduleMemory.keep`."""
        state = json.dumps([expression, at.isoformat()])
        self._table.put({"pk": text(keys.CONFIG), "sk": text(keys.schedule_key(journey)), "state": text(state)})


class MemoryScheduleMemory:
    """`ScheduleMemory` in memory."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, datetime]] = {}

    def kept(self, journey: str) -> tuple[str, datetime] | None:
        """See `ScheduleMemory.kept`."""
        return self._kept.get(journey)

    def keep(self, journey: str, expression: str, at: datetime) -> None:
        """See `ScheduleMemory.keep`."""
        self._kept[journey] = (expression, at)
