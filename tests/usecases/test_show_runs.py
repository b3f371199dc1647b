"""What staff see of runs: where each stands, what it waits for and why; and every live run of a journey by pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from omnicascade.domain.errors import MalformedBodyError, NotFoundError
from omnicascade.usecases.manage_runs import RunDesk
from tests.usecases.world import NOON, World

ANN: dict[str, Any] = {"userId": "ann"}
IDENTIFY: dict[str, Any] = {"type": "identify", "messageId": "i", **ANN, "traits": {"email": "ann@example.com"}}
ANN_ASKED = {"profile": "user_id:ann"}
FILLED: dict[str, Any] = {"type": "track", "messageId": "f", "event": "Basket Filled", **ANN}
ON_FILL: dict[str, Any] = {"entry": {"event": "Basket Filled"}}


def desk_of(world: World) -> RunDesk:
    """Staff's desk on a world."""
    return RunDesk(world.customers, world.runs, world.journeys, world.machine)


def only_run(world: World, *steps: Mapping[str, Any]) -> dict[str, Any]:
    """Ann's run of a journey of these steps, as staff see it at noon."""
    world.put_journey("basket", *steps, **ON_FILL)
    world.post(IDENTIFY)
    world.post(FILLED)
    world.settle()
    [run] = world.runs_of("user_id:ann")
    return desk_of(world).show_run(run.run_id)


