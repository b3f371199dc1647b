"""The deployment's rules of identity, read from the table and remembered for a minute.

Apart from `DynamoConfigurationStore`: the recorder needs no more of a deployment, and must not load journeys for it.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final

from omnicascade.adapters import keys
from omnicascade.adapters.dynamo import Table
from omnicascade.domain.identity_rules import DEFAULT_RULES, IdentityRules
from omnicascade.domain.identity_rules_json import rules_from

RULES_MEMORY: Final = timedelta(seconds=60)
"""How long rules are remembered: events are still recorded by the old ones this long after a deployment."""


class RulesMemory:
    """The rules of one deployment. Cost: 0.5 read units per 4 KB and minute."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._known: tuple[datetime, IdentityRules] | None = None

    def rules(self, now: datetime) -> IdentityRules:
        """The rules as they stood at most a minute ago; the default ones before anything was configured.

        Raises:
            UnavailableError: they could not be read, and what was remembered is too old.
        """
        if self._known and abs(now - self._known[0]) < RULES_MEMORY:
            return self._known[1]
        item = self._table.get(keys.CONFIG, keys.DEPLOYMENT, consistent=False)
        rules = rules_from(json.loads(item["state"]["S"]).get("identity", {})) if item else DEFAULT_RULES
        self._known = (now, rules)
        return rules
