"""Ten thousand people on one device stay ten thousand people, and each is read as cheaply as anybody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from omnicascade.domain.deployment import Source
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import edges_of
from omnicascade.domain.identity_rules import DEFAULT_RULES
from omnicascade.domain.resolution import Resolution
from omnicascade.usecases.store_ports import MOST_PARTNERS
from tests.identity_streams import T0, Posted
from tests.usecases.identity_road import Road
from tests.usecases.port_proxy import Call, watched

PEOPLE = 10_000
BATCH = 100
SAMPLE = range(0, PEOPLE, 1_999)
DECLARED = Source("kiosk", "kiosk", shared_device=True)
UNDECLARED = Source("web", "web")
DEVICE = Identifier("anonymous_id", "kiosk-1").node_id


def person(number: int) -> NodeId:
    """The node of one of them."""
    return Identifier("user_id", f"p-{number}").node_id


def login(number: int, source: Source) -> Posted:
    """One person logs in on the device, a minute after the one before."""
    when = (T0 + timedelta(minutes=number)).isoformat()
    call = {"type": "identify", "messageId": f"m-{number}", "userId": f"p-{number}", "anonymousId": "kiosk-1"}
    return Posted(source, {**call, "timestamp": when, "traits": {"seat": number}})


@cache
def busy_day(name: str) -> Road:
    """All of them logged in, one after the other."""
    source = DECLARED if name == "declared" else UNDECLARED
    road = Road()
    for start in range(0, PEOPLE, BATCH):
        road.record([login(number, source) for number in range(start, start + BATCH)])
        road.deliver(road.take())
    return road


@pytest.mark.parametrize("name", ["declared", "undeclared"])
def test_ten_thousand_stay_ten_thousand(name: str) -> None:
    """No two people are one customer, whether the device was declared as shared or not."""
    road = busy_day(name)
    edges = [edge for event in road.accepted for edge in edges_of(event, DEFAULT_RULES)]
    resolution = Resolution.of(edges, {}, DEFAULT_RULES)
    assert len(list(resolution.components(map(person, range(PEOPLE))))) == PEOPLE
    for number in SAMPLE:
        found = road.find(person(number))
        assert found is not None
        assert found.component.members == {person(number)}
        assert found.profile.counters.events == 1
        assert found.profile.traits == {"seat": number}


@pytest.mark.parametrize(("name", "reads"), [("declared", 1), ("undeclared", 2)])
def test_reading_one_of_them_stays_cheap(name: str, reads: int) -> None:
    """Their own head, and of an undeclared device the first page of its own: never a stranger's."""
    road = busy_day(name)
    asked: list[NodeId] = []

    def noting(call: Call, proceed: Callable[[], Any]) -> Any:
        if call.method == "head":
            asked.append(call.arguments[0])
        return proceed()

    customers, road.customers = road.customers, watched(road.customers, "customers", noting)
    try:
        for number in SAMPLE:
            road.find(person(number))
    finally:
        road.customers = customers
    assert len(asked) == reads * len(SAMPLE)
    assert set(asked) <= {person(number) for number in SAMPLE} | {DEVICE}
    assert len(road.customers.head(DEVICE, consistent=True).edges) <= MOST_PARTNERS


def test_the_device_itself_is_nobody() -> None:
    """Who asks for the undeclared device gets none of the ten thousand, and is told why."""
    found = busy_day("undeclared").find(DEVICE)
    assert found is not None
    assert found.component.members == {DEVICE}
    assert {refusal.code for refusal in found.component.refused} == {"super_node"}
