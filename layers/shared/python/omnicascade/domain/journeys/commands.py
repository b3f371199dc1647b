"""What a run asks the outside world to do. The engine only says it; whoever runs the engine carries it out.

A message is claimed in the returned run: store that run first, then send, then `record_outcome`. New traits and
webhooks may be repeated under the same id: carry them out first, then store the run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omnicascade.domain.deployment import Channel, Price
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.journeys.run import Run


@dataclass(frozen=True, slots=True)
class Send:
    """One message to hand to a provider now, already claimed in the run's ledger.

    `budget` is what all messages of this journey and channel may cost in a calendar month; None: no limit.
    """

    message_id: str
    step: str
    channel: Channel
    template: str
    address: Identifier
    budget: Price | None = None


@dataclass(frozen=True, slots=True)
class SetTraits:
    """Traits to say about the customer, as an identify call of the source `journey` under this id. The returned run is
    behind the step already."""

    message_id: str
    step: str
    traits: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CallWebhook:
    """A request to make. The returned run stands before the step until `record_call` says how it went."""

    message_id: str
    step: str
    url: str
    body: Mapping[str, Any]


type Command = Send | SetTraits | CallWebhook


@dataclass(frozen=True, slots=True)
class Step:
    """The run as it is now, and what it asks for; None: it waits or has ended."""

    run: Run
    command: Command | None

    @property
    def send(self) -> Send | None:
        """The command, if it is a message."""
        return self.command if isinstance(self.command, Send) else None
