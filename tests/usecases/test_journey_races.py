"""An order races every step of the sender: whatever call of a port it meets, no message is claimed after it was stored.

A race is drawn by its seed: a journey, who orders, at which call of the sender's, just before it or just after it,
whether the stream delivers the order at once or later, and what else happens at another call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from typing import Any, Final

import pytest

from tests.fresh_seeds import with_fresh_seeds
from tests.journey_streams import BUDGET
from tests.usecases.journey_storm import KNOWN, NAMING, StormyWorld
from tests.usecases.journey_witness import Rules
from tests.usecases.port_proxy import Call

HERE = "tests/usecases/test_journey_races.py"
EXITS: Final[dict[str, list[dict[str, Any]]]] = {
    "event": [{"event": "Order Completed"}],
    "match": [{"event": "Order Completed", "match": "properties.cart_id"}],
    "condition": [{"when": {"did": "Order Completed", "since_start": True}}],
}
BUYERS: Final[dict[str, dict[str, Any]]] = {
    "herself": {"userId": "ann"},
    "by e-mail address": {"context": {"traits": {"email": "ann@example.com"}}},
    "as the visitor": {"anonymousId": "web-1"},
}
OTHERS: Final = ("nothing", "tap", "unsubscribe", "merge", "other order")


@dataclass(frozen=True)
class Setting:
    """What is under way when the race begins."""

    channels: tuple[str, ...]
    exits: str
    buyer: str
    strict: bool
    merged: bool

    @classmethod
    def drawn(cls, random: Random) -> Setting:
        """By chance."""
        channels = tuple(random.sample(["push", "email", "sms"], random.randint(2, 3)))
        buyer = random.choice(sorted(BUYERS))
        merged = buyer == "as the visitor" or random.random() < 0.3
        return cls(channels, random.choice(sorted(EXITS)), buyer, random.random() < 0.5, merged)

    @property
    def alike(self) -> Setting:
        """One for all settings whose senders make about as many calls."""
        return replace(self, channels=("push", "sms", "email")[: len(self.channels)], buyer="herself", merged=False)

    def definition(self) -> dict[str, Any]:
        """The journey: a cascade, then one message more."""
        parts: list[dict[str, dict[str, Any]]] = [{c: {"template": "cart", "wait": "4h"}} for c in self.channels]
        limits: dict[str, Any] = {}
        if self.strict:
            limits = {"cap": {"messages": 5, "per": "1d"}, "quiet_hours": {"from": "03:00", "to": "04:00"}}
            for part in parts:
                if "sms" in part:
                    part["sms"]["budget"] = BUDGET
        entry = {"event": "Product Added", "key": "properties.cart_id", "after": "1h"}
        steps = [{"id": "paid", "cascade": {"channels": parts}}, {"id": "thank", "email": {"template": "cart"}}]
        return {"entry": entry, "exit": EXITS[self.exits], "reentry": "always", **limits, "steps": steps}

    def world(self) -> StormyWorld:
        """A basket was filled an hour ago, less a second."""
        definition = self.definition()
        world = StormyWorld(Rules({"basket": definition}))
        world.put_journey("basket", *definition.pop("steps"), **definition)
        for who in ("ann", "web"):
            world.post({"type": "identify", "messageId": who, **NAMING[who], **KNOWN[who]})
        if self.merged:
            world.post({"type": "identify", "messageId": "known", **NAMING["web"], **NAMING["ann"]})
        world.post(_track("Product Added", "fill", {"userId": "ann"}))
        world.advance(seconds=3599)
        return world


@dataclass
class Meeting:
    """Stands at every port in front of the witness; at some calls of the sender's, something happens."""

    world: StormyWorld
    happens: dict[int, Callable[[], None]] = field(default_factory=dict[int, Callable[[], None]])
    after: bool = False
    seen: int = 0
    busy: bool = False

    def __call__(self, call: Call, proceed: Callable[[], Any]) -> Any:
        """See `Around`."""
        if self.busy or self.world.witness.turn is None:
            return self.world.witness(call, proceed)
        number, self.seen = self.seen, self.seen + 1
        if not self.after:
            self._meet(number)
        answer = self.world.witness(call, proceed)
        if self.after:
            self._meet(number)
        return answer

    def _meet(self, number: int) -> None:
        happens = self.happens.get(number)
        if happens:
            turn, self.busy = self.world.witness.turn, True
            happens()
            self.busy, self.world.witness.turn = False, turn


