"""What the use cases need from the outside world. Adapters implement these; tests bring fakes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from omnicascade.domain.deployment import Source
from omnicascade.domain.identifiers import Identifier


@dataclass(frozen=True, slots=True)
class Envelope:
    """Calls of one source, accepted together: what travels over the events queue.

    Each call has its `type`, `messageId` and corrected `timestamp` (ISO 8601, UTC).
    """

    source: str
    received_at: datetime
    calls: Sequence[Mapping[str, Any]]
    default_region: str | None = None
    shared_device: bool = False


class EventQueue(Protocol):
    """The one road into the platform."""

    def put(self, envelope: Envelope) -> None:
        """Return when every call is durably queued.

        Raises:
            UnavailableError: some call could not be queued; the caller must not confirm any (retries are idempotent).
        """
        ...


class SourceDirectory(Protocol):
    """Which source a write key names."""

    def find(self, write_key: str, now: datetime) -> Source | None:
        """The source of a write key, or None. Cost: nothing when it was asked lately.

        Raises:
            UnavailableError: the directory could not be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class EmailMessage:
    """One rendered e-mail; `tags` come back with the provider's feedback ([A-Za-z0-9_-] only)."""

    to: str
    subject: str
    html: str
    text: str
    tags: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class SmsMessage:
    """One rendered text message to an E.164 number."""

    to: str
    text: str
    transactional: bool


@dataclass(frozen=True, slots=True)
class PushMessage:
    """One rendered push notification to one device token (`ios.push_token` or `android.push_token`)."""

    to: Identifier
    title: str
    body: str
    url: str | None
    data: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider took the message: its id there."""

    provider_id: str


class EmailSender(Protocol):
    """Sends e-mail."""

    def send(self, message: EmailMessage) -> Receipt:
        """Hand one message to the provider, once.

        Raises:
            RetryableSendError: surely not sent; try again later.
            PermanentAddressError: the address is dead.
            UnknownOutcomeError: it may have been sent.
        """
        ...


class SmsSender(Protocol):
    """Sends text messages; same errors as `EmailSender.send`."""

    def send(self, message: SmsMessage) -> Receipt:
        """Hand one message to the provider, once."""
        ...


class PushSender(Protocol):
    """Sends push notifications; same errors as `EmailSender.send`."""

    def send(self, message: PushMessage) -> Receipt:
        """Hand one message to the provider, once."""
        ...


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """One request to somebody else's system; the same id whenever it is repeated."""

    message_id: str
    url: str
    body: Mapping[str, Any]
    at: datetime


class WebhookCaller(Protocol):
    """Calls webhooks, signed."""

    def call(self, call: WebhookCall, hosts: Collection[str]) -> str:
        """Make one request to one of the hosts that the deployment allows; returns what was answered, in short.

        Raises:
            RetryableSendError: no answer, or one that promises a later success; call again under the same id.
            ChannelUnavailableError: it is not allowed, or the other side refused it for good.
        """
        ...
