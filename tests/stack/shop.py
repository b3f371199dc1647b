"""Short words for what channels, marketers and customers do with a stack in this process."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from zlib import crc32

from infra.local.faults import Faults
from infra.local.stack import Stack
from infra.local_client import template_path

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)

CASCADE: dict[str, Any] = {
    "cascade": {
        "channels": [
            {"push": {"template": "cart-reminder", "wait": "4h"}},
            {"email": {"template": "cart-reminder", "wait": "20h"}},
            {"sms": {"template": "cart-reminder"}},
        ]
    }
}


@dataclass
class Shop:
    """A stack and the people around it."""

    stack: Stack

    def call(self, method: str, path: str, body: Any = None, *, source: str | None = None) -> tuple[int, Any]:
        """One HTTP request, as staff unless a source is named; status and decoded body."""
        header = Stack.write_key(source) if source else Stack.staff()
        answer = self.stack.request(method, path, headers=[header], body=body)
        return answer.status, answer.json()

    def post(self, call: dict[str, Any], source: str = "local-web") -> int:
        """Post a call to the intake; the status."""
        return self.call("POST", f"/v1/{call['type']}", call, source=source)[0]

    def deliver(self, call: dict[str, Any], source: str = "local-web") -> None:
        """Post as an SDK does: again until it is confirmed."""
        for _ in range(5):
            if self.post(call, source) == 200:
                return
        raise AssertionError("the intake never confirmed")

    def reachable(self, name: str) -> str:
        """A customer with app, e-mail and phone."""
        digits = crc32(name.encode()) % 10_000_000
        traits = {"email": f"{name}@example.com", "phone": f"+4860{digits:07d}"}
        device = {"type": "ios", "id": f"{name}-device", "token": f"{name}-token"}
        self.deliver(
            {
                "type": "identify",
                "messageId": f"{name}-identify",
                "userId": name,
                "traits": traits,
                "context": {"device": device},
            }
        )
        self.stack.settle()
        return f"user_id:{name}"

    def put_journey(self, definition: dict[str, Any]) -> None:
        """Store a journey."""
        status, body = self.call("PUT", f"/v1/journeys/{definition['name']}", definition)
        assert status == 200, body

    def profile(self, who: str) -> dict[str, Any]:
        """A profile."""
        return self.call("GET", f"/v1/profiles/{quote(who, safe='')}")[1]

    def runs(self, journey: str, who: str) -> list[dict[str, Any]]:
        """A customer's runs."""
        return self.call("GET", f"/v1/journeys/{journey}/runs?profile={quote(who, safe='')}")[1]["runs"]

    def channels(self, who: str) -> list[str]:
        """The channels of what was delivered to a customer, in order."""
        return [message["channel"] for message in self.stack.messages(profile=who)]


@contextmanager
def opened(faults: Faults | None = None) -> Generator[Shop]:
    """A shop on a fresh stack."""
    with opened_at(NOON, faults) as shop:
        yield shop


@contextmanager
def opened_at(start: datetime, faults: Faults | None = None) -> Generator[Shop]:
    """A shop on a fresh stack whose time begins then."""
    with Stack.start(template_path(), start=start, faults=faults) as stack:
        yield Shop(stack)
