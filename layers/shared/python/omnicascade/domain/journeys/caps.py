"""Frequency caps: whether one more message would be too many within a rolling window, to the second.

Exists so that the deployment's caps and a journey's own are counted by one rule, over all of the customer's members.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from omnicascade.domain.deployment import Channel, Deployment
from omnicascade.domain.durations import spell
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.person import Contact, Person
from omnicascade.domain.journeys.run import Run

_TAKEN_BACK = frozenset({"failed", "withdrawn"})


def capped(
    journey: Journey, run: Run, person: Person, deployment: Deployment, channel: Channel, now: datetime
) -> str | None:
    """Why one more message would break a cap, or None. Transactional journeys know none.

    A contact counts while it is younger than the cap's window. What this run's own ledger says of a message outranks
    the contacts: a failed one does not count, one just sent does.
    """
    if journey.transactional or not (deployment.caps or journey.cap):
        return None
    contacts = _contacts(journey, run, person)
    for cap in deployment.caps:
        if cap.channel in {None, channel}:
            counted = (c for c in contacts if c.channel is channel or cap.channel is None)
            known = (c.at for c in counted if cap.transactional or c.kind == "marketing")
            reason = _full(known, cap.messages, cap.per, now, f"{cap.channel} messages" if cap.channel else "messages")
            if reason:
                return reason
    if journey.cap is None:
        return None
    own = (contact.at for contact in contacts if contact.journey == journey.name)
    return _full(own, journey.cap.messages, journey.cap.per, now, f"messages of {journey.name}")


def longest_cap(journey: Journey, deployment: Deployment) -> timedelta:
    """How far back contacts can matter to a message of this journey; zero: no cap applies."""
    if journey.transactional:
        return timedelta()
    own = [journey.cap.per] if journey.cap else []
    return max([cap.per for cap in deployment.caps] + own, default=timedelta())


def _contacts(journey: Journey, run: Run, person: Person) -> list[Contact]:
    logged = {contact.message_id for contact in person.contacts}
    taken_back = {entry.message_id for entry in run.ledger if entry.outcome in _TAKEN_BACK}
    kept = [contact for contact in person.contacts if contact.message_id not in taken_back]
    return [*kept, *_unlogged(journey, run, logged)]


def _unlogged(journey: Journey, run: Run, logged: set[str]) -> Iterator[Contact]:
    for entry in run.ledger:
        if entry.message_id not in logged and entry.outcome not in _TAKEN_BACK:
            yield Contact(entry.claimed_at, entry.message_id, entry.channel, journey.name)


def _full(moments: Iterable[datetime], most: int, per: timedelta, now: datetime, what: str) -> str | None:
    recent = [moment for moment in moments if moment > now - per]
    if len(recent) < most:
        return None
    return f"{len(recent)} {what} within {spell(per)}, the last at {max(recent, default=now).isoformat()}"
