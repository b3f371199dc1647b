"""A batch on its way into the projections: what is asked of the stores, what a failure leaves, what is not kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from omnicascade.adapters.memory_configuration import MemoryConfigurationStore
from omnicascade.adapters.memory_runs import MemoryRunStore
from omnicascade.adapters.memory_stores import MemoryCustomerStore, MemoryEventStore
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import UnavailableError
from omnicascade.domain.event import Event
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import INCLUDE, STAFF_SOURCE, Edge
from omnicascade.domain.moments import epoch_ms
from omnicascade.domain.projection import Projection
from omnicascade.usecases.move_runs import JourneyDesk
from omnicascade.usecases.ports import Envelope
from omnicascade.usecases.project_profiles import MOST_LINKED, Arrival, BatchFailure, project_profiles
from omnicascade.usecases.record_events import record_events, record_together
from omnicascade.usecases.store_ports import ProjectionChange
from tests.usecases.machine import Machine
from tests.usecases.port_proxy import Call, WatchedEvents, watched

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def node(kind: str, value: str) -> NodeId:
    return Identifier(kind, value).node_id


def page(message_id: str, who: str, device: str = "", minute: int = 0) -> dict[str, Any]:
    """A page that a user sees, on a device if one is named."""
    at = (NOON + timedelta(minutes=minute)).isoformat()
    call = {"type": "page", "messageId": message_id, "userId": who, "timestamp": at}
    return call | ({"anonymousId": device} if device else {})


@dataclass
class Bench:
    """The stores in memory, everything asked of them counted; `around` may break a call."""

    asked: Counter[str] = field(default_factory=Counter[str])
    around: Callable[[Call, Callable[[], Any]], Any] = lambda _call, proceed: proceed()
    proposed: list[Edge] = field(default_factory=list[Edge])

    def __post_init__(self) -> None:
        self.events = MemoryEventStore()
        self.customers = MemoryCustomerStore()

    def _pass(self, call: Call, proceed: Callable[[], Any]) -> Any:
        self.asked[call.method] += 1
        if call.method == "propose":
            self.proposed += call.arguments[0]
        return self.around(call, proceed)

    def record(self, *calls: dict[str, Any], source: str = "web", received: datetime = NOON) -> list[Arrival]:
        """Store calls; returns what the stream delivers of them."""
        before = len(self.events.stream)
        record_events(Envelope(source, received, calls), self.events)
        return self.events.stream[before:]

    def project(
        self, batch: Sequence[Arrival], watch: Callable[[Sequence[Edge]], None] | None = None
    ) -> BatchFailure | None:
        """One delivery of a batch."""
        self.asked.clear()
        self.proposed.clear()
        customers, events = watched(self.customers, "customers", self._pass), watched(self.events, "events", self._pass)
        journeys = MemoryConfigurationStore(Deployment())
        runs, machine = MemoryRunStore(self.customers), Machine(lambda: NOON)
        desk = JourneyDesk(customers, runs, journeys, machine, [], journeys.deployment(), events)
        return project_profiles(batch, customers=customers, events=events, desk=desk, now=NOON, watch=watch)

    def projection(self, who: str) -> Projection:
        """What is stored of a user."""
        return self.customers.projections([node("user_id", who)], consistent=True)[node("user_id", who)].projection


def test_a_batch_is_one_read_and_two_writes() -> None:
    """However many events and customers there are: projections are read once, edges and projections written once."""
    bench = Bench()
    batch = bench.record(*(page(f"m{n}", f"u{n % 7}", f"d{n % 7}") for n in range(60)))
    assert bench.project(batch) is None
    assert bench.asked == {"projections": 1, "propose": 1, "save_projections": 1}
    assert len(bench.proposed) == 7
    assert [bench.projection(f"u{n}").counters.events for n in range(7)] == [9, 9, 9, 9, 8, 8, 8]


def test_a_known_edge_is_not_proposed_again() -> None:
    """Only an earlier event makes it worth a write; a batch that is delivered again writes nothing at all."""
    bench = Bench()
    first, later, earlier = (
        bench.record(page(name, "ann", "phone", minute)) for name, minute in (("m1", 5), ("m2", 9), ("m3", 2))
    )
    for batch, edges in ((first, 1), (later, 0), (earlier, 1), (later, 0)):
        assert bench.project(batch) is None
        assert len(bench.proposed) == edges
    bench.project([*first, *later, *earlier])
    assert bench.asked["propose"] == 0
    (edge,) = bench.customers.head(node("user_id", "ann"), consistent=True).edges
    assert edge.at == NOON + timedelta(minutes=2)


def test_only_the_latest_used_edges_are_remembered() -> None:
    """One account on a thousand devices: its item stays small; a forgotten device costs a write and changes nothing."""
    bench = Bench()
    devices = [f"d{n}" for n in range(MOST_LINKED + 9)]
    bench.project(bench.record(*(page(f"m-{d}", "ann", d, n) for n, d in enumerate(devices))))
    assert len(bench.projection("ann").linked) == MOST_LINKED
    bench.project(bench.record(*(page(f"again-{d}", "ann", d, 2000) for d in (devices[0], devices[-1]))))
    assert [edge.b.value for edge in bench.proposed] == [devices[0]]
    (held,) = bench.customers.head(node("anonymous_id", devices[0]), consistent=True).edges
    assert held.message_id == f"m-{devices[0]}"


def test_words_by_hand_are_always_proposed() -> None:
    """They may take back what was said before, so nothing is remembered of them."""
    bench = Bench()
    pairs = [{"from": "user_id:ann", "to": "user_id:bob", "rule": INCLUDE}]
    word = {"type": "track", "event": "Identities Judged", "userId": "ann", "properties": {"pairs": pairs}}
    at = NOON.isoformat()
    for message_id in ("w1", "w2"):
        bench.project(bench.record(word | {"messageId": message_id, "timestamp": at}, source=STAFF_SOURCE))
        assert [edge.rule for edge in bench.proposed] == [INCLUDE]
    assert bench.projection("ann").linked == {}


def test_a_lost_race_is_run_again_for_the_loser_alone() -> None:
    """Another worker folds one customer's events in between: that customer is read again, the others are not."""
    bench = Bench()
    batch = bench.record(page("m1", "ann"), page("m2", "bob"))
    read: list[set[NodeId]] = []

    def around(call: Call, proceed: Callable[[], Any]) -> Any:
        answer = proceed()
        if call.method == "projections":
            read.append(set(call.arguments[0]))
            if len(read) == 1:
                rivals = ProjectionChange(node("user_id", "ann"), Projection(folded=1), "0", "")
                bench.customers.save_projections([rivals])
        return answer

    bench.around = around
    assert bench.project(batch) is None
    assert read == [{node("user_id", "ann"), node("user_id", "bob")}, {node("user_id", "ann")}]
    assert (bench.projection("ann").folded, bench.projection("bob").folded) == (2, 1)


