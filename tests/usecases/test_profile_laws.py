"""The laws of one customer, over the use cases and the memory stores: whatever is posted, in whatever order it arrives.

What readers find is compared with an oracle that sees all accepted events at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.identity import EXCLUDE, INCLUDE, SEPARATE, Edge, judges_identities
from omnicascade.domain.resolution import Component
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.project_profiles import Arrival
from tests.identity_streams import (
    RULES,
    SOURCES,
    STEP,
    T0,
    Oracle,
    Posted,
    any_judgement,
    judgement,
    posted_call,
    seen_of,
    stream_of,
)
from tests.usecases.identity_road import Road, mixed
from tests.usecases.port_proxy import Call, straight
from tests.usecases.turns import Turns

RANDOMS = st.randoms(use_true_random=False)
RULE_NAMES = st.sampled_from(sorted(RULES))
SEEDS = st.integers(0, 2**32)


def edges_in_words(edges: Collection[Edge]) -> list[str]:
    return sorted(f"{e.a} {e.b} {e.rule} {e.trust} {e.period} {e.message_id}" for e in edges)


def decided(component: Component) -> tuple[Any, ...]:
    """All that is decided of a customer, reasons aside: a stranger unread may be refused for another one."""
    return (
        component.members,
        component.merges,
        edges_in_words(component.accepted),
        edges_in_words([refusal.edge for refusal in component.refused]),
        edges_in_words(component.by_hand),
    )


def check_readers(road: Road, oracle: Oracle) -> None:
    """Every identifier finds exactly the customer that all events together make."""
    for node, name in oracle.names.items():
        found = road.find(node)
        assert found is not None, name
        assert decided(found.component) == decided(oracle.resolution.component(node)), name
        assert seen_of(found.profile) == oracle.sums[node].seen, name


def check_laws(road: Road, oracle: Oracle) -> None:
    """Customers part the identifiers among them, break no limit, and count every event once."""
    customers: dict[frozenset[NodeId], Customer] = {}
    for node in {*oracle.names, *(event.node_id for event in road.accepted)}:
        found = road.find(node)
        if found is not None:
            assert node in found.component.members
            customers[found.component.members] = found
    members = [node for together in customers for node in together]
    assert len(members) == len(set(members)), "an identifier is of two customers"
    for customer in customers.values():
        check_limits(road, oracle, customer.component)
    told = [event for event in road.accepted if not judges_identities(event)]
    assert sum(customer.profile.counters.events for customer in customers.values()) == len(told)


def check_limits(road: Road, oracle: Oracle, component: Component) -> None:
    """What staff joined by hand may be over a limit; what events joined is not."""
    if any(edge.rule == INCLUDE for edge in component.accepted):
        return
    renamed = sum(edge.renames for edge in component.accepted)
    assert component.merges <= road.rules.max_merges
    assert len(component.members) <= road.rules.max_identifiers
    kinds = Counter(oracle.names[m].partition(":")[0] for m in component.members if m in oracle.names)
    for kind, count in kinds.items():
        limit = road.rules.limit_of(kind)
        assert limit.window or count <= limit.most + (renamed if kind == "user_id" else 0), kind


def check_words(oracle: Oracle) -> None:
    """Whom staff took apart is apart."""
    for word in oracle.resolution.by_hand:
        if word.rule == SEPARATE:
            assert word.b.node_id not in oracle.resolution.component(word.a.node_id).members


class CrashError(RuntimeError):
    """The process dies here."""


class CrashAt:
    """Lets the process die at the n-th call of a port, before it is made or after."""

    def __init__(self, number: int, *, after: bool) -> None:
        self.left, self.after = number, after

    def __call__(self, call: Call, proceed: Callable[[], Any]) -> Any:
        del call
        self.left -= 1
        if self.left == 0 and not self.after:
            raise CrashError
        answer = proceed()
        if self.left == 0:
            raise CrashError
        return answer


class Identities(RuleBasedStateMachine):
    """Channels, staff, the stream and readers, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.road = Road()
        self.posted: list[Posted] = []
        self.pending: list[Arrival] = []
        self.former: set[NodeId] = set()

    @initialize(name=RULE_NAMES)
    def deploy(self, name: str) -> None:
        """The rules of this deployment."""
        self.road = Road(RULES[name])

    def take(self) -> list[Arrival]:
        """What the stream has not got through yet."""
        self.pending += self.road.take()
        taken, self.pending = self.pending, []
        return taken

    @rule(random=RANDOMS, count=st.integers(1, 4))
    def post(self, random: Random, count: int) -> None:
        """Channels post."""
        fresh = [posted_call(random, len(self.posted) + n) for n in range(count)]
        self.posted += fresh
        self.road.record(fresh)

    @rule(random=RANDOMS)
    def judge(self, random: Random) -> None:
        """Staff speak."""
        self.posted.append(any_judgement(random, len(self.posted)))
        self.road.record(self.posted[-1:])

    @precondition(lambda self: self.posted)
    @rule(data=st.data())
    def post_again(self, data: st.DataObject) -> None:
        """A channel repeats itself: nothing is stored."""
        before = len(self.road.accepted)
        self.road.record([data.draw(st.sampled_from(self.posted))])
        assert len(self.road.accepted) == before

    @rule(random=RANDOMS)
    def deliver(self, random: Random) -> None:
        """The stream delivers, mixed and partly twice."""
        for batch in mixed(random, self.take()):
            self.road.deliver(batch)

    @rule(random=RANDOMS)
    def deliver_old(self, random: Random) -> None:
        """A batch comes once more, long after it was handled."""
        done = self.road.events.stream[: self.road.taken - len(self.pending)]
        nodes = {arrival.event.node_id for arrival in self.pending}
        start = random.randrange(len(done) + 1)
        self.road.deliver([a for a in done[start : start + 5] if a.event.node_id not in nodes])

    @rule(number=st.integers(1, 12), after=st.booleans())
    def crash(self, number: int, *, after: bool) -> None:
        """The projector dies; all of the batch will come again."""
        batch = self.take()
        self.road.around = CrashAt(number, after=after)
        with suppress(CrashError):
            self.road.project(batch)
        self.road.around = straight
        self.pending = batch

    @rule()
    def read(self) -> None:
        """When all is delivered, every law holds, and every id that a customer ever had finds one."""
        self.road.deliver(self.take())
        oracle = self.road.oracle()
        check_readers(self.road, oracle)
        check_laws(self.road, oracle)
        check_words(oracle)
        for profile_id in self.former:
            found = self.road.find(profile_id)
            assert found is not None
            assert profile_id in found.profile.members
        told = {i.node_id for event in self.road.accepted if not judges_identities(event) for i in event.identifiers}
        for node in oracle.names:
            found = self.road.find(node)
            assert found is not None
            profile_id = NodeId(found.profile.profile_id)
            self.former |= {profile_id} & told  # whom staff alone named is forgotten when they take it back

    def teardown(self) -> None:
        """Whatever happened, the laws hold in the end."""
        self.read()


