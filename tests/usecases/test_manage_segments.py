"""Marketers' segments: put, shown, previewed from a sample, and brought along by deployments and journeys."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnicascade.adapters.memory_segments import MemoryCensus
from omnicascade.domain.conditions.reading import read_condition
from omnicascade.domain.errors import MalformedBodyError, NotFoundError, UnacceptableError
from omnicascade.domain.intervals import wilson
from omnicascade.domain.journeys.definition.loading import load_definition
from omnicascade.usecases.manage_segments import segments_response
from omnicascade.usecases.preview_segment import SegmentPreview
from tests.usecases.segment_world import bench, check, identify, listed, put
from tests.usecases.world import World

PAID: dict[str, Any] = {"trait": "plan", "is": "paid"}


def crowd(paid: int, others: int) -> World:
    """A world of customers, some of whom pay."""
    world = World()
    for number in range(paid + others):
        identify(world, f"u{number}", f"m{number}", plan="paid" if number < paid else "free")
    return world


def preview(world: World, when: dict[str, Any], *, sample: int = 500, seed: str = "s") -> dict[str, Any]:
    condition, _ = read_condition(when)
    assert condition
    desk = SegmentPreview(world.customers, world.events, MemoryCensus(world.customers))
    return desk.preview(condition, world.journeys.deployment(), world.now, sample=sample, seed=seed)


def test_putting_a_segment_counts_everybody_and_says_when_it_is_done() -> None:
    """Counting until all were judged; the same definition again changes nothing."""
    world = crowd(3, 4)
    stored = bench(world).put("vip", "when: {trait: plan, is: paid}", world.now)
    assert stored == {"name": "vip", "version": 1, "title": "", "status": "counting"}
    assert bench(world).show("vip")["status"] == "counting"
    world.settle()
    shown = bench(world).show("vip")
    assert (shown["status"], shown["members"]) == ("ready", 3)
    assert bench(world).put("vip", json.dumps({"when": PAID}), world.now) == {**stored, "status": "ready"}
    assert bench(world).put("vip", json.dumps({"when": PAID, "title": "VIP"}), world.now)["version"] == 2
    world.settle()
    check(world)


def test_a_segment_that_asks_for_another_follows_its_new_definition() -> None:
    """Whoever names it is judged again too."""
    world = crowd(3, 4)
    put(world, "vip", PAID)
    put(world, "rest", {"not": {"segment": "vip"}})
    assert len(listed(world, "rest")) == 4
    put(world, "vip", {"trait": "plan", "is": "free"})
    assert len(listed(world, "rest")) == 3
    check(world)


def test_an_interrupted_put_is_repaired_by_the_next() -> None:
    """A definition whose backfill was never ordered is not ready, and orders it when it is put again."""
    world = crowd(1, 0)
    bench(world).store("vip", {"when": PAID}, world.now)
    world.errands.take(world.now)  # lost
    bench(world).store("vip", {"when": PAID}, world.now)
    world.settle()
    assert bench(world).show("vip")["status"] == "ready"
    check(world)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_segments_of_a_deployment_may_name_each_other_in_any_order(order: tuple[int, ...]) -> None:
    """Each is stored when those that it names are."""
    documents: list[dict[str, Any]] = [
        {"name": "a", "when": PAID},
        {"name": "b", "when": {"segment": "a"}},
        {"name": "c", "when": {"all": [{"segment": "a"}, {"segment": "b"}]}},
    ]
    world = World()
    bench(world).store_all([documents[number] for number in order], world.now)
    assert set(world.journeys.deployment().segments) == {"a", "b", "c"}


def test_a_deployment_with_a_wrong_segment_is_refused() -> None:
    """With the problem of the first that cannot be."""
    world = World()
    with pytest.raises(UnacceptableError) as refused:
        bench(world).store_all([{"name": "a", "when": PAID}, {"name": "b", "when": {"segment": "z"}}], world.now)
    assert [problem.path for problem in refused.value.problems] == ["when.segment"]


def test_a_journey_brings_its_nameless_segment_and_takes_it_away() -> None:
    """`entry: {when: …}` is a segment of the journey's name; another entry drops it."""
    world = crowd(1, 0)
    flow: dict[str, Any] = {"name": "welcome", "entry": {"when": PAID}, "steps": [{"push": {"template": "cart"}}]}
    world.journeys.put_journey(load_definition(flow), flow)
    bench(world).follow(load_definition(flow), world.now)
    bench(world).follow(load_definition(flow), world.now)
    world.settle()
    assert world.journeys.deployment().segments["journey:welcome"].version == 1
    assert world.runs_of("user_id:u0", "welcome") == []
    identify(world, "new", "n1", plan="paid")
    assert len(world.runs_of("user_id:new", "welcome")) == 1
    bench(world).follow(load_definition({**flow, "entry": {"event": "X"}}), world.now)
    assert world.journeys.deployment().segments == {}


