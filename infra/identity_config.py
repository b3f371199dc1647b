"""What a stage decides about identity: the part of infra/config.py that says who counts as one customer.

Everything left out has the product's default: one user id for ever, five e-mail addresses, phone numbers and external
ids, ten push tokens per platform, a hundred anonymous ids.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from omnicascade.domain.durations import spell
from omnicascade.domain.errors import UnacceptableError
from omnicascade.domain.identity_rules import DEFAULT_RULES, Limit
from omnicascade.domain.identity_rules_json import rules_from


class InvalidIdentityError(ValueError):
    """The rules of identity contradict themselves or could harm; the message lists every problem with its path."""


@dataclass(frozen=True, slots=True)
class IdentifierConfig:
    """One identifier type.

    Attributes:
        priority: its rank among the types that name a person, 1 being the strongest (user_id 1, email 2 and phone 3
            unless they are given others); types without one rank below those that have one. Device types have none.
        limit: how many a customer may have, and within which time: `Limit(5, timedelta(days=7))` lets a sixth browser
            of one week start a customer of its own, `Limit(1)` holds for ever.
    """

    priority: int | None = None
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class IdentityConfig:
    """The rules of one stage.

    Attributes:
        types: by identifier type, for example `email`, `anonymous_id`, or an external id's own name.
        default_limit: of every type that has no limit of its own.
        blocked_values: values that identify nobody, as they are or as the product spells them, whatever their case.
        blocked_patterns: the same for values that match one as a whole: characters, classes, alternatives, and one open
            repetition (`safe_patterns` says why).
        max_merges: how often customers that existed may be joined into one.
        max_identifiers: identifiers of one customer; one that is named with more others identifies nobody.
    """

    types: Mapping[str, IdentifierConfig] = field(default_factory=dict[str, IdentifierConfig])
    default_limit: Limit = DEFAULT_RULES.default_limit
    blocked_values: tuple[str, ...] = ()
    blocked_patterns: tuple[str, ...] = ()
    max_merges: int = DEFAULT_RULES.max_merges
    max_identifiers: int = DEFAULT_RULES.max_identifiers

    def __post_init__(self) -> None:
        """Refuse rules that the product would refuse.

        Raises:
            InvalidIdentityError: lists every problem with its path.
        """
        try:
            rules_from(identity_document(self))
        except UnacceptableError as error:
            lines = [f"  identity.{problem.path}: {problem.message}" for problem in error.problems]
            raise InvalidIdentityError("\n".join([f"{error.message}:", *lines])) from error


def identity_document(config: IdentityConfig) -> dict[str, Any]:
    """The rules as plain JSON, as `identity_rules_json.rules_from` reads them, but for the trust in sources."""
    return {
        "types": {kind: _type_document(settings) for kind, settings in config.types.items()},
        "default_limit": _limit_document(config.default_limit),
        "blocked_values": list(config.blocked_values),
        "blocked_patterns": list(config.blocked_patterns),
        "max_merges": config.max_merges,
        "max_identifiers": config.max_identifiers,
    }


def _type_document(settings: IdentifierConfig) -> dict[str, Any]:
    priority = {} if settings.priority is None else {"priority": settings.priority}
    return priority | (_limit_document(settings.limit) if settings.limit else {})


def _limit_document(limit: Limit) -> dict[str, Any]:
    return {"limit": limit.most} if limit.window is None else {"limit": limit.most, "window": spell(limit.window)}
