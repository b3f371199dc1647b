"""How many decisions a second the engine takes on one core: each a call that moves a run.

The floor is what a decision leaves behind at least: `dataclasses.replace` of a run, with one more decision on record.
"""

import gc
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import process_time
from typing import Any, Final

from omnicascade.domain.deployment import Channel, Deployment
from omnicascade.domain.event import Event
from omnicascade.domain.folding import fold
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.joining import join
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.commands import Send
from omnicascade.domain.journeys.definition.loading import load_definition
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.person import Person
from omnicascade.domain.journeys.run import Decision, Run
from omnicascade.domain.projection import Projection
from omnicascade.domain.rehearsal.scenario import event_of, opening_of
from tests.benchmarks.figures import Figure, median, ratio
from tests.benchmarks.processes import BenchmarkFaultError

GOAL_PER_SECOND: Final = 20_000
CUSTOMERS: Final = 1_500
_NOON: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)
_ANN: Final = (
    Identifier("email", "ann@example.com"),
    Identifier("phone", "+48601234567"),
    Identifier("ios.push_token", "token"),
)
CASCADE: Final[dict[str, Any]] = {
    "name": "cart",
    "entry": {"event": "Product Added", "key": "properties.cart_id", "after": "1h"},
    "exit": [{"event": "Order Completed", "match": "properties.cart_id"}],
    "quiet_hours": {"from": "21:00", "to": "09:00", "zone": "recipient"},
    "holdout": "10%",
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


def measure(runs: int, progress: Callable[[str], None]) -> list[Figure]:
    """Decisions a second, and the cost of one beside the floor."""
    ward = _Ward(load_definition(CASCADE), _person(), Deployment())
    ward.live_through(50)  # what is loaded late is loaded now
    paces, ours, floors = list[float](), list[float](), list[float]()
    advances = list[float]()
    for number in range(runs):
        progress(f"decisions: run {number + 1} of {runs}, {CUSTOMERS:,} runs each")
        ward.taken = ward.advanced = 0
        gc.collect()
        floors.append(_floor(ward.longest))
        began = process_time()
        ward.live_through(CUSTOMERS)
        seconds = process_time() - began
        paces.append(ward.taken / seconds)
        ours.append(seconds / ward.taken)
        advances.append(ward.advanced / CUSTOMERS)
    worst = median("decisions.microseconds", [1e6 * one for one in ours], "us", goal=1e6 / GOAL_PER_SECOND)
    return [
        replace(worst, floor=1e6 * sorted(floors)[len(floors) // 2], note="CPU of one engine call that moves a run"),
        replace(median("decisions.per_second", paces, "decisions/s"), note=f"at least {GOAL_PER_SECOND:,} wanted"),
        ratio("decisions.times_replace", ours, floors, note="the floor: dataclasses.replace of a run"),
    ]


@dataclass
class _Ward:
    """Runs of one journey, lived through one after another; only calls that change a run are counted.

    Attributes:
        taken: decisions so far.
        advanced: of them, those by `advance`.
        longest: an ended run with all of its decisions, for the floor.
    """

    journey: Journey
    person: Person
    deployment: Deployment
    taken: int = 0
    advanced: int = 0

    @property
    def longest(self) -> Run:
        """A run that nobody answered, at its end."""
        return self._lived(self._started("cart_ann_longest"), "")

    def live_through(self, customers: int) -> None:
        """So many runs: of ten, six are never answered, two are by a tap, one by a click, one ends by the order."""
        for number in range(customers):
            self._lived(
                self._started(f"cart_ann_{number}"),
                ("", "tap", "", "click", "", "", "order", "", "tap", "")[number % 10],
            )

    def _started(self, run_id: str) -> Run:
        added = _ADDED
        self.taken += 1
        return engine.start(
            self.journey,
            run_id=run_id,
            person=self.person,
            key=engine.key_of(self.journey, added),
            event=added,
            now=_NOON,
            anchor="an anchor beyond the hold-out",
        )

    def _lived(self, run: Run, fate: str) -> Run:
        while (now := run.next_moment) is not None:
            run = self._moved(run, now)
            channel = run.ledger[-1].channel if run.ledger else None
            if channel is Channel.PUSH and fate in {"tap", "order"}:
                run = self._heard(run, _tapped(run) if fate == "tap" else _BOUGHT, now)
            elif channel is Channel.EMAIL and fate == "click":
                run = self._heard(run, _clicked(run), now)
        return run

    def _moved(self, run: Run, now: datetime) -> Run:
        while True:
            step = engine.advance(self.journey, run, self.person, self.deployment, now)
            if step.run is not run:
                self.taken += 1
                self.advanced += 1
            run = step.run
            if not isinstance(step.command, Send):
                return run
            run = engine.record_outcome(self.journey, run, step.command.message_id, "sent", now=now)
            self.taken += 1

    def _heard(self, run: Run, event: Event, now: datetime) -> Run:
        after = engine.apply(self.journey, run, event, now)
        if after is None:
            raise BenchmarkFaultError(f"{event.name} did not move its run, so the pace means nothing")
        self.taken += 1
        return after


def _person() -> Person:
    opening = opening_of(_ANN, _NOON, traits={"timezone": "Europe/Warsaw"})
    deployment = Deployment()
    profile = join(
        {opening[0].node_id: fold(Projection(), opening, deployment.computed)}, definitions=deployment.computed
    )
    if profile is None:
        raise BenchmarkFaultError("the opening made no customer")
    return Person(profile)


def _event(name: str, properties: dict[str, Any]) -> Event:
    return event_of("track", name, f"{name} 1", _NOON + timedelta(hours=2), _ANN[:1], {"properties": properties})


def _tapped(run: Run) -> Event:
    return _event("Push Notification Tapped", {"message_id": run.ledger[-1].message_id})


def _clicked(run: Run) -> Event:
    return _event("Email Link Clicked", {"message_id": run.ledger[-1].message_id})


_ADDED: Final = _event("Product Added", {"cart_id": "c1", "total": 40})
_BOUGHT: Final = _event("Order Completed", {"cart_id": "c1", "total": 40})


def _floor(run: Run) -> float:
    """Seconds of one bare replacement of a run."""
    word = run.decisions[0]
    times = CUSTOMERS * 4
    began = process_time()
    for _ in range(times):
        replace(run, decisions=(*run.decisions, Decision(word.at, word.step, word.outcome, word.reason)))
    return (process_time() - began) / times
