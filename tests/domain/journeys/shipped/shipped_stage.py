"""A stage for the shipped journeys: rehearsals with their own templates, told in lines that are quick to read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from omnicascade.adapters.liquid_renderer import LiquidRenderer
from omnicascade.adapters.memory_configuration import MemoryConfigurationStore
from omnicascade.domain.durations import spell
from omnicascade.usecases.manage_journeys import Workshop
from omnicascade.usecases.rehearse import RehearsalDesk

JOURNEYS = Path(__file__).parents[4] / "infra/journeys"

START = datetime(2026, 3, 10, 9, tzinfo=UTC)
"""A Tuesday, ten in the morning in Warsaw."""

ADDRESSES = {
    "push": {"type": "ios.push_token", "value": "t"},
    "email": {"type": "email", "value": "ann@example.com"},
    "sms": {"type": "phone", "value": "+48601234567"},
}


@cache
def desk() -> RehearsalDesk:
    """Every shipped journey and template, as a deployment stores them."""
    store = MemoryConfigurationStore()
    renderer = LiquidRenderer()
    workshop = Workshop(store, store, renderer.check)
    for path in sorted((JOURNEYS / "templates").glob("*.yaml")):
        workshop.put_template(path.stem, path.read_text(encoding="utf-8"))
    for path in sorted(JOURNEYS.glob("*.yaml")):
        workshop.put_journey(path.stem, path.read_text(encoding="utf-8"))
    return RehearsalDesk(store, store, renderer)


@dataclass(frozen=True)
class Played:
    """What became of a rehearsal."""

    answer: Mapping[str, Any]

    @property
    def sent(self) -> list[str]:
        """Every message: `1d4h push cart-reminder`."""
        return [f"{_after(m)} {m['channel']} {m['template']}" for m in self.answer["messages"]]

    @property
    def runs(self) -> list[str]:
        """Every run: its key and how it ended, `c1 exited`; `live` while it has not."""
        return [f"{run['key'] or '-'} {run['outcome'] or 'live'}" for run in self.answer["runs"]]

    @property
    def reasons(self) -> str:
        """Why each run ended, and why each decision was taken."""
        return "\n".join(part["reason"] or "" for name in ("runs", "decisions") for part in self.answer[name])

    @property
    def converted(self) -> list[bool]:
        """Whether each run reached its goal."""
        return [run["converted"] is not None for run in self.answer["runs"]]


def _after(message: Mapping[str, Any]) -> str:
    return spell(timedelta(seconds=message["after"]))


def rehearse(
    journey: str,
    *events: Mapping[str, Any],
    on: Sequence[str] = ("push", "email", "sms"),
    until: str = "60d",
    consent: Mapping[str, str] | None = None,
    **traits: Any,
) -> Played:
    """Play a journey for a customer in Warsaw with these channels, traits and events."""
    body: dict[str, Any] = {
        "start": START.isoformat(),
        "until": until,
        "profile": {
            "identifiers": [ADDRESSES[channel] for channel in on],
            "traits": {"timezone": "Europe/Warsaw", **traits},
            "consent": dict(consent or {}),
        },
        "events": list(events),
        "config": {"topics": {"promotions": "opt_out"}},
    }
    return Played(desk().simulate(journey, body, START))


def track(at: str, event: str, **properties: Any) -> dict[str, Any]:
    """The customer does something."""
    return {"at": at, "type": "track", "event": event, "properties": properties}


def identify(at: str, **traits: Any) -> dict[str, Any]:
    """Something about the customer is said."""
    return {"at": at, "type": "identify", "traits": traits}


def reacts(at: str, how: str, channel: str) -> dict[str, Any]:
    """The customer does something with the latest message of a channel."""
    return {"at": at, "feedback": how, "channel": channel}


def leaves(at: str, channel: str = "email") -> dict[str, Any]:
    """The customer wants no more of this."""
    return {"at": at, "consent": {f"{channel}/promotions": "denied"}}
