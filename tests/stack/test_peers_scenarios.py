"""Scenarios of other products on the embedded stack: real calls, real feedback, and the messages that they expect.

`tests/domain/journeys/test_journey_scenarios.py` translates them; here every customer is one of their own, on one
stack, in the order of the scenarios' moments.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.domain.journeys.test_journey_scenarios import expected_of, rehearsal_of, scenarios, start_of
from tests.shared_data import shared
from tests.stack.shop import Shop, opened_at
from tests.stack.told_and_lived import lived, told

TEMPLATE: Final = {"t": {"subject": "Hello", "text": "Hello"}}


def _own(rehearsal: dict[str, Any], number: int, length: timedelta) -> dict[str, Any]:
    """The same of a customer whom no other scenario knows, so much later."""
    text = json.dumps(rehearsal)
    for shared_value in ("test@example.com", "test@test.com", "t@example.com"):
        text = text.replace(shared_value, f"person{number}@example.com")
    text = text.replace("+48512345678", f"+485123456{number:02}").replace('"tok"', f'"tok{number}"')
    own = json.loads(text)
    zone = own.pop("config").get("default_zone")  # a deployment has one; here the customer says it
    own["profile"]["traits"] |= {"timezone": zone} if zone else {}
    for event in own["events"]:
        properties = event.get("properties", {})
        if "appointmentDate" in properties:
            appointment = datetime.fromisoformat(properties["appointmentDate"]) + length
            properties["appointmentDate"] = appointment.isoformat()
    return own


def _until(source: dict[str, Any]) -> str:
    """A day longer than anything happens."""
    start = start_of(source)
    moments = [datetime.fromisoformat(at) for at, _, _, _ in expected_of(source)]
    moments += [start + timedelta(seconds=moment["at"]) for moment in source["timeline"]]
    return f"{(max(moments) - start).days + 1}d"


def _moved(source: dict[str, Any], length: timedelta) -> list[tuple[str, str, str]]:
    """The messages a scenario expects, so much later: when, over which channel, by which step."""
    moments = [(datetime.fromisoformat(at) + length, channel, step) for at, channel, step, _ in expected_of(source)]
    return sorted((at.isoformat().replace("+00:00", "Z"), channel, step) for at, channel, step in moments)


def _plays(shop: Shop, source: dict[str, Any], number: int) -> None:
    """One scenario, told and lived."""
    now, start = shop.stack.now(), start_of(source)
    if start > now:
        shop.stack.advance(start - now)
        now = start
    rehearsal = {**_own(rehearsal_of(source), number, now - start), "until": _until(source), "templates": TEMPLATE}
    rehearsal.pop("start")
    foreseen = told(shop, rehearsal, name=f"story{number}")
    happened = lived(shop, rehearsal, name=f"story{number}")
    assert happened == foreseen, source["name"]
    assert [one[:3] for one in happened] == _moved(source, now - start), source["name"]


UNDELIVERED: Final = "8x8/cascade-delivered-is-not-read"
"""Expects a mail that never arrives; the embedded SES delivers each at once. Rehearsals tell it both ways."""


def test_peers_scenarios_are_lived_as_they_are_told() -> None:
    """Each message at its second, as `simulate` tells it and as the other product's own test has it."""
    shared("journey-scenarios.json")
    playable = [source for source in scenarios() if source["name"] != UNDELIVERED]
    ordered = sorted(playable, key=lambda source: (start_of(source), "absolute" not in json.dumps(source)))
    with opened_at(min(start_of(ordered[0]), datetime(2026, 3, 7, 20, tzinfo=UTC))) as shop:
        for number, source in enumerate(ordered):
            _plays(shop, source, number)
