"""Scenarios of other products, from their own tests and documents: those that this version can express."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.journeys import engine
from tests.domain.journeys.journey_builders import START, World, customer, event, journey
from tests.shared_data import shared

ANSWERS = {"read": "open", "delivered": "delivered"}
FEEDBACK = {("push", "read"): "Push Notification Opened", ("push", "delivered"): "Push Notification Received"}
NAMES = {"email": "email", "phone": "sms", "pushToken": "push"}


def scenario(name: str) -> dict[str, Any]:
    """One scenario by its name."""
    scenarios = json.loads(shared("journey-scenarios.json").read_text())["scenarios"]
    return next(found for found in scenarios if found["name"] == name)


def _steps(source: dict[str, Any]) -> list[dict[str, Any]]:
    return [_step(step) for step in source["journey"]["steps"]]


def _step(step: dict[str, Any]) -> dict[str, Any]:
    extra: dict[str, Any] = {"if": {"step": "a", "is": "opened"}} if step.get("if") == "step a was read" else {}
    match step["type"]:
        case "delay":
            return {"id": step["id"], "wait": f"{step['seconds']}s"}
        case "message":
            return {"id": step["id"], step["channel"]: {"template": "t"}, **extra}
        case _:
            channels: list[dict[str, Any]] = []
            for part in step["channels"]:
                message: dict[str, Any] = {"template": "t"}
                if "wait" in part:
                    message["wait"] = f"{part['wait']}s"
                if "success" in part:
                    message["answered_by"] = [ANSWERS[part["success"]]]
                channels.append({part["channel"]: message})
            return {"id": step["id"], "cascade": {"channels": channels}}


def _world(source: dict[str, Any], **parts: Any) -> World:
    channels = [NAMES[key] for key in source["profile"] if key in NAMES]
    off = source["profile"].get("channelPreferences", {})
    consent = {f"{channel}/*": allowed for channel, allowed in off.items()}
    return World(journey(*_steps(source), **parts), customer(*channels, consent=consent), Deployment())


def _expected(source: dict[str, Any]) -> list[tuple[float, str, str]]:
    return [(message["at"], message["step"], message["channel"]) for message in source["expect"]["messages"]]


@pytest.mark.parametrize(
    "name",
    [
        "8x8/cascade-stops-when-read",
        "8x8/cascade-delivered-is-not-read",
        "dittofeed/no-address-skips-channel",
        "novu/channel-off-in-preferences",
        "novu/second-message-only-if-first-was-read",
    ],
)
def test_a_peers_scenario_gives_the_peers_messages(name: str) -> None:
    """Exactly the messages that scenario expects, at their seconds; what must be skipped is on record."""
    source = scenario(name)
    world = _world(source, entry={"event": "go"}).enter(event("go"))
    for entry in source["timeline"][1:]:
        world.until(timedelta(seconds=entry["at"]))
        world.happens(FEEDBACK[entry["channel"], entry["state"]], message_id="r-0")
    world.until(timedelta(days=7))
    assert world.sent == _expected(source)
    for skipped in source["expect"].get("skipped", []):
        assert (skipped["step"], "skipped") in world.outcomes()


def test_reentry_is_refused_as_the_peer_refuses_it() -> None:
    """Entered twice, sent once."""
    source = scenario("dittofeed/reentry-not-allowed")
    world = _world(source, reentry="never").enter()
    again = START + timedelta(seconds=source["timeline"][1]["at"])
    assert not engine.may_reenter(world.journey, 1, world.run.started_at, world.run.live, again).ok
    assert world.sent == _expected(source)


def test_quiet_hours_drop_as_the_peer_aborts() -> None:
    """At noon of a 09:00 to 15:00 quiet time nothing goes out, and the skip is on record."""
    source = scenario("laudspeaker/quiet-hours-abort")
    hours = source["journey"]["quietHours"]
    quiet = {"from": hours["start"], "to": hours["end"], "zone": hours["timezone"], "policy": "drop"}
    world = _world(source, quiet_hours=quiet)
    world.now = datetime.fromisoformat(source["timeline"][0]["absolute"])
    world.enter()
    assert (world.sent, world.outcomes()[0]) == ([], (source["expect"]["skipped"][0]["step"], "skipped"))
