"""A customer as readers see them: the pure join of the projections of the identifiers that are together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NewType

from omnicascade.domain.identifiers import Identifier, NodeId

ProfileId = NewType("ProfileId", str)


@dataclass(frozen=True, slots=True)
class KnownIdentifier:
    """An identifier with when and where it was seen (UTC)."""

    identifier: Identifier
    first_seen: datetime
    last_seen: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Consent:
    """What a customer said about one channel and topic (`email/promotions`, or `email/*` for all topics)."""

    granted: bool
    at: datetime
    source: str
    purpose: str | None = None
    proof: str | None = None


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why an address must not be used any more."""

    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Counters:
    """Exact counts over the customer's distinct events; money per currency."""

    events: int = 0
    orders: int = 0
    revenue: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    refunded: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    first_order: datetime | None = None
    last_order: datetime | None = None


@dataclass(frozen=True, slots=True)
class TraitSource:
    """Which source said a trait, and when (UTC)."""

    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Profile:
    """One customer.

    Attributes:
        profile_id: id of the member that was seen first; every other member's id finds the same customer.
        members: graph nodes that are together, the profile's own first.
        identifiers: strongest type first, then most recently seen first.
        traits: nested, last write by event time wins per path.
        consent: by `channel/topic` or `channel/*`.
        suppressed: by `type:value` of the address.
        trait_sources: who said each trait that stands, by JSON Pointer (RFC 6901), such as `/address/city`.
        computed: computed traits, as JSON values; one that no event spoke of is absent.
    """

    profile_id: ProfileId
    members: tuple[NodeId, ...]
    identifiers: tuple[KnownIdentifier, ...]
    traits: Mapping[str, Any]
    consent: Mapping[str, Consent]
    suppressed: Mapping[str, Suppression]
    counters: Counters
    first_seen: datetime
    last_seen: datetime
    trait_sources: Mapping[str, TraitSource] = field(default_factory=dict[str, TraitSource])
    computed: Mapping[str, Any] = field(default_factory=dict[str, Any])