Identities.TestCase.settings = settings(max_examples=40, stateful_step_count=14, deadline=None)
TestIdentities = Identities.TestCase


def views(road: Road) -> dict[str, Any]:
    """What readers see by every identifier, everything included."""
    return {name: road.find(node) for node, name in road.oracle().names.items()}


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, name=RULE_NAMES)
def test_order_batches_and_duplicates_do_not_matter(seed: int, name: str) -> None:
    """Law 1, conflicts included: the same events in another order, in other batches and twice, give the same."""
    random = Random(seed)
    calls = stream_of(random)
    plain, other = Road(RULES[name]).run(calls), Road(RULES[name])
    random.shuffle(calls)
    for _ in range(2):
        other.record(calls)
        for batch in mixed(random, other.take()):
            other.deliver(batch)
    seen = {name: found and (found.profile, decided(found.component)) for name, found in views(other).items()}
    assert seen == {name: found and (found.profile, decided(found.component)) for name, found in views(plain).items()}


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, name=RULE_NAMES)
def test_workers_that_race_do_not_matter(seed: int, name: str) -> None:
    """Law 1 and 2: recorders and projectors that share batches and take turns at every call leave what one leaves."""
    random = Random(seed)
    calls = stream_of(random)
    road = Road(RULES[name], turns := Turns(random))
    half = len(calls) // 2
    turns.play(lambda: road.record(calls[: half + 2]), lambda: road.record(calls[half:]))
    stream = road.take()
    later = random.randrange(len(stream) + 1)
    turns.play(lambda: road.deliver(stream), lambda: road.deliver(stream[:later]), lambda: road.deliver(stream))
    oracle = road.oracle()
    check_readers(road, oracle)
    check_laws(road, oracle)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, name=RULE_NAMES)
