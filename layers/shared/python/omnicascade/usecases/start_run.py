"""Start a customer on a journey, once per occasion, if the journey's re-entry allows it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.event import Event
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.run import RUN_MARK_DIGITS, Run, make_run_id
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.store_ports import RunStore, Slot, StoredRun
from omnicascade.usecases.timer_port import RunTimer

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
            return Entry(runs.load(slot.run_id), ALREADY_ENTERED)
    verdict = engine.may_reenter(
        journey,
        entries=sum(slot.entries for slot in slots),
        last_started=max((slot.last_started for slot in slots), default=None),
        live=any(slot.live for slot in slots),
        now=now,
    )
    if not verdict.ok:
        return Entry(None, verdict.reason)
    profile = customer.profile
    run_id = make_run_id(journey.name, profile.profile_id, mark)
    begun = engine.start(journey, run_id=run_id, person=customer.person, key=key, event=event, now=now)
    run = replace(begun, audience=audience)
    own = next((slot for slot in slots if slot.node == profile.profile_id), None)
    return Entry(runs.start(run, own), verdict.reason)


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


def slots_in(customer: Customer, journeys: Collection[str]) -> list[Slot]:
    """The customer's slots in some journeys."""
    return [slot for slot in customer.slots if slot.journey in journeys]
