"""Why these identifiers are one customer: what was proposed, what holds, what staff said, and which limits decided."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import IDENTITIES_JUDGED, Edge, judges_identities
from omnicascade.domain.identity_rules import IdentityRules
from omnicascade.domain.json_text import mapping
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.read_customer import iso
from omnicascade.usecases.store_ports import EventStore

_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


def explain_response(customer: Customer, events: EventStore, rules: IdentityRules) -> dict[str, Any]:
    """Each edge with its event and rule, each refusal with its reason, each word by hand with who said it and why.

    Cost: where staff said something, one query per identifier they spoke of.
    """
    component = customer.component
    names = identifiers_by_node(customer)
    said = _judgements(customer, events)
    return {
        "profile_id": customer.profile.profile_id,
        "members": sorted(component.members),
        "identifiers": [
            {"profile_id": node, "identifier": str(identifier)}
            for node, identifier in sorted(names.items(), key=lambda named: str(named[1]))
        ],
        "edges": [_edge(edge) for edge in component.accepted],
        "refused": [
            _edge(refusal.edge) | {"code": refusal.code, "reason": refusal.reason} for refusal in component.refused
        ],
        "by_hand": [_edge(word) | _who_and_why(said.get(word.message_id)) for word in component.by_hand],
        "merges": component.merges,
        "limits": _limits(names, rules),
    }


def identifiers_by_node(customer: Customer) -> dict[NodeId, Identifier]:
    """Every member by its node, an alias's former name too, which no event spells out."""
    names = {known.identifier.node_id: known.identifier for known in customer.profile.identifiers}
    ends = [end for edge in customer.component.accepted for end in (edge.a, edge.b)]
    return {end.node_id: end for end in ends if end.node_id in customer.component.members} | names


def _judgements(customer: Customer, events: EventStore) -> Mapping[MessageId, Event]:
    """The events in which staff spoke: each lies with an identifier that it speaks of, be it another customer's now."""
    words = customer.component.by_hand
    if not words:
        return {}
    nodes = {end.node_id for word in words for end in (word.a, word.b)} | set(customer.profile.members)
    since = min(word.at for word in words)
    found = events.arrived(nodes, {IDENTITIES_JUDGED}, happened_from=since, received_from=_EVER)
    return {event.message_id: event for event in found if judges_identities(event)}


def _who_and_why(event: Event | None) -> dict[str, Any]:
    said = mapping(event and event.properties)
    return {"by": said.get("by"), "reason": said.get("reason")}


def _limits(names: Mapping[NodeId, Identifier], rules: IdentityRules) -> dict[str, Any]:
    kinds = sorted({identifier.type for identifier in names.values()}, key=rules.strength)
    limits = {kind: rules.limit_of(kind) for kind in kinds}
    return {
        "types": {
            kind: {"most": limit.most, "window_s": limit.window and int(limit.window.total_seconds())}
            for kind, limit in limits.items()
        },
        "max_merges": rules.max_merges,
        "max_identifiers": rules.max_identifiers,
    }


def _edge(edge: Edge) -> dict[str, Any]:
    return {
        "from": str(edge.a),
        "to": str(edge.b),
        "rule": edge.rule,
        "message_id": edge.message_id,
        "at": iso(edge.at),
        "source": edge.source,
        "trust": edge.trust.name.lower(),
    }
