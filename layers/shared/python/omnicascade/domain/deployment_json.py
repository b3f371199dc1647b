"""The deployment's settings as plain JSON values: how the infrastructure writes them and the table keeps them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from omnicascade.domain.deployment import DEFAULT_PRICES, Deployment, Price, Source, Topic
from omnicascade.domain.identity_rules import DEFAULT_RULES
from omnicascade.domain.identity_rules_json import rules_from

if TYPE_CHECKING:
    from omnicascade.domain.computed.traits import ComputedTraits
    from omnicascade.domain.deployment import Cap


def deployment_from(values: Mapping[str, Any]) -> Deployment:
    """Read settings; what is left out has its default. Prices add to the default ones.

    Raises:
        UnacceptableError: the rules of identity, the computed traits, the caps or the hosts are not valid; see
            `rules_from`, `computed_from`, `caps_from` and `hosts_from`.
    """
    prices = {name: Price(Decimal(str(p["amount"])), p["currency"]) for name, p in values.get("prices", {}).items()}
    standard = Deployment()
    return Deployment(
        topics={name: Topic(word) for name, word in values["topics"].items()}
        if "topics" in values
        else standard.topics,
        channels_off=frozenset(values.get("channels_off", ())),
        prices={**DEFAULT_PRICES, **prices},
        default_currency=values.get("default_currency", standard.default_currency),
        default_zone=values.get("default_zone", standard.default_zone),
        identity=rules_from(values["identity"]) if "identity" in values else DEFAULT_RULES,
        computed=_computed(json.dumps(values["computed"])) if "computed" in values else standard.computed,
        caps=_caps(values["caps"]) if values.get("caps") else standard.caps,
        webhook_hosts=_hosts(values["webhook_hosts"]) if values.get("webhook_hosts") else standard.webhook_hosts,
    )


def _caps(values: object) -> tuple[Cap, ...]:
    from omnicascade.domain.limits_json import caps_from  # noqa: PLC0415 - most of what reads settings has no caps

    return caps_from(values)


def _hosts(values: object) -> frozenset[str]:
    from omnicascade.domain.limits_json import hosts_from  # noqa: PLC0415 - as above

    return hosts_from(values)


@lru_cache(maxsize=4)
def _computed(definitions: str) -> ComputedTraits:
    """Read once, not with every load of the settings."""
    from omnicascade.domain.computed.definition import computed_from  # noqa: PLC0415 - who reads sources needs none

    return computed_from(json.loads(definitions))


def source_from(values: Mapping[str, Any]) -> Source:
    """Read one source; other names (its write key) are left alone."""
    return Source(
        name=values["name"],
        kind=values["kind"],
        default_region=values.get("default_region"),
        shared_device=values.get("shared_device", False),
        trust=values.get("trust", "normal"),
    )
