"""A `SourceDirectory` in memory that can be out of order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from omnicascade.domain.deployment import Source
from omnicascade.domain.errors import UnavailableError


@dataclass(slots=True)
class MemorySourceDirectory:
    """Knows these keys; while `down`, says that it cannot tell. `asked` lists every question."""

    sources: Mapping[str, Source] = field(default_factory=dict[str, Source])
    down: bool = False
    asked: list[tuple[str, datetime]] = field(default_factory=list[tuple[str, datetime]])

    def find(self, write_key: str, now: datetime) -> Source | None:
        """See `SourceDirectory.find`."""
        if self.down:
            raise UnavailableError("the table could not be read")
        self.asked.append((write_key, now))
        return self.sources.get(write_key)