def at(moment: datetime) -> str:
    """A moment as the API writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


@pytest.mark.parametrize(
    ("step", "named", "reason", "hours"),
    [
        ({"id": "rest", "wait": "2h"}, "rest", "waits 2h", 2),
        ({"id": "ship", "wait_for": {"event": "Shipped", "timeout": "3h"}}, "ship", "waits for Shipped up to 3h", 3),
        (
            {"id": "ask", "cascade": {"channels": [{"email": {"template": "cart", "wait": "4h"}}]}},
            "ask",
            "an answer to email",
            4,
        ),
    ],
)
def test_a_resting_run_says_what_for(step: dict[str, Any], named: str, reason: str, hours: int) -> None:
    """The step, the reason in words, and until when, which is when it moves next."""
    shown = only_run(World(), step)
    until = at(NOON + timedelta(hours=hours))
    assert shown["waiting_for"] == {"step": named, "reason": reason, "until": until, "collected": 0}
    assert shown["next_at"] == until


def test_a_digest_says_how_much_it_has_collected() -> None:
    """The entry event and two more of its name."""
    world = World()
    run_id = only_run(world, {"id": "sum", "digest": {"event": "Basket Filled", "window": "6h"}})["run_id"]
    world.post(FILLED | {"messageId": "f2"}, FILLED | {"messageId": "f3"})
    world.settle()
    assert desk_of(world).show_run(run_id)["waiting_for"]["collected"] == 3


def test_a_delayed_entry_and_quiet_hours_are_named() -> None:
    """A run that has not begun says so; one whose message is held back names the quiet hours."""
    world = World()
    delayed = {"entry": {"event": "Basket Filled", "after": "1h"}, "quiet_hours": {"from": "12:30", "to": "15:00"}}
    world.put_journey("basket", {"id": "mail", "email": {"template": "cart"}}, **delayed)
    world.post(IDENTIFY, FILLED)
    world.settle()
    [run] = world.runs_of("user_id:ann")
    assert desk_of(world).show_run(run.run_id)["waiting_for"] == {
        "step": "",
        "reason": "the moment its first step is due",
        "until": at(NOON + timedelta(hours=1)),
        "collected": 0,
    }
    world.advance(hours=1)
    held = desk_of(world).show_run(run.run_id)["waiting_for"]
    assert held["step"] == "mail"
    assert "quiet" in held["reason"]


def test_a_paused_run_does_not_say_when_it_moves() -> None:
    """Nothing moves it by itself: no `next_at`, no `until`, and since when and why it is paused."""
    world = World()
    run_id = only_run(world, {"wait": "2h"})["run_id"]
    world.journeys.set_paused("basket", paused=True)
    world.advance(hours=2)
    shown = desk_of(world).show_run(run_id)
    assert (shown["next_at"], shown["waiting_for"]["until"]) == (None, None)
    assert shown["paused_at"] == at(NOON + timedelta(hours=2))
    assert "journey basket is paused" in shown["waiting_for"]["reason"]


def test_an_ended_run_waits_for_nothing_and_shows_its_arms() -> None:
    """The branch that was taken stays to be seen, and whom hold-out and splits were decided by."""
    world = World()
    arms = [{"name": "a", "share": "100%", "then": [{"email": {"template": "cart"}}]}]
    shown = only_run(world, {"id": "half", "split": arms})
    assert (shown["status"], shown["waiting_for"], shown["next_at"]) == ("ended", None, None)
    assert shown["arms"] == {"half": "a"}
    assert shown["anchor"] == world.customer("user_id:ann").profile.profile_id


def test_merged_runs_name_each_other() -> None:
    """The one that ended says which goes on; that one says which it took over."""
    world = World()
    world.put_journey("basket", {"wait": "2h"}, {"email": {"template": "cart"}}, **ON_FILL)
    world.post({"type": "track", "messageId": "b1", "event": "Basket Filled", "anonymousId": "web"})
    world.advance(minutes=1)
    world.post({"type": "track", "messageId": "b2", "event": "Basket Filled", **ANN})
    world.advance(minutes=1)
    world.post({"type": "identify", "messageId": "login", "anonymousId": "web", **ANN})
    world.advance(hours=2)
    shown = {run["status"] + str(run["outcome"]): run for run in desk_of(world).show_runs("basket", ANN_ASKED)["runs"]}
    ended, other = shown["endedmerged"], next(run for key, run in shown.items() if key != "endedmerged")
    assert ended["merged_into"] == other["run_id"]
    assert other["absorbed"] == [ended["run_id"]]
    assert other["merged_into"] is None


def crowd(world: World, number: int) -> set[str]:
    """Customers who are all on a journey; their runs."""
    world.put_journey("basket", {"wait": "2h"}, **ON_FILL)
    for n in range(number):
        world.post({"type": "track", "messageId": f"f{n}", "event": "Basket Filled", "userId": f"u{n}"})
    world.settle()
    return {world.runs_of(f"user_id:u{n}")[0].run_id for n in range(number)}


def test_live_runs_are_paged() -> None:
    """Every live run once, none of another journey, none that has ended; the last page says so."""
    world = World()
    wanted = crowd(world, 7)
    world.put_journey("basket-two", {"wait": "2h"}, **ON_FILL)
    world.post({"type": "track", "messageId": "other", "event": "Basket Filled", "userId": "u0"})
    world.settle()
    pages = [desk_of(world).show_runs("basket", {"limit": "3"})]
    while pages[-1]["cursor"] and len(pages) < 9:
        pages.append(desk_of(world).show_runs("basket", {"limit": "3", "cursor": pages[-1]["cursor"]}))
    assert [len(page["runs"]) for page in pages] == [3, 3, 1]
    assert sorted(run["run_id"] for page in pages for run in page["runs"]) == sorted(wanted)
    world.advance(hours=2)
    assert desk_of(world).show_runs("basket", {}) == {"runs": [], "cursor": None}


def test_a_customers_runs_are_all_there_ever_were() -> None:
    """The ended ones, too, and of nobody else."""
    world = World()
    crowd(world, 2)
    world.advance(hours=2)
    [run] = desk_of(world).show_runs("basket", {"profile": "user_id:u1"})["runs"]
    assert (run["status"], run["outcome"]) == ("ended", "completed")


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"limit": "many"}, {"cursor": "mine"}])
def test_a_page_that_cannot_be_asked_for_is_refused(query: dict[str, str]) -> None:
    """Before anything is read."""
    world = World()
    world.put_journey("basket", **ON_FILL)
    with pytest.raises(MalformedBodyError):
        desk_of(world).show_runs("basket", query)


def test_what_is_not_there_is_not_found() -> None:
    """A journey that nobody put, and a run that never was."""
    world = World()
    with pytest.raises(NotFoundError):
        desk_of(world).show_runs("basket", {})
    with pytest.raises(NotFoundError):
        desk_of(world).show_run("basket_profile_0123456789ab")
