"""Two people who may be one, two journeys, and everything that can go wrong at once: one seed, one storm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, Final

from omnicascade.domain.errors import NotFoundError
from omnicascade.domain.templates import Template, Wording
from omnicascade.usecases.control_journeys import ControlDesk
from omnicascade.usecases.move_every_run import RunMover
from omnicascade.usecases.send_next_message import Task
from tests.journey_streams import Act, campaign, life
from tests.usecases.journey_witness import Rules, Witness
from tests.usecases.port_proxy import Call
from tests.usecases.segment_world import bench
from tests.usecases.test_crash_matrix import FAULTS, Faults
from tests.usecases.world import NOON, World

PEOPLE: Final = ("ann", "web")
NAMING: Final[Mapping[str, dict[str, Any]]] = {"ann": {"userId": "ann"}, "web": {"anonymousId": "web-1"}}
REFERENCES: Final = {"ann": "user_id:ann", "web": "anonymous_id:web-1"}
KNOWN: Final[Mapping[str, dict[str, Any]]] = {
    "ann": {
        "traits": {"email": "ann@example.com", "phone": "+48601234567"},
        "context": {"device": {"type": "ios", "id": "ann-device", "token": "ann-token"}},
    },
    "web": {
        "traits": {"email": "shop@example.com", "phone": "+48607654321"},
        "context": {"device": {"type": "android", "id": "web-device", "token": "web-token"}},
    },
}
_ADDRESSES: Final[Mapping[tuple[str, str], dict[str, Any]]] = {
    ("ann", "email"): {"context": {"traits": {"email": "ann@example.com"}}},
    ("web", "email"): {"context": {"traits": {"email": "shop@example.com"}}},
    ("ann", "sms"): {"context": {"traits": {"phone": "+48601234567"}}},
    ("web", "sms"): {"context": {"traits": {"phone": "+48607654321"}}},
    ("ann", "push"): {"context": {"device": {"type": "ios", "token": "ann-token"}}},
    ("web", "push"): {"context": {"device": {"type": "android", "token": "web-token"}}},
}
_FEEDBACK: Final = {
    "tap": "Push Notification Tapped",
    "open": "Push Notification Opened",
    "click": "Email Link Clicked",
    "reply": "SMS Replied",
}
_TRAITS: Final = {"zone": "timezone", "plan": "plan"}
CAPS: Final[tuple[list[dict[str, Any]], ...]] = (
    [],
    [{"messages": 3, "per": "1d"}],
    [{"messages": 1, "per": "6h", "channel": "sms"}, {"messages": 4, "per": "2d"}],
)


class StormyWorld(World):
    """A world with a witness behind every fault."""

    def __init__(self, rules: Rules, *, shuffle: Random | None = None) -> None:
        self.witness = Witness(self, rules)
        super().__init__(self.witness, shuffle=shuffle)
        wording = Wording(
            subject="Basket", text="Basket {{ message.id }} waits.", url="https://s.example/{{ step.id }}"
        )
        self.journeys.put_template(Template("cart", wording))

    def send(self, task: Task) -> None:
        """The sender's task; the witness hears of it first."""
        self.witness.begins(task)
        super().send(task)
        self.witness.turn = None


@dataclass
class Trouble:
    """A few faults, and a few things that happen in the very middle of a sender's work."""

    random: Random
    witness: Witness
    happens: Callable[[], None]
    faults: int
    surprises: int
    busy: bool = False
    trace: list[str] = field(default_factory=list[str])

    def __call__(self, call: Call, proceed: Callable[[], Any]) -> Any:
        """Stands at every port, in front of the witness."""

        def made() -> Any:
            return self.witness(call, proceed)

        if self.busy:
            return made()
        if self.witness.turn and self.surprises and self.random.random() < 0.05:
            self._surprise(call)
        if self.faults and self.random.random() < 0.03:
            return self._fault(call, made)
        return made()

    def _surprise(self, call: Call) -> None:
        self.surprises -= 1
        self.trace.append(f"a surprise at {call}")
        turn, self.busy = self.witness.turn, True
        self.happens()
        self.busy, self.witness.turn = False, turn

    def _fault(self, call: Call, made: Callable[[], Any]) -> Any:
        fault = Faults(0, self.random.choice(FAULTS))
        try:
            return fault(call, made)
        finally:
            self.faults -= len(fault.trace)
            self.trace += [f"{fault.fault} at {name}" for name in fault.trace]