def test_a_customer_that_cannot_be_folded_holds_up_only_what_is_behind() -> None:
    """Everything before it is done, it is told, and the next delivery finds nothing folded twice."""
    bench = Bench()
    batch = bench.record(page("m1", "ann"), page("m2", "bob"), page("m3", "ann"), page("m4", "cy"))

    def around(call: Call, proceed: Callable[[], Any]) -> Any:
        if call.method == "save_projections" and any(c.node == node("user_id", "bob") for c in call.arguments[0]):
            raise UnavailableError("throttled")
        return proceed()

    bench.around = around
    failure = bench.project(batch)
    assert failure
    assert failure.sequence == batch[1].sequence
    assert bench.projection("ann").counters.events == 2
    bench.around = lambda _call, proceed: proceed()
    assert bench.project(batch[1:]) is None
    assert [bench.projection(who).counters.events for who in ("ann", "bob", "cy")] == [2, 1, 1]


def test_an_event_that_an_erasure_overtook_is_removed() -> None:
    """What was received up to the erasure counts for nothing and does not stay, also where it was folded already."""
    bench = Bench()
    ann = node("user_id", "ann")
    bench.customers.save_projections(
        [ProjectionChange(ann, Projection(erased_ms=epoch_ms(NOON)), "0", "")],
    )
    late = bench.record(page("m1", "ann", "phone"))
    after = bench.record(page("m2", "ann"), received=NOON + timedelta(seconds=1))
    assert bench.project([*late, *after]) is None
    told: Sequence[Event] = bench.events.timeline([ann], 9, None).events
    assert [event.message_id for event in told] == ["m2"]
    assert (bench.projection("ann").counters.events, bench.proposed) == (1, [])
    bench.events.add(late[0].event)
    assert bench.project(late) is None
    assert [event.message_id for event in bench.events.timeline([ann], 9, None).events] == ["m2"]


def test_whoever_watches_is_told_of_new_edges_once() -> None:
    """Of those that were not known to be stored, and not at all where there is none."""
    bench = Bench()
    told: list[Sequence[Edge]] = []
    batch = bench.record(page("m1", "ann", "phone"), page("m2", "ann", "phone", 1), page("m3", "bob"))
    bench.project(batch, told.append)
    bench.project(batch, told.append)
    assert [[edge.message_id for edge in edges] for edges in told] == [["m1"]]


def test_a_message_that_cannot_be_stored_is_told_apart() -> None:
    """The others of the invocation are stored; the next delivery stores it too, and nothing twice."""

    def around(call: Call, proceed: Callable[[], Any]) -> Any:
        if call.arguments[0].message_id == "m2":
            raise UnavailableError("throttled")
        return proceed()

    bench = Bench()
    one, two, three = (bench.record(page(f"m{n}", "ann"))[0].event for n in (1, 2, 3))
    store = WatchedEvents(around)
    failed = record_together({"a": [one, two], "b": [three]}, store)
    assert list(failed) == ["a"]
    assert [arrival.event.message_id for arrival in store.stream] == ["m1", "m3"]
    assert record_together({"a": [one, replace(two, message_id=one.message_id)]}, store) == {}
    assert len(store.stream) == 2
