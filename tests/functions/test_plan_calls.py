"""Plans and staff's hand over the staff API: documented examples work, and are answered as documented."""

import json
from typing import Any

import pytest

from omnicascade.domain.errors import NotFoundError, UnacceptableError
from omnicascade.domain.template_definition import load_template
from omnicascade.usecases.serve_staff import StaffDesk
from omnicascade.usecases.staff_calls import Answer, StaffRequest
from tests.functions.test_openapi import documented_bodies, problems
from tests.usecases.segment_world import put
from tests.usecases.test_control_journeys import basket, latest
from tests.usecases.test_control_journeys import desk as control_of
from tests.usecases.test_plan_journey import desk as plans_of
from tests.usecases.world import World

JOURNEYS = "POST /v1/journeys/{name}"
RUNS = "POST /v1/runs/{run_id}"


class Room:
    """A world with a journey under way and a staff desk that can plan and control, and nothing else."""

    def __init__(self) -> None:
        self.world = World()
        self.who = basket(self.world, 2)
        put(self.world, "lapsed", {"not": {"trait": "plan", "exists": True}})
        self.run_id = latest(self.world, self.who[0]).run_id
        unused: Any = object()
        parts: dict[str, Any] = dict.fromkeys(StaffDesk.__dataclass_fields__, unused)
        parts |= {"plans": plans_of(self.world), "control": control_of(self.world), "clock": lambda: self.world.now}
        self.desk = StaffDesk(**parts)

    def call(self, route: str, body: str = "", caller: str = "ann@example.com") -> Answer:
        """One call of a route, about the journey or the run."""
        path = {"name": "basket", "run_id": self.run_id}
        return self.desk.answer(StaffRequest(route, path=path, body=body, caller=caller))


@pytest.fixture
def room() -> Room:
    """A room of its own."""
    return Room()


def examples(route: str) -> list[Any]:
    """The bodies that the document shows for a route."""
    found = [body for shown, _, body in documented_bodies() if shown == route]
    assert found
    return found


def test_a_plan_is_answered_as_documented(room: Room) -> None:
    """The whole answer, a page of it, and one of a new definition with new words."""
    room.world.journeys.put_template(load_template({"name": "win-back", "text": "Come back"}))
    (shown,) = examples(f"{JOURNEYS}/plan")
    more = {"templates": {"cart": "other words"}, "definition": {"steps": [{"push": {"template": "cart"}}]}}
    for body in (shown, {**shown, "cursor": None}, {"segment": "lapsed", **more}):
        answer = room.call(f"{JOURNEYS}/plan", json.dumps(body))
        assert answer.status == 200
        assert problems("Plan", answer.body, closed=True) == []
    assert answer.body
    assert answer.body["in_flight"]["versions"][0]["changes"]
    assert answer.body["in_flight"]["templates"]


def test_a_plan_may_be_written_in_yaml(room: Room) -> None:
    """As marketers write."""
    answer = room.call(f"{JOURNEYS}/plan", "segment: lapsed\ndefinition:\n  steps:\n    - push: {template: cart}\n")
    assert answer.body
    assert answer.body["stored"] is False


@pytest.mark.parametrize("action", ["pause", "resume", "stop"])
def test_a_word_about_a_journey_is_answered_as_documented(room: Room, action: str) -> None:
    """With the documented body and with none; who said it is in every run."""
    for body in [*map(json.dumps, examples(f"{JOURNEYS}/{action}")), ""]:
        answer = room.call(f"{JOURNEYS}/{action}", body)
        assert answer.status == 202
        assert problems("Ordered", answer.body, closed=True) == []
    room.world.settle()
    if action != "resume":
        assert "by ann@example.com" in latest(room.world, room.who[0]).decisions[-1].reason


def test_a_migration_is_answered_as_documented(room: Room) -> None:
    """200 tells, 202 does."""
    for title in "abc":
        room.world.put_journey("basket", title=title)
    statuses: list[int] = []
    for body in examples(f"{JOURNEYS}/migrate"):
        answer = room.call(f"{JOURNEYS}/migrate", json.dumps(body))
        statuses.append(answer.status)
        assert problems("Migration", answer.body, closed=True) == []
    assert statuses == [200, 202]


@pytest.mark.parametrize("action", ["pause", "resume", "stop", "migrate"])
def test_a_word_about_a_run_is_answered_by_the_run(room: Room, action: str) -> None:
    """The documented body works."""
    for title in "abc":
        room.world.put_journey("basket", title=title)
    for body in examples(f"{RUNS}/{action}"):
        answer = room.call(f"{RUNS}/{action}", json.dumps(body))
        assert answer.status == 200
        assert problems("Run", answer.body, closed=True) == []


def test_what_nobody_knows_is_refused(room: Room) -> None:
    """A misspelt key says so, an unknown run is not found, and a body that is no mapping is unacceptable."""
    with pytest.raises(UnacceptableError, match="reson"):
        room.call(f"{JOURNEYS}/pause", '{"reson": "x"}')
    room.run_id = "basket_nobody_000000000000"
    with pytest.raises(NotFoundError):
        room.call(f"{RUNS}/pause")
    with pytest.raises(UnacceptableError):
        room.call(f"{JOURNEYS}/plan")
