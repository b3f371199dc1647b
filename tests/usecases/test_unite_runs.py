"""Live runs of one journey and key become one, whoever notices, in whatever order, and whoever dies in between."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from omnicascade.domain.errors import StaleWriteError
from omnicascade.domain.journeys.run import Run
from omnicascade.usecases.store_ports import StoredRun
from omnicascade.usecases.unite_runs import RunUnion
from tests.usecases.world import World

KEYED: dict[str, Any] = {"entry": {"event": "Filled", "key": "properties.cart_id"}}
STEPS: list[dict[str, Any]] = [
    {
        "id": "ask",
        "cascade": {"channels": [{"push": {"template": "cart", "wait": "2d"}}, {"sms": {"template": "cart"}}]},
    }
]
NAMES: dict[str, dict[str, Any]] = {
    "ann": {"userId": "ann"},
    "web": {"anonymousId": "web"},
    "app": {"anonymousId": "app"},
}


def filled(who: str, cart: str = "c1") -> dict[str, Any]:
    """A basket filled."""
    called = f"{who}-{cart}"
    return {"type": "track", "messageId": called, "event": "Filled", "properties": {"cart_id": cart}, **NAMES[who]}


def apart(*who: str) -> World:
    """Strangers, each with a phone and a live run of one basket, begun a minute apart; then they turn out to be Ann.

    No journey listens to that word, so nobody has moved a run since.
    """
    world = World()
    world.put_journey("basket", *STEPS, **KEYED)
    for name in who:
        device = {"type": "ios", "id": f"{name}-device", "token": f"{name}-token"}
        world.post({"type": "identify", "messageId": f"app {name}", **NAMES[name], "context": {"device": device}})
        world.post(filled(name))
        world.advance(minutes=1)
    for name in who:
        if name != "ann":
            world.post({"type": "identify", "messageId": f"login {name}", **NAMES[name], **NAMES["ann"]})
    world.settle()
    return world


def unite(world: World, run_id: str) -> StoredRun:
    """What a sender makes of one run, as it is stored."""
    stored = world.runs.load(run_id)
    assert stored is not None
    return RunUnion(world.runs, world.machine).unite(stored, world.customer("user_id:ann"), world.now)


def oldest_first(world: World) -> list[Run]:
    """All of Ann's runs."""
    return sorted(world.runs_of("user_id:ann"), key=lambda run: run.started_at)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_whoever_looks_first_the_earliest_goes_on(order: tuple[int, ...]) -> None:
    """Every order of looking ends alike: one live run that knows of all messages; the others lead to it."""
    world = apart("web", "app", "ann")
    ids = [run.run_id for run in oldest_first(world)]
    for place in (*order, 0):
        if oldest_first(world)[place].live:
            unite(world, ids[place])
    survivor, *others = oldest_first(world)
    assert survivor.live
    assert [run.outcome for run in others] == ["merged", "merged"]
    favoured = {run.run_id: run.merged_into for run in others}
    assert all(into == survivor.run_id or favoured[into or ""] == survivor.run_id for into in favoured.values())
    assert sorted(survivor.absorbed) == sorted(ids[1:])
    messages = {entry.message_id for run in others for entry in run.ledger}
    assert messages <= {entry.message_id for entry in survivor.ledger}
    for run in others:
        assert world.machine.executions[run.run_id].status == "SUCCEEDED"
    assert world.machine.executions[survivor.run_id].status == "RUNNING"


def test_no_step_uses_a_channel_again_that_one_of_them_used() -> None:
    """Both runs pushed before they were one; the one that goes on pushes no more and comes to the text message."""
    world = apart("web", "ann")
    assert world.channels() == ["push", "push"]
    world.post({"type": "identify", "messageId": "phone", "userId": "ann", "traits": {"phone": "+48601234567"}})
    world.advance(days=5)
    assert world.channels() == ["push", "push", "sms"]
    assert sorted(str(run.outcome) for run in world.runs_of("user_id:ann")) == ["completed", "merged"]


def test_another_basket_is_another_run() -> None:
    """Only the same key is united."""
    world = apart("web")
    world.post(filled("ann", "c2"))
    world.settle()
    for run in oldest_first(world):
        assert unite(world, run.run_id).run == run
    assert [run.live for run in oldest_first(world)] == [True, True]


def test_a_run_alone_is_neither_read_nor_written() -> None:
    """The very object comes back."""
    world = apart("ann")
    stored = world.runs.load(oldest_first(world)[0].run_id)
    assert stored is not None
    customer = world.customer("user_id:ann")
    assert RunUnion(world.runs, world.machine).unite(stored, customer, world.now) is stored


def test_who_dies_between_the_two_writes_loses_no_message() -> None:
    """The later run ended in favour of the earlier, whose sender finds it so and takes its messages over, once."""
    world = apart("web", "ann")
    first, second = (run.run_id for run in oldest_first(world))
    customer, stored = world.customer("user_id:ann"), world.runs.load(first)
    assert stored is not None
    dying = _DiesAtSecondSave(world)
    with pytest.raises(RuntimeError):
        RunUnion(dying, world.machine).unite(stored, customer, world.now)  # pyright: ignore[reportArgumentType]
    earlier, later = oldest_first(world)
    assert (earlier.live, earlier.absorbed, later.live) == (True, (), False)
    after = unite(world, first).run
    assert after.absorbed == (second,)
    assert {entry.message_id for entry in later.ledger} <= {entry.message_id for entry in after.ledger}
    assert unite(world, first).run == after


class _DiesAtSecondSave:
    """The store of a process that dies before its second write."""

    def __init__(self, world: World) -> None:
        self._runs = world.runs
        self._saves = 0

    def load(self, run_id: str) -> StoredRun | None:
        return self._runs.load(run_id)

    def save(self, *arguments: Any, **named: Any) -> StoredRun:
        self._saves += 1
        if self._saves > 1:
            raise RuntimeError
        return self._runs.save(*arguments, **named)


def test_who_reads_too_early_reads_again() -> None:
    """A run that changed since it was read is not overwritten."""
    world = apart("web", "ann")
    first, _ = oldest_first(world)
    stored = world.runs.load(first.run_id)
    assert stored is not None
    customer = world.customer("user_id:ann")
    world.runs.save(stored, stored.run, token="")
    with pytest.raises(StaleWriteError):
        RunUnion(world.runs, world.machine).unite(stored, customer, world.now)
