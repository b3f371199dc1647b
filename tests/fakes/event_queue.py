"""An `EventQueue` in memory that can be out of order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from omnicascade.domain.errors import UnavailableError
from omnicascade.usecases.ports import Envelope


@dataclass(slots=True)
class MemoryEventQueue:
    """Keeps what is put; while `down`, takes nothing."""

    down: bool = False
    envelopes: list[Envelope] = field(default_factory=list[Envelope])

    def put(self, envelope: Envelope) -> None:
        """See `EventQueue.put`."""
        if self.down:
            raise UnavailableError("the events queue did not take the events; send them again")
        self.envelopes.append(envelope)

    @property
    def calls(self) -> list[Mapping[str, Any]]:
        """Every call put so far."""
        return [call for envelope in self.envelopes for call in envelope.calls]
