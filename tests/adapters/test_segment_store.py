"""What the segments' store promises, asked of both makes: exact lists and counts, whatever is repeated or at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from omnicascade.adapters import keys
from omnicascade.adapters.census import DynamoCensus
from omnicascade.adapters.configuration_store import DynamoConfigurationStore
from omnicascade.adapters.customer_store import DynamoCustomerStore
from omnicascade.adapters.memory_configuration import MemoryConfigurationStore
from omnicascade.adapters.memory_segments import MemoryCensus, MemorySegmentStore
from omnicascade.adapters.memory_stores import MemoryCustomerStore
from omnicascade.adapters.schedule_memory import DynamoScheduleMemory, MemoryScheduleMemory
from omnicascade.adapters.segment_store import DynamoSegmentStore
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import ConflictError, MalformedBodyError, StaleWriteError
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.projection import Projection
from omnicascade.domain.segment_definition import load_segment
from omnicascade.domain.segments import Segment
from omnicascade.usecases.keep_schedules import ScheduleMemory
from omnicascade.usecases.segment_ports import Census, Membership, SegmentStore
from omnicascade.usecases.store_ports import CustomerStore, ProjectionChange
from tests.adapters.store_makes import new_table

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
VIP: dict[str, Any] = {"name": "vip", "when": {"trait": "plan", "is": "paid"}}


@dataclass(frozen=True)
class Stores:
    """One make of everything that segments are kept in."""

    segments: SegmentStore
    customers: CustomerStore
    census: Census
    schedules: ScheduleMemory
    deployment: Callable[[], Deployment]


@pytest.fixture(params=["memory", "dynamodb", pytest.param("dynamodb_local", marks=pytest.mark.soak)])
def stores(request: pytest.FixtureRequest) -> Stores:
    """Empty stores of one make."""
    if request.param == "memory":
        customers, configuration = MemoryCustomerStore(), MemoryConfigurationStore()
        segments = MemorySegmentStore(customers, configuration)
        return Stores(segments, customers, MemoryCensus(customers), MemoryScheduleMemory(), configuration.deployment)
    table = new_table(request.getfixturevalue(request.param))
    return Stores(
        DynamoSegmentStore(table),
        DynamoCustomerStore(table),
        DynamoCensus(table),
        DynamoScheduleMemory(table),
        lambda: DynamoConfigurationStore(table).current()[1],
    )


def segment(when: dict[str, Any] = VIP["when"], **fields: Any) -> Segment:
    return replace(load_segment({"name": "vip", "when": when}), put_at=NOON, **fields)


def node(number: int) -> NodeId:
    return Identifier("user_id", str(number)).node_id


def found(number: int, *, member: bool = True, **fields: Any) -> Membership:
    return Membership(node(number), "vip", 1, member, NOON, **fields)


def pages(stores: Stores, size: int) -> list[NodeId]:
    """All members, page by page."""
    listed: list[NodeId] = []
    cursor: str | None = None
    while True:
        page = stores.segments.members("vip", cursor, size)
        assert len(page.members) <= size
        listed += [member for member, _ in page.members]
        cursor = page.cursor
        if cursor is None:
            return listed


def test_a_definition_is_versioned_and_the_same_again_is_nothing_new(stores: Stores) -> None:
    """Each change counts the version on and has everybody judged again."""
    assert stores.segments.segment("vip") is None
    assert stores.segments.definition("vip") is None
    first = stores.segments.put_segment(segment(), VIP)
    assert (first.version, first.ready) == (1, False)
    stores.segments.ready("vip", 1)
    assert stores.segments.put_segment(segment(), VIP) == replace(first, ready=True)
    other: dict[str, Any] = {"name": "vip", "when": {"trait": "plan", "is": "trial"}}
    assert stores.segments.put_segment(segment(other["when"]), other).version == 2
    stores.segments.ready("vip", 1)
    held = stores.segments.segment("vip")
    assert held == replace(segment(other["when"]), version=2, ready=False)
    assert stores.segments.definition("vip") == other


def test_the_settings_come_with_the_segments(stores: Stores) -> None:
    """Whoever reads the deployment reads every segment's current version."""
    assert stores.deployment().segments == {}
    stored = stores.segments.put_segment(segment(), VIP)
    assert stores.deployment().segments == {"vip": stored}
    stores.segments.drop("vip")
    stores.segments.drop("vip")
    assert stores.deployment().segments == {}
    assert stores.segments.put_segment(segment(), VIP).version == 2, "what is remembered of version 1 is no word of it"


def test_what_is_remembered_stands_in_the_customers_head(stores: Stores) -> None:
    """Exactly as it was found out, and forgotten when it is."""
    known = found(1, turns_at=NOON + timedelta(days=30, microseconds=7))
    stores.segments.remember(known, None)
    assert list(stores.customers.head(node(1), consistent=True).memberships) == [known]
    stores.segments.forget(known)
    stores.segments.forget(known)
    assert list(stores.customers.head(node(1), consistent=True).memberships) == []
    assert (stores.segments.count("vip"), pages(stores, 10)) == (0, [])


def test_another_writer_is_noticed(stores: Stores) -> None:
    """What was read must still be so, or nothing is written, counted or listed."""
    stores.segments.remember(found(1), None)
    for stale in (None, found(1, turns_at=NOON), found(1, member=False)):
        with pytest.raises(StaleWriteError):
            stores.segments.remember(found(1, member=False), stale)
    stores.segments.forget(found(1, turns_at=NOON))
    assert (stores.segments.count("vip"), pages(stores, 10)) == (1, [node(1)])


