"""Carry out errands: work that was kept for a moment, which has come. Each may be carried out twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from omnicascade.domain.identifiers import NodeId
from omnicascade.usecases.backfill_segment import BACKFILL, Backfill
from omnicascade.usecases.keep_schedules import SCHEDULE, ScheduleKeeper
from omnicascade.usecases.keep_segments import LOOK, Cause, SegmentKeeper
from omnicascade.usecases.move_every_run import EVERY_RUN, RunMover
from omnicascade.usecases.store_ports import Errands


@dataclass(frozen=True, slots=True)
class ErrandClerk:
    """Everything that errands are about, bound once per invocation."""

    errands: Errands
    keeper: SegmentKeeper
    backfill: Backfill
    schedules: ScheduleKeeper
    mover: RunMover

    def carry_out(
        self, at: datetime, errand: Mapping[str, Any], now: datetime, out_of_time: Callable[[], bool]
    ) -> None:
        """Do what an errand says; one that comes too early is kept for its moment.

        Args:
            at: its moment.
            errand: what `Errands.run_at` was given.
            now: aware UTC.
            out_of_time: whether to leave the rest to another errand.

        Raises:
            KeyError: not an errand of ours.
            UnavailableError, StaleWriteError: carry it out again.
        """
        if at > now:
            self.errands.run_at(at, errand, now)
            return
        left = _KINDS[errand["kind"]](self, at, errand, now, out_of_time)
        if left:
            moment, rest = left
            self.errands.run_at(moment, rest, now)

    def look(self, at: datetime, errand: Mapping[str, Any], now: datetime) -> None:
        """Look at a customer again: time alone may have changed which segments they are in."""
        node = NodeId(errand["node"])
        self.keeper.look(node, Cause(f"{LOOK} {node} {at.isoformat()}"), now)


type _Left = tuple[datetime, Mapping[str, Any]] | None
type _Kind = Callable[[ErrandClerk, datetime, Mapping[str, Any], datetime, Callable[[], bool]], _Left]

_KINDS: Final[Mapping[str, _Kind]] = {
    LOOK: lambda clerk, at, errand, now, _: clerk.look(at, errand, now),
    BACKFILL: lambda clerk, _, errand, now, out_of_time: clerk.backfill.go_on(errand, now, out_of_time),
    SCHEDULE: lambda clerk, at, errand, now, _: clerk.schedules.fire(at, errand, now),
    EVERY_RUN: lambda clerk, _, errand, now, out_of_time: clerk.mover.go_on(errand, now, out_of_time),
}