class Storm:
    """One seed's."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.journeys = {name: campaign(random) for name in ("basket", "second")[: random.randint(1, 2)]}
        caps = random.choice(CAPS)
        self.world = StormyWorld(Rules(self.journeys), shuffle=random if random.random() < 0.7 else None)
        self.world.journeys.put_deployment({"caps": caps})
        self.witness = self.world.witness
        known = self.world.journeys.deployment().caps
        self.witness.caps = [(cap.messages, cap.per, cap.channel and cap.channel.value) for cap in known]
        self.acts = life(random, PEOPLE)
        self.trouble = Trouble(
            random, self.witness, self._surprise, faults=random.randint(0, 4), surprises=random.randint(0, 3)
        )
        self._number = 0

    def play(self) -> None:
        """From the first basket to the end of everything."""
        for name, definition in self.journeys.items():
            drawn = dict(definition)
            self.world.put_journey(name, *drawn.pop("steps"), **drawn)
            journey = self.world.journeys.journey(name)
            assert journey is not None
            bench(self.world).follow(journey, self.world.now)
        for who in PEOPLE:
            self._post({"type": "identify", **KNOWN[who]}, who)
        self.world.settle()
        self.world.around = self.trouble
        for act in self.acts:
            self._wait_until(act.minute)
            self.happens(act)
            if self.random.random() < 0.8:
                self._rest()
        self.world.advance(days=2)
        self._release()
        self.world.advance(days=12)
        self._rest()
        self.trouble.faults = 0
        self.world.advance(days=2400)
        self.witness.all_is_attended()
        self.witness.all_is_over()

    def _rest(self) -> None:
        self.world.settle()
        self.witness.all_is_attended()

    def _wait_until(self, minute: int) -> None:
        moment = NOON + timedelta(minutes=minute)
        if moment > self.world.now:
            self.world.advance(seconds=(moment - self.world.now).total_seconds())

    def _post(self, call: Mapping[str, Any], who: str) -> None:
        self.world.post({**self._call(call, who)})

    def _call(self, call: Mapping[str, Any], who: str) -> dict[str, Any]:
        self._number += 1
        return {"messageId": f"m{self._number}", **NAMING[who], **call}

    def happens(self, act: Act) -> None:
        """One act of the story."""
        if act.kind == "hand":
            with suppress(NotFoundError):
                self.world.start_by_hand(self.random.choice(sorted(self.journeys)), REFERENCES[act.who])
            return
        if act.kind == "hold":
            self._hold()
            return
        call = self._said(act)
        if call:
            self.world.post(call)

    def _said(self, act: Act) -> dict[str, Any] | None:
        """The call that an act is; None where there is nothing to react to."""
        who = act.who
        match act.kind:
            case "add" | "order":
                name = "Product Added" if act.kind == "add" else "Order Completed"
                properties = {"cart_id": act.word, "total": 40}
                said = self._call({"type": "track", "event": name, "properties": properties}, who)
            case "consent":
                name = "Subscribed" if act.other == "granted" else "Unsubscribed"
                said = self._about(name, who, act.word, channel=act.word, topic="promotions")
            case "bounce":
                said = self._about("Email Bounced", who, "email", permanent=True, reason="gone")
            case "react":
                said = self._reaction(act)
            case "merge":
                said = self._call({"type": "identify", **NAMING["web"]}, "ann")
            case _:
                said = self._call({"type": "identify", "traits": {_TRAITS[act.kind]: act.word}}, who)
        return said

    def _reaction(self, act: Act) -> dict[str, Any] | None:
        handed = [h for h in self.witness.handed if h.channel == act.word]
        if not handed:
            return None
        message_id = self.random.choice(handed).message_id
        return self._about(_FEEDBACK[act.other], act.who, act.word, message_id=message_id)

    def _about(self, name: str, who: str, channel: str, /, **properties: Any) -> dict[str, Any]:
        """What a provider tells: it knows the address alone."""
        self._number += 1
        call = {"type": "track", "event": name, "messageId": f"m{self._number}", "properties": properties}
        return {**call, **_ADDRESSES[who, channel]}

    def _hold(self) -> None:
        """Staff pause a journey or one of its runs, or let go on what is paused."""
        name, desk = self.random.choice(sorted(self.journeys)), self._control()
        paused = {line.name for line in self.world.journeys.listing() if line.paused}
        live = self.world.runs.live_runs(name, None, 1).run_ids
        if name in paused:
            desk.journey(name, "resume", {}, "staff", self.world.now)
        elif live and self.random.random() < 0.5:
            stored = self.world.runs.load(live[0])
            action = "resume" if stored and stored.run.paused_at else "pause"
            desk.run(live[0], action, {}, "staff", self.world.now)
        else:
            desk.journey(name, "pause", {}, "staff", self.world.now)

    def _release(self) -> None:
        """Staff let go on everything, also what was paused alone."""
        for name in sorted(self.journeys):
            self._control().journey(name, "resume", {}, "staff", self.world.now)

    def _control(self) -> ControlDesk:
        world = self.world

        def mover() -> RunMover:
            return RunMover(
                world.customers, world.events, world.runs, world.journeys, world.machine, world.journeys.deployment()
            )

        return ControlDesk(world.journeys, world.runs, world.errands, mover)

    def _surprise(self) -> None:
        """In the middle of a sender's work, past the queue; the stream delivers it at once or later."""
        who = self.random.choice(PEOPLE)
        kind = self.random.choice(["order", "consent", "merge"])
        word = self.random.choice(["c1", "c2"]) if kind == "order" else self.random.choice(["push", "email", "sms"])
        call = self._said(Act(0, kind, who, word, "denied"))
        assert call is not None
        stored = self.world.store(call)
        if self.random.random() < 0.5:
            self.world.deliver(stored)
