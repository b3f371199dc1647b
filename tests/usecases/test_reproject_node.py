"""A rebuild changes what the rules changed and nothing else, beside the running intake, whatever crashes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnicascade.domain.deployment import Deployment, Source
from omnicascade.domain.errors import InvalidInputError
from omnicascade.domain.event import Event
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity_rules import DEFAULT_RULES, IdentityRules
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.reproject_node import ForeseenCustomers, NodeChange, Rebuilder, Rules, compare_customers
from omnicascade.usecases.run_rebuild import RebuildPlan, RebuildWorker, plan_rebuild, report_of, total
from tests.identity_streams import T0, Posted
from tests.usecases.identity_road import RECEIVED, Road
from tests.usecases.port_proxy import Call, watched

SITE = Source("site", "web", "PL")
ANN, BOB = Identifier("user_id", "ann"), Identifier("user_id", "bob")
OFFICE = Identifier("email", "office@example.com")
CARD_FIRST = replace(DEFAULT_RULES, priorities=("card", "user_id", "email", "phone"))
NO_OFFICE = replace(DEFAULT_RULES, blocked_values=frozenset({"office@example.com"}))


def call(number: int, kind: str = "track", **body: Any) -> Posted:
    at = (T0 + timedelta(minutes=number)).isoformat()
    named = {"event": "Song Played"} if kind == "track" else {}
    return Posted(SITE, {"type": kind, "messageId": f"m-{number}", "timestamp": at, **named, **body})


def office_worker(number: int, visitor: str) -> Posted:
    """Somebody without an account who uses the office's address."""
    return call(number, "identify", anonymousId=visitor, traits={"email": OFFICE.value})


def with_card(number: int, user: str, card: str) -> Posted:
    listed = [{"type": "card", "id": card, "collection": "users"}]
    return call(number, userId=user, context={"externalIds": listed})


def by_user(number: int, user: str) -> Posted:
    return call(number, userId=user)


class Shop:
    """A road, and a rebuild of it under other rules."""

    def __init__(self, posted: Sequence[Posted], after: IdentityRules) -> None:
        self.road = Road().run(posted)
        self.after = after
        self.rules = Rules(Deployment(identity=after), {SITE.name: SITE}, "second")

    @property
    def nodes(self) -> list[NodeId]:
        """Every node that has events."""
        return sorted({event.node_id for event in self.events})

    @property
    def events(self) -> Sequence[Event]:
        """Every stored event."""
        homes = {arrival.event.node_id for arrival in self.road.events.stream}
        return [event for node in sorted(homes) for event in self.road.events.events_of(node)]

    def rebuilder(self) -> Rebuilder:
        events = watched(self.road.events, "events", self.road._pass)  # pyright: ignore[reportPrivateUsage]
        return Rebuilder(events, self.road.customers, self.rules)

    def rebuild(self) -> list[NodeChange]:
        """Everything, until the stream has nothing left; the new rules are deployed by then."""
        self.road.rules = self.after
        changes = [self.rebuilder().reproject(node) for node in self.nodes]
        self.road.deliver(self.road.take())
        return changes

    def customers(self) -> dict[str, Customer]:
        """Every identifier's customer, as readers find it."""
        named = {i for event in self.events for i in event.identifiers}
        found = {str(i): self.road.find(i.node_id) for i in named}
        return {name: customer for name, customer in found.items() if customer}


def told(customers: Mapping[str, Customer]) -> dict[str, Any]:
    """What readers would be told, without when a place was seen by whom."""
    return {
        name: (
            customer.profile.profile_id,
            sorted(str(known.identifier) for known in customer.profile.identifiers),
            customer.profile.traits,
            customer.profile.counters,
            customer.profile.first_seen,
            customer.profile.last_seen,
        )
        for name, customer in customers.items()
    }


def fresh(posted: Sequence[Posted], rules: IdentityRules) -> dict[str, Any]:
    """What would be told had these rules held from the beginning."""
    shop = Shop([], rules)
    shop.road = Road(rules).run(posted)
    return told(shop.customers())


