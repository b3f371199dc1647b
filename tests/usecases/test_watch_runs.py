"""The watchdog's decisions: which runs stand still, and how each of them is set going."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from omnicascade.adapters.memory_runs import MemoryRunStore
from omnicascade.adapters.memory_stores import MemoryCustomerStore
from omnicascade.domain.errors import UnavailableError
from omnicascade.domain.journeys.run import Decision, Run, is_run_id, make_run_id
from omnicascade.usecases.store_ports import LivePage
from omnicascade.usecases.watch_runs import GRACE, MOST_NAME, REPAIRED, Watchdog, Watched, repair_name

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
ANN = "a" * 26


@dataclass
class Executions:
    """Executions as the watchdog sees them; `awake` are the tokens that somebody waits for."""

    awake: set[str] = field(default_factory=set[str])
    running: set[str] = field(default_factory=set[str])
    down: bool = False
    started: list[str] = field(default_factory=list[str])
    woken: list[str] = field(default_factory=list[str])
    asked: list[str] = field(default_factory=list[str])

    def start(self, run_id: str, task: Mapping[str, Any]) -> str:
        """Note the name."""
        if self.down:
            raise UnavailableError("throttled")
        assert is_run_id(task["run"])
        self.started.append(run_id)
        return f"arn:{run_id}"

    def wake(self, token: str, waits: Sequence[int]) -> bool:
        """Whether the token is one of those."""
        assert waits
        self.woken.append(token)
        return token in self.awake

    def under_way(self, name: str) -> bool:
        """Whether the name is one of those."""
        self.asked.append(name)
        return name in self.running


@dataclass
class Late:
    """Pages of ids, whatever moment is asked for."""

    pages: list[list[str]]
    asked: list[datetime] = field(default_factory=list[datetime])

    def late(self, before: datetime, cursor: str | None) -> LivePage:
        """The page of that number."""
        self.asked.append(before)
        number = int(cursor or 0)
        more = str(number + 1) if number + 1 < len(self.pages) else None
        return LivePage(self.pages[number], more)


class Bench:
    """A watchdog over runs in memory."""

    def __init__(self) -> None:
        self.runs = MemoryRunStore(MemoryCustomerStore())
        self.executions = Executions()
        self.ids: list[str] = []

    def run(self, *, late: timedelta = timedelta(hours=2), token: str = "", **changed: Any) -> str:
        """A live run whose moment passed so long ago."""
        run_id = make_run_id("welcome", ANN, f"{len(self.ids):012x}")
        started = NOW - timedelta(days=1)
        run = Run(run_id, "welcome", 1, ANN, str(len(self.ids)), None, started, started, due=NOW - late, **changed)
        stored = self.runs.start(run, None)
        if token:
            self.runs.save(stored, run, token=token)
        self.ids.append(run_id)
        return run_id

    def look(self, now: datetime = NOW, *, time_for: int = 99) -> Watched:
        """One look at everything, each run a page of its own."""
        left = iter(range(time_for, -1, -1))
        late = Late([[run_id] for run_id in self.ids] or [[]])
        watched = Watchdog(late, self.runs, self.executions).look(now, None, lambda: next(left) > 0)
        assert set(late.asked) == {now - GRACE}
        return watched

    def decisions(self, run_id: str) -> list[Decision]:
        """What was decided about a run."""
        stored = self.runs.load(run_id)
        assert stored is not None
        return list(stored.run.decisions)


@pytest.fixture
def bench() -> Bench:
    """Nobody runs."""
    return Bench()


def test_a_run_without_a_waiting_task_gets_a_new_execution(bench: Bench) -> None:
    """It is named after the run and its revision, and the run tells that it was repaired."""
    run_id = bench.run()
    assert bench.look() == Watched(1, 1, {}, None)
    assert bench.executions.started == [f"{run_id}-2"]
    (decision,) = bench.decisions(run_id)
    assert (decision.at, decision.outcome) == (NOW, REPAIRED)
    assert decision.reason == "nobody moved the run for 120 minutes after its moment"


def test_a_task_that_still_waits_is_woken_instead(bench: Bench) -> None:
    """No second execution; a token that nobody waits for any more is no help."""
    waiting, orphan = bench.run(token="awake"), bench.run(token="gone")
    bench.executions.awake = {"awake"}
    bench.look()
    assert bench.executions.woken == ["awake", "gone"]
    assert bench.executions.started == [f"{orphan}-3"]
    assert [one.outcome for one in bench.decisions(waiting)] == [REPAIRED]


def test_runs_that_are_well_are_left_alone(bench: Bench) -> None:
    """Not late enough, paused, or ended since the index was written: nothing is written, nothing started."""
    ids = [bench.run(late=GRACE - timedelta(seconds=1)), bench.run(paused_at=NOW), bench.run(status="ended")]
    assert bench.look() == Watched(0, 0, {}, None)
    assert [bench.decisions(run_id) for run_id in ids] == [[], [], []]
    assert bench.executions.started == []


def test_an_hour_is_late_enough(bench: Bench) -> None:
    """The grace is over at its end."""
    bench.run(late=GRACE)
    assert bench.look().repaired == 1


def test_a_repaired_run_has_an_hour_to_move(bench: Bench) -> None:
    """A second look, by a second watchdog or a continued one, repairs nothing; the next hour's does."""
    run_id = bench.run()
    bench.look()
    assert bench.look(NOW + timedelta(minutes=59)).stalled == 0
    assert bench.look(NOW + timedelta(minutes=60)).repaired == 1
    assert bench.executions.started == [f"{run_id}-2", f"{run_id}-3"]


def test_an_audience_under_way_looks_after_its_runs(bench: Bench) -> None:
    """It is asked after once; the runs of one that is no more go on by themselves."""
    kept = [bench.run(audience="spring"), bench.run(audience="spring")]
    freed = bench.run(audience="winter")
    bench.executions.running = {"spring"}
    assert bench.look().repaired == 1
    assert bench.executions.asked == ["spring", "winter"]
    assert bench.executions.started == [f"{freed}-2"]
    stored = [bench.runs.load(run_id) for run_id in (*kept, freed)]
    assert [one.run.audience for one in stored if one] == ["spring", "spring", ""]


def test_one_that_cannot_be_started_does_not_stop_the_others(bench: Bench) -> None:
    """The answer names it; it counts as stalled, and the next look takes it up again."""
    run_id = bench.run()
    woken = bench.run(token="awake")
    bench.executions.awake, bench.executions.down = {"awake"}, True
    assert bench.look() == Watched(2, 1, {run_id: "throttled"}, None)
    assert bench.decisions(woken)[-1].outcome == REPAIRED
    bench.executions.down = False
    assert bench.look(NOW + GRACE).failed == {}
    assert bench.executions.started == [f"{run_id}-3"]


def test_a_look_ends_in_time_and_says_where_to_go_on(bench: Bench) -> None:
    """Two pages of three: the cursor is the third page's."""
    for _ in range(3):
        bench.run()
    assert bench.look(time_for=1) == Watched(2, 2, {}, "2")


@pytest.mark.parametrize(("journey", "revision"), [("a", 2), ("j" * 40, 2), ("j" * 40, 123_456)])
def test_names_of_executions_are_short_enough_and_tell_runs_apart(journey: str, revision: int) -> None:
    """Eighty characters at most; profile, mark and revision are whole."""
    run_id = make_run_id(journey, ANN, "0123456789ab")
    name = repair_name(run_id, revision)
    assert len(name) <= MOST_NAME
    assert name.endswith(f"_{ANN}_0123456789ab-{revision}")
