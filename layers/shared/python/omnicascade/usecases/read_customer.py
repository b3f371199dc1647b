"""What staff see of a customer: the profile, the timeline, and why these identifiers are one person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from omnicascade.domain.deployment import Channel, Deployment
from omnicascade.domain.errors import MalformedBodyError, NotFoundError
from omnicascade.domain.event import Event
from omnicascade.domain.identity import Edge
from omnicascade.domain.identity_rules import IdentityRules
from omnicascade.domain.profile import Profile
from omnicascade.domain.reach import permission, reach
from omnicascade.usecases.find_customer import Customer, find_customer
from omnicascade.usecases.name_customer import node_of
from omnicascade.usecases.store_ports import CustomerStore, EventStore

DEFAULT_TOPIC = "promotions"
MAX_PAGE = 100
DEFAULT_PAGE = 50


def known_customer(reference: str, customers: CustomerStore, rules: IdentityRules) -> Customer:
    """The customer of `type:value` or a profile id, current or merged away.

    Raises:
        NotFoundError: no event ever named it.
    """
    customer = find_customer(node_of(reference), customers, rules)
    if customer is None:
        raise NotFoundError(f"there is no customer {reference}")
    return customer


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


def timeline_response(customer: Customer, events: EventStore, limit: str | None, cursor: str | None) -> dict[str, Any]:
    """A page of a customer's events, newest first.

    Raises:
        MalformedBodyError: `limit` is no number from 1 to 100, or the cursor is not ours.
    """
    page = events.timeline(customer.profile.members, _page_size(limit), cursor)
    return {"events": [_event(event) for event in page.events], "cursor": page.cursor}


def _page_size(limit: str | None) -> int:
    if limit is None:
        return DEFAULT_PAGE
    if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit) <= MAX_PAGE:
        raise MalformedBodyError(f"`limit` must be a number from 1 to {MAX_PAGE}", code="bad_limit", path="limit")
    return int(limit)


def _event(event: Event) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "message_id": event.message_id,
        "type": event.type,
        "event": event.name if event.type == "track" else event.body.get("name"),
        "source": event.source,
        "timestamp": iso(event.timestamp),
        "received_at": iso(event.received_at),
        "properties": event.properties,
        "context": event.context,
    }
    return shown | ({"traits": event.body["traits"]} if event.body.get("traits") else {})


def explain_response(customer: Customer) -> dict[str, Any]:
    """Why these identifiers are together: each edge with its event and rule, and what was refused."""
    component = customer.component
    return {
        "profile_id": customer.profile.profile_id,
        "members": sorted(component.members),
        "edges": [_edge(edge) for edge in component.accepted],
        "refused": [_edge(refusal.edge) | {"reason": refusal.reason} for refusal in component.refused],
    }


def _edge(edge: Edge) -> dict[str, str]:
    return {
        "from": str(edge.a),
        "to": str(edge.b),
        "rule": edge.rule,
        "message_id": edge.message_id,
        "at": iso(edge.at),
    }


def iso(moment: datetime) -> str:
    """A time on the wire: ISO 8601, UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
