"""The provider's answer: what a run makes of a message that was sent, refused, withdrawn, or may have been sent."""

from datetime import datetime
from typing import Final, Literal

from omnicascade.domain.deployment import Price
from omnicascade.domain.errors import NotFoundError
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.moves import (
    decided,
    in_flight,
    instruction_at,
    passed,
    require_pinned,
    settled,
    with_entry,
)
from omnicascade.domain.journeys.program import Webhook
from omnicascade.domain.journeys.run import Run, SendOutcome
from omnicascade.domain.replacing import replace

_SUCCESSORS: Final[dict[SendOutcome, frozenset[SendOutcome]]] = {
    "claimed": frozenset({"sent", "failed", "unknown", "withdrawn"}),
    "unknown": frozenset({"sent", "failed", "withdrawn"}),
    "sent": frozenset(),
    "failed": frozenset(),
    "withdrawn": frozenset(),
}
"""What an outcome may still become: an unknown one is settled when the provider's answer arrives late, or when a sender
that was thought dead says that it never asked the provider."""


def record_outcome(
    journey: Journey,
    run: Run,
    message_id: str,
    outcome: SendOutcome,
    *,
    now: datetime,
    provider_id: str | None = None,
    cost: Price | None = None,
    reason: str = "",
) -> Run:
    """The run after a provider's answer to a claimed message. Repeating an answer changes nothing.

    sent, unknown: a cascade's channel is waited for; a single message goes on at once. failed, withdrawn: on at once.
    If the run has ended or moved on meanwhile, only its ledger changes.

    Raises:
        NotFoundError: this run never claimed that message.
        ConflictError: the journey is not the version the run is pinned to.
    """
    require_pinned(journey, run)
    entry = run.entry_of(message_id)
    if entry is None:
        raise NotFoundError(f"run {run.run_id} has no message {message_id}")
    if outcome not in _SUCCESSORS[entry.outcome]:
        return run
    known = replace(
        entry,
        outcome=outcome,
        reason=reason,
        provider_id=provider_id or entry.provider_id,
        cost=cost or entry.cost,
    )
    return settled(journey, run, known, since=now, now=now)


def refuse(journey: Journey, run: Run, message_id: str, reason: str, now: datetime) -> Run:
    """The run after a claimed message was taken back for a reason of its own (budget, expired offer): on at once.

    The ledger keeps the message as withdrawn, so that its id is not used again. Refusing it again changes nothing.

    Raises:
        NotFoundError: this run never claimed that message.
        ConflictError: the journey is not the version the run is pinned to.
    """
    require_pinned(journey, run)
    entry = run.entry_of(message_id)
    if entry is None:
        raise NotFoundError(f"run {run.run_id} has no message {message_id}")
    if entry.outcome != "claimed":
        return run
    current = in_flight(journey, run, entry)
    run = with_entry(run, replace(entry, outcome="withdrawn", reason=reason))
    run = decided(run, now, entry.step, "skipped", f"{entry.channel}: {reason}")
    return replace(passed(run), due=now) if current else run


def record_call(
    journey: Journey, run: Run, step: str, outcome: Literal["called", "failed"], reason: str, now: datetime
) -> Run:
    """The run behind a webhook that was called, or given up. Unchanged if it is not at that step any more.

    Raises:
        ConflictError: the journey is not the version the run is pinned to.
    """
    require_pinned(journey, run)
    at = instruction_at(journey, run)
    if not run.live or not isinstance(at, Webhook) or at.step != step:
        return run
    on = replace(run, pc=run.pc + 1, due=now, owed_since=None)
    return decided(on, now, step, outcome, reason if outcome == "called" else f"{reason}; on without it")
