"""What orders and refunds add up to: exact counts and sums per currency, in any order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from omnicascade.domain.computed.reading import PLACES, currency_of, millionths
from omnicascade.domain.profile import Counters

ORDER_COMPLETED: Final = "Order Completed"
ORDER_REFUNDED: Final = "Order Refunded"
"""Names of Segment's e-commerce spec, v2."""

COUNTED: Final = frozenset({ORDER_COMPLETED, ORDER_REFUNDED})
"""Events that move money. Of all others that say nothing of consent, those that name the same identifiers and tell the
same traits add up to how many they were, the first and the last (see `Fold.see`)."""

_MONEY_FIELDS: Final = ("revenue", "total", "value")
_ZERO: Final = Decimal()


def counted(counters: Counters, name: str, properties: Mapping[str, Any], at: datetime) -> Counters:
    """The counters with one more order or refund, one of `COUNTED`."""
    money, first, last = _money(properties), counters.first_order, counters.last_order
    if name == ORDER_REFUNDED:
        refunded = _sum(counters.refunded, money)
        return Counters(counters.events, counters.orders, counters.revenue, refunded, first, last)
    revenue = _sum(counters.revenue, money)
    first, last = min(first or at, at), max(last or at, at)
    return Counters(counters.events, counters.orders + 1, revenue, counters.refunded, first, last)


def together(left: Counters, right: Counters) -> Counters:
    """The counters of two customers who are one."""
    firsts = [t for t in (left.first_order, right.first_order) if t]
    lasts = [t for t in (left.last_order, right.last_order) if t]
    return Counters(
        events=left.events + right.events,
        orders=left.orders + right.orders,
        revenue=_sum(left.revenue, right.revenue),
        refunded=_sum(left.refunded, right.refunded),
        first_order=min(firsts, default=None),
        last_order=max(lasts, default=None),
    )


def _sum(left: Mapping[str, Decimal], right: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
    if not right:
        return left
    total = dict(left)
    for currency, amount in right.items():
        total[currency] = total.get(currency, _ZERO) + amount
    return total


def _money(properties: Mapping[str, Any]) -> Mapping[str, Decimal]:
    """An order's value: `revenue`, else `total`, else `value`, in `currency` (Segment e-commerce v2; default USD)."""
    for name in _MONEY_FIELDS:
        amount = millionths(properties.get(name))
        if amount is not None:
            return {currency_of(properties): Decimal(amount).scaleb(-PLACES)}
    return {}
