"""What is left of a customer when a story is over: all that must be the same whatever went wrong on the way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.usecases.world import World


@dataclass(frozen=True)
class End:
    """A customer in the end.

    Attributes:
        claimed: when each message was, in tens of minutes, to which no second attempt matters.
        noted: whether each sent message is found by its provider's id.
        over: when the executions ended, in tens of minutes.
    """

    profile_id: str
    identifiers: list[str]
    members: int
    traits: dict[str, Any]
    counters: str
    runs: list[tuple[str, str | None, bool]]
    ledger: list[tuple[str, str]]
    claimed: list[int]
    noted: list[bool]
    slots: list[tuple[str, int, bool]]
    executions: list[str]
    over: list[int]
    messages: list[str]


def end_of(world: World, reference: str) -> End:
    """Everything that must be the same whatever went wrong on the way."""
    customer = world.customer(reference)
    profile, runs = customer.profile, world.runs_of(reference)
    ledger = [entry for run in runs for entry in run.ledger]
    return End(
        profile_id=profile.profile_id,
        identifiers=sorted(str(known.identifier) for known in profile.identifiers),
        members=len(profile.members),
        traits=dict(profile.traits),
        counters=repr(profile.counters),
        runs=[(run.status, run.outcome, run.converted_at is not None) for run in runs],
        ledger=[(str(entry.channel), entry.outcome) for entry in ledger],
        claimed=[_about(world, entry.claimed_at) for entry in ledger],
        noted=[world.runs.find_message(e.provider_id or "") is not None for e in ledger if e.outcome == "sent"],
        slots=sorted((slot.key or "", slot.entries, customer.in_progress(slot)) for slot in customer.slots),
        executions=sorted(execution.status for execution in world.machine.executions.values()),
        over=sorted(
            _about(world, execution.ended) for execution in world.machine.executions.values() if execution.ended
        ),
        messages=world.channels(),
    )


def _about(world: World, moment: datetime) -> int:
    return round((moment - world.began) / timedelta(minutes=10))