OFFICE_STREAM = [
    office_worker(1, "a"),
    office_worker(2, "b"),
    call(3, anonymousId="a", event="Order Completed", properties={"revenue": 5}),
    call(4, anonymousId="b"),
]
CARD_STREAM = [
    with_card(1, "ann", "c-1"),
    call(2, userId="ann"),
    with_card(3, "bob", "c-2"),
    with_card(4, "ann", "c-1"),
]


@pytest.mark.parametrize(
    ("posted", "rules"),
    [(OFFICE_STREAM, NO_OFFICE), (CARD_STREAM, CARD_FIRST), (OFFICE_STREAM + CARD_STREAM[1:1], DEFAULT_RULES)],
    ids=["a value blocked later", "another priority", "nothing changed"],
)
def test_a_rebuild_gives_what_the_rules_would_have_given(posted: Sequence[Posted], rules: IdentityRules) -> None:
    """As if they had held from the first event on."""
    shop = Shop(posted, rules)
    shop.rebuild()
    assert told(shop.customers()) == fresh(posted, rules)


def test_events_go_to_the_identifier_that_is_the_strongest_now() -> None:
    """They are counted once, in their new place, and are not left behind."""
    shop = Shop(CARD_STREAM, CARD_FIRST)
    changes = shop.rebuild()
    assert sum(change.moved for change in changes) == 3
    assert sorted(event.message_id for event in shop.events) == ["m-1", "m-2", "m-3", "m-4"]


def test_a_second_rebuild_finds_nothing_to_do() -> None:
    """Identifiers that were visited say so, and those that came about since are right already."""
    shop = Shop(CARD_STREAM, CARD_FIRST)
    shop.rebuild()
    before = told(shop.customers())
    again = shop.rebuild()
    assert [replace(change, events=0) for change in again] == [NodeChange(change.node) for change in again]
    assert sum(change.events for change in again) == 3, "the moved ones, at identifiers that were not visited before"
    assert told(shop.customers()) == before


def test_an_identifier_with_events_under_way_is_left_for_later() -> None:
    """What is stored and not folded yet would be counted twice."""
    shop = Shop(OFFICE_STREAM, NO_OFFICE)
    shop.road.record([office_worker(9, "c")])
    assert shop.rebuilder().reproject(OFFICE.node_id).busy
    shop.road.deliver(shop.road.take())
    assert not shop.rebuilder().reproject(OFFICE.node_id).busy


def test_events_of_a_source_that_is_gone_keep_their_identifiers() -> None:
    """Nobody can tell how its phone numbers were meant."""
    shop = Shop(OFFICE_STREAM, NO_OFFICE)
    shop.rules = replace(shop.rules, sources={})
    shop.rebuild()
    customer = shop.road.find(OFFICE.node_id)
    assert customer
    assert customer.profile.counters.events == 4


def test_foreseeing_writes_nothing_and_tells_what_comes() -> None:
    """The dry run's numbers are the rebuild's own."""
    shop = Shop(CARD_STREAM, CARD_FIRST)
    before = told(shop.customers())
    foreseen = [shop.rebuilder().foresee(node) for node in shop.nodes]
    assert told(shop.customers()) == before
    assert foreseen == shop.rebuild()


def test_a_dry_run_tells_who_would_part() -> None:
    """The two who shared an address would be two customers, and each says what leaves it."""
    shop = Shop(OFFICE_STREAM, NO_OFFICE)
    foreseen = ForeseenCustomers(shop.road.events, shop.road.customers, shop.rules)
    visitor = Identifier("anonymous_id", "a").node_id
    change = compare_customers(visitor, now=Deployment(), customers=shop.road.customers, foreseen=foreseen)
    assert change
    assert visitor not in change.leaving
    assert set(change.leaving) == {OFFICE.node_id, Identifier("anonymous_id", "b").node_id}
    assert (change.joining, len(change.identifiers)) == ([], 3)


