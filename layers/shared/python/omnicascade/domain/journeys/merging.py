"""Two live runs of one journey and key, once two customers turned out to be one: the earliest goes on, the others end.

Exists because the survivor must know what the others sent, so that no step uses a channel again.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from omnicascade.domain.journeys.moves import decided, ended
from omnicascade.domain.journeys.run import LedgerEntry, Run

_NEWER: Final = {"claimed": 0, "unknown": 1, "sent": 2, "failed": 2, "withdrawn": 2}
"""Which word about a message is the later one."""


def merge(earlier: Run, later: Run, now: datetime) -> tuple[Run, Run]:
    """The run that goes on, and the one that ended in its favour. The order of the two does not matter.

    The survivor is the one that started first, then the one with the smaller id. It takes over the other's messages
    and its conversion. May be repeated: what was absorbed before is only brought up to date.
    """
    survivor, other = sorted((earlier, later), key=lambda run: (run.started_at, run.run_id))
    if other.live:
        reason = f"{survivor.run_id} of the same customer and key started earlier and goes on"
        other = replace(ended(other, now, "", "merged", reason), merged_into=survivor.run_id)
    return _absorbed(survivor, other, now), other


def _absorbed(survivor: Run, other: Run, now: datetime) -> Run:
    theirs = {entry.message_id: _foreign(entry, other) for entry in other.ledger}
    known = {entry.message_id for entry in survivor.ledger}
    updated = [_newer(entry, theirs.get(entry.message_id)) for entry in survivor.ledger]
    added = [entry for message_id, entry in theirs.items() if message_id not in known]
    conversions = [moment for moment in (survivor.converted_at, other.converted_at) if moment]
    survivor = replace(survivor, ledger=(*updated, *added), converted_at=min(conversions, default=None))
    if other.run_id in survivor.absorbed:
        return survivor
    survivor = replace(survivor, absorbed=(*survivor.absorbed, other.run_id, *_new(other.absorbed, survivor)))
    return decided(survivor, now, "", "merged", f"absorbed {other.run_id} with {len(added)} messages")


def _new(absorbed: tuple[str, ...], survivor: Run) -> list[str]:
    return [run_id for run_id in absorbed if run_id not in survivor.absorbed]


def _foreign(entry: LedgerEntry, other: Run) -> LedgerEntry:
    """A message as another run takes it over: one in flight may have been sent, and only its own run will know."""
    if entry.outcome != "claimed":
        return entry
    return replace(entry, outcome="unknown", reason=f"under way when {other.run_id} was merged")


def _newer(ours: LedgerEntry, theirs: LedgerEntry | None) -> LedgerEntry:
    if theirs is None:
        return ours
    told = theirs if _NEWER[theirs.outcome] > _NEWER[ours.outcome] else ours
    answers = [moment for moment in (ours.answered_at, theirs.answered_at) if moment]
    return replace(told, marks=ours.marks | theirs.marks, answered_at=min(answers, default=None))
