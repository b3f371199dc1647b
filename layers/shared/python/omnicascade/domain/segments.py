"""A segment: a named condition. Who is in it is always what the condition says now; that it is stored is a memory.

Exists apart from the language of conditions because a condition may name segments, and a deployment holds them.
"""

from dataclasses import dataclass
from datetime import datetime

from omnicascade.domain.conditions.condition import Condition

JOURNEY_PREFIX = "journey:"
"""Names of the segments that journeys bring along (`entry: {when: …}`): `journey:<journey>`. No author can name one."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One version of a segment.

    Attributes:
        name: its id, a-z, 0-9 and dashes; `journey:<name>` for the nameless one of a journey's entry.
        version: counted by whoever stores it.
        condition: who belongs to it.
        put_at: when this version was stored (UTC).
        ready: whether everybody who was known then was judged by it; until then a customer who was found in it for
            the first time may have been in it all along.
    """

    name: str
    condition: Condition
    version: int = 1
    title: str = ""
    put_at: datetime | None = None
    ready: bool = True
