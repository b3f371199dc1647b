"""Other people's servers: what webhooks would have sent them, and what they answer. Nothing leaves the process.

Every host exists, at a public address; names that end in `.internal`, and `localhost`, are at a private one, so that
refusing them can be seen.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from infra.local.clock import VirtualClock

_PUBLIC: Final = "1.1.1.1"
_PRIVATE: Final = "10.0.0.1"
OK: Final = 200


@dataclass(frozen=True, slots=True)
class Webhook:
    """One request as it arrived: `id` is its `webhook-id`, `body` the decoded JSON, `text` what was signed."""

    id: str
    at: datetime
    url: str
    headers: Mapping[str, str]
    body: Any
    text: str
    answered: int


class Webhooks:
    """Requests in the order they arrived."""

    def __init__(self, clock: VirtualClock) -> None:
        """Nothing arrived, and everybody answers 200."""
        self._clock = clock
        self._scripted: dict[str, list[int]] = {}
        self.received: list[Webhook] = []

    def forget(self) -> None:
        """Begin anew."""
        self._scripted.clear()
        self.received.clear()

    def script(self, host: str, *statuses: int) -> None:
        """Answer the next requests to `host` so, one after another; the last one for ever. 0: no answer at all."""
        self._scripted[host] = list(statuses)

    def resolve(self, host: str) -> Collection[str]:
        """The address of a host."""
        private = host == "localhost" or host.endswith(".internal")
        return [_PRIVATE if private else _PUBLIC]

    def post(self, address: str, host: str, path: str, body: bytes, headers: dict[str, str]) -> int:
        """Take one request; the status.

        Raises:
            TimeoutError: the host was told to give no answer.
        """
        del address
        status = self._status(host)
        text = body.decode()
        self.received.append(
            Webhook(
                id=headers.get("webhook-id", ""),
                at=self._clock.now(),
                url=f"https://{host}{path}",
                headers=dict(headers),
                body=json.loads(text or "null"),
                text=text,
                answered=status,
            )
        )
        if not status:
            raise TimeoutError(host)
        return status

    def _status(self, host: str) -> int:
        scripted = self._scripted.get(host)
        if not scripted:
            return OK
        return scripted.pop(0) if len(scripted) > 1 else scripted[0]
