"""How long a hundred thousand customers take to rehearse the three-step cascade, and how many decisions a second.

The floor is what any such program does at least: a heap of the same number of moments, pushed and popped, each with a
small value made anew.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random
from time import process_time
from typing import Any, Final

from omnicascade.adapters.liquid_renderer import LiquidRenderer
from omnicascade.adapters.memory_configuration import MemoryConfigurationStore
from omnicascade.domain.deployment import Channel, Deployment
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.journeys.definition.loading import load_definition
from omnicascade.domain.rehearsal.scenario import Arrives, Happening, Reacts, Scenario, event_of, opening_of
from omnicascade.domain.rehearsal.stage import Stage
from omnicascade.domain.rehearsal.world import rehearse
from omnicascade.domain.templates import Template, Wording
from omnicascade.usecases.rehearse import Quotes
from tests.benchmarks.figures import Figure, median, ratio

POPULATION: Final = 100_000
GOAL_S: Final = 60.0
CUSTOMERS: Final = 2_000
SEED: Final = 20260310
_NOON: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)
_MONTH: Final = timedelta(days=30)
CASCADE: Final[dict[str, Any]] = {
    "name": "cart",
    "entry": {"event": "Product Added", "key": "properties.cart_id", "after": "1h"},
    "exit": [{"event": "Order Completed", "match": "properties.cart_id"}],
    "steps": [
        {
            "cascade": {
                "channels": [
                    {"push": {"template": "cart", "wait": "4h"}},
                    {"email": {"template": "cart", "wait": "20h"}},
                    {"sms": {"template": "cart"}},
                ]
            }
        }
    ],
}
_TEMPLATE: Final = Template(
    "cart", Wording(subject="Your basket", text="Your basket is waiting.", url="https://s.example/c")
)


def measure(runs: int, progress: Callable[[str], None]) -> list[Figure]:
    """Seconds for the whole population, against the floor, and decisions a second."""
    stage = _stage()
    _timed(stage, _some_answer())  # what is loaded late is loaded now
    silent, engaged, floors, decisions = list[float](), list[float](), list[float](), list[float]()
    for number in range(runs):
        progress(f"rehearsal: run {number + 1} of {runs}, {CUSTOMERS:,} customers each")
        floors.append(_floor(CUSTOMERS))
        silent.append(_timed(stage, _nobody_answers()).seconds)
        told = _timed(stage, _some_answer())
        engaged.append(told.seconds)
        decisions.append(told.decisions / told.seconds)
    scale = POPULATION / CUSTOMERS
    return [
        median(
            "rehearsal.seconds_per_100k_silent",
            [seconds * scale for seconds in silent],
            "s",
            goal=GOAL_S,
            note="three-step cascade, nobody answers",
        ),
        median(
            "rehearsal.seconds_per_100k",
            [seconds * scale for seconds in engaged],
            "s",
            goal=GOAL_S,
            note=f"30 % tap or click, 10 % order; seed {SEED}",
        ),
        replace(median("rehearsal.decisions_per_second", decisions, "decisions/s"), note="recorded decisions alone"),
        ratio("rehearsal.times_bare_heap", silent, floors, note="the floor: a bare heap of as many moments"),
    ]


@dataclass(frozen=True, slots=True)
class _Timed:
    seconds: float
    decisions: int


def _stage() -> Stage:
    deployment = Deployment()
    journey = load_definition(CASCADE)
    shelf = MemoryConfigurationStore(deployment)
    return Stage(journey, deployment, Quotes(journey, deployment, LiquidRenderer(), shelf, {"cart": _TEMPLATE}))


def _timed(stage: Stage, population: Iterator[Scenario]) -> _Timed:
    drawn = list(population)
    began, decisions = process_time(), 0
    for scenario in drawn:
        played = rehearse(stage, scenario)
        decisions += sum(len(run.decisions) for run in played.runs)
    return _Timed(process_time() - began, decisions)


def _nobody_answers() -> Iterator[Scenario]:
    for number in range(CUSTOMERS):
        yield _customer(number, [])


def _some_answer() -> Iterator[Scenario]:
    drawn = Random(SEED)
    for number in range(CUSTOMERS):
        happenings: list[Happening] = []
        luck = drawn.random()
        if luck < 0.3:
            kind = "tap" if luck < 0.2 else "click"
            channel = Channel.PUSH if luck < 0.2 else Channel.EMAIL
            happenings.append(Reacts(_NOON + timedelta(hours=3 if luck < 0.2 else 9), kind, channel))
        elif luck < 0.4:
            happenings.append(_bought(number, _NOON + timedelta(hours=drawn.randint(1, 40))))
        yield _customer(number, happenings)


def _customer(number: int, later: list[Happening]) -> Scenario:
    known = (
        Identifier("email", f"customer-{number}@example.com"),
        Identifier("phone", f"+4860{number:07}"),
        Identifier("ios.push_token", f"token-{number}"),
    )
    basket = {"properties": {"cart_id": f"cart-{number}", "total": 40}}
    added = event_of("track", "Product Added", f"added-{number}", _NOON, known[:1], basket)
    return Scenario(_NOON, _NOON + _MONTH, opening_of(known, _NOON), (Arrives(_NOON, added), *later))


def _bought(number: int, at: datetime) -> Arrives:
    who = (Identifier("email", f"customer-{number}@example.com"),)
    properties = {"properties": {"cart_id": f"cart-{number}", "total": 40}}
    return Arrives(at, event_of("track", "Order Completed", f"bought-{number}", at, who, properties))


def _floor(customers: int) -> float:
    """An entry, a delay and three stops for each customer, from one heap in order of time."""
    began, order = process_time(), count()
    for number in range(customers):
        heap: list[tuple[datetime, int, tuple[int, int]]] = []
        heappush(heap, (_NOON, next(order), (number, 0)))
        while heap:
            at, _, (who, stop) = heappop(heap)
            if stop < 4:
                heappush(heap, (at + timedelta(hours=4), next(order), (who, stop + 1)))
    return process_time() - began
