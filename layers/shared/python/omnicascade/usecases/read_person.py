"""The person that a decision is about: the customer, and as much of their history as conditions ask for.

Exists so that nobody reads a timeline where no condition does.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from omnicascade.domain.conditions.needs import Needs
    from omnicascade.domain.event import Event
    from omnicascade.domain.journeys.person import Person
    from omnicascade.usecases.find_customer import Customer
    from omnicascade.usecases.store_ports import EventStore

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


def person_of(customer: Customer, needs: Needs, events: EventStore, now: datetime) -> Person:
    """The customer with the events that `needs` names, as far back as it says, and their contacts.

    What was stored before the call is among them (consistent). Cost: nothing where no event is needed; else as
    `EventStore.arrived` over the customer's members.
    """
    if not needs.names:
        return customer.person
    since = _BEGINNING if needs.back is None else max(_BEGINNING, now - needs.back)
    history: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events.arrived(customer.profile.members, needs.names, happened_from=since, received_from=_BEGINNING):
        history[event.name].append(event)
    return replace(customer.person, history={name: tuple(found) for name, found in history.items()})