class DiedError(RuntimeError):
    """The process died."""


@pytest.mark.parametrize(("posted", "rules"), [(CARD_STREAM, CARD_FIRST), (OFFICE_STREAM, NO_OFFICE)])
def test_a_crash_at_any_write_is_repaired_by_the_next_visit(posted: Sequence[Posted], rules: IdentityRules) -> None:
    """Before or after each call of a store."""
    wanted, calls = fresh(posted, rules), Counted()
    whole = Shop(posted, rules)
    whole.road.around = calls.count
    whole.rebuild()
    for position in range(calls.seen):
        for late in (False, True):
            shop = Shop(posted, rules)
            dying = Counted(position, late=late)
            shop.road.around = dying.count
            for _ in range(3):
                try:
                    shop.rebuild()
                except DiedError:
                    continue
            assert told(shop.customers()) == wanted, f"died {'after' if late else 'before'} call {position}"


class Counted:
    """Counts the calls of ports, and dies once at one of them."""

    def __init__(self, dies_at: int | None = None, *, late: bool = False) -> None:
        self.seen, self._dies_at, self._late = 0, dies_at, late

    def count(self, call: Call, proceed: Callable[[], object]) -> object:
        del call
        self.seen += 1
        dies = self.seen - 1 == self._dies_at
        if dies and not self._late:
            raise DiedError
        answer = proceed()
        if dies:
            raise DiedError
        return answer


STREAMS = st.lists(
    st.one_of(
        st.builds(office_worker, st.integers(1, 99), st.sampled_from("abc")),
        st.builds(with_card, st.integers(1, 99), st.sampled_from(["ann", "bob"]), st.sampled_from(["c-1", "c-2"])),
        st.builds(by_user, st.integers(1, 99), st.sampled_from(["ann", "bob"])),
    ),
    max_size=10,
    unique_by=lambda posted: posted.call["messageId"],
)


@given(STREAMS, st.sampled_from([NO_OFFICE, CARD_FIRST, replace(CARD_FIRST, blocked_values=frozenset({"c-1"}))]))
def test_any_rebuild_gives_what_the_rules_would_have_given(posted: list[Posted], rules: IdentityRules) -> None:
    """For streams in which the rules of limits refuse some of it, too."""
    shop = Shop(posted, rules)
    shop.rebuild()
    assert told(shop.customers()) == fresh(posted, rules)


# The job


class Archive:
    """Objects of archived lines."""

    def __init__(self, events: Iterable[Event], each: int = 2) -> None:
        lines = [
            {"identifiers": [str(i) for i in event.identifiers], "call": event.body, "source": event.source}
            for event in events
        ]
        self.objects = {f"archive/{n}": lines[n : n + each] for n in range(0, len(lines), each)}

    def lines(self, key: str) -> Sequence[Mapping[str, Any]]:
        return self.objects.get(key, [])


def worker(shop: Shop, deployed: IdentityRules) -> tuple[RebuildWorker, Archive]:
    archive = Archive(shop.events)
    return RebuildWorker(shop.road.events, shop.road.customers, Settings(deployed), archive), archive


class Settings:
    """What a deployment with one site was configured with."""

    def __init__(self, rules: IdentityRules) -> None:
        self._rules = rules

    def deployment(self) -> Deployment:
        return Deployment(identity=self._rules)

    def sources(self) -> Sequence[Mapping[str, Any]]:
        return [{"name": SITE.name, "kind": "web", "default_region": "PL", "write_key": "k"}]


def plan(*, dry_run: bool, **more: Any) -> RebuildPlan:
    return RebuildPlan("second", RECEIVED + timedelta(hours=1), dry_run, **more)