def _track(name: str, event_id: str, who: dict[str, Any], **properties: Any) -> dict[str, Any]:
    said = {"cart_id": "c1", **properties}
    return {"type": "track", "event": name, "messageId": event_id, "properties": said, **who}


@cache
def calls_of(setting: Setting) -> int:
    """How many calls of ports the sender makes where nobody orders."""
    world = setting.world()
    counting = Meeting(world)
    world.around = counting
    world.advance(days=2)
    assert len(world.witness.handed) == len(setting.channels) + 1, "without an order, every message goes out"
    return counting.seen


@dataclass
class Race:
    """One seed's race."""

    random: Random
    told: Counter[str] = field(default_factory=Counter[str])

    def run(self) -> None:
        """From the first message to the end; the witness looks at every provider call."""
        random, setting = self.random, Setting.drawn(self.random)
        world = setting.world()
        calls = calls_of(setting.alike)
        first, second = random.randrange(calls), random.randrange(calls)
        order = _track("Order Completed", "order", BUYERS[setting.buyer])
        claimed: set[str] = set()

        def orders() -> None:
            stored = world.store(order)
            claimed.update(world.witness.claims)
            if random.random() < 0.5:
                world.deliver(stored)

        other = random.choice(OTHERS)
        meeting = Meeting(world, {second: lambda: self._other(other, world), first: orders}, random.random() < 0.5)
        world.around = meeting
        world.advance(days=3)
        ordered = bool([event for _, event in world.witness.stored if event.message_id == "order"])
        if ordered:
            handed = {message.message_id for message in world.witness.handed}
            assert handed <= claimed, f"claimed after the order, and sent: {handed - claimed} in {setting}"
        world.witness.all_is_over()
        outcome = world.runs_of("user_id:ann")[0].outcome
        self.told[f"ordered: {ordered}, {outcome}"] += 1

    def _other(self, other: str, world: StormyWorld) -> None:
        match other:
            case "tap":
                for message in world.witness.handed[:1]:
                    tap = _track("Push Notification Tapped", "tap", {"userId": "ann"}, message_id=message.message_id)
                    world.deliver(world.store(tap))
            case "unsubscribe":
                said = _track("Unsubscribed", "no", BUYERS["by e-mail address"], channel="email", topic="promotions")
                world.deliver(world.store(said))
            case "merge":
                login = {"type": "identify", "messageId": "login", **NAMING["web"], **NAMING["ann"]}
                world.deliver(world.store(login))
            case "other order":
                bought = _track("Order Completed", "other", {"userId": "ann"}, cart_id="c2")
                world.deliver(world.store(bought))
            case _:
                pass


def _races(count: int, path: str) -> Counter[str]:
    told = Counter[str]()
    with_fresh_seeds(count, lambda seed: Race(Random(seed), told).run(), path)
    return told


def test_no_message_is_claimed_after_the_order_was_stored() -> None:
    """Three hundred races of seeds nobody has seen; most orders come in time to end the run."""
    told = _races(300, f"{HERE}::test_no_message_is_claimed_after_the_order_was_stored")
    assert told["ordered: True, exited"] >= 150


@pytest.mark.parametrize("exits", sorted(EXITS))
def test_an_order_at_every_call_of_the_sender_stops_what_is_not_claimed(exits: str) -> None:
    """One after the other, just before each call and just after it; delivered by the stream only later."""
    setting = Setting(("push", "sms"), exits, "by e-mail address", strict=True, merged=False)
    for number in range(calls_of(setting)):
        for after in (False, True):
            world, claimed = setting.world(), set[str]()

            def orders(world: StormyWorld = world, claimed: set[str] = claimed) -> None:
                world.store(_track("Order Completed", "order", BUYERS[setting.buyer]))
                claimed.update(world.witness.claims)

            world.around = Meeting(world, {number: orders}, after)
            world.advance(days=3)
            handed = {message.message_id for message in world.witness.handed}
            assert handed <= claimed, (number, after, handed - claimed)
            world.witness.all_is_over()


@pytest.mark.soak
def test_no_message_is_claimed_after_the_order_in_ten_thousand_races() -> None:
    """The same search, long."""
    path = f"-m soak {HERE}::test_no_message_is_claimed_after_the_order_in_ten_thousand_races"
    told = _races(10_000, path)
    assert told["ordered: True, exited"] >= 5_000