def test_what_is_asked_wrongly_is_refused() -> None:
    """No such segment, no such page, no such sample."""
    world = World()
    put(world, "vip", PAID)
    desk = SegmentPreview(world.customers, world.events, MemoryCensus(world.customers))
    for name in ("nobody", "journey:nobody"):
        with pytest.raises(NotFoundError):
            bench(world).show(name)
        with pytest.raises(NotFoundError):
            bench(world).members(name, {})
        with pytest.raises(NotFoundError):
            bench(world).preview(name, "", desk, now=world.now, seed="")
    for limit in ("0", "1001", "x", "-1", "²"):
        with pytest.raises(MalformedBodyError):
            bench(world).members("vip", {"limit": limit})
    for sample in (0, 501, "many", True, None):
        with pytest.raises(UnacceptableError):
            bench(world).preview("vip", json.dumps({"sample": sample}), desk, now=world.now, seed="")
    with pytest.raises(UnacceptableError):
        bench(world).preview("vip", '{"when": {"trait": "plan", "iz": 1}}', desk, now=world.now, seed="")


def test_a_preview_of_everybody_is_exact_and_writes_nothing() -> None:
    """The share, examples of both kinds with the reason; the stored definition where none is given."""
    world = crowd(3, 9)
    told = preview(world, PAID)
    assert (told["sampled"], told["matching"], told["share"]) == (12, 3, 0.25)
    assert [one["member"] for one in told["examples"]] == [True] * 3 + [False] * 5
    assert "plan is 'paid'" in told["examples"][0]["reason"]
    assert world.journeys.deployment().segments == {}
    put(world, "vip", PAID)
    desk = SegmentPreview(world.customers, world.events, MemoryCensus(world.customers))
    assert bench(world).preview("vip", "", desk, now=world.now, seed="")["matching"] == 3


def test_a_sample_looks_at_as_many_as_it_says_and_at_others_with_another_seed() -> None:
    """From somewhere in the midst on, round to the beginning, nobody twice."""
    world = crowd(20, 20)
    samples = [preview(world, PAID, sample=8, seed=str(seed)) for seed in range(12)]
    assert {told["sampled"] for told in samples} == {8}
    assert len({json.dumps(told["examples"]) for told in samples}) > 3
    for told in samples:
        named = [one["profile_id"] for one in told["examples"]]
        assert len(set(named)) == len(named)


def test_of_nobody_there_is_no_share() -> None:
    """An empty deployment is sampled without an error."""
    assert preview(World(), PAID) == {"sampled": 0, "matching": 0, "share": None, "interval": None, "examples": []}


@pytest.mark.parametrize(
    ("matching", "sampled", "low", "high"),
    [(0, 10, 0.0, 0.2775), (1, 10, 0.0179, 0.4042), (5, 10, 0.2366, 0.7634), (50, 200, 0.1951, 0.3143)],
)
def test_the_interval_is_wilsons(matching: int, sampled: int, low: float, high: float) -> None:
    """As statistics packages have it."""
    assert wilson(matching, sampled) == pytest.approx((low, high), abs=2e-4)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_nothing_impossible(counts: tuple[int, int]) -> None:
    """Also at the ends."""
    low, high = wilson(*counts)
    assert 0 <= low <= counts[0] / counts[1] + 1e-9
    assert counts[0] / counts[1] - 1e-9 <= high <= 1


def test_a_customer_is_told_which_segments_they_are_in_and_why() -> None:
    """Every segment, with since when where it was noticed."""
    world = World()
    put(world, "vip", PAID)
    put(world, "buyers", {"did": "Order Completed"})
    identify(world, "ann", "m1", plan="paid")
    customer, deployment = world.customer("user_id:ann"), world.journeys.deployment()
    told = segments_response(customer, deployment, world.events, world.now)["segments"]
    assert [(one["segment"], one["member"]) for one in told] == [("buyers", False), ("vip", True)]
    assert told[1]["since"] == "2026-03-10T12:00:00.000Z"
    assert told[0]["since"] is None
    assert all(one["reason"] for one in told)
