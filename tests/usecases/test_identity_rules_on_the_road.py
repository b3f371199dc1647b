"""Trust and windows on the whole road: recorder, stream, projector and reader, in any order of arrival."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from random import Random
from typing import Any

import pytest

from omnicascade.domain.deployment import Source
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.identity_rules_json import rules_from
from tests.identity_streams import T0, Posted
from tests.usecases.identity_road import Road, mixed

WEB, DESK = Source("web", "web", "PL"), Source("desk", "call_centre", "PL", trust="low")
TRUSTED = rules_from({"trust": {"desk": "low"}, "types": {"phone": {"limit": 1}}})
WEEKLY = rules_from({"types": {"anonymous_id": {"limit": 5, "window": "7d"}}})
NUMBER = Identifier("phone", "+48601234567")


def said(number: int, source: Source = WEB, *, after: timedelta = timedelta(), **call: Any) -> Posted:
    message = {"type": "identify", "messageId": f"m-{number}", "timestamp": (T0 + after).isoformat(), **call}
    return Posted(source, message)


def owner(road: Road) -> set[str]:
    """The user ids of whoever has the number."""
    found = road.find(NUMBER.node_id)
    assert found is not None
    return {known.identifier.value for known in found.profile.identifiers if known.identifier.type == "user_id"}


@pytest.mark.parametrize("typed_first", [True, False], ids=["typed first", "typed later"])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_number_that_an_agent_typed_is_its_owners(order: Sequence[int], typed_first: bool) -> None:
    """Whichever was said first, and whichever arrived first: who logs in with the number has it, the other has not."""
    typed, login = timedelta(hours=0 if typed_first else 2), timedelta(hours=1)
    stream = [
        said(1, DESK, after=typed, userId="bob", traits={"phone": "601 234 567"}),
        said(2, WEB, after=login, userId="ann", traits={"phone": "601 234 567"}),
        said(3, WEB, after=login, userId="bob", traits={"email": "bob@example.com"}),
    ]
    road = Road(TRUSTED).run([stream[place] for place in order])
    assert owner(road) == {"ann"}
    bob = road.find(Identifier("user_id", "bob").node_id)
    assert bob is not None
    assert [(refusal.edge.source, refusal.code) for refusal in bob.component.refused] == [("desk", "limit")]


def test_a_number_that_only_an_agent_knows_counts() -> None:
    """Little trust is not none: where nobody contradicts, the call centre is right."""
    road = Road(TRUSTED).run([said(1, DESK, userId="bob", traits={"phone": "601 234 567"})])
    assert owner(road) == {"bob"}


def logins(days: Sequence[float]) -> list[Posted]:
    """Ann logs in with a browser never seen before, once on each of these days."""
    return [said(n, after=timedelta(days=day), userId="ann", anonymousId=f"browser-{n}") for n, day in enumerate(days)]


def browsers(road: Road) -> set[str]:
    found = road.find(Identifier("user_id", "ann").node_id)
    assert found is not None
    names = (known.identifier for known in found.profile.identifiers)
    return {name.value for name in names if name.type == "anonymous_id"}


def test_the_sixth_browser_of_a_week_is_refused() -> None:
    """Five are one customer's; the sixth is told as refused, and its own events are not hers."""
    road = Road(WEEKLY).run(logins([0, 1, 2, 3, 4, 5]))
    assert browsers(road) == {f"browser-{n}" for n in range(5)}


def test_the_week_after_there_is_room_again() -> None:
    """A new browser is taken once the first ones are older than the window; and so is the one that was refused, when
    it is used again: the proposal is kept once per week."""
    sixth_again = said(9, after=timedelta(days=12), userId="ann", anonymousId="browser-5")
    road = Road(WEEKLY).run([*logins([0, 1, 2, 3, 4, 5, 11]), sixth_again])
    assert browsers(road) == {f"browser-{n}" for n in range(7)}


@pytest.mark.parametrize("seed", range(8))
def test_windows_do_not_depend_on_the_order_of_arrival(seed: int) -> None:
    """Recorded in any order, delivered in any batches, some of them twice: the same browsers are hers."""
    random = Random(seed)
    stream = [
        *logins([0, 0.5, 1, 2, 3, 4, 8, 8.5, 9]),
        said(20, after=timedelta(days=12), userId="ann", anonymousId="browser-5"),
    ]
    expected = browsers(Road(WEEKLY).run(stream))
    shuffled = random.sample(stream, len(stream))
    road = Road(WEEKLY)
    road.record(shuffled)
    for batch in mixed(random, road.take()):
        road.deliver(batch)
    assert browsers(road) == expected
    assert "browser-5" in expected
