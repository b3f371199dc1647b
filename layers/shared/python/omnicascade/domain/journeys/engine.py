"""The journey engine: pure functions that start a run and move it by timer, by the provider's answer, and by events.

The one module that the rest of the product imports; the parts behind it are told apart by what moves the run.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from omnicascade.domain.event import Event
from omnicascade.domain.journeys.caps import longest_cap
from omnicascade.domain.journeys.choices import arm_of
from omnicascade.domain.journeys.commands import CallWebhook, Send, SetTraits, Step
from omnicascade.domain.journeys.gathering import needs
from omnicascade.domain.journeys.handling import migrate, pause, resume, stop
from omnicascade.domain.journeys.journey import EventEntry, Journey
from omnicascade.domain.journeys.marks import message_reference
from omnicascade.domain.journeys.merging import merge
from omnicascade.domain.journeys.moves import ended
from omnicascade.domain.journeys.outcomes import record_call, record_outcome, refuse
from omnicascade.domain.journeys.person import Person
from omnicascade.domain.journeys.rules import Verdict, admits, held_out, held_out_any, key_of, late, may_reenter
from omnicascade.domain.journeys.run import Run
from omnicascade.domain.journeys.scene import step_states
from omnicascade.domain.journeys.stimuli import apply
from omnicascade.domain.journeys.timer import ROOM_S, advance, foresee, rest
from omnicascade.domain.journeys.watching import observe

__all__ = (
    "ROOM_S",
    "CallWebhook",
    "Send",
    "SetTraits",
    "Step",
    "Verdict",
    "admits",
    "advance",
    "apply",
    "arm_of",
    "foresee",
    "held_out",
    "held_out_any",
    "key_of",
    "late",
    "longest_cap",
    "may_reenter",
    "merge",
    "message_reference",
    "migrate",
    "needs",
    "observe",
    "pause",
    "record_call",
    "record_outcome",
    "refuse",
    "rest",
    "resume",
    "start",
    "step_states",
    "stop",
)


def start(
    journey: Journey,
    *,
    run_id: str,
    person: Person,
    key: str | None,
    event: Event | None,
    now: datetime,
    anchor: str = "",
    audience: str = "",
) -> Run:
    """A new run, due when the entry delay is over; already ended, as `held_out`, for a customer of the hold-out.

    Args:
        journey: the version the run stays pinned to.
        run_id: unique; only [A-Za-z0-9_-], because message ids are made from it.
        person: the customer.
        key: the business key (`key_of`), or None.
        event: the entry event; None for a run started by hand, which is due at once.
        now: aware UTC.
        anchor: see `Run.anchor`; left out, the profile id.
        audience: see `Run.audience`.
    """
    delay = journey.entry.after if isinstance(journey.entry, EventEntry) and event else timedelta()
    run = Run(
        run_id=run_id,
        journey=journey.name,
        version=journey.version,
        profile_id=person.profile.profile_id,
        anchor=anchor or person.profile.profile_id,
        key=key,
        entry=_entry(event) if event else None,
        started_at=now,
        entered_at=event.received_at if event else now,
        due=now + delay,
        audience=audience,
    )
    if not held_out(journey, run.anchor):
        return run
    reason = f"in the hold-out of {journey.holdout_percent:g} %"
    return ended(run, now, "", "held_out", reason)


def _entry(event: Event) -> Mapping[str, Any]:
    """What templates and conditions may read of the entry event."""
    entry: dict[str, Any] = {
        "message_id": event.message_id,
        "name": event.name,
        "timestamp": event.timestamp.isoformat(),
        "properties": dict(event.properties),
        "context": dict(event.context),
    }
    if event.body.get("traits"):
        entry["traits"] = event.body["traits"]
    return entry
