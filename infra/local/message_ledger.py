"""What the product itself knows of a message: asked of its staff API, so that nothing is told here that it would not
tell.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from infra.local.http_api import Request, Response
from infra.local.http_edge import STAFF_TOKEN
from infra.local.outbox import Message

_STAFF: Final = [("authorization", f"Bearer {STAFF_TOKEN}")]


class MessageLedger:
    """Asks the staff API about messages and profiles."""

    def __init__(self, send: Callable[[Request], Response]) -> None:
        """`send` makes a request to the product's own HTTP API."""
        self._send = send
        self._known: dict[str, Mapping[str, Any]] = {}

    def of(self, message: Message) -> Mapping[str, Any]:
        """The ledger's entry of a message; empty when the product knows of none (yet)."""
        if message.id not in self._known:
            found = self._get(f"/v1/messages/{quote(message.id, safe='')}")
            if found is None:
                return {}
            self._known[message.id] = found
        return self._known[message.id]

    def survivor(self, identifier: str) -> str | None:
        """The profile that `type:value`, or a bare profile id, means today; None when there is none."""
        named = identifier if ":" in identifier else f"profile_id:{identifier}"
        found = self._get(f"/v1/profiles/{quote(named, safe='')}")
        return None if found is None else str(found["profile_id"])

    def _get(self, path: str) -> Mapping[str, Any] | None:
        response = self._send(Request("GET", path, _STAFF))
        return response.json() if response.status == 200 else None