def test_the_count_is_the_list_after_any_writes(stores: Stores) -> None:
    """Customers enter, leave, are found out again and forgotten, in any order; repeated writes change nothing."""
    random, held = Random(7), dict[int, Membership]()
    for _ in range(300):
        number = random.randrange(12)
        before = held.get(number)
        if before and random.random() < 0.2:
            stores.segments.forget(before)
            del held[number]
            continue
        turns_at = random.choice((None, NOON + timedelta(days=random.randrange(9))))
        after = found(number, member=random.random() < 0.5, turns_at=turns_at)
        stores.segments.remember(after, before)
        held[number] = after
        if before != after:
            with pytest.raises(StaleWriteError):
                stores.segments.remember(after, before)
    members = {node(number) for number, known in held.items() if known.member}
    assert set(pages(stores, 3)) == members
    assert stores.segments.count("vip") == len(members)


@pytest.mark.parametrize("size", [1, 7, 40, 100])
def test_paging_loses_and_repeats_nobody(stores: Stores, size: int) -> None:
    """Whatever the pages' size, also where it is the number of members."""
    for number in range(40):
        stores.segments.remember(found(number), None)
    listed = pages(stores, size)
    assert len(listed) == 40
    assert set(listed) == {node(number) for number in range(40)}


def test_who_stays_is_listed_once_whoever_comes_and_goes_meanwhile(stores: Stores) -> None:
    """Between two pages others enter and leave."""
    for number in range(30):
        stores.segments.remember(found(number), None)
    listed: list[NodeId] = []
    cursor, others = None, itertools.count(100)
    while True:
        page = stores.segments.members("vip", cursor, 4)
        listed += [member for member, _ in page.members]
        stores.segments.remember(found(next(others)), None)
        if page.cursor is None:
            break
        cursor = page.cursor
    staying = [node(number) for number in range(30)]
    assert [listed.count(member) for member in staying] == [1] * 30


@pytest.mark.soak
def test_ten_thousand_members_are_paged_through_once(stores: Stores) -> None:
    """By the largest page and by an odd one, while others leave."""
    for number in range(10_000):
        stores.segments.remember(found(number), None)
    for size in (1000, 333):
        listed = pages(stores, size)
        assert len(listed) == len(set(listed)) == stores.segments.count("vip") == 10_000


@pytest.mark.parametrize("cursor", ["", "x", "99.", "1.a", "00.SHORT", "07.abc"])
def test_a_cursor_of_nobody_is_refused(stores: Stores, cursor: str) -> None:
    """It is said, instead of beginning anew."""
    with pytest.raises(MalformedBodyError):
        stores.segments.members("vip", cursor, 10)


def test_many_at_once_are_counted_exactly(stores: Stores) -> None:
    """Sixteen workers write a segment whose counts are few."""
    if isinstance(stores.segments, MemorySegmentStore):
        pytest.skip("not for several threads")

    def enter(number: int) -> None:
        stores.segments.remember(found(number), None)

    def leave(number: int) -> None:
        stores.segments.remember(found(number, member=False), found(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(enter, range(64)))
        list(pool.map(leave, range(32)))
    assert stores.segments.count("vip") == len(pages(stores, 50)) == 32


def test_a_change_at_the_same_moment_is_not_overwritten(stores: Stores) -> None:
    """Of two marketers one is told to try again."""
    if not isinstance(stores.segments, DynamoSegmentStore):
        pytest.skip("one process has one marketer")
    table = stores.segments._table  # pyright: ignore[reportPrivateUsage] - the other marketer writes past the store

    class Late(DynamoSegmentStore):
        def _index(self) -> Any:
            read = super()._index()
            if not read[1]:
                DynamoSegmentStore(table).put_segment(segment(), VIP)
            return read

    with pytest.raises(ConflictError):
        Late(table).put_segment(segment({"trait": "plan", "is": "x"}), {"name": "vip", "when": {}})
    assert stores.segments.definition("vip") == VIP


def test_a_census_names_everybody_who_is_known(stores: Stores) -> None:
    """With a projection, or with what is remembered of a segment: from the beginning all; from the midst some."""
    for number in range(10):
        stores.customers.save_projections([ProjectionChange(node(number), Projection(), "1", "")])
    for number in (3, 77):
        stores.segments.remember(found(number), None)
    named: list[NodeId] = []
    cursor: str | None = None
    while True:
        page = stores.census.page(cursor)
        named += page.nodes
        cursor = page.cursor
        if cursor is None:
            break
    assert sorted(named) == sorted(node(number) for number in (*range(10), 77))
    assert set(stores.census.page(stores.census.somewhere("seed")).nodes) <= set(named)


def test_a_clock_is_remembered(stores: Stores) -> None:
    """By journey, the latest one."""
    assert stores.schedules.kept("weekly") is None
    for day in (1, 2):
        stores.schedules.keep("weekly", "rate(1 day)", NOON + timedelta(days=day))
    assert stores.schedules.kept("weekly") == ("rate(1 day)", NOON + timedelta(days=2))


def test_members_are_spread_over_partitions() -> None:
    """No partition of a thousand members' list has twice its share."""
    shards = [keys.member_shard(node(number)) for number in range(1000)]
    assert max(map(shards.count, range(keys.MEMBER_SHARDS))) < 2 * 1000 / keys.MEMBER_SHARDS
