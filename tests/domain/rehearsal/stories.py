"""A desk for rehearsals without any storage behind it, and the documented example to start from."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from omnicascade.adapters.liquid_renderer import LiquidRenderer
from omnicascade.adapters.memory_configuration import MemoryConfigurationStore
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import UnacceptableError
from omnicascade.usecases.rehearse import RehearsalDesk

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ANN: dict[str, Any] = {
    "identifiers": [
        {"type": "email", "value": "ann@example.com"},
        {"type": "phone", "value": "+48601234567"},
        {"type": "ios.push_token", "value": "t"},
    ],
    "traits": {"timezone": "Europe/Warsaw"},
}
CASCADE: dict[str, Any] = {
    "cascade": {
        "channels": [
            {"push": {"template": "cart", "wait": "4h"}},
            {"email": {"template": "cart", "wait": "20h"}},
            {"sms": {"template": "cart"}},
        ]
    }
}
ADDED: dict[str, Any] = {"at": "0s", "event": "Product Added", "properties": {"cart_id": "c1", "total": 40}}


def desk(deployment: Deployment | None = None) -> RehearsalDesk:
    """A desk of an empty deployment."""
    store = MemoryConfigurationStore(deployment or Deployment())
    return RehearsalDesk(store, store, LiquidRenderer())


def request(*steps: Mapping[str, Any], **parts: Any) -> dict[str, Any]:
    """A rehearsal of these steps (none: the cascade) for Ann; parts of the journey by `journey`, others by name."""
    definition = {"steps": [dict(step) for step in steps] or [CASCADE], **parts.pop("journey", {})}
    return {
        "definition": definition,
        "start": NOON.isoformat(),
        "profile": ANN,
        "templates": {"cart": {"subject": "Your basket", "text": "Your basket is waiting"}},
        **parts,
    }


def played(*steps: Mapping[str, Any], **parts: Any) -> dict[str, Any]:
    """What a rehearsal answers."""
    return desk().simulate("cart", request(*steps, **parts), NOON)


def sent(told: Mapping[str, Any]) -> list[tuple[float, str]]:
    """Every message: seconds after the start, and its channel."""
    return [(message["after"], message["channel"]) for message in told["messages"]]


def decided(told: Mapping[str, Any]) -> list[tuple[float, str, str]]:
    """Every decision: seconds after the start, step, outcome."""
    return [(decision["after"], decision["step"], decision["outcome"]) for decision in told["decisions"]]


def reasons(told: Mapping[str, Any], outcome: str) -> list[str]:
    """Why, for each decision of an outcome."""
    return [decision["reason"] for decision in told["decisions"] if decision["outcome"] == outcome]


def problems(body: Any) -> dict[str, str]:
    """What is wrong with a rehearsal, by path."""
    with pytest.raises(UnacceptableError) as refused:
        desk().simulate("cart", body, NOON)
    return {problem.path: problem.message for problem in refused.value.problems}
