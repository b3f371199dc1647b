"""Runs and messages as staff and exports see them: where a run stands, what it waits for, and why.

Exists apart from the desk that starts runs, because whoever exports or stops one shows it in the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from omnicascade.domain.errors import MalformedBodyError
from omnicascade.domain.journeys.run import LedgerEntry, Run
from omnicascade.usecases.read_customer import iso
from omnicascade.usecases.store_ports import RunStore, SentMessage

USUAL_PAGE: Final = 20
MOST_ON_A_PAGE: Final = 100
"""Live runs of one page: each is a read of its own, and one run may be as large as an item."""


def live_page(journey: str, query: Mapping[str, str], runs: RunStore) -> dict[str, Any]:
    """A page of a journey's live runs, in no order; the list may lag a moment behind.

    Args:
        journey: its name.
        query: `limit` (1 to `MOST_ON_A_PAGE`) and `cursor`, as they came.
        runs: where they are.

    Raises:
        MalformedBodyError: `limit` or `cursor` are not what a page can be asked by.
    """
    page = runs.live_runs(journey, query.get("cursor"), _limit(query.get("limit")))
    loaded = [runs.load(run_id) for run_id in page.run_ids]
    live = [run_response(stored.run) for stored in loaded if stored and stored.run.live]
    return {"runs": live, "cursor": page.cursor}


def _limit(text: str | None) -> int:
    if text is None:
        return USUAL_PAGE
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_ON_A_PAGE:
        raise MalformedBodyError(f"`limit` must be a number from 1 to {MOST_ON_A_PAGE}", code="bad_limit", path="limit")
    return int(text)


def run_response(run: Run) -> dict[str, Any]:
    """A run on the wire."""
    moment = run.next_moment
    return {
        "run_id": run.run_id,
        "journey": run.journey,
        "version": run.version,
        "profile_id": run.profile_id,
        "key": run.key,
        "status": run.status,
        "outcome": run.outcome,
        "reason": run.reason,
        "started_at": iso(run.started_at),
        "next_at": moment and iso(moment),
        "waiting_for": _waiting_for(run),
        "paused_at": run.paused_at and iso(run.paused_at),
        "ended_at": run.ended_at and iso(run.ended_at),
        "converted_at": run.converted_at and iso(run.converted_at),
        "anchor": run.anchor or run.profile_id,
        "arms": dict(run.arms),
        "audience": run.audience or None,
        "merged_into": run.merged_into,
        "absorbed": list(run.absorbed),
        "decisions": [
            {"at": iso(d.at), "step": d.step, "outcome": d.outcome, "reason": d.reason} for d in run.decisions
        ],
        "messages": [_entry(entry) for entry in run.ledger],
    }


def _waiting_for(run: Run) -> dict[str, Any] | None:
    """What a run rests for: why it does not move on now, and when it does so by itself; None once it has ended."""
    if not run.live:
        return None
    step, reason = _resting(run)
    waiting = run.waiting
    return {
        "step": step,
        "reason": reason,
        "until": iso(run.due) if run.due and run.paused_at is None else None,
        "collected": len(waiting.events) + waiting.more if waiting else 0,
    }


def _resting(run: Run) -> tuple[str, str]:
    if run.paused_at is not None:
        return _last_word(run, "paused") or ("", "it is paused")
    if run.waiting is not None:
        return _last_word(run, "waited", run.waiting.step) or (run.waiting.step, "it waits")
    if run.owed_since is not None:
        return _last_word(run, "held") or ("", "quiet hours hold its message back")
    if run.cascade is not None and run.cascade.position and run.ledger:
        asked = run.ledger[-1]
        return asked.step, f"an answer to {asked.channel}"
    if run.pc == 0:
        return "", "the moment its first step is due"
    return _last_word(run, "waited") or ("", "the moment its next step is due")


def _last_word(run: Run, outcome: str, step: str | None = None) -> tuple[str, str] | None:
    said = (one for one in reversed(run.decisions) if one.outcome == outcome and step in {None, one.step})
    return next(((one.step, one.reason) for one in said), None)


def _entry(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "message_id": entry.message_id,
        "step": entry.step,
        "channel": entry.channel.value,
        "template": entry.template,
        "to": entry.address.value,
        "at": iso(entry.claimed_at),
        "outcome": entry.outcome,
        "reason": entry.reason,
        "provider_id": entry.provider_id,
        "cost": entry.cost and {"amount": f"{entry.cost.amount:f}", "currency": entry.cost.currency},
        "marks": sorted(entry.marks),
        "answered_at": entry.answered_at and iso(entry.answered_at),
    }


def message_response(message: SentMessage) -> dict[str, Any]:
    """A sent message on the wire."""
    return {
        "message_id": message.message_id,
        "provider_id": message.provider_id,
        "run_id": message.run_id,
        "journey": message.journey,
        "step": message.step,
        "channel": message.channel,
        "template": message.template,
        "profile_id": message.profile_id,
        "to": message.to,
        "at": iso(message.at),
        "outcome": message.outcome,
        "cost": message.cost,
    }
