"""Start a customer on a journey, once per occasion, if the journey's re-entry allows it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import StaleWriteError
from omnicascade.domain.event import Event
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.run import RUN_MARK_DIGITS, Run, make_run_id
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.store_ports import RunStore, Slot, StoredRun
from omnicascade.usecases.timer_port import RunTimer

ATTEMPTS: Final = 8
"""How often a decision is taken again when another writer was first; each loss means that somebody made progress."""

ALREADY_ENTERED: Final = "already entered on this occasion"


@dataclass(frozen=True, slots=True)
class Entry:
    """What becomes of an attempt to enter: a stored run, or None with the reason."""

    stored: StoredRun | None
    reason: str


def enter(
    journey: Journey,
    customer: Customer,
    *,
    occasion: str,
    event: Event | None,
    runs: RunStore,
    now: datetime,
    audience: str = "",
) -> Entry:
    """Create the run of an occasion, or say why the customer does not enter. The timer is not started yet.

    Args:
        occasion: what starts it: the entry event's message id, an execution's name. The same occasion enters once,
            whatever has been merged since.
        event: the entry event, or None when started by hand.
        audience: see `Run.audience`.

    Raises:
        StaleWriteError: the customer entered elsewhere at the same moment; decide again.
    """
    key = engine.key_of(journey, event) if event else None
    slots = [slot for slot in customer.slots if slot.journey == journey.name and slot.key == key]
    mark = _mark(occasion)
    for slot in slots:
        if slot.run_id.endswith(f"_{mark}"):
            return Entry(_in_hand(slot.run_id, customer) or runs.load(slot.run_id), ALREADY_ENTERED)
    verdict = engine.may_reenter(
        journey,
        entries=sum(slot.entries for slot in slots),
        last_started=max((slot.last_started for slot in slots), default=None),
        live=any(customer.in_progress(slot) for slot in slots),
        now=now,
    )
    if not verdict.ok:
        return Entry(None, verdict.reason)
    profile = customer.profile
    own = next((slot for slot in slots if slot.node == profile.profile_id), None)
    if own and not customer.in_progress(own):
        _require_ended(own, runs)
    run = engine.start(
        journey,
        run_id=make_run_id(journey.name, profile.profile_id, mark),
        person=customer.person,
        key=key,
        event=event,
        now=now,
        anchor=anchor_of(journey, customer),
        audience=audience,
    )
    return Entry(runs.start(run, own), verdict.reason)


def _require_ended(slot: Slot, runs: RunStore) -> None:
    """A head is no snapshot: a slot may be seen just taken, and the run that took it not yet."""
    stored = runs.load(slot.run_id)
    if stored and stored.run.live:
        raise StaleWriteError(f"{slot.journey} was entered by this customer in the meantime")


def anchors_of(journey: Journey, customer: Customer) -> list[str]:
    """Who the customer was when they entered the journey, earliest first; several after a merge."""
    entered = sorted(
        (s for s in customer.slots if s.journey == journey.name), key=lambda s: (s.first_started, s.anchor)
    )
    return [slot.anchor or slot.node for slot in entered]


def anchor_of(journey: Journey, customer: Customer) -> str:
    """Whom hold-out and splits are decided by: one that is in the hold-out, if any is; else the earliest."""
    anchors = anchors_of(journey, customer)
    held = (anchor for anchor in anchors if engine.held_out(journey, anchor))
    return next(held, anchors[0] if anchors else customer.profile.profile_id)


def _in_hand(run_id: str, customer: Customer) -> StoredRun | None:
    return next((stored for stored in customer.runs if stored.run.run_id == run_id), None)


def _mark(occasion: str) -> str:
    return hashlib.sha256(occasion.encode("utf-8", "replace")).hexdigest()[:RUN_MARK_DIGITS]


def begin(
    stored: StoredRun, journey: Journey, customer: Customer, deployment: Deployment, timer: RunTimer, now: datetime
) -> str:
    """Start the timer of a run that was entered; returns the execution's ARN. May be repeated."""
    waits = engine.foresee(journey, stored.run, customer.person, deployment, now)
    return timer.start(stored.run.run_id, task_input(stored.run, waits))


def task_input(run: Run, waits: Sequence[int]) -> dict[str, Any]:
    """What the execution carries: who, what, and the waits foreseen if nobody reacts."""
    return {
        "journey": run.journey,
        "profile": f"profile_id:{run.profile_id}",
        "run": run.run_id,
        "step": 0,
        "waits": list(waits),
    }


def outcome_of(run: Run) -> dict[str, str | None]:
    """A run's end as the execution's output shows it."""
    return {"run": run.run_id, "outcome": run.outcome, "reason": run.reason}
