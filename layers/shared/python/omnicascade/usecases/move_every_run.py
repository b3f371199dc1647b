"""Pause, resume, stop or migrate live runs: one that staff names, or all of a journey, page by page as an errand.

Two orders about one journey may be under way at once, and runs start and move meanwhile. So an order about a whole
journey says when it was given, a page of it is done only while the journey's door stands as the order left it, and
whoever finds afterwards that the door was moved has the runs walked again for the later word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import ConflictError, StaleWriteError
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.run import Run
from omnicascade.usecases.pause_sign import is_paused
from omnicascade.usecases.ring_timer import Bell
from omnicascade.usecases.start_run import ATTEMPTS, outcome_of
from omnicascade.usecases.store_ports import EventStore, HeadReader, JourneyStore, RunStore
from omnicascade.usecases.timer_port import RunTimer

EVERY_RUN: Final = "every_run"
"""The errand: `{"kind", "journey", "action"}` with `reason`, for `migrate` the version `to` and perhaps `from`, when it
was `ordered` about the journey as a whole, and a `cursor`."""

ACTIONS: Final = ("pause", "resume", "stop", "migrate")
PAGE: Final = 100

_CONTRARY: Final = {"pause": "resume", "resume": "pause"}


@dataclass(frozen=True, slots=True)
class RunMover:
    """Does to runs what staff said."""

    customers: HeadReader
    events: EventStore
    runs: RunStore
    journeys: JourneyStore
    timer: RunTimer
    deployment: Deployment

    def go_on(
        self, errand: Mapping[str, Any], now: datetime, out_of_time: Callable[[], bool]
    ) -> tuple[datetime, Mapping[str, Any]] | None:
        """Go on where the errand stands, until all are moved or time is up; the next errand, if there is one.

        A run that this cannot be done to is left as it is.
        """
        cursor: str | None = errand.get("cursor")
        while True:
            if not self._stands(errand):
                return None
            page = self.runs.live_runs(errand["journey"], cursor, PAGE)
            for run_id in page.run_ids:
                self._try(run_id, errand, now)
            if not self._stands(errand):
                return now, {
                    **errand,
                    "action": _CONTRARY[errand["action"]],
                    "ordered": now.isoformat(),
                    "cursor": None,
                }
            cursor = page.cursor
            if cursor is None:
                return None
            if out_of_time():
                return now, {**errand, "cursor": cursor}

    def _stands(self, errand: Mapping[str, Any]) -> bool:
        """Whether the journey's door is as the order left it; an order about runs alone always stands."""
        if "ordered" not in errand or errand["action"] not in _CONTRARY:
            return True
        return self._closed(errand["journey"]) == (errand["action"] == "pause")

    def _closed(self, journey: str) -> bool:
        return is_paused(self.journeys.listing(), journey)

    def _try(self, run_id: str, errand: Mapping[str, Any], now: datetime) -> None:
        try:
            self.move(run_id, errand, now)
        except ConflictError:
            return

    def move(self, run_id: str, order: Mapping[str, Any], now: datetime) -> Run | None:
        """Do what an order says to one run; the run as it is then, or None where there is none. May be repeated.

        Raises:
            ConflictError: it cannot be done to this run; the message says why.
            StaleWriteError: the run keeps changing; try again.
        """
        for _ in range(ATTEMPTS):
            stored = self.runs.load(run_id)
            pinned = stored and self.journeys.journey(stored.run.journey, stored.run.version)
            if stored is None or pinned is None:
                return None
            if self._spared(stored.run, order):
                return stored.run
            moved, journey = self._moved(stored.run, pinned, order, now)
            bell = Bell(self.customers, self.events, self.timer, self.deployment)
            if moved == stored.run:  # an earlier attempt may have died before it told the run's timer
                bell.ring(stored, journey, now)
                return moved
            if not moved.live and stored.token:  # an ended run is on no list: who dies here must find it there again
                self.timer.finish(stored.token, outcome_of(moved))
            try:
                after = self.runs.save(stored, moved, token=stored.token)
            except StaleWriteError:
                continue
            bell.ring(after, journey, now)
            return after.run
        raise StaleWriteError(f"run {run_id} keeps changing")

    def _spared(self, run: Run, order: Mapping[str, Any]) -> bool:
        """Whether an order is not about this run: it began after everything was stopped and the door opened again, or
        is of another version than the one to be left."""
        match order["action"]:
            case "stop" if "ordered" in order:
                later = run.started_at > datetime.fromisoformat(order["ordered"])
                return later and not self._closed(run.journey)
            case "migrate":
                return order.get("from") not in {None, run.version}
            case _:
                return False

    def _moved(self, run: Run, pinned: Journey, order: Mapping[str, Any], now: datetime) -> tuple[Run, Journey]:
        reason = str(order.get("reason") or "by staff")
        match order["action"]:
            case "pause":
                return engine.pause(run, now, reason), pinned
            case "resume":
                return engine.resume(run, now), pinned
            case "stop":
                return engine.stop(run, now, reason), pinned
            case _:
                version = int(order["to"])
                new = self.journeys.journey(run.journey, version)
                if new is None:
                    raise ConflictError(f"there is no version {version} of {run.journey}")
                return engine.migrate(run, pinned, new, now), new
