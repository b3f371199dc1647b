"""In which order a cascade tries its channels."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from omnicascade.domain.deployment import Deployment, Price
from omnicascade.domain.profile import Profile
from tests.domain.journeys.journey_builders import World, customer, hours, journey


def tried(
    *listed: str, ranking: object = None, who: Profile | None = None, prices: dict[str, str] | None = None
) -> list[str]:
    """The channels in the order a customer nobody hears of gets them."""
    parts: list[dict[str, Any]] = [{channel: {"template": "cart", "wait": "1h"}} for channel in listed]
    flow = journey({"cascade": {"order": "preferred", "channels": parts}})
    who = replace(who or customer(), computed={"channel_ranking": ranking} if ranking is not None else {})
    deployment = Deployment()
    if prices is not None:
        deployment = replace(deployment, prices={name: Price(Decimal(amount)) for name, amount in prices.items()})
    return World(flow, who, deployment).enter().until(hours(9)).channels()


def test_the_paid_channel_comes_last_however_active_the_customer_is_there() -> None:
    """Price first: activity decides only among equals."""
    assert tried("sms", "email", "push", ranking=["sms", "push", "email"]) == ["push", "email", "sms"]


@pytest.mark.parametrize(
    ("ranking", "first"), [(["email", "push"], "email"), (["push", "email"], "push"), (["email"], "email")]
)
def test_among_free_channels_the_most_active_comes_first(ranking: list[str], first: str) -> None:
    """Push and e-mail cost practically the same; a channel that is not ranked comes after those that are."""
    assert tried("push", "email", "sms", ranking=ranking)[0] == first
    assert tried("email", "push", "sms", ranking=ranking)[0] == first


@pytest.mark.parametrize("ranking", [None, [], "email", {"email": 1}, [None, 7], 5, ["fax"]])
def test_without_known_activity_it_is_as_listed_within_a_price(ranking: object) -> None:
    """An absent or unreadable ranking changes nothing and stops nothing."""
    assert tried("email", "push", "sms", ranking=ranking) == ["email", "push", "sms"]
    assert tried("push", "email", "sms", ranking=ranking) == ["push", "email", "sms"]


@pytest.mark.parametrize(("sms", "first"), [("0.00100", "sms"), ("0.00101", "email")])
def test_prices_within_a_tenth_of_a_cent_of_the_cheapest_are_equal(sms: str, first: str) -> None:
    """Exactly a tenth of a cent more is still one class; a hair more is not."""
    prices = {"email": "0", "push": "0", "sms": sms}
    assert tried("email", "sms", ranking=["sms"], prices=prices)[0] == first


def test_the_price_of_a_text_message_is_that_of_the_phones_country() -> None:
    """Dear in general, nearly free where this customer lives."""
    prices = {"email": "0.0002", "push": "0", "sms": "0.05", "sms.PL": "0.0001"}
    assert tried("email", "sms", ranking=["sms"], prices=prices)[0] == "sms"
    assert tried("email", "sms", ranking=["sms"], prices=prices | {"sms.PL": "0.04"})[0] == "email"


def test_the_order_is_decided_once_when_the_cascade_opens() -> None:
    """A ranking that changes while it runs does not make it use a channel twice or skip one."""
    parts: list[dict[str, Any]] = [
        {channel: {"template": "cart", "wait": "1h"}} for channel in ("push", "email", "sms")
    ]
    flow = journey({"cascade": {"order": "preferred", "channels": parts}})
    world = World(flow, replace(customer(), computed={"channel_ranking": ["email", "push"]})).enter()
    world.profile = replace(customer(), computed={"channel_ranking": ["push", "email"]})
    assert world.until(hours(9)).channels() == ["email", "push", "sms"]


def test_listed_is_as_listed() -> None:
    """Neither price nor activity moves anything."""
    flow = journey({"cascade": {"channels": [{"sms": {"template": "c", "wait": "1h"}}, {"push": {"template": "c"}}]}})
    who = replace(customer(), computed={"channel_ranking": ["push"]})
    assert World(flow, who).enter().until(hours(2)).channels() == ["sms", "push"]
