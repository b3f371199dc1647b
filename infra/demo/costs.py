"""What the cascade cost, and what a blast would have: every message on every channel to everybody reachable."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from infra.demo.people import CHEAPEST_FIRST
from infra.demo.play import Outcome
from infra.demo.shop import StoryError


@dataclass(frozen=True, slots=True)
class ChannelBill:
    """One channel: messages and money of the cascade, and of a blast (USD)."""

    channel: str
    sent: int
    cost: Decimal
    blast_sent: int
    blast_cost: Decimal

    @property
    def saved(self) -> Decimal:
        """What the cascade did not spend."""
        return self.blast_cost - self.cost


@dataclass(frozen=True, slots=True)
class Bill:
    """All channels, cheapest first."""

    channels: tuple[ChannelBill, ...]

    @property
    def total(self) -> ChannelBill:
        """The sums."""
        return ChannelBill(
            "total",
            sum(bill.sent for bill in self.channels),
            sum((bill.cost for bill in self.channels), Decimal()),
            sum(bill.blast_sent for bill in self.channels),
            sum((bill.blast_cost for bill in self.channels), Decimal()),
        )


def cost_of(message: dict[str, Any]) -> Decimal:
    """What the stack says a message cost (USD).

    Raises:
        StoryError: it reports no cost, or another currency.
    """
    cost: dict[str, str] = message["cost"] or {}
    if cost.get("currency") != "USD":
        raise StoryError(f"message {message['id']} has no cost in USD: {cost}")
    return Decimal(cost["amount"])


def bill_of(outcomes: Sequence[Outcome]) -> Bill:
    """Add up both.

    A blast sends, for each run that began, one message on each channel where that customer could be reached at its
    beginning. An unsent message is priced as that customer's own message on that channel where they got one, else at
    the price most often seen on that channel.

    Raises:
        StoryError: no price was seen on a channel that a blast would have used.
    """
    usual = _usual_prices(outcomes)
    return Bill(tuple(_channel(channel, outcomes, usual) for channel in CHEAPEST_FIRST))


def _channel(channel: str, outcomes: Sequence[Outcome], usual: dict[str, Decimal]) -> ChannelBill:
    sent = [cost_of(message) for outcome in outcomes for message in _on(outcome, channel)]
    blast = list(_blast(channel, outcomes, usual))
    return ChannelBill(channel, len(sent), sum(sent, Decimal()), len(blast), sum(blast, Decimal()))


def _blast(channel: str, outcomes: Sequence[Outcome], usual: dict[str, Decimal]) -> Iterator[Decimal]:
    for outcome in outcomes:
        own = [cost_of(message) for message in _on(outcome, channel)]
        for reach in outcome.reach:
            if channel not in reach:
                continue
            if not own and channel not in usual:
                raise StoryError(f"no message went out by {channel}, so a blast cannot be priced")
            yield own[0] if own else usual[channel]


def _usual_prices(outcomes: Sequence[Outcome]) -> dict[str, Decimal]:
    seen: dict[str, Counter[Decimal]] = {channel: Counter() for channel in CHEAPEST_FIRST}
    for outcome in outcomes:
        for message in outcome.messages:
            seen[message["channel"]][cost_of(message)] += 1
    return {channel: prices.most_common(1)[0][0] for channel, prices in seen.items() if prices}


def _on(outcome: Outcome, channel: str) -> list[dict[str, Any]]:
    return [message for message in outcome.messages if message["channel"] == channel]