def test_every_identifier_is_visited_by_one_worker() -> None:
    """However many objects name it, in whatever order the workers come."""
    shop = Shop(CARD_STREAM + OFFICE_STREAM[2:], CARD_FIRST)
    at_work, archive = worker(shop, CARD_FIRST)
    shop.road.rules = CARD_FIRST
    keys = list(archive.objects)
    Random(5).shuffle(keys)
    visits = [at_work.read(plan(dry_run=False), [key]) for key in keys]
    summed = total(visit.report for visit in visits)
    shop.road.deliver(shop.road.take())
    assert summed["identifiers"] == 4
    assert not any(visit.waiting for visit in visits)
    assert summed["moved"] == 3
    assert told(shop.customers()) == fresh(CARD_STREAM + OFFICE_STREAM[2:], CARD_FIRST)


def test_a_dry_run_tries_rules_that_are_not_deployed() -> None:
    """Given with the input; the report names customers by id and counts those that would part."""
    shop = Shop(OFFICE_STREAM, NO_OFFICE)
    at_work, archive = worker(shop, DEFAULT_RULES)
    before = told(shop.customers())
    tried = plan(dry_run=True, identity={"blocked_values": ["office@example.com"]})
    report = at_work.read(RebuildPlan.from_json(tried.as_json()), list(archive.objects)).report
    assert told(shop.customers()) == before
    assert (report["customers_splitting"], report["customers_joining"], report["moved"]) == (1, 0, 2)
    assert "office@example.com" not in str(report)


def test_an_object_that_is_gone_is_no_fault() -> None:
    """It was erased or aged out since it was listed."""
    shop = Shop(OFFICE_STREAM, NO_OFFICE)
    assert worker(shop, NO_OFFICE)[0].read(plan(dry_run=False), ["archive/gone"]).report["identifiers"] == 0


def test_a_worker_tells_who_must_wait_for_events_under_way() -> None:
    """The state machine comes back for them alone, and the sum of the reports is that of one quiet visit."""
    shop = Shop(OFFICE_STREAM, NO_OFFICE)
    at_work, archive = worker(shop, NO_OFFICE)
    shop.road.record([office_worker(0, "z")])
    visits = [at_work.read(plan(dry_run=False), list(archive.objects))]
    assert visits[0].waiting == (OFFICE.node_id,)
    shop.road.rules = NO_OFFICE
    while visits[-1].waiting:
        shop.road.deliver(shop.road.take())
        visits.append(at_work.visit(plan(dry_run=False), visits[-1].waiting))
    shop.road.deliver(shop.road.take())
    summed = total(visit.report for visit in visits)
    assert (summed["identifiers"], summed["moved"]) == (3, 3)
    assert told(shop.customers()) == fresh([*OFFICE_STREAM, office_worker(0, "z")], NO_OFFICE)


@pytest.mark.parametrize(
    ("given_input", "said"),
    [
        ([], "must be an object"),
        ({"dryrun": True}, "unknown dryrun"),
        ({"dry_run": "yes"}, "true or false"),
        ({"prefix": "rebuilds/"}, "must begin with"),
        ({"dry_run": False, "identity": {}}, "deploy the rules"),
        ({"identity": {"limits": 1}}, "not valid"),
    ],
    ids=["no object", "a slip", "no boolean", "another folder", "rules without a dry run", "bad rules"],
)
def test_input_that_makes_no_rebuild_is_refused(given_input: object, said: str) -> None:
    """In the first state, with what to change."""
    with pytest.raises(InvalidInputError, match=re.escape(said)):
        plan_rebuild(given_input, execution="e", started=RECEIVED)


def test_nothing_said_is_a_dry_run_of_everything() -> None:
    """Whoever starts it without input changes nothing."""
    made = plan_rebuild({}, execution="e", started=RECEIVED)
    assert (made.dry_run, made.prefix, made.generation) == (True, "archive/", "e")


def test_reports_add_up() -> None:
    """Counts are summed; an empty sum has every name."""
    one = report_of(1, [NodeChange(ANN.node_id, events=2, moved=1, changed=True)], [])
    assert total([one, one])["moved"] == 2
    assert total([]) == report_of(0, [], [])
    assert total([one]) == one
