"""A tiny world on the memory stores: the real use cases, virtual time, and deliveries that happen at least once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from omnicascade.adapters.link_tokens import LinkTokens
from omnicascade.adapters.liquid_renderer import LiquidRenderer
from omnicascade.adapters.memory_configuration import MemoryConfigurationStore
from omnicascade.adapters.memory_runs import MemoryRunStore
from omnicascade.adapters.memory_segments import MemoryCensus, MemoryErrands, MemorySegmentStore
from omnicascade.adapters.memory_senders import MemorySender, MemoryWebhookCaller
from omnicascade.adapters.memory_stores import MemoryLinkStore
from omnicascade.adapters.schedule_memory import MemoryScheduleMemory
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import ConflictError, UnavailableError
from omnicascade.domain.journeys.definition.loading import load_definition
from omnicascade.domain.journeys.run import Run
from omnicascade.domain.templates import Template, Wording
from omnicascade.usecases.backfill_segment import Backfill
from omnicascade.usecases.deliver_message import PostOffice
from omnicascade.usecases.find_customer import Customer, find_customer
from omnicascade.usecases.keep_schedules import ScheduleKeeper
from omnicascade.usecases.keep_segments import SegmentKeeper
from omnicascade.usecases.manage_runs import RunDesk
from omnicascade.usecases.move_every_run import RunMover
from omnicascade.usecases.move_runs import JourneyDesk
from omnicascade.usecases.name_customer import node_of
from omnicascade.usecases.pause_sign import PauseSign
from omnicascade.usecases.ports import EmailMessage, Envelope, PushMessage, SmsMessage
from omnicascade.usecases.project_profiles import Arrival, BatchFailure, project_profiles
from omnicascade.usecases.record_events import event_of, record_events
from omnicascade.usecases.run_errands import ErrandClerk
from omnicascade.usecases.send_next_message import TIMER_TOLERANCE, RunClerk, Task
from tests.fakes.event_queue import MemoryEventQueue
from tests.usecases.machine import Machine
from tests.usecases.port_proxy import Around, WatchedEnds, WatchedEvents, Watching, straight, watched
from tests.usecases.world_end import End, end_of

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MOST_DELIVERIES = 20
CASCADE: dict[str, Any] = {
    "cascade": {
        "channels": [
            {"push": {"template": "cart", "wait": "4h"}},
            {"email": {"template": "cart", "wait": "20h"}},
            {"sms": {"template": "cart"}},
        ]
    }
}


class World:
    """Channels, customers, providers and a clock around one deployment.

    Set `around` to see, hold up or break calls of ports, and `shuffle` to deliver everything twice, in batches and an
    order of its choice (of one partition of the stream: always the order it was written in).
    """

    def __init__(self, around: Around = straight, *, shuffle: Random | None = None) -> None:
        self.now = self.began = NOON
        self.shuffle = shuffle
        self._watching = Watching()
        self.events = WatchedEvents(self._watching)
        self.customers = WatchedEnds(self._watching)
        self.runs = MemoryRunStore(self.customers)
        self.journeys = MemoryConfigurationStore(Deployment())
        self.segments = MemorySegmentStore(self.customers, self.journeys)
        self.errands = MemoryErrands()
        self.schedules = MemoryScheduleMemory()
        self.queue = MemoryEventQueue()
        self.links = MemoryLinkStore()
        self.machine = Machine(lambda: self.now)
        self.push = MemorySender[PushMessage]("push")
        self.email = MemorySender[EmailMessage]("email")
        self.sms = MemorySender[SmsMessage]("sms")
        self.webhooks = MemoryWebhookCaller()
        self._seen = 0
        self._waiting: list[Arrival] = []
        self._ids = count(1)
        self.journeys.put_template(
            Template("cart", Wording(subject="Cart", text="Your basket waits.", url="https://s.example/{{ step.id }}"))
        )
        self._watching.around = around

    @property
    def around(self) -> Around:
        """Who stands at the ports."""
        return self._watching.around

    @around.setter
    def around(self, around: Around) -> None:
        self._watching.around = around

    def _port[Port](self, port: Port, name: str) -> Port:
        return watched(port, name, self._watching)

    def put_journey(self, name: str, *steps: Mapping[str, Any], **fields: Any) -> None:
        """Store a journey; without steps, the cascade of push, e-mail and SMS."""
        definition = {"name": name, "steps": list(steps) or [CASCADE], **fields}
        self.journeys.put_journey(load_definition(definition), definition)

    # What channels and staff do

    def post(self, *calls: Mapping[str, Any], source: str = "web") -> None:
        """Hand over calls as an SDK does: again until they are confirmed. They happen now."""
        stamped = [{"timestamp": self.now.isoformat(), **call} for call in calls]
        self._repeat(lambda: self._port(self.queue, "queue").put(Envelope(source, self.now, stamped)))

    def start_by_hand(self, journey: str, reference: str) -> None:
        """Start as staff do, again until there is an answer; that it runs already is one."""
        port = self._port
        desk = RunDesk(
            port(self.customers, "customers"),
            port(self.runs, "runs"),
            port(self.journeys, "journeys"),
            port(self.machine, "timer"),
        )

        def attempt() -> None:
            new_id = f"request-{next(self._ids)}"
            desk.start_runs(journey, {"profile": reference}, now=self.now, new_id=lambda: new_id)

        def start() -> None:
            with suppress(ConflictError):
                attempt()

        self._repeat(start)

    def start_execution(self, name: str, given: Mapping[str, Any]) -> None:
        """Start as a person does in Step Functions' console."""
        self.machine.start(name, given)

    def _repeat(self, attempt: Callable[[], None]) -> None:
        for _ in range(MOST_DELIVERIES):
            try:
                attempt()
            except (RuntimeError, UnavailableError):
                continue
            return
        raise AssertionError("never confirmed")

    # Time

    def advance(self, **length: float) -> None:
        """Let time pass; everything due in between happens in order."""
        end = self.now + timedelta(**length)
        self.settle()
        while (moment := self.next_moment()) is not None and moment <= end:
            self.now = max(self.now, moment)
            self.settle()
        self.now = end

    def next_moment(self) -> datetime | None:
        """When something happens by itself."""
        moments = [moment for moment in (self.machine.next_moment(), self.errands.next_moment()) if moment]
        return min(moments, default=None)

    def settle(self) -> None:
        """Work until nothing is left to do at this moment."""
        for _ in range(1000):
            self._collect()
            work: list[Callable[[], None]] = []
            work += [self._deliver_envelope] if self.queue.envelopes else []
            work += [self._deliver_batch] if self._waiting else []
            work += [self.go_on] if self.machine.due() else []
            due = self.errands.next_moment()
            work += [self._run_errands] if due and due <= self.now else []
            if not work:
                return
            (self.shuffle.choice(work) if self.shuffle else work[0])()
        raise AssertionError("this never comes to rest")

    def _collect(self) -> None:
        self._waiting += self.events.stream[self._seen :]
        self._seen = len(self.events.stream)

    def _deliver_envelope(self) -> None:
        number = self.shuffle.randrange(len(self.queue.envelopes)) if self.shuffle else 0
        envelope = self.queue.envelopes.pop(number)
        for _ in range(2 if self.shuffle else 1):
            self._repeat(lambda: self._record(envelope))

    def _record(self, envelope: Envelope) -> None:
        record_events(envelope, self._port(self.events, "events"))

    def _deliver_batch(self) -> None:
        batch = self._next_batch()
        taken = {arrival.sequence for arrival in batch}
        self._waiting = [arrival for arrival in self._waiting if arrival.sequence not in taken]
        for _ in range(2 if self.shuffle else 1):
            self.deliver(batch)

    def _next_batch(self) -> list[Arrival]:
        """All there is; shuffled: some of it, each partition in its own order."""
        if self.shuffle is None:
            return list(self._waiting)
        nodes = [arrival.event.node_id for arrival in self._waiting]
        self.shuffle.shuffle(nodes)
        queues = {node: [a for a in self._waiting if a.event.node_id == node] for node in nodes}
        return [queues[node].pop(0) for node in nodes[: self.shuffle.randint(1, len(nodes))]]

    def deliver(self, batch: Sequence[Arrival]) -> None:
        """As the event source mapping does: after a failure from where it was reported, after a crash all again."""
        for _ in range(MOST_DELIVERIES):
            try:
                failure = self.project(batch)
            except RuntimeError:
                continue
            if failure is None:
                return
            place = next(n for n, arrival in enumerate(batch) if arrival.sequence == failure.sequence)
            batch = batch[place:]
        raise AssertionError(f"the batch never went through: {[a.event.message_id for a in batch]}")

    def project(self, batch: Sequence[Arrival]) -> BatchFailure | None:
        """One delivery of a batch, whatever becomes of it."""
        port = self._port
        desk = JourneyDesk(
            port(self.customers, "customers"),
            port(self.runs, "runs"),
            port(self.journeys, "journeys"),
            port(self.machine, "timer"),
            self.journeys.listing(),
            self.journeys.deployment(),
            port(self.events, "events"),
        )
        customers, events = port(self.customers, "customers"), port(self.events, "events")
        return project_profiles(
            batch, customers=customers, events=events, desk=desk, now=self.now, keeper=self.keeper()
        )

    def keeper(self) -> SegmentKeeper:
        """Who looks at customers, under the definitions of now."""
        port = self._port
        return SegmentKeeper(
            customers=port(self.customers, "customers"),
            events=port(self.events, "events"),
            segments=port(self.segments, "segments"),
            errands=port(self.errands, "errands"),
            runs=port(self.runs, "runs"),
            journeys=port(self.journeys, "journeys"),
            timer=port(self.machine, "timer"),
            listing=self.journeys.listing(),
            deployment=self.journeys.deployment(),
        )

    def _run_errands(self) -> None:
        for at, errand in self.errands.take(self.now):
            for _ in range(2 if self.shuffle else 1):
                self._repeat(lambda at=at, errand=errand: self.run_errand(at, errand))

    def run_errand(self, at: datetime, errand: Mapping[str, Any]) -> None:
        """Carry out one errand, once."""
        port, keeper = self._port, self.keeper()
        journeys, timer, errands = port(self.journeys, "journeys"), port(self.machine, "timer"), keeper.errands
        clerk = ErrandClerk(
            errands=errands,
            keeper=keeper,
            backfill=Backfill(keeper, MemoryCensus(self.customers)),
            schedules=ScheduleKeeper(journeys, timer, errands, self.schedules),
            mover=RunMover(keeper.customers, keeper.events, keeper.runs, journeys, timer, keeper.deployment),
        )
        clerk.carry_out(at, errand, self.now, lambda: True)

    def go_on(self) -> None:
        """One execution that is due goes on: its task times out, or is called."""
        due = self.machine.due()
        self.machine.go_on(self.shuffle.choice(due) if self.shuffle else due[0], self.send)

    def send(self, task: Task) -> None:
        """The sender's task, at this moment."""
        self.clerk().send_next_message(task, self.now)

    def clerk(self) -> RunClerk:
        """Who moves runs, under the definitions of now."""
        port = self._port
        post = PostOffice(
            events=port(self.events, "events"),
            queue=port(self.queue, "queue"),
            templates=port(self.journeys, "journeys"),
            renderer=LiquidRenderer(),
            links=LinkTokens("https://api.example", lambda: "k1"),
            link_store=port(self.links, "links"),
            email=port(self.email, "email"),
            sms=port(self.sms, "sms"),
            push=port(self.push, "push"),
            webhooks=port(self.webhooks, "webhooks"),
            notice=_unheard,
        )
        return RunClerk(
            port(self.customers, "customers"),
            port(self.runs, "runs"),
            port(self.journeys, "journeys"),
            port(self.machine, "timer"),
            post,
            self.journeys.deployment(),
            PauseSign(port(self.journeys, "journeys"), self.journeys.listing()),
        )

    # What there is to see

    def store(self, call: Mapping[str, Any], *, received: datetime | None = None) -> list[Arrival]:
        """Store a call at once, past the queue; what the stream will deliver of it, once again in the end."""
        at = received or self.now
        event = event_of({"timestamp": at.isoformat(), **call}, Envelope("web", at, []))
        assert self._port(self.events, "events").add(event)
        return [arrival for arrival in self.events.stream if arrival.event == event]

    def attended(self) -> bool:
        """Whether every live run's execution goes on when the run is due, and every ended run's is over."""
        for execution in self.machine.executions.values():
            run = execution.input.get("run")
            stored = self.runs.load(run) if run else None
            running = execution.status == "RUNNING"
            if stored is None or running != stored.run.live:
                return False
            if stored.run.due is not None and execution.at > stored.run.due + TIMER_TOLERANCE:
                return False
        return True

    def customer(self, reference: str) -> Customer:
        """A customer who is known."""
        found = find_customer(node_of(reference), self.customers, self.journeys.deployment().identity)
        assert found is not None
        return found

    def runs_of(self, reference: str, journey: str = "basket") -> list[Run]:
        """A customer's runs, newest first."""
        return list(self.runs.runs_of(self.customer(reference).profile.members, journey))

    def channels(self) -> list[str]:
        """What was delivered, in the channels' order."""
        return ["push"] * len(self.push.sent) + ["email"] * len(self.email.sent) + ["sms"] * len(self.sms.sent)

    def end(self, reference: str) -> End:
        """Everything that must be the same whatever went wrong on the way."""
        return end_of(self, reference)


def _unheard(what: str, details: Mapping[str, str]) -> None:
    """Nobody listens to channel faults here."""
    del what, details