def test_a_split_is_as_if_the_pair_had_never_been_proposed(seed: int, name: str) -> None:
    """Law 3: after staff exclude a pair, every customer is what the other proposals alone make."""
    random = Random(seed)
    road = Road(RULES[name]).run(stream_of(random))
    joined = [edge for edge in road.oracle().resolution.accepted if not edge.by_hand]
    if not joined:
        return
    gone = random.choice(joined)
    pair = {gone.a, gone.b}
    before = road.oracle()
    rest = [edge for edge in all_edges(road) if {edge.a, edge.b} != pair]
    road.record([judgement(99, [(str(gone.a), str(gone.b), EXCLUDE)], T0 + STEP * 100)])
    road.deliver(road.take())
    never = Oracle.of(road.accepted, road.rules, rest)
    for node in before.names:
        found = road.find(node)
        assert found is not None
        assert found.component.members == never.resolution.component(node).members
        assert seen_of(found.profile) == never.sums[node].seen


def test_an_older_stranger_is_read_where_a_window_asks_for_it() -> None:
    """An address known for long does not fill a week's place, also for the reader who starts at the other end."""
    young = {"type": "identify", "messageId": "m-1", "userId": "ann", "traits": {"email": "one@example.com"}}
    both = {"type": "identify", "messageId": "m-2", "userId": "ann", "traits": {"email": "old@example.com"}}
    long_ago = {"type": "track", "event": "A", "messageId": "m-3", "context": {"traits": {"email": "old@example.com"}}}
    said = [(young, 40), (both, 41), (long_ago, 0)]
    web = SOURCES[0]
    road = Road(RULES["windows"]).run(
        [Posted(web, {**call, "timestamp": (T0 + STEP * step).isoformat()}) for call, step in said]
    )
    oracle = road.oracle()
    check_readers(road, oracle)
    assert len(oracle.groups()) == 1


def all_edges(road: Road) -> Sequence[Edge]:
    """Everything that is proposed in the store."""
    nodes = {node for event in road.accepted for i in event.identifiers for node in [i.node_id]}
    found = {edge for node in nodes for edge in road.customers.head(node, consistent=True).edges}
    return sorted(found, key=lambda edge: edge.order)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, name=RULE_NAMES)
def test_a_replay_of_the_events_alone_gives_the_same(seed: int, name: str) -> None:
    """Words by hand included: whatever was decided is in the events."""
    random = Random(seed)
    road = Road(RULES[name]).run(stream_of(random))
    again = Road(RULES[name])
    arrivals = [Arrival(event, f"{n:021d}") for n, event in enumerate(random.sample(road.accepted, len(road.accepted)))]
    again.deliver(arrivals)
    for node in road.oracle().names:
        one, other = road.find(node), again.find(node)
        assert one is not None
        assert other is not None
        assert (one.profile, decided(one.component)) == (other.profile, decided(other.component))


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, names=st.lists(RULE_NAMES, min_size=2, max_size=3))
def test_a_change_of_rules_never_parts_the_readers(seed: int, names: list[str]) -> None:
    """Whatever rules the stored proposals came under, every member finds the same customer, within today's limits."""
    random = Random(seed)
    road = Road()
    for number, name in enumerate(names):
        road.rules = RULES[name]
        road.record([posted_call(random, number * 20 + n) for n in range(8)])
        road.deliver(road.take())
    oracle = Oracle.of(road.accepted, road.rules, all_edges(road))
    check_readers(road, oracle)
    check_laws(road, oracle)
