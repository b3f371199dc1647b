"""Senders that keep messages in memory, for tests and rehearsals. They fail exactly as told, with the errors of the
tree."""

from collections.abc import Collection
from dataclasses import dataclass, field

from omnicascade.domain.errors import SendError
from omnicascade.usecases.ports import EmailMessage, PushMessage, Receipt, SmsMessage, WebhookCall


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


@dataclass(slots=True)
class MemoryWebhookCaller:
    """`WebhookCaller` in memory: knows no hosts, keeps every call."""

    called: list[WebhookCall] = field(default_factory=list[WebhookCall])
    attempts: int = 0
    _failures: list[SendError] = field(default_factory=list[SendError])

    def fail_next(self, error: SendError) -> None:
        """Let the next call raise this; several queue up."""
        self._failures.append(error)

    def call(self, call: WebhookCall, hosts: Collection[str]) -> str:
        """Keep the call, or raise the failure that was asked for."""
        del hosts
        self.attempts += 1
        if self._failures:
            raise self._failures.pop(0)
        self.called.append(call)
        return "answered 200"
