"""What one deployment decides for itself: its sources, consent topics, channels and prices, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from omnicascade.domain.identity_rules import DEFAULT_RULES, IdentityRules

if TYPE_CHECKING:
    from datetime import timedelta

    from omnicascade.domain.computed.traits import ComputedTraits
    from omnicascade.domain.segments import Segment


class Channel(StrEnum):
    """A way to reach a customer, cheapest first."""

    PUSH = "push"
    EMAIL = "email"
    SMS = "sms"


class Topic(StrEnum):
    """What silence means for a consent topic."""

    OPT_IN = "opt_in"
    OPT_OUT = "opt_out"


@dataclass(frozen=True, slots=True)
class Source:
    """A channel that posts events: what its write key names."""

    name: str
    kind: str
    default_region: str | None = None
    shared_device: bool = False
    trust: str = "normal"


@dataclass(frozen=True, slots=True)
class Price:
    """What one message (for SMS: one part) costs."""

    amount: Decimal
    currency: str = "USD"


DEFAULT_PRICES: Final[Mapping[str, Price]] = {
    "push": Price(Decimal("0.000001")),
    "email": Price(Decimal("0.00016")),
    "sms": Price(Decimal("0.05")),
    "sms.US": Price(Decimal("0.01195")),
    "sms.PL": Price(Decimal("0.03222")),
    "sms.GB": Price(Decimal("0.03888")),
    "sms.DE": Price(Decimal("0.08848")),
}
"""Per message: push and e-mail from AWS's price list (2026-07 to 2026-08), SMS per part and country: US 2026-07-24, the
others from the public feed of 2022-04-03, which are floors; `sms` is the price where no country is listed. A deployment
sets its own."""


def _shipped() -> ComputedTraits:
    from omnicascade.domain.computed.shipped import SHIPPED  # noqa: PLC0415 - naming a source needs no computed traits

    return SHIPPED


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so many messages to one person within a rolling window, to the second.

    Attributes:
        messages: claimed ones count, failed and withdrawn ones do not.
        per: the window's length.
        channel: only messages of this channel count and are held to it; None: all channels together.
        transactional: whether transactional messages count too; they are never held back themselves.
    """

    messages: int
    per: timedelta
    channel: Channel | None = None
    transactional: bool = False


@dataclass(frozen=True, slots=True)
class Deployment:
    """Settings that business rules read. Loaded once per invocation batch, never changed."""

    topics: Mapping[str, Topic] = field(default_factory=lambda: {"promotions": Topic.OPT_OUT})
    channels_off: frozenset[str] = frozenset()
    prices: Mapping[str, Price] = field(default_factory=lambda: DEFAULT_PRICES)
    default_currency: str = "USD"
    default_zone: str = "UTC"
    identity: IdentityRules = DEFAULT_RULES
    computed: ComputedTraits = field(default_factory=_shipped)
    caps: tuple[Cap, ...] = ()
    webhook_hosts: frozenset[str] = frozenset()
    """Hosts that journeys may call, by exact name; none unless listed."""
    segments: Mapping[str, Segment] = field(default_factory=dict[str, "Segment"])
    """Every segment's current version by name; kept apart from the settings, but read together with them."""
