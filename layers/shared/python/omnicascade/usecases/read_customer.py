"""What staff see of a customer: the profile, and what the customer said about being written to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from omnicascade.domain.computed.shipped import SHIPPED
from omnicascade.domain.computed.traits import ComputedTraits
from omnicascade.domain.deployment import Channel, Deployment
from omnicascade.domain.errors import NotFoundError
from omnicascade.domain.identity_rules import IdentityRules
from omnicascade.domain.profile import Profile
from omnicascade.domain.reach import permission, reach
from omnicascade.usecases.find_customer import Customer, find_customer
from omnicascade.usecases.name_customer import HOW_TO_NAME, nodes_of, shown
from omnicascade.usecases.store_ports import CustomerStore

DEFAULT_TOPIC = "promotions"


def known_customer(
    reference: str,
    customers: CustomerStore,
    rules: IdentityRules,
    regions: Collection[str] = (),
    definitions: ComputedTraits = SHIPPED,
) -> Customer:
    """The customer of `type:value` or a profile id, current or merged away.

    Args:
        reference: as a person wrote it.
        customers: where they are.
        rules: what makes identifiers one customer.
        regions: ISO 3166 countries in which to read a phone number without a country code.
        definitions: of the computed traits.

    Raises:
        NotFoundError: no event ever named it.
    """
    for node in nodes_of(reference, regions):
        customer = find_customer(node, customers, rules, definitions=definitions)
        if customer is not None:
            return customer
    raise NotFoundError(f"there is no customer {shown(reference)}: no event has named it; {HOW_TO_NAME}")


def profile_response(profile: Profile, deployment: Deployment) -> dict[str, Any]:
    """A profile on the wire, as the contract's `GET /v1/profiles/{id}` shows it."""
    counters = profile.counters
    return {
        "profile_id": profile.profile_id,
        "identifiers": [
            {
                "type": known.identifier.type,
                "value": known.identifier.value,
                "first_seen": iso(known.first_seen),
                "last_seen": iso(known.last_seen),
                "source": known.source,
            }
            for known in profile.identifiers
        ],
        "traits": profile.traits,
        "trait_sources": {
            path: {"source": said.source, "at": iso(said.at)} for path, said in sorted(profile.trait_sources.items())
        },
        "computed": profile.computed,
        "channels": {channel.value: _channel(profile, channel, deployment) for channel in Channel},
        "counters": {
            "events": counters.events,
            "orders": counters.orders,
            "revenue": _money(counters.revenue),
            "refunded": _money(counters.refunded),
            "first_order": counters.first_order and iso(counters.first_order),
            "last_order": counters.last_order and iso(counters.last_order),
        },
        "first_seen": iso(profile.first_seen),
        "last_seen": iso(profile.last_seen),
    }


def _channel(profile: Profile, channel: Channel, deployment: Deployment) -> dict[str, Any]:
    way = reach(profile, channel, deployment)
    allowed = permission(profile, channel, DEFAULT_TOPIC, deployment)
    word = ("granted" if allowed.granted else "denied") if allowed.stated else "unknown"
    return {"reachable": way.address is not None, "consent": word, "reason": f"{way.reason}; {allowed.reason}"}


def _money(amounts: Mapping[str, Decimal]) -> dict[str, float]:
    return {currency: float(amount) for currency, amount in sorted(amounts.items())}


def consent_response(profile: Profile) -> dict[str, Any]:
    """What the customer said, per channel and topic."""
    return {
        "profile_id": profile.profile_id,
        "consent": {
            key: {
                "status": "granted" if said.granted else "denied",
                "at": iso(said.at),
                "source": said.source,
                "purpose": said.purpose,
                "proof": said.proof,
            }
            for key, said in sorted(profile.consent.items())
        },
    }


def iso(moment: datetime) -> str:
    """A time on the wire: ISO 8601, UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
