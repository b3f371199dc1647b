"""Senders that keep messages in memory, for tests and rehearsals. They fail exactly as told, with the errors of the
tree."""

from dataclasses import dataclass, field

from omnicascade.domain.errors import SendError
from omnicascade.usecases.ports import EmailMessage, PushMessage, Receipt, SmsMessage


@dataclass(slots=True)
class MemorySender[Message: (EmailMessage, SmsMessage, PushMessage)]:
    """Any of the three sender ports: `MemorySender[SmsMessage]()`.

    Attributes:
        name: goes into the receipts' ids.
        sent: what was handed over, in order; a message whose outcome is unknown is not among them.
        attempts: how many times `send` was called.
    """

    name: str = "memory"
    sent: list[Message] = field(default_factory=list[Message])
    attempts: int = 0
    _failures: list[SendError] = field(default_factory=list[SendError])

    def fail_next(self, error: SendError) -> None:
        """Let the next send raise this; several queue up."""
        self._failures.append(error)

    def send(self, message: Message) -> Receipt:
        """Keep the message, or raise the failure that was asked for."""
        self.attempts += 1
        if self._failures:
            raise self._failures.pop(0)
        self.sent.append(message)
        return Receipt(f"{self.name}-{self.attempts}")
