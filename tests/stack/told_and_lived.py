"""The same story told by the rehearsal and lived on the embedded stack, over HTTP on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from infra.local.durations import parse_duration
from tests.stack.shop import Shop

JOURNEY: Final = "story"
ACTS: Final = {"complaint": "complain"}
"""What a rehearsal calls otherwise than `/local/messages/{id}/…`; all else has one name."""
type Told = list[tuple[str, str, str, str, str | None]]


def told(shop: Shop, rehearsal: Mapping[str, Any], name: str = JOURNEY) -> Told:
    """The messages that `simulate` foresees: when, over which channel, by which step, in which words, for which key."""
    body = {**rehearsal, "start": shop.stack.now().isoformat()}
    status, answer = shop.call("POST", f"/v1/journeys/{name}/simulate", body)
    assert status == 200, answer
    found = [(_second(m["at"]), m["channel"], m["step"], m["template"], m["key"]) for m in answer["messages"]]
    return sorted(found, key=_place)


def lived(shop: Shop, rehearsal: Mapping[str, Any], name: str = JOURNEY) -> Told:
    """The messages that the customer gets, each of which its run knows to be sent. See `live`."""
    return _delivered(shop, live(shop, rehearsal, name), name)


def live(shop: Shop, rehearsal: Mapping[str, Any], name: str = JOURNEY) -> str:
    """Live a rehearsal's story: real calls, real feedback, the stack's clock; how staff may name the customer.

    The journey is switched off in the end.
    """
    others_rest(shop, name)
    start, who = shop.stack.now(), _introduced(shop, rehearsal["profile"])
    for template, words in rehearsal.get("templates", {}).items():
        status, answer = shop.call("PUT", f"/v1/templates/{template}", words)
        assert status == 200, answer
    shop.put_journey({"name": name, **rehearsal["definition"]})
    shop.stack.settle()
    happenings = [(_moment(start, event["at"]), 0, event) for event in rehearsal.get("events", [])]
    happenings += [(_moment(start, at), 1, {}) for at in rehearsal.get("enter", [])]
    for number, (at, by_hand, event) in enumerate(sorted(happenings, key=lambda one: one[:2])):
        _wait_until(shop, at)
        if by_hand:
            shop.call("POST", f"/v1/journeys/{name}/runs", {"profile": who})
        else:
            _happens(shop, event, who, f"{name}-e{number}")
        shop.stack.settle()
    _wait_until(shop, start + _length(rehearsal.get("until", "30d")))
    shop.put_journey({"name": name, "active": False, **rehearsal["definition"]})
    return who


def others_rest(shop: Shop, name: str) -> None:
    """Pause the journeys that come with the deployment: they would write to the same customer."""
    for journey in shop.call("GET", "/v1/journeys")[1]["journeys"]:
        if journey["active"] and journey["name"] != name:
            status, answer = shop.call("POST", f"/v1/journeys/{journey['name']}/pause", {})
            assert status in {200, 202}, answer
    shop.stack.settle()


def _introduced(shop: Shop, profile: Mapping[str, Any]) -> str:
    """The customer posts who they are; how staff may name them."""
    known = {one["type"]: one["value"] for one in profile["identifiers"]}
    addresses = {kind: known[kind] for kind in ("email", "phone") if kind in known}
    device = {"device": {"type": "ios", "token": known["ios.push_token"]}} if "ios.push_token" in known else {}
    call = {"type": "identify", "messageId": "-".join(sorted(known.values())), "traits": profile.get("traits", {})}
    shop.deliver({**call, "context": {**device, "traits": addresses}}, "local-app")
    who = next(f"{kind}:{known[kind]}" for kind in ("email", "phone", "ios.push_token") if kind in known)
    for number, (key, word) in enumerate(sorted(profile.get("consent", {}).items())):
        _consents(shop, key, word, who, f"{who}-consent-{number}")
    shop.stack.settle()
    return who


def _happens(shop: Shop, event: Mapping[str, Any], who: str, message_id: str) -> None:
    if "feedback" in event:
        for message in shop.stack.messages(profile=who, channel=event["channel"])[-1:]:
            _reacts(shop, message, event["feedback"], message_id)
    elif "consent" in event:
        for key, word in event["consent"].items():
            _consents(shop, key, word, who, message_id)
    else:
        said = {key: value for key, value in event.items() if key != "at"}
        shop.deliver({"type": "track", "messageId": message_id, **said, **_naming(who)})


def _reacts(shop: Shop, message: Mapping[str, Any], feedback: str, message_id: str) -> None:
    """The customer reacts; that a push has arrived is told by the app's SDK."""
    if (message["channel"], feedback) == ("push", "delivered"):
        call = {"type": "track", "event": "Push Notification Received", "messageId": message_id}
        device = {"device": {"type": "ios", "token": message["to"]}}
        shop.deliver({**call, "properties": dict(message["data"]), "context": device}, "local-app")
        return
    path = f"/local/messages/{quote(message['id'], safe='')}/{ACTS.get(feedback, feedback)}"
    status, answer = shop.call("POST", path, {"text": "yes"})
    assert status == 200, answer


def _consents(shop: Shop, key: str, word: str, who: str, message_id: str) -> None:
    channel, _, topic = key.partition("/")
    name = "Subscribed" if word == "granted" else "Unsubscribed"
    call = {"type": "track", "event": name, "messageId": message_id, "properties": {"channel": channel, "topic": topic}}
    shop.deliver({**call, **_naming(who)})


def _naming(who: str) -> dict[str, Any]:
    kind, _, value = who.partition(":")
    if kind == "ios.push_token":
        return {"context": {"device": {"type": "ios", "token": value}}}
    return {"context": {"traits": {kind: value}}}


def _delivered(shop: Shop, who: str, name: str) -> Told:
    sent: Told = []
    for run in shop.runs(name, who):
        for m in run["messages"]:
            if m["outcome"] == "sent":
                sent.append((_second(m["at"]), m["channel"], m["step"], m["template"], run["key"]))
    ids = [m["id"] for m in shop.stack.messages(profile=who)]
    assert len(ids) == len(sent), "what was delivered is what the runs know"
    return sorted(sent, key=_place)


def _place(message: tuple[str, str, str, str, str | None]) -> tuple[str, ...]:
    return tuple(part or "" for part in message)


def _wait_until(shop: Shop, moment: datetime) -> None:
    if moment > shop.stack.now():
        shop.stack.advance(moment - shop.stack.now())


def _second(moment: str) -> str:
    """The moment to the second, as a scenario writes it."""
    return datetime.fromisoformat(moment).isoformat(timespec="seconds").replace("+00:00", "Z")


def _moment(start: datetime, at: object) -> datetime:
    if isinstance(at, str) and "T" in at[1:] and "-" in at:
        return datetime.fromisoformat(at)
    return start + _length(at)


def _length(length: object) -> timedelta:
    return timedelta(seconds=length) if isinstance(length, int | float) else parse_duration(str(length))


def agree(shop: Shop, rehearsal: Mapping[str, Any]) -> None:
    """Tell and live it on an emptied stack: the same messages."""
    shop.stack.reset()
    foreseen = told(shop, rehearsal)
    assert lived(shop, rehearsal) == foreseen, rehearsal
