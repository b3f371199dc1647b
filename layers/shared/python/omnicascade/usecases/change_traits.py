"""Change what is known of a customer, as staff heard it: an identify call like any other, on the same road."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, Final

from omnicascade.domain.errors import Problem, UnacceptableError
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.identity import STAFF_SOURCE
from omnicascade.domain.identity_rules import ANONYMOUS
from omnicascade.domain.intake import accept
from omnicascade.domain.json_text import mapping
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.ports import Envelope, EventQueue

_USER: Final = "user_id"


def change_traits(
    customer: Customer,
    body: object,
    *,
    queue: EventQueue,
    regions: Collection[str],
    now: datetime,
    new_id: Callable[[], str],
) -> str:
    """Queue one identify call about the customer's strongest identifier; returns its message id.

    Args:
        customer: whose traits.
        body: `{"traits": {…}}`: as a JSON merge patch (RFC 7396), nested objects merge, and null deletes. `email` and
            `phone` identify, as in every call.
        queue: the events' road.
        regions: where the deployment's sources are; if that is one country, phone numbers are read in it.
        now: when staff said so.
        new_id: makes the message id.

    Raises:
        UnacceptableError: no traits, or something that is no trait.
        MalformedBodyError, TooLargeError: what the intake refuses, for the same limits.
        UnavailableError: not queued; try again.
    """
    given = mapping(body)
    problems = [
        Problem(name, "read_only", f"`{name}` follows from events; only `traits` can be changed")
        for name in given
        if name != "traits"
    ]
    traits = given.get("traits")
    if not mapping(traits):
        problems.append(Problem("traits", "missing_traits", 'expected {"traits": {"name": "Ann", "old": null}}'))
    if problems:
        raise UnacceptableError(problems[0].message, problems=problems)
    call = {"traits": traits} | naming(customer.profile.identifiers[0].identifier)
    calls = accept("identify", call, received_at=now, new_id=new_id).calls
    region = next(iter(regions)) if len(regions) == 1 else None
    queue.put(Envelope(STAFF_SOURCE, now, calls, region))
    return str(calls[0]["messageId"])


def naming(about: Identifier) -> dict[str, Any]:
    """The identifier outside of the traits, so that naming the customer says nothing of the customer's traits."""
    if about.type == _USER:
        return {"userId": about.value}
    if about.type == ANONYMOUS:
        return {"anonymousId": about.value}
    return {"context": {"externalIds": [{"id": about.value, "type": about.type, "collection": "users"}]}}
