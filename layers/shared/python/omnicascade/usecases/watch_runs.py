"""Find live runs that stand still, and set them going again.

Step Functions does not lose timers; people stop executions, quotas refuse them, an account is suspended for a day. The
run's item is the truth, so a run whose moment passed long ago can always be taken up where it stands: by its waiting
task, if that still lives, else by a new execution. Whatever the old one may still do finds its claims taken, so nothing
is sent twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from omnicascade.domain.errors import OmnicascadeError, StaleWriteError
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.run import Decision, Run
from omnicascade.usecases.start_run import task_input
from omnicascade.usecases.store_ports import LivePage, RunStore, StoredRun

GRACE: Final = timedelta(hours=1)
"""How long after its moment a run counts as stalled: longer than the state machine tries a failing sender again (seven
attempts within ten minutes), and the pause between two repairs of one run."""
MOST_NAME: Final = 80
"""Characters of an execution's name. Source: Step Functions API reference, StartExecution."""
REPAIRED: Final = "repaired"

_WAITS: Final = (engine.ROOM_S,)
"""Foreseen for a run that goes on at once: its sender finds out for itself how long to wait then."""


class LateRuns(Protocol):
    """The live runs whose moment has passed."""

    def late(self, before: datetime, cursor: str | None) -> LivePage:
        """Ids of live runs, neither paused nor ended, whose moment was before another; may lag behind (index).

        A page may be empty and not be the last one. Cost: by the number of live runs, whether late or not.
        """
        ...


class Executions(Protocol):
    """The executions that move runs, seen by who mends them."""

    def start(self, run_id: str, task: Mapping[str, Any]) -> str:
        """Start an execution under a name, once."""
        ...

    def wake(self, token: str, waits: Sequence[int]) -> bool:
        """Let a waiting task go on; False when nobody waits for the token any more."""
        ...

    def under_way(self, name: str) -> bool:
        """Whether the execution of this name is running."""
        ...


@dataclass(frozen=True, slots=True)
class Watched:
    """What one look found.

    Attributes:
        stalled: runs that stood still.
        repaired: those of them that go on.
        failed: the others, by run id, with the reason.
        cursor: where to go on; None: everything was looked at.
    """

    stalled: int
    repaired: int
    failed: Mapping[str, str]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Watchdog:
    """Everything a look needs, bound once per process."""

    late: LateRuns
    runs: RunStore
    executions: Executions

    def look(self, now: datetime, cursor: str | None, has_time: Callable[[], bool]) -> Watched:
        """Look at pages of live runs while there is time. May be repeated, and by several at once.

        Raises:
            UnavailableError: the list of live runs cannot be read.
        """
        stalled = repaired = 0
        failed: dict[str, str] = {}
        audiences: dict[str, bool] = {}
        while True:
            page = self.late.late(now - GRACE, cursor)
            for run_id in page.run_ids:
                try:
                    stored = self._stalled(run_id, audiences, now)
                    if stored is None:
                        continue
                    stalled += 1
                    self._repair(stored, now)
                    repaired += 1
                except StaleWriteError:
                    stalled -= 1  # somebody moved it: it does not stand still
                except OmnicascadeError as error:
                    failed[run_id] = str(error)
            cursor = page.cursor
            if cursor is None or not has_time():
                return Watched(stalled, repaired, failed, cursor)

    def _stalled(self, run_id: str, audiences: dict[str, bool], now: datetime) -> StoredRun | None:
        stored = self.runs.load(run_id)
        moment = stored.run.next_moment if stored else None
        if stored is None or moment is None or moment > now - GRACE or _repaired_lately(stored.run, now):
            return None
        audience = stored.run.audience
        if audience and audience not in audiences:
            audiences[audience] = self.executions.under_way(audience)
        return None if audience and audiences[audience] else stored

    def _repair(self, stored: StoredRun, now: datetime) -> None:
        """Note the repair first: of two watchdogs one then repairs, and a crash leaves the run to the next look."""
        run = stored.run
        late = int((now - (run.next_moment or now)).total_seconds() // 60)
        last = run.decisions[-1].step if run.decisions else ""
        decision = Decision(now, last, REPAIRED, f"nobody moved the run for {late} minutes after its moment")
        mended = replace(run, decisions=(*run.decisions, decision), audience="")
        after = self.runs.save(stored, mended, token=stored.token)
        if not (after.token and self.executions.wake(after.token, _WAITS)):
            self.executions.start(repair_name(run.run_id, after.revision), task_input(mended, _WAITS))


def repair_name(run_id: str, revision: int) -> str:
    """The name of the execution that takes a run up: the run's, cut where it must be, and the run's revision."""
    suffix = f"-{revision}"
    journey, _, rest = run_id.partition("_")
    return f"{journey[: MOST_NAME - len(suffix) - len(rest) - 1]}_{rest}{suffix}"


def _repaired_lately(run: Run, now: datetime) -> bool:
    return any(one.outcome == REPAIRED and one.at > now - GRACE for one in run.decisions)
