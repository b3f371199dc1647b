"""Scenarios of other products, from their own tests and documents, rehearsed as an outside client would: each is
translated into the format here, and goes through `simulate` with an inline definition."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from omnicascade.adapters.liquid_renderer import LiquidRenderer
from omnicascade.adapters.memory_configuration import MemoryConfigurationStore
from omnicascade.domain.deployment import Deployment
from omnicascade.usecases.rehearse import RehearsalDesk
from tests.shared_data import SHARED, shared

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ANSWERS = {"read": "open", "delivered": "delivered"}
ADDRESSES = {"email": "email", "phone": "phone", "pushToken": "ios.push_token"}
CONDITIONS: dict[str, Any] = {
    "onboardingState = step1": {"trait": "onboardingState", "is": "step1"},
    "plan = paid": {"trait": "plan", "is": "paid"},
    "profile.state = AL": {"trait": "state", "is": "AL"},
    "profile has event purchased_guitar where brand = Fender": {
        "did": "purchased_guitar",
        "where": {"event": "properties.brand", "is": "Fender"},
    },
    "step a was read": {"step": "a", "is": "opened"},
}


def scenarios() -> list[dict[str, Any]]:
    """Every scenario of the shared file; none where it is absent."""
    path = SHARED / "journey-scenarios.json"
    return json.loads(path.read_text())["scenarios"] if path.exists() else []


def start_of(source: dict[str, Any]) -> datetime:
    """When the scenario's first event happens."""
    return datetime.fromisoformat(source["timeline"][0].get("absolute") or NOON.isoformat())


def definition_of(source: dict[str, Any]) -> dict[str, Any]:
    """The journey in the format."""
    journey = source["journey"]
    named = {step["id"]: step for step in journey["steps"]}
    definition: dict[str, Any] = {"steps": steps_of(journey["steps"], named), "entry": entry_of(journey["entry"])}
    if "reentry" in journey:
        definition["reentry"] = "always" if journey["reentry"] else "never"
    if "cap" in journey:
        definition["cap"] = {"messages": journey["cap"]["perProfile"], "per": f"{journey['cap']['hours']}h"}
    if "quietHours" in journey:
        hours = journey["quietHours"]
        definition["quiet_hours"] = {
            "from": hours["start"],
            "to": hours["end"],
            "zone": hours["timezone"],
            "policy": "drop" if hours["fallback"] == "abort" else "hold",
        }
    return {name: value for name, value in definition.items() if value is not None}


def entry_of(source: dict[str, Any]) -> dict[str, Any] | None:
    """An event, a condition, or (for a segment that only `enter` knows of) none."""
    if "event" not in source:
        condition = CONDITIONS.get(source["segment"])
        return {"when": condition} if condition else None
    entry: dict[str, Any] = {"event": source["event"]}
    if "where" in source:
        [(name, value)] = source["where"].items()
        entry["where"] = {"event": f"properties.{name}", "is": value}
    return entry | ({"key": f"properties.{source['key']}"} if "key" in source else {})


