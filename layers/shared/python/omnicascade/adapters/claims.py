"""What starts and claims make of slots and logs: the same in memory and on the table, so it is said once."""

from __future__ import annotations

from dataclasses import replace

from omnicascade.domain.journeys.run import Run, home_of
from omnicascade.usecases.store_ports import Claim, ContactLog, Reservation, Slot, StoredRun


def successor(before: StoredRun, run: Run, token: str, entered: str | None) -> StoredRun:
    """What is stored in place of `before`; `entered` None: the writer only brings news, and nobody's watch changes."""
    after = StoredRun(run, before.revision + 1, token, before.entered if entered is None else entered, before.rings_at)
    if entered is None or (token and (token, entered) == (before.token, before.entered)):
        return after
    return replace(after, rings_at=run.next_moment if token or run.audience else None)


def slot_taken(run: Run, slot: Slot | None) -> Slot:
    """The slot once a run has entered; `slot` is what was read of it before.

    Who a slot's customer was at their first entry stays for good: hold-outs are united over all anchors of a customer.
    """
    return Slot(
        node=home_of(run.run_id),
        journey=run.journey,
        key=run.key,
        run_id=run.run_id,
        entries=(slot.entries if slot else 0) + 1,
        last_started=run.started_at,
        first_started=slot.first_started if slot else run.started_at,
        anchor=slot.anchor if slot and slot.anchor else run.anchor,
    )


def after_claim(claim: Claim, log: ContactLog) -> ContactLog:
    """The log with a claim's message in it, once, and without what no cap looks at any more."""
    kept = [
        contact
        for contact in log.contacts
        if (claim.keep_from is None or contact.at >= claim.keep_from)
        and (claim.contact is None or contact.message_id != claim.contact.message_id)
    ]
    added = () if claim.contact is None else (claim.contact,)
    return replace(log, revision=log.revision + 1, contacts=(*kept, *added))


def without_contact(log: ContactLog, message_id: str) -> ContactLog | None:
    """The log without a message; None when it is not in it."""
    left = tuple(contact for contact in log.contacts if contact.message_id != message_id)
    return None if len(left) == len(log.contacts) else replace(log, revision=log.revision + 1, contacts=left)


def cannot_pay(reservation: Reservation) -> bool:
    """Whether not even a whole budget pays for a message."""
    price, limit = reservation.price, reservation.limit
    return price.currency != limit.currency or price.amount > limit.amount


def budget_reason(reservation: Reservation) -> str:
    """Why a budget does not pay for a message."""
    price, limit = reservation.price, reservation.limit
    if price.currency != limit.currency:
        return f"the budget is in {limit.currency}, and the message costs {price.currency}"
    return (
        f"the budget of {limit.amount:f} {limit.currency} for {reservation.month} has less left than the message's "
        f"{price.amount:f} {price.currency}"
    )
