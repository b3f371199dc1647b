"""Segments in the small world: how they are put, and who is in them by every way there is to ask."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from omnicascade.domain.conditions.facts import Facts
from omnicascade.domain.conditions.judging import judge
from omnicascade.domain.conditions.needs import needs_of
from omnicascade.domain.identifiers import NodeId
from omnicascade.usecases.manage_segments import SegmentBench
from omnicascade.usecases.read_person import person_of
from tests.usecases.world import World

NO_ORDER: dict[str, Any] = {"did": "Order Completed", "count": {"is": 0}, "within": "30d"}
WELCOME: dict[str, Any] = {"push": {"template": "cart"}}


class Settings:
    """What the bench reads of the deployment."""

    def __init__(self, world: World) -> None:
        self.deployment = world.journeys.deployment

    def sources(self) -> list[dict[str, Any]]:
        """See `DeploymentSettings.sources`."""
        return []


def bench(world: World) -> SegmentBench:
    """Where marketers keep the world's segments."""
    return SegmentBench(world.segments, Settings(world), world.errands)


def put(world: World, name: str, when: dict[str, Any], *, settle: bool = True) -> None:
    """Store a segment; by default until everybody was judged by it."""
    bench(world).store(name, {"when": when}, world.now)
    if settle:
        world.settle()


def identify(world: World, user: str, message_id: str, **traits: Any) -> None:
    """A customer says something of themselves, and all that follows is done."""
    world.post({"type": "identify", "messageId": message_id, "userId": user, "traits": traits})
    world.settle()


def order(world: World, user: str, message_id: str) -> None:
    """A customer orders, and all that follows is done."""
    world.post({"type": "track", "event": "Order Completed", "messageId": message_id, "userId": user})
    world.settle()


def listed(world: World, name: str, page: int = 2) -> dict[NodeId, datetime]:
    """The members as paging tells them; nobody twice."""
    found: dict[NodeId, datetime] = {}
    cursor: str | None = None
    while True:
        answer = world.segments.members(name, cursor, page)
        for node, since in answer.members:
            assert node not in found
            found[node] = since
        cursor = answer.cursor
        if cursor is None:
            return found


def judged(world: World, name: str) -> set[NodeId]:
    """The members by brute force: everybody judged now, with their whole history."""
    deployment = world.journeys.deployment()
    segment = deployment.segments[name]
    members: set[NodeId] = set()
    for node in world.customers.known_nodes():
        customer = world.keeper().find(node)
        if customer is None:
            continue
        person = person_of(customer, needs_of(segment.condition, deployment.segments), world.events, world.now)
        facts = Facts(profile=person.profile, history=person.history, deployment=deployment, now=world.now)
        if judge(segment.condition, facts)[0]:
            members.add(NodeId(customer.profile.profile_id))
    return members


def check(world: World) -> None:
    """What is listed, what is counted and what is remembered is what everybody's judgement says."""
    for name in world.journeys.deployment().segments:
        members = judged(world, name)
        assert set(listed(world, name)) == members, name
        assert world.segments.count(name) == len(members), name
        remembered = {
            known.node
            for node in world.customers.known_nodes()
            for known in world.customers.head(node, consistent=True).memberships
            if known.segment == name and known.member
        }
        assert remembered == members, name
