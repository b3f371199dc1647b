"""What a message takes of caps and budgets when it is claimed, and how it is given back.

Exists because the claim of a message in its run, its place in the customer's log of contacts and its price must change
together or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from omnicascade.domain.journeys.person import Contact
from omnicascade.usecases.store_ports import Claim, Reservation

if TYPE_CHECKING:
    from omnicascade.domain.deployment import Deployment, Price
    from omnicascade.domain.journeys.commands import Send
    from omnicascade.domain.journeys.journey import Journey
    from omnicascade.usecases.find_customer import Customer
    from omnicascade.usecases.store_ports import ContactLog, JourneyStore


@dataclass(frozen=True, slots=True)
class Till:
    """Says what each message takes; `deployment` is read once per invocation."""

    journeys: JourneyStore
    deployment: Deployment

    def claim(self, send: Send, price: Price | None, journey: Journey, customer: Customer, now: datetime) -> Claim:
        """What must hold for a message besides its run; empty where no cap and no budget can apply.

        Args:
            send: the message.
            price: what it will cost exactly; None for one that cannot be written and will fail.
            journey: whose message it is.
            customer: as they were read before the engine allowed the message.
            now: aware UTC.
        """
        if price is None:
            return Claim()
        reservation = None
        if send.budget is not None:
            month = month_of(now, self.deployment.default_zone)
            reservation = Reservation(journey.name, send.channel, month, price, send.budget)
        if not counted(journey, self.deployment):
            return Claim(reservation=reservation)
        kind = "transactional" if journey.transactional else "marketing"
        contact = Contact(now, send.message_id, send.channel, journey.name, kind)
        log = customer.own_log
        return Claim(contact, log, now - self._longest(journey, log, now), reservation)

    def _longest(self, journey: Journey, log: ContactLog, now: datetime) -> timedelta:
        """The longest window of any cap that looks at this log: the deployment's, and those of the journeys in it."""
        longest = max((cap.per for cap in self.deployment.caps), default=timedelta())
        longest = max(longest, _own_window(journey))
        older = {contact.journey for contact in log.contacts if contact.at < now - longest} - {journey.name}
        others = [self.journeys.journey(name) for name in sorted(older)]
        return max([longest, *(_own_window(other) for other in others if other)])


def counted(journey: Journey, deployment: Deployment) -> bool:
    """Whether a cap can ever look at a message of this journey."""
    if journey.transactional:
        return any(cap.transactional for cap in deployment.caps)
    return journey.cap is not None or bool(deployment.caps)


def month_of(now: datetime, zone: str) -> str:
    """The calendar month of a moment where the deployment is: `2026-03`. An unknown zone is UTC."""
    try:
        local = now.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        local = now
    return f"{local:%Y-%m}"


def _own_window(journey: Journey) -> timedelta:
    return journey.cap.per if journey.cap else timedelta()
