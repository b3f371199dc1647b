"""Staff's hand on journeys that are under way: pause, resume, stop and migrate, one run or all of a journey.

About a whole journey the door is shut or opened first, in one write, so that nobody enters from then on; then every
live run is told by an errand. A run that is moved before the errand comes to it looks at the door itself (`PauseSign`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from omnicascade.domain.errors import ConflictError, NotFoundError, Problem
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.run import Run, is_run_id
from omnicascade.domain.json_text import mapping
from omnicascade.domain.planning.versions import why_not
from omnicascade.domain.rehearsal.reading import refusal, unknown_keys
from omnicascade.usecases.move_every_run import EVERY_RUN, PAGE, RunMover
from omnicascade.usecases.pause_sign import is_paused
from omnicascade.usecases.show_runs import run_response
from omnicascade.usecases.store_ports import Errands, JourneyStore, RunStore

AFTERMATH: Final = timedelta(minutes=2)
"""A second walk comes so long after the first: a batch of an audience goes on for a minute with what it knew when it
began (`audience.move_batch.BATCH_TIME`), and the list of live runs lags a moment behind."""

MOST_JUDGED: Final = 2_000
"""Live runs that one call judges before it is told how a migration would go."""

MOST_EXAMPLES: Final = 3

_SHUTS: Final = {"pause": True, "stop": True, "resume": False}


@dataclass(frozen=True, slots=True)
class ControlDesk:
    """Everything that staff's word about runs needs."""

    journeys: JourneyStore
    runs: RunStore
    errands: Errands
    mover: Callable[[], RunMover]
    """Bound anew for each call, with the settings as they are then."""

    def journey(self, name: str, action: str, body: object, by: str, now: datetime) -> dict[str, Any]:
        """Pause, resume or stop a journey with all of its runs. May be repeated.

        Paused: nobody enters and nothing is sent; exits, goals and answers still count. Stopped: the same, and every
        run ends as `stopped`. Resumed: customers may enter again, and what was due meanwhile is sent, if it is not too
        late. The runs are told within moments, one after the other.

        Args:
            action: `pause`, `resume` or `stop`.
            body: `reason`, for whoever reads the runs later; may be left out.
            by: who says so.

        Raises:
            NotFoundError: no such journey.
            ConflictError: the journeys were changed at the same moment; try again.
        """
        reason = _reason(_read(body, ("reason",)), by)
        paused = _SHUTS[action]
        self.journeys.set_paused(name, paused=paused)
        errand = {"kind": EVERY_RUN, "journey": name, "action": action, "reason": reason, "ordered": now.isoformat()}
        self.errands.run_at(now, errand, now)
        if paused:
            self.errands.run_at(now + AFTERMATH, errand, now)
        return {"journey": name, "action": action, "paused": paused, "reason": reason}

    def migrate(
        self, name: str, body: object, by: str, now: datetime, out_of_time: Callable[[], bool]
    ) -> dict[str, Any]:
        """Move live runs to another version, each at the place where it stands. May be repeated.

        Args:
            name: the journey's.
            body: `to`, the current version if left out; `from`, only runs of that version; `dry_run`, true unless false
                is said: only tell what would happen; `reason`.
            by: who says so.
            now: aware UTC.
            out_of_time: whether to tell from the runs that were judged so far.

        Raises:
            NotFoundError: no such journey or version.
            UnacceptableError: the body is not understood.
        """
        given = _read(body, ("from", "to", "dry_run", "reason"))
        current = self.journeys.journey(name)
        if current is None:
            raise NotFoundError(f"there is no journey {name}")
        leaving, to, dry = _version(given, "from"), _version(given, "to"), given.get("dry_run", True)
        if not isinstance(dry, bool):
            raise refusal([Problem("dry_run", "wrong_type", "expected true or false")])
        reason = _reason(given, by)
        new = self._version(name, to) if to is not None else current
        if leaving is not None:
            self._version(name, leaving)
        told = self._judged(name, leaving, new, now, out_of_time)
        if not dry:
            errand: dict[str, Any] = {
                "kind": EVERY_RUN,
                "journey": name,
                "action": "migrate",
                "to": new.version,
                "from": leaving,
                "reason": reason,
            }
            self.errands.run_at(now, errand, now)
        return {"journey": name, "from": leaving, "to": new.version, "dry_run": dry, **told}

    def _version(self, name: str, version: int) -> Journey:
        journey = self.journeys.journey(name, version)
        if journey is None:
            raise NotFoundError(f"there is no version {version} of {name}")
        return journey

    def _judged(
        self, name: str, leaving: int | None, new: Journey, now: datetime, out_of_time: Callable[[], bool]
    ) -> dict[str, Any]:
        there = moves = 0
        stuck: dict[str, list[str]] = {}
        complete = True
        for run in self._live(name):
            if run is None or out_of_time():
                complete = False
                break
            if run.version == new.version:
                there += 1
                continue
            pinned = self.journeys.journey(name, run.version)
            if leaving not in {None, run.version} or pinned is None:
                continue
            refused = why_not(run, pinned, new, now)
            moves += refused is None
            if refused is not None:
                stuck.setdefault(refused, []).append(run.run_id)
        stay = [
            {"reason": why, "runs": len(runs), "examples": runs[:MOST_EXAMPLES]} for why, runs in sorted(stuck.items())
        ]
        return {"complete": complete, "there": there, "move": moves, "stay": stay}

    def _live(self, name: str) -> Iterator[Run | None]:
        """The journey's live runs; None at last, where there are more than `MOST_JUDGED`."""
        cursor: str | None = None
        for _ in range(MOST_JUDGED // PAGE):
            page = self.runs.live_runs(name, cursor, PAGE)
            for run_id in page.run_ids:
                stored = self.runs.load(run_id)
                if stored is not None and stored.run.live:
                    yield stored.run
            cursor = page.cursor
            if cursor is None:
                return
        yield None

    def run(self, run_id: str, action: str, body: object, by: str, now: datetime) -> dict[str, Any]:
        """Pause, resume, stop or migrate one run; the answer is the run. May be repeated.

        Args:
            run_id: the run's.
            action: one of `move_every_run.ACTIONS`.
            body: `reason`; to migrate, `to`, the current version if left out.
            by: who says so.
            now: aware UTC.

        Raises:
            NotFoundError: no such run, or no such version of its journey.
            ConflictError: it is over; its journey is paused; or the other version has no place for it.
        """
        given = _read(body, ("reason", "to") if action == "migrate" else ("reason",))
        stored = self.runs.load(run_id) if is_run_id(run_id) else None
        if stored is None:
            raise NotFoundError(f"there is no run {run_id}")
        journey, order = stored.run.journey, {"action": action, "reason": _reason(given, by)}
        if action == "resume" and is_paused(self.journeys.listing(), journey):
            raise ConflictError(f"journey {journey} is paused, and its runs with it; resume the journey")
        if action == "migrate":
            current = self.journeys.journey(journey)
            to = _version(given, "to") or (current.version if current else stored.run.version)
            order["to"] = str(self._version(journey, to).version)
        moved = self.mover().move(run_id, order, now)
        if moved is None:
            raise NotFoundError(f"there is no run {run_id}")
        return run_response(moved)


def _read(body: object, known: tuple[str, ...]) -> Mapping[str, Any]:
    """The body as a mapping; none at all is an empty one."""
    given = mapping(body)
    problems = unknown_keys(given, known, "")
    if body is not None and given is not body:
        problems.append(Problem("", "wrong_type", "expected a mapping such as {}"))
    if problems:
        raise refusal(problems)
    return given


def _reason(given: Mapping[str, Any], by: str) -> str:
    reason = given.get("reason")
    if reason is not None and (not isinstance(reason, str) or len(reason) > 500):
        raise refusal([Problem("reason", "wrong_type", "expected a sentence of at most 500 characters")])
    return f"{reason} (by {by})" if reason else f"by {by}"


def _version(given: Mapping[str, Any], key: str) -> int | None:
    version = given.get(key)
    if version is None:
        return None
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise refusal([Problem(key, "version", "expected the number of a version")])
    return version
