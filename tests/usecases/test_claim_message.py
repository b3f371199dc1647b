"""What a message takes of caps and budgets: nothing where none can apply, and all that any of them looks at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from omnicascade.domain.deployment import Cap, Channel, Deployment, Price
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.journeys.commands import Send
from omnicascade.domain.journeys.definition.loading import load_definition
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.person import Contact, JourneyClass
from omnicascade.usecases.claim_message import Till, month_of
from omnicascade.usecases.store_ports import Claim, ContactLog, Reservation
from tests.usecases.world import NOON, World

PRICE = Price(Decimal("0.05"), "USD")
SEND = Send("r-0", "remind", Channel.SMS, "cart", Identifier("phone", "+48601234567"), None)
DAILY = Cap(2, timedelta(days=1))


def journey(name: str = "basket", **fields: Any) -> Journey:
    """One message."""
    definition = {"name": name, "steps": [{"sms": {"template": "cart"}}], **fields}
    return load_definition(definition)


def claimed(
    one: Journey, *caps: Cap, send: Send = SEND, price: Price | None = PRICE, log: tuple[Contact, ...] = ()
) -> tuple[Claim, World]:
    """What Ann's message of a journey takes, at noon."""
    world = World()
    world.post({"type": "identify", "messageId": "i", "userId": "ann"})
    world.settle()
    for name, per in (("weekly", "7d"), ("yearly", "300d")):
        world.put_journey(name, {"sms": {"template": "cart"}}, cap={"messages": 1, "per": per})
    customer = world.customer("user_id:ann")
    node = customer.own_log.node
    customer = replace(customer, logs=[ContactLog(node, 3, log)])
    till = Till(world.journeys, Deployment(caps=caps, default_zone="Europe/Warsaw"))
    return till.claim(send, price, one, customer, NOON), world


def contact(journey_name: str, days: float) -> Contact:
    """A message so many days ago."""
    return Contact(NOON - timedelta(days=days), "m", Channel.PUSH, journey_name)


@pytest.mark.parametrize(
    ("one", "caps"),
    [
        (journey(), []),
        (journey(**{"class": "transactional"}), [DAILY]),
        (journey(**{"class": "transactional"}), []),
    ],
)
def test_where_no_cap_can_look_nothing_is_logged(one: Journey, caps: list[Cap]) -> None:
    """The claim is the run's write alone."""
    assert claimed(one, *caps)[0] == Claim()


@pytest.mark.parametrize(
    ("one", "caps", "kind", "window"),
    [
        (journey(), [DAILY], "marketing", timedelta(days=1)),
        (journey(cap={"messages": 1, "per": "3d"}), [], "marketing", timedelta(days=3)),
        (journey(cap={"messages": 1, "per": "1h"}), [DAILY, Cap(9, timedelta(days=5))], "marketing", timedelta(days=5)),
        (journey(**{"class": "transactional"}), [replace(DAILY, transactional=True)], "transactional", DAILY.per),
    ],
)
def test_a_message_that_a_cap_counts_is_logged(
    one: Journey, caps: list[Cap], kind: JourneyClass, window: timedelta
) -> None:
    """On the log as it was read, which keeps what the longest window looks at."""
    claim, _ = claimed(one, *caps, log=(contact("basket", 0.1),))
    assert claim.contact == Contact(NOON, "r-0", Channel.SMS, "basket", kind)
    assert claim.log is not None
    assert claim.log.revision == 3
    assert claim.keep_from == NOON - window
    assert claim.reservation is None


def test_the_log_keeps_what_other_journeys_caps_still_need() -> None:
    """Only of journeys that have older contacts in it; one that is gone keeps nothing."""
    old = (contact("weekly", 5), contact("gone", 40))
    assert claimed(journey(), DAILY, log=old)[0].keep_from == NOON - timedelta(days=7)
    assert claimed(journey(), DAILY, log=(contact("weekly", 0.5),))[0].keep_from == NOON - DAILY.per
    both = (*old, contact("yearly", 200))
    assert claimed(journey(), DAILY, log=both)[0].keep_from == NOON - timedelta(days=300)


def test_a_budget_is_asked_for_the_exact_price_and_the_local_month() -> None:
    """Without a cap no log is written with it."""
    limit = Price(Decimal(500), "USD")
    claim, _ = claimed(journey(), send=replace(SEND, budget=limit))
    assert claim == Claim(reservation=Reservation("basket", Channel.SMS, "2026-03", PRICE, limit))


def test_a_message_that_cannot_be_written_takes_nothing() -> None:
    """It has no price and will fail."""
    limit = Price(Decimal(500), "USD")
    assert claimed(journey(), DAILY, send=replace(SEND, budget=limit), price=None)[0] == Claim()


@pytest.mark.parametrize(
    ("zone", "month"),
    [("Europe/Warsaw", "2026-04"), ("UTC", "2026-03"), ("America/New_York", "2026-03"), ("Mars/Phobos", "2026-03")],
)
def test_a_month_is_the_deployments_own(zone: str, month: str) -> None:
    """At 22:30 UTC on the last of March it is April in Warsaw; a zone that is none is UTC."""
    assert month_of(datetime(2026, 3, 31, 22, 30, tzinfo=UTC), zone) == month
