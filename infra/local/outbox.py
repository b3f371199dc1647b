"""What the customers would have received: every message whole, and the failures a test asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How a provider answers a send to an address."""

    ACCEPTED = "accepted"
    PERMANENT = "permanent"  # the address is dead: nothing is sent
    THROTTLED = "throttled"  # try again later: nothing is sent
    UNKNOWN = "unknown"  # the message is sent, the answer is lost


@dataclass(frozen=True, slots=True)
class Message:
    """One message a provider accepted.

    Attributes:
        id: the provider's id.
        channel: email, sms or push.
        to: the address, number or device token.
        body: the text part, the SMS text, or the push notification's body.
        subject: an e-mail's subject, a push notification's title.
        data: a push notification's data.
        extra: what only one channel has: configuration set, tags and sender of an e-mail, attributes of an SMS, the
            device's kind of a push notification.
    """

    id: str
    at: datetime
    channel: str
    to: str
    body: str
    subject: str | None = None
    html: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Outbox:
    """Messages in the order they were accepted."""

    def __init__(self) -> None:
        """Empty, and every address works."""
        self._messages: dict[str, Message] = {}
        self._scripted: dict[str, list[Outcome]] = {}

    @property
    def messages(self) -> list[Message]:
        """Everything accepted so far, oldest first."""
        return list(self._messages.values())

    def keep(self, message: Message) -> None:
        """Keep one."""
        self._messages[message.id] = message

    def find(self, message_id: str) -> Message | None:
        """One message by the provider's id."""
        return self._messages.get(message_id)

    def last_to(self, channel: str, address: str) -> Message | None:
        """The latest message of a channel to an address."""
        found = (m for m in reversed(self._messages.values()) if (m.channel, m.to) == (channel, address))
        return next(found, None)

    def script(self, address: str, *outcomes: Outcome) -> None:
        """Answer the next sends to `address` so, one after another; the last one for ever."""
        self._scripted[address] = list(outcomes)

    def outcome(self, address: str) -> Outcome:
        """How the send at hand to `address` goes."""
        scripted = self._scripted.get(address)
        if not scripted:
            return Outcome.ACCEPTED
        return scripted.pop(0) if len(scripted) > 1 else scripted[0]

    def next_number(self) -> int:
        """For the next message's id: 1 for the first."""
        return len(self._messages) + 1
