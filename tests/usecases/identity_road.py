"""The road of an event without journeys: recorder, stream, projector and reader over the memory stores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from random import Random

from omnicascade.adapters.memory_configuration import MemoryConfigurationStore
from omnicascade.adapters.memory_runs import MemoryRunStore
from omnicascade.adapters.memory_stores import MemoryEventStore
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.event import Event
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.identity_rules import DEFAULT_RULES, IdentityRules
from omnicascade.usecases.find_customer import Customer, find_customer
from omnicascade.usecases.move_runs import JourneyDesk
from omnicascade.usecases.ports import Envelope
from omnicascade.usecases.project_profiles import Arrival, BatchFailure, project_profiles
from omnicascade.usecases.record_events import record_events
from tests.identity_streams import T0, Oracle, Posted
from tests.usecases.machine import Machine
from tests.usecases.port_proxy import Around, Call, WatchedEnds, straight, watched

RECEIVED = T0 + timedelta(days=40)
MOST_DELIVERIES = 40


class Road:
    """A deployment's identity, from the queue to the reader.

    Set `around` to see, hold up or break calls of ports.
    """

    def __init__(self, rules: IdentityRules = DEFAULT_RULES, around: Around = straight) -> None:
        self.rules = rules
        self.around = around
        self.events = MemoryEventStore()
        self.customers = WatchedEnds(self._pass)
        self.runs = MemoryRunStore(self.customers)
        self.journeys = MemoryConfigurationStore(Deployment())
        self.taken = 0

    def _pass(self, call: Call, proceed: Callable[[], object]) -> object:
        return self.around(call, proceed)

    @property
    def accepted(self) -> Sequence[Event]:
        """Every event that was stored, once."""
        return [arrival.event for arrival in self.events.stream]

    def record(self, posted: Iterable[Posted], *, received: datetime = RECEIVED) -> None:
        """The recorder handles messages, one call each."""
        events = watched(self.events, "events", self._pass)
        for one in posted:
            source = one.source
            envelope = Envelope(source.name, received, [one.call], source.default_region, source.shared_device)
            record_events(envelope, events, self.rules)

    def take(self) -> list[Arrival]:
        """What the stream holds and has not handed out yet."""
        fresh = self.events.stream[self.taken :]
        self.taken = len(self.events.stream)
        return fresh

    def project(self, batch: Sequence[Arrival], now: datetime = RECEIVED) -> BatchFailure | None:
        """One delivery of a batch of the stream, whatever becomes of it."""
        customers = watched(self.customers, "customers", self._pass)
        deployment = Deployment(identity=self.rules)
        machine = Machine(lambda: now)
        desk = JourneyDesk(
            customers, self.runs, self.journeys, machine, self.journeys.listing(), deployment, self.events
        )
        events = watched(self.events, "events", self._pass)
        return project_profiles(batch, customers=customers, events=events, desk=desk, now=now)

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
        raise AssertionError("the batch never went through")

    def run(self, posted: Sequence[Posted]) -> Road:
        """Everything once and in order."""
        self.record(posted)
        self.deliver(self.take())
        return self

    def find(self, node: NodeId) -> Customer | None:
        """The customer of a node, as readers find it."""
        return find_customer(node, self.customers, self.rules)

    def oracle(self) -> Oracle:
        """What the accepted events must come to."""
        return Oracle.of(self.accepted, self.rules)


def mixed(random: Random, batch: Sequence[Arrival]) -> list[list[Arrival]]:
    """Batches in an order of chance, some of them twice; each partition keeps its own order."""
    lanes: dict[NodeId, list[Arrival]] = {}
    for arrival in batch:
        lanes.setdefault(arrival.event.node_id, []).append(arrival)
    turns = [node for node, lane in lanes.items() for _ in lane]
    random.shuffle(turns)
    stream = [lanes[node].pop(0) for node in turns]
    batches: list[list[Arrival]] = []
    while stream:
        size = random.randint(1, 6)
        head, stream = stream[:size], stream[size:]
        batches += [head] * (2 if random.random() < 0.4 else 1)
        if random.random() < 0.3:
            batches.append(head[: random.randint(1, len(head))])  # again, but only a part of it
    return batches