def steps_of(sources: list[dict[str, Any]], named: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps; one that another step's arm leads to stands in that arm."""
    inside: set[str] = set()
    for step in sources:
        inside |= {step[arm] for arm in ("onTimeout", "onMatch", "yes", "no") if arm in step}
    return [step_of(step, named) for step in sources if step["id"] not in inside]


def arm_of(name: str, named: dict[str, Any]) -> list[dict[str, Any]]:
    """What stands in an arm."""
    return [{"end": {"reason": "left"}}] if name == "exit" else [step_of(named[name], named)]


def step_of(step: dict[str, Any], named: dict[str, Any]) -> dict[str, Any]:
    """One step in the format."""
    written: dict[str, Any]
    match step["type"]:
        case "message":
            condition = {"if": CONDITIONS[step["if"]]} if "if" in step else {}
            written = {**condition, step["channel"]: {"template": "t"}}
        case "delay":
            written = {"wait": f"{step['seconds']}s"}
        case "delayUntil":
            until = f"event.properties.{step['property']}"
            written = {"wait": {"until": until, "offset": f"-{-step['offset']}s"}}
        case "delayUntilLocal":
            written = {"wait": {"until": f"{step['hour']:02}:{step['minute']:02}", "zone": "recipient"}}
        case "waitFor":
            arms = {"then": arm_of(step["onMatch"], named), "otherwise": arm_of(step["onTimeout"], named)}
            written = {"wait_for": {**awaited(step), "timeout": f"{step['timeout']}s"}, **arms}
        case "split":
            branch = [{"if": CONDITIONS[step["if"]], "then": arm_of(step["yes"], named)}]
            written = {"branch": branch, "otherwise": arm_of(step["no"], named)}
        case _:
            written = {"cascade": {"channels": [channel_of(part) for part in step["channels"]]}}
    return {"id": step["id"], **written}


def awaited(step: dict[str, Any]) -> dict[str, Any]:
    """What a wait is for."""
    if "segment" in step:
        return {"when": CONDITIONS[step["segment"]]}
    [(name, value)] = step["event"]["where"].items()
    where = {"event": f"properties.{name}", "is": value}
    return {"event": step["event"]["event"], "where": where, "match": "properties.appointmentId"}


def channel_of(part: dict[str, Any]) -> dict[str, Any]:
    """One channel of a cascade."""
    message: dict[str, Any] = {"template": "t"}
    if "wait" in part:
        message["wait"] = f"{part['wait']}s"
    if "success" in part:
        message["answered_by"] = [ANSWERS[part["success"]]]
    return {part["channel"]: message}


def rehearsal_of(source: dict[str, Any]) -> dict[str, Any]:
    """The whole request."""
    profile, start = source["profile"], start_of(source)
    traits = {key: value for key, value in profile.items() if key == "state"}
    denied = {f"{name}/*": "denied" for name, on in profile.get("channelPreferences", {}).items() if not on}
    zones = [step["defaultTimezone"] for step in source["journey"]["steps"] if "defaultTimezone" in step]
    return {
        "definition": definition_of(source),
        "start": start.isoformat(),
        "profile": {
            "identifiers": [{"type": ADDRESSES[k], "value": v} for k, v in profile.items() if k in ADDRESSES],
            "traits": traits,
            "consent": denied,
        },
        "templates": {"t": {"text": "Hello"}},
        "config": {"default_zone": zones[0]} if zones else {},
        "enter": [moment["at"] for moment in source["timeline"] if moment["type"] == "enterSegment"],
        "events": [event_of(moment, start) for moment in source["timeline"] if moment["type"] != "enterSegment"],
    }


def event_of(moment: dict[str, Any], start: datetime) -> dict[str, Any]:
    """One thing that happens."""
    if moment["type"] == "delivery":
        return {"at": moment["at"], "feedback": ANSWERS[moment["state"]], "channel": moment["channel"]}
    event = {key: value for key, value in moment.items() if key != "absolute"}
    properties = dict(event.get("properties", {}))
    if "appointmentDate" in properties:  # given in seconds after the start
        properties["appointmentDate"] = (start + timedelta(seconds=properties["appointmentDate"])).isoformat()
    return event | ({"properties": properties} if "properties" in event else {})


def expected_of(source: dict[str, Any]) -> list[tuple[str, str, str, str | None]]:
    """Every message that must go out: when, over which channel, by which step, for which key."""
    start = start_of(source)
    return [
        (
            message.get("absolute") or (start + timedelta(seconds=message["at"])).isoformat().replace("+00:00", "Z"),
            message["channel"],
            message["step"],
            message.get("key"),
        )
        for message in source["expect"]["messages"]
    ]


@pytest.mark.parametrize("source", scenarios(), ids=lambda source: source["name"])
def test_a_peers_scenario_gives_the_peers_messages(source: dict[str, Any]) -> None:
    """Exactly the messages that scenario expects, at their seconds; what must be skipped is on record."""
    store = MemoryConfigurationStore(Deployment())
    desk = RehearsalDesk(store, store, LiquidRenderer())
    told = desk.simulate("j", rehearsal_of(source), NOON)
    keyed = any("key" in message for message in source["expect"]["messages"])
    sent = [(m["at"], m["channel"], m["step"], m["key"] if keyed else None) for m in told["messages"]]
    assert sent == expected_of(source)
    skipped = {(decision["step"], decision["outcome"]) for decision in told["decisions"]}
    assert {(skip["step"], "skipped") for skip in source["expect"].get("skipped", [])} <= skipped
    assert "warnings" not in told


def test_every_scenario_of_the_file_is_played() -> None:
    """None of them is left out in silence."""
    shared("journey-scenarios.json")
    assert len({source["name"] for source in scenarios()}) == 13
