"""Counts one customer's ways into a tally; the names it uses are those that the report reads.

Exists so that counting and reporting agree on names in one place.
"""

from datetime import UTC, datetime
from typing import Final

from omnicascade.domain.deployment import Channel
from omnicascade.domain.planning.reasons import kind_of, told
from omnicascade.domain.planning.tally import Tally
from omnicascade.domain.planning.walk import Planned, Way
from omnicascade.domain.sms import country_of, parts
from omnicascade.domain.zones import zone_named

NOBODY: Final = "nobody_answers"
EVERYBODY: Final = "everybody_answers"

LOOKED_AT: Final = "looked_at"
ENTERS: Final = "enters"
HELD_OUT: Final = "held_out"
STAYS_OUT: Final = "stays_out"
TEXT: Final = "text"
SILENT: Final = "silent"
VISITS: Final = "visits"
MESSAGES: Final = "messages"
REACHED: Final = "reached"
COST: Final = "cost"
COUNTRY: Final = "country"
PARTS: Final = "parts"
PASSED_OVER: Final = "passed_over"
FAILED: Final = "failed"
HELD: Final = "held"
ENDS: Final = "ends"
BUDGET: Final = "budget"
WHEN: Final = "when"

_NO_COUNTRY: Final = "unknown"
_LOOSE: Final = frozenset({"skipped", "withdrawn"})


def count_outside(tally: Tally, profile_id: str, reason: str) -> None:
    """A customer who would not enter."""
    tally.count(STAYS_OUT, kind_of(reason))
    tally.show(profile_id, STAYS_OUT, kind_of(reason))


def count_way(tally: Tally, bound: str, profile_id: str, way: Way, zone: str) -> None:
    """A customer who would enter, and all that follows.

    Args:
        bound: `NOBODY` or `EVERYBODY`.
        zone: the deployment's, whose calendar budgets follow.
    """
    tally.count(bound, VISITS, number=way.visits)
    tally.count(bound, ENDS, way.outcome or "live")
    for message in way.messages:
        _count_message(tally, bound, message, zone)
    for channel in {message.send.channel.value for message in way.messages}:
        tally.count(bound, REACHED, channel)
    if not way.messages:
        tally.count(bound, SILENT)
    for decision in way.decisions:
        channel, reason = told(decision)
        if decision.outcome in _LOOSE or decision.outcome == "failed":
            name = (bound, FAILED if decision.outcome == "failed" else PASSED_OVER, channel, kind_of(reason))
            tally.count(*name)
            tally.show(f"{profile_id}: {reason}", *name)
        elif decision.outcome == "held":
            tally.count(bound, HELD, channel)


def _count_message(tally: Tally, bound: str, message: Planned, zone: str) -> None:
    send, price = message.send, message.price
    channel = send.channel.value
    tally.count(bound, MESSAGES, channel)
    tally.pay(price.amount, bound, COST, channel, price.currency)
    tally.happens(message.at, bound, WHEN)
    if send.channel is Channel.SMS:
        country = country_of(send.address.value) or _NO_COUNTRY
        tally.count(bound, COUNTRY, country)
        tally.count(bound, PARTS, country, number=parts(message.text).parts)
        tally.pay(price.amount, bound, COUNTRY, country, price.currency)
    if bound != NOBODY:
        return
    if message.text:
        tally.show(message.text, TEXT, send.step, channel, send.template)
    if send.budget is not None:
        hour = f"{message.at.astimezone(UTC):%Y-%m-%dT%H}"
        limit, currency = f"{send.budget.amount:f}", send.budget.currency
        month = month_of(message.at, zone)
        tally.pay(price.amount, BUDGET, channel, month, limit, currency, price.currency, hour)


def month_of(at: datetime, zone: str) -> str:
    """The calendar month of a moment in a zone: `2026-03`; an unknown zone is UTC."""
    return f"{at.astimezone(zone_named(zone) or UTC):%Y-%m}"
