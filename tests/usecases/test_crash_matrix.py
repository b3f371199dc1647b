"""A process that dies, or a service that fails, at any write of any use case harms nobody.

Each story is played once without a fault and then again for every write that it made: the process dies just before the
write or just after it, or the service refuses the write, or makes it and its answer is lost. What the customer and the
marketer see in the end must be what they see without a fault. Only a message whose claim was stored and whose outcome
was not may differ: then nobody can know whether it went out, it is never repeated, and all else must be as if the
provider itself had not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from omnicascade.domain.errors import OmnicascadeError, RetryableSendError, UnavailableError, UnknownOutcomeError
from tests.usecases.port_proxy import Call
from tests.usecases.world import World
from tests.usecases.world_end import End

WRITES: Mapping[str, frozenset[str]] = {
    "queue": frozenset({"put"}),
    "events": frozenset({"keep"}),
    "customers": frozenset({"keep_end", "keep_projection"}),
    "runs": frozenset({"start", "save", "claim", "note_message"}),
    "timer": frozenset({"start", "wake", "finish", "refuse"}),
    "links": frozenset({"save"}),
    "webhooks": frozenset({"call"}),
    "push": frozenset({"send"}),
    "email": frozenset({"send"}),
    "sms": frozenset({"send"}),
}
PROVIDERS = ("push", "email", "sms")

type Fault = Literal["dies before", "dies after", "refused", "answer lost"]
FAULTS: tuple[Fault, ...] = ("dies before", "dies after", "refused", "answer lost")


class CrashError(RuntimeError):
    """The process dies; nothing of ours expects it."""


@dataclass
class Faults:
    """One fault, at the `number`-th write; keeps which writes there were."""

    number: int = -1
    fault: Fault = "dies before"
    trace: list[str] = field(default_factory=list[str])

    def __call__(self, call: Call, proceed: Callable[[], Any]) -> Any:
        """Stands at every port."""
        if call.method not in WRITES.get(call.port, ()):
            return proceed()
        self.trace.append(str(call))
        planned = len(self.trace) - 1 == self.number
        if planned and self.fault == "dies before":
            raise CrashError
        if planned and self.fault == "refused":
            raise _refusal(call.port)
        answer = proceed()
        if planned and self.fault == "dies after":
            raise CrashError
        if planned and self.fault == "answer lost":
            raise UnknownOutcomeError("no answer") if call.port in PROVIDERS else UnavailableError("no answer")
        return answer


def _refusal(port: str) -> OmnicascadeError:
    return RetryableSendError("throttled") if port in PROVIDERS else UnavailableError("throttled")


type Story = Callable[[World], End]

IDENTIFY = {
    "type": "identify",
    "messageId": "identify",
    "userId": "ann",
    "traits": {"email": "ann@example.com", "phone": "+48601234567", "name": "Ann"},
    "context": {"device": {"type": "ios", "id": "ann-device", "token": "ann-token"}},
}
STRANGER = {"type": "page", "messageId": "stranger", "anonymousId": "stranger"}
BOUGHT = {"total": 12.5, "currency": "USD", "cart_id": "c1"}
KEYED: dict[str, Any] = {
    "entry": {"event": "Basket Filled", "key": "properties.cart_id", "after": "1h"},
    "exit": [{"event": "Order Completed", "match": "properties.cart_id"}],
    "goal": {"event": "Order Completed", "within": "7d"},
}


def track(name: str, message_id: str, who: Mapping[str, str], /, **properties: Any) -> dict[str, Any]:
    """A track call."""
    return {"type": "track", "event": name, "messageId": message_id, **who, "properties": properties}


ANN = {"userId": "ann"}


def bought_before_the_sms(world: World) -> End:
    """Filled a basket, ignored push and e-mail, bought before the SMS; strangers come by."""
    world.put_journey("basket", **KEYED)
    world.post(IDENTIFY)
    world.post(track("Basket Filled", "fill", ANN, cart_id="c1"), STRANGER)
    world.advance(hours=12)
    world.post(track("Order Completed", "order", ANN, **BOUGHT), STRANGER | {"messageId": "stranger 2"})
    world.advance(days=3)
    return world.end("user_id:ann")


def tapped(world: World) -> End:
    """Tapped the push, if it came, and went on to a second step a day later; filled the basket again meanwhile."""
    steps = [{"id": "remind", **CASCADE_OF_TWO}, {"wait": "1d"}, {"id": "thank", "email": {"template": "cart"}}]
    world.put_journey("basket", *steps, **KEYED)
    world.post(IDENTIFY)
    world.post(track("Basket Filled", "fill", ANN, cart_id="c1"))
    world.advance(hours=1, minutes=30)
    for message in world.push.sent:
        world.post(track("Push Notification Tapped", "tap", ANN, message_id=message.data["message_id"]), STRANGER)
    world.advance(minutes=30)
    world.post(track("Basket Filled", "again", ANN, cart_id="c1"))
    world.advance(days=4)
    return world.end("user_id:ann")


CASCADE_OF_TWO: dict[str, Any] = {
    "cascade": {"channels": [{"push": {"template": "cart", "wait": "4h"}}, {"sms": {"template": "cart", "wait": "4h"}}]}
}


def merged_on_the_way(world: World) -> End:
    """Filled the basket unknown, became Ann half an hour later, bought in the shop by e-mail address."""
    world.put_journey("basket", **KEYED)
    visitor = {"anonymousId": "web-1"}
    world.post(STRANGER, IDENTIFY, track("Basket Filled", "fill", visitor, cart_id="c1"))
    world.advance(minutes=30)
    world.post({"type": "identify", "messageId": "login", **visitor, **ANN}, STRANGER | {"messageId": "stranger 2"})
    world.advance(hours=11)
    mail = {"context": {"traits": {"email": "ann@example.com"}}}
    world.post(track("Order Completed", "order", {}, **BOUGHT) | mail)
    world.advance(days=3)
    return world.end("user_id:ann")


def unanswered(world: World) -> End:
    """Started by staff; nobody ever answered."""
    world.put_journey("basket")
    world.post(IDENTIFY)
    world.advance(hours=1)
    world.start_by_hand("basket", "user_id:ann")
    world.advance(days=3)
    return world.end("user_id:ann")


def started_in_the_console(world: World) -> End:
    """Started as an execution with what a person typed; nobody ever answered."""
    world.put_journey("basket")
    world.post(IDENTIFY)
    world.advance(hours=1)
    world.start_execution("by-hand", {"journey": "basket", "profile": "email:Ann@Example.com"})
    world.advance(days=3)
    return world.end("user_id:ann")


BOUNDED: dict[str, Any] = {
    "cascade": {
        "channels": [
            {"push": {"template": "cart", "wait": "4h"}},
            {"sms": {"template": "cart", "wait": "4h", "budget": "1 USD"}},
            {"email": {"template": "cart"}},
        ]
    }
}


def bounded(world: World) -> End:
    """Two messages of three, as the cap allows, one of them on a budget; behind an update and a webhook.

    Whatever went wrong, the log has the messages that went out or may have, the budget what these cost, exactly.
    """
    steps: list[dict[str, Any]] = [
        {"update": {"traits": {"asked": True}}},
        {"webhook": {"url": "https://hooks.example.com/in", "body": {}}},
    ]
    world.put_journey("basket", *steps, BOUNDED, cap={"messages": 2, "per": "30d"}, **KEYED)
    world.post(IDENTIFY)
    world.post(track("Basket Filled", "fill", ANN, cart_id="c1"))
    world.advance(days=3)
    entries = [entry for run in world.runs_of("user_id:ann") for entry in run.ledger]
    logged = [contact.message_id for log in world.customer("user_id:ann").logs for contact in log.contacts]
    assert logged == [entry.message_id for entry in entries if entry.outcome in {"sent", "unknown"}]
    texts = [entry for entry in entries if entry.channel == "sms" and entry.outcome in {"sent", "unknown"}]
    price = world.journeys.deployment().prices["sms.PL"]
    spent = world.runs.spent("basket", "sms", "2026-03")
    assert (spent.amount if spent else 0) == len(texts) * price.amount
    assert len({call.message_id for call in world.webhooks.called}) == 1
    return world.end("user_id:ann")


STORIES: Mapping[str, Story] = {
    story.__name__: story
    for story in (bought_before_the_sms, tapped, merged_on_the_way, unanswered, started_in_the_console, bounded)
}


@pytest.mark.parametrize(
    ("name", "messages", "runs"),
    [
        ("bought_before_the_sms", ["push", "email"], [("ended", "exited", True)]),
        ("tapped", ["push", "email"], [("ended", "completed", False)]),
        ("merged_on_the_way", ["push", "email"], [("ended", "exited", True)]),
        ("unanswered", ["push", "email", "sms"], [("ended", "completed", False)]),
        ("started_in_the_console", ["push", "email", "sms"], [("ended", "completed", False)]),
        ("bounded", ["push", "sms"], [("ended", "completed", False)]),
    ],
)
def test_a_story_without_a_fault(name: str, messages: Sequence[str], runs: Sequence[Any]) -> None:
    """Without a fault each story goes as it says: else the matrix would compare nothing with nothing."""
    end = STORIES[name](World())
    assert (end.messages, end.runs) == (messages, runs)
    assert end.ledger == [(channel, "sent") for channel in messages]
    assert end.noted == [True] * len(messages)
    assert end.executions == ["SUCCEEDED"]
    assert [live for _, _, live in end.slots] == [False]


@pytest.mark.parametrize(("name", "transitions"), [("unanswered", 4), ("bought_before_the_sms", 4)])
def test_transitions_are_few(name: str, transitions: int) -> None:
    """Three messages and the end; or the delay, two messages and the end by the order."""
    world = World()
    STORIES[name](world)
    assert [execution.transitions for execution in world.machine.executions.values()] == [transitions]


def test_the_stories_make_every_kind_of_write() -> None:
    """Together they cover the road: without this, the matrix would prove little."""
    seen: set[str] = set()
    for story in STORIES.values():
        faults = Faults()
        story(World(faults))
        seen |= {write.partition(" ")[0] for write in faults.trace}
    assert seen == {f"{port}.{method}" for port, methods in WRITES.items() for method in methods} - {"timer.refuse"}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", STORIES)
def test_a_fault_at_any_write_is_repaired(name: str, fault: Fault) -> None:
    """For every write: one profile, counted once, one run, every message at most once, and nothing left waiting."""
    story, clean = STORIES[name], Faults()
    unharmed = story(World(clean))
    harmed: dict[str, Any] = {}
    for number, write in enumerate(clean.trace):
        faults = Faults(number, fault)
        end = story(World(faults))
        expected = _expected(story, clean.trace, number, fault) or unharmed
        if end != expected:
            harmed[f"{name}: {fault} at write {number}, {write}"] = _difference(expected, end)
    assert not harmed, "\n".join(f"{case}\n    {difference}" for case, difference in harmed.items())


def _expected(story: Story, trace: Sequence[str], number: int, fault: Fault) -> End | None:
    """The end where a message's outcome became unknown: as if its provider itself had not known. Else None."""
    claim = next((n for n in range(number, -1, -1) if trace[n] == "runs.claim"), None)
    if claim is None:
        return None
    send = next(n for n in range(claim, len(trace)) if trace[n].partition(".")[0] in PROVIDERS)
    outcome = next(n for n in range(send, len(trace)) if trace[n] == "runs.save outcome")
    if not _unknown(fault, number, claim, send, outcome):
        return None
    delivered = number > send or (number == send and fault in {"dies after", "answer lost"})
    doubt = _Doubt(trace[send].partition(".")[0], delivered)
    return story(World(doubt))


def _unknown(fault: Fault, number: int, claim: int, send: int, outcome: int) -> bool:
    """Whether the claim is stored and the outcome is not. A service that refuses before the send gives the claim
    back."""
    match fault:
        case "dies before":
            return claim < number <= outcome
        case "dies after":
            return claim <= number < outcome
        case "refused":
            return send < number <= outcome
        case "answer lost":
            return number == claim or send <= number < outcome


@dataclass
class _Doubt:
    """A provider whose first answer is no answer."""

    channel: str
    delivered: bool
    asked: bool = False

    def __call__(self, call: Call, proceed: Callable[[], Any]) -> Any:
        if self.asked or (call.port, call.method) != (self.channel, "send"):
            return proceed()
        self.asked = True
        if self.delivered:
            proceed()
        raise UnknownOutcomeError("no answer")


def _difference(expected: End, end: End) -> dict[str, Any]:
    names = End.__dataclass_fields__
    return {n: (getattr(expected, n), getattr(end, n)) for n in names if getattr(expected, n) != getattr(end, n)}
