"""Pause, resume, stop or migrate all live runs of a journey, page by page, each page an errand of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import ConflictError, StaleWriteError
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.run import Run
from omnicascade.usecases.find_customer import find_customer
from omnicascade.usecases.move_runs import ATTEMPTS, outcome_of
from omnicascade.usecases.store_ports import HeadReader, JourneyStore, RunStore, StoredRun
from omnicascade.usecases.timer_port import RunTimer

EVERY_RUN: Final = "every_run"
"""The errand: `{"kind", "journey", "action"}` with `reason`, for `migrate` the version `to`, and a `cursor`."""

ACTIONS: Final = ("pause", "resume", "stop", "migrate")
PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class RunMover:
    """Does to every run what staff said of a journey. A run that this cannot be done to is left as it is."""

    customers: HeadReader
    runs: RunStore
    journeys: JourneyStore
    timer: RunTimer
    deployment: Deployment

    def go_on(
        self, errand: Mapping[str, Any], now: datetime, out_of_time: Callable[[], bool]
    ) -> tuple[datetime, Mapping[str, Any]] | None:
        """Go on where the errand stands, until all are moved or time is up; the next errand, if there is one."""
        cursor: str | None = errand.get("cursor")
        while True:
            page = self.runs.live_runs(errand["journey"], cursor, PAGE)
            for run_id in page.run_ids:
                self._move(run_id, errand, now)
            cursor = page.cursor
            if cursor is None:
                return None
            if out_of_time():
                return now, {**errand, "cursor": cursor}

    def _move(self, run_id: str, errand: Mapping[str, Any], now: datetime) -> None:
        for _ in range(ATTEMPTS):
            stored = self.runs.load(run_id)
            pinned = stored and self.journeys.journey(stored.run.journey, stored.run.version)
            if stored is None or pinned is None or not stored.run.live:
                return
            try:
                moved, journey = self._moved(stored.run, pinned, errand, now)
                if moved != stored.run:
                    self._tell(self.runs.save(stored, moved, token=stored.token), journey, now)
            except ConflictError:
                return
            except StaleWriteError:
                continue
            return
        raise StaleWriteError(f"run {run_id} keeps changing")

    def _moved(self, run: Run, pinned: Journey, errand: Mapping[str, Any], now: datetime) -> tuple[Run, Journey]:
        reason = str(errand.get("reason") or "by staff")
        match errand["action"]:
            case "pause":
                return engine.pause(run, now, reason), pinned
            case "resume":
                return engine.resume(run, now), pinned
            case "stop":
                return engine.stop(run, now, reason), pinned
            case _:
                version = int(errand["to"])
                new = self.journeys.journey(run.journey, version)
                if new is None:
                    raise ConflictError(f"there is no version {version} of {run.journey}")
                return engine.migrate(run, pinned, new, now), new

    def _tell(self, stored: StoredRun, journey: Journey, now: datetime) -> None:
        run = stored.run
        if not stored.token:
            return
        if not run.live:
            self.timer.finish(stored.token, outcome_of(run))
        elif run.paused_at is None:
            customer = find_customer(NodeId(run.profile_id), self.customers, self.deployment.identity)
            if customer:
                self.timer.wake(stored.token, engine.foresee(journey, run, customer.person, self.deployment, now))
