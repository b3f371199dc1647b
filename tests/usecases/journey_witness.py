"""Whoever watches the laws of sending while a storm rages: at every provider call, from what was stored by then.

Written from the laws alone: counts, compares and remembers, and asks the engine nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, Final
from zoneinfo import ZoneInfo

from omnicascade.domain.errors import RetryableSendError, UnknownOutcomeError
from omnicascade.domain.event import Event
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.journeys.run import Run, run_id_of
from omnicascade.domain.profile import Profile
from omnicascade.usecases.find_customer import find_customer
from omnicascade.usecases.ports import EmailMessage, PushMessage
from omnicascade.usecases.send_next_message import Task
from tests.journey_streams import BUDGET
from tests.usecases.port_proxy import Call
from tests.usecases.world import World

PROVIDERS: Final = {"push": "push", "email": "email", "sms": "sms"}
SMS_PRICE: Final = Decimal("0.03222")
"""What a short text message to a Polish number costs."""


PAID: Final = "paid"
"""How steps are called whose text messages have a budget."""

MOST_SPENT: Final = Decimal(BUDGET.split()[0])


@dataclass(frozen=True)
class Rules:
    """The definitions, as the witness reads them: plain data.

    Attributes:
        journeys: by name.
        zone: where customers are who have not said so.
    """

    journeys: Mapping[str, Mapping[str, Any]]
    zone: str = "UTC"


@dataclass(frozen=True)
class Handed:
    """A message that a provider took, or may have taken."""

    message_id: str
    run_id: str
    step: str
    channel: str
    journey: str
    at: datetime
    marketing: bool


@dataclass
class Turn:
    """A sender at work, and what was known when it began."""

    run: Run
    profile: Profile
    siblings: Collection[str]
    paused: bool


@dataclass
class Witness:
    """Stands behind every fault, so that it sees only calls that are really made.

    Attributes:
        caps: the deployment's: messages, window, channel or None.
        handed: what providers took, or may have taken.
        calls: how often a provider was called.
        claims: of each message: its place in the order of all that was stored, its step and its channel.
        stored: every event with its place in that order.
        began: of each run its place in that order.
        turn: the sender at work, if one is.
    """

    world: World
    rules: Rules
    caps: Collection[tuple[int, timedelta, str | None]] = ()
    handed: list[Handed] = field(default_factory=list[Handed])
    calls: int = 0
    claims: dict[str, tuple[int, str, str]] = field(default_factory=dict[str, tuple[int, str, str]])
    stored: list[tuple[int, Event]] = field(default_factory=list[tuple[int, Event]])
    began: dict[str, int] = field(default_factory=dict[str, int])
    turn: Turn | None = None
    _order: Iterator[int] = field(default_factory=count)

    def begins(self, task: Task) -> None:
        """A sender was called: what it must respect at the least is what is known now."""
        stored = self.world.runs.load(str(task.input["run"]))
        customer = stored and find_customer(
            NodeId(stored.run.profile_id), self.world.customers, self.world.journeys.deployment().identity
        )
        if stored is None or customer is None:
            self.turn = None
            return
        siblings = {
            run.run_id
            for run in self.world.runs.runs_of(customer.profile.members, stored.run.journey)
            if run.key == stored.run.key and (run.live or self._leads_to(run, stored.run.run_id))
        }
        self.turn = Turn(stored.run, customer.profile, siblings | {stored.run.run_id}, self._paused(stored.run))

    def _paused(self, run: Run) -> bool:
        listing = self.world.journeys.listing()
        return run.paused_at is not None or any(line.paused and line.name == run.journey for line in listing)

    def _leads_to(self, run: Run, run_id: str) -> bool:
        while run.merged_into is not None and run.merged_into != run_id:
            following = self.world.runs.load(run.merged_into)
            assert following is not None
            run = following.run
        return run.merged_into == run_id

    def __call__(self, call: Call, proceed: Callable[[], Any]) -> Any:
        """Watch one call that is made."""
        if call.port in PROVIDERS and call.method == "send":
            return self._sends(call, proceed)
        answer = proceed()
        if (call.port, call.method) == ("runs", "claim"):
            entry = call.arguments[1].ledger[-1]
            self.claims[entry.message_id] = (next(self._order), entry.step, entry.channel.value)
        elif (call.port, call.method) == ("runs", "start"):
            self.began.setdefault(answer.run.run_id, next(self._order))
        elif (call.port, call.method) == ("events", "keep") and answer:
            self.stored.append((next(self._order), call.arguments[0]))
        return answer

    def _sends(self, call: Call, proceed: Callable[[], Any]) -> Any:
        try:
            told = self._looks(call)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            # Whatever else a function raises fails its task and is tried again: a fault of the witness must not.
            raise AssertionError(f"the witness cannot look: {error!r}") from error
        try:
            answer = proceed()
        except RetryableSendError:
            raise
        except UnknownOutcomeError:
            self.handed.append(told)
            raise
        self.handed.append(told)
        return answer

    def _looks(self, call: Call) -> Handed:
        assert self.turn is not None
        self.calls += 1
        assert not self.turn.paused, "a paused run sends"
        message_id = _id_of(call.arguments[0])
        journey = self.rules.journeys[self.turn.run.journey]
        marketing = journey.get("class") != "transactional"
        _, step, channel = self.claims[message_id]
        now = self.world.now
        told = Handed(message_id, run_id_of(message_id), step, channel, self.turn.run.journey, now, marketing)
        for law in (self._claimed_once, self._not_exited, self._consents, self._reachable):
            law(told, call)
        if marketing:
            for law in (self._within_caps, self._awake, self._not_held_out):
                law(told, call)
        self._within_budget(told)
        return told

    def _claimed_once(self, told: Handed, call: Call) -> None:
        """Law 4: at most one call per run (and those that it goes on for), step and channel."""
        del call
        turn = self.turn
        assert turn is not None
        assert told.run_id == turn.run.run_id, "one run sends for another"
        assert self.world.runs.load(told.run_id), "a run that is not stored sends"
        before = [h for h in self.handed if (h.step, h.channel) == (told.step, told.channel)]
        assert not [h for h in before if h.run_id in turn.siblings], f"again: {told}"

    def _known_before_the_claim(self, told: Handed) -> list[Event]:
        assert self.turn is not None
        claimed = self.claims[told.message_id][0]
        members = self.turn.profile.members
        return [event for order, event in self.stored if order < claimed and event.node_id in members]

    def _not_exited(self, told: Handed, call: Call) -> None:
        """Law 4: an exit event that was stored before the claim stops the message."""
        del call
        assert self.turn is not None
        run = self.turn.run
        for rule in self.rules.journeys[told.journey].get("exit", ()):
            if rule.get("when") == {"trait": "plan", "is": "paid"}:
                assert self.turn.profile.traits.get("plan") != "paid", f"after an exit's condition: {told}"
            for event in self._known_before_the_claim(told):
                if _ends(rule, event, run) and not self._came_before(event, run):
                    raise AssertionError(f"after {event.message_id} was stored: {told}")

    def _came_before(self, event: Event, run: Run) -> bool:
        """Whether an event of the very moment in which a run was entered was stored before that run."""
        stored = next(order for order, kept in self.stored if kept.message_id == event.message_id)
        return event.received_at == run.entered_at and stored < self.began[run.run_id]

    def _consents(self, told: Handed, call: Call) -> None:
        """Law 6: nobody who said no, in any of their guises, later than yes."""
        del call
        words: dict[tuple[NodeId, str], tuple[datetime, bool]] = {}
        topic = self.rules.journeys[told.journey].get("topic", "promotions" if told.marketing else "transactional")
        for event in self._known_before_the_claim(told):
            if event.name not in {"Subscribed", "Unsubscribed"} or event.properties["topic"] != topic:
                continue
            if event.properties.get("channel") == told.channel:
                words[event.node_id, event.properties["topic"]] = (event.timestamp, event.name == "Subscribed")
        refused = [node for (node, _), (_, granted) in words.items() if not granted]
        assert not refused, f"without consent: {told}"

    def _reachable(self, told: Handed, call: Call) -> None:
        """Law 6: no address that was known to be dead."""
        del told
        assert self.turn is not None
        message = call.arguments[0]
        address = message.to.value if isinstance(message, PushMessage) else message.to
        dead = {text.partition(":")[2] for text in self.turn.profile.suppressed}
        assert address not in dead, f"suppressed: {address}"

    def _to_this_person(self) -> list[Handed]:
        assert self.turn is not None
        members = self.turn.profile.members
        return [h for h in self.handed if h.marketing and NodeId(h.run_id.rsplit("_", 2)[1]) in members]

    def _within_caps(self, told: Handed, call: Call) -> None:
        """Law 6: no rolling window with too many, over everybody who is this person."""
        del call
        own = self.rules.journeys[told.journey].get("cap")
        earlier = self._to_this_person()
        for most, window, channel in self.caps:
            if channel in {None, told.channel}:
                counted = [h for h in earlier if channel in {None, h.channel} and h.at > told.at - window]
                assert len(counted) < most, f"over the cap of {most} in {window}: {told}"
        if own:
            window = timedelta(hours={"1d": 24, "2h": 2}[own["per"]])
            counted = [h for h in earlier if h.journey == told.journey and h.at > told.at - window]
            assert len(counted) < own["messages"], f"over the journey's cap: {told}"

    def _awake(self, told: Handed, call: Call) -> None:
        """Law 6: not in quiet hours on the recipient's clock."""
        del call
        hours = self.rules.journeys[told.journey].get("quiet_hours")
        if hours is None:
            return
        assert self.turn is not None
        now = find_customer(
            NodeId(self.turn.profile.profile_id), self.world.customers, self.world.journeys.deployment().identity
        )
        assert now is not None
        zones = {self._zone(hours, self.turn.profile), self._zone(hours, now.profile)}
        clocks = [told.at.astimezone(zone).strftime("%H:%M") for zone in zones]
        asleep = [_between(hours["from"], clock, hours["to"]) for clock in clocks]
        assert not all(asleep), f"at {clocks}: {told}"

    def _zone(self, hours: Mapping[str, Any], profile: Profile) -> ZoneInfo:
        zone = hours.get("zone", "recipient")
        if zone != "recipient":
            return ZoneInfo(zone)
        stated = profile.traits.get("timezone")
        if isinstance(stated, str) and "/" in stated:
            return ZoneInfo(stated)
        polish = any(str(known.identifier).startswith("phone:+48") for known in profile.identifiers)
        return ZoneInfo("Europe/Warsaw" if polish else self.rules.zone)

    def _not_held_out(self, told: Handed, call: Call) -> None:
        """Law 6: whoever was ever held out of a journey is not contacted by it."""
        del call
        assert self.turn is not None
        runs = self.world.runs.runs_of(self.turn.profile.members, told.journey)
        held = [run.run_id for run in runs if run.outcome == "held_out" and run.run_id != told.run_id]
        assert not held, f"held out as {held}: {told}"

    def _within_budget(self, told: Handed) -> None:
        """Law 6: no more money than the journey may spend in a month of the deployment's."""
        if told.channel != "sms" or not told.step.startswith(PAID):
            return
        texts = [h for h in self.handed if (h.journey, h.channel) == (told.journey, "sms") and h.step.startswith(PAID)]
        paid = [h for h in texts if self._month(h.at) == self._month(told.at)]
        assert (len(paid) + 1) * SMS_PRICE <= MOST_SPENT, f"over the budget: {told}"

    def _month(self, at: datetime) -> str:
        return at.astimezone(ZoneInfo(self.rules.zone)).strftime("%Y-%m")

    def all_is_attended(self) -> None:
        """Every live run's execution comes when the run is due; and none comes for a run that is over."""
        executions = self.world.machine.executions
        for run in self._runs():
            execution = executions.get(run.run_id)
            if not run.live or run.paused_at is not None:
                continue
            assert execution, f"nobody attends {run.run_id}"
            assert execution.status == "RUNNING", f"{run.run_id} lives, its execution is {execution}"
            moments = [moment for moment in (run.due, run.look_at) if moment]
            late = execution.at - min(moments)
            assert late <= timedelta(seconds=2), f"{run.run_id} is due at {run.due}, its execution at {execution.at}"

    def all_is_over(self) -> None:
        """Everything ends in the end."""
        alive = [(run.run_id, run.due, run.paused_at) for run in self._runs() if run.live]
        assert not alive, alive
        running = [(e.name, e.at, e.calls) for e in self.world.machine.executions.values() if e.status == "RUNNING"]
        assert not running, running

    def _runs(self) -> list[Run]:
        return list(self.world.runs.runs_of({arrival.event.node_id for arrival in self.world.events.stream}))


def _ends(rule: Mapping[str, Any], event: Event, run: Run) -> bool:
    """Whether an exit rule names this event, by itself or as what must not have been done since the run began."""
    said = rule.get("when", {})
    names = {rule.get("event"), said.get("did") if said.get("since_start") else None}
    if event.name not in names or event.received_at < run.entered_at:
        return False
    return "match" not in rule or run.key is None or event.properties.get("cart_id") == run.key


def _between(start: str, clock: str, end: str) -> bool:
    return start <= clock <= end if start <= end else clock >= start or clock <= end


def _id_of(message: object) -> str:
    if isinstance(message, PushMessage):
        return str(message.data["message_id"])
    if isinstance(message, EmailMessage):
        return str(message.tags["message"])
    return str(getattr(message, "text", "")).split()[1]
