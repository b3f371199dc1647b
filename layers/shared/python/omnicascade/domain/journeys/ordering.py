"""In which order a cascade tries its channels: as listed, or cheapest first and then where the customer is active.

Exists because `preferred` needs prices and engagement, which nothing else of a cascade does.
"""

from decimal import Decimal
from typing import Final, cast

from omnicascade.domain.conditions.past import value_of
from omnicascade.domain.deployment import DEFAULT_PRICES, Channel, Deployment
from omnicascade.domain.journeys.program import Cascade
from omnicascade.domain.profile import Profile
from omnicascade.domain.reach import reach

SAME_PRICE: Final = Decimal("0.001")
"""Prices so close are one class: push and e-mail cost practically nothing, a text message does."""

RANKING: Final = "channel_ranking"
"""The computed trait that lists channels by the customer's engagement, the most active first."""


def order_of(cascade: Cascade, profile: Profile, deployment: Deployment) -> tuple[int, ...]:
    """Channel numbers in the order to try them.

    `preferred`: the cheapest price class first; within a class the customer's most active channel; then as listed.
    """
    listed = tuple(range(len(cascade.channels)))
    if cascade.order != "preferred":
        return listed
    prices = [_price(part.channel, profile, deployment) for part in cascade.channels]
    classes = _classes(prices)
    ranking = _ranking(profile)
    return tuple(sorted(listed, key=lambda n: (classes[prices[n]], _rank(ranking, cascade.channels[n].channel), n)))


def _classes(prices: list[Decimal]) -> dict[Decimal, int]:
    classes: dict[Decimal, int] = {}
    first, number = Decimal(-1), -1
    for price in sorted(prices):
        if number < 0 or price - first > SAME_PRICE:
            first, number = price, number + 1
        classes[price] = number
    return classes


def _price(channel: Channel, profile: Profile, deployment: Deployment) -> Decimal:
    if channel is Channel.SMS:
        phone = reach(profile, channel, deployment).address
        if phone:
            from omnicascade.domain.sms import price_of_sms  # noqa: PLC0415 - only a cascade with SMS pays for it

            return price_of_sms("", phone.value, deployment.prices).amount
    return (deployment.prices.get(channel) or DEFAULT_PRICES[channel]).amount


def _ranking(profile: Profile) -> list[object]:
    ranking = value_of(profile, RANKING)
    return cast("list[object]", ranking) if isinstance(ranking, list) else []


def _rank(ranking: list[object], channel: Channel) -> int:
    return ranking.index(channel.value) if channel.value in ranking else len(ranking)
