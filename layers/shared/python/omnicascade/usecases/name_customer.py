"""Whom a person means who names a customer: `type:value` or a profile id, as staff and marketers write it.

Apart from finding the customer: reading a name needs no store, and forgives more than an event's identifiers are.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import suppress
from typing import Final

from omnicascade.domain.errors import NotFoundError
from omnicascade.domain.identifiers import Identifier, NodeId, normalise
from omnicascade.domain.identity_rules import PRIORITIES, WEAK

PROFILE_ID: Final = "profile_id"

HOW_TO_NAME: Final = "write type:value, URL-encoded, such as email:ann@example.com, or profile_id:…"
"""The remedy in every answer that found nobody."""

_PROFILE_ID: Final = re.compile(r"[a-z2-7]{26}")
_LONGEST_SHOWN: Final = 100

_USUAL_SPELLINGS: Final = {
    "".join(letter for letter in kind if letter.isalnum()): kind for kind in (*PRIORITIES, *WEAK, PROFILE_ID)
}
"""The types that the product itself names, by their letters alone: `userId` and `User-ID` mean `user_id`."""


def node_of(reference: str, region: str | None = None) -> NodeId:
    """The graph node of `type:value` or of a bare profile id.

    Args:
        reference: `type:value`, or a profile id.
        region: ISO 3166 country in which to read a phone number without a country code.

    Raises:
        NotFoundError: the value is one that identifies nobody.
    """
    kind, _, value = reference.partition(":")
    node = _profile_node(value if kind.strip() == PROFILE_ID else reference)
    if node:
        return node
    identifier = identifier_of(reference, region)
    if identifier is None:
        raise NotFoundError(f"`{shown(reference)}` identifies nobody; {HOW_TO_NAME}")
    return identifier.node_id


def identifier_of(reference: str, region: str | None = None) -> Identifier | None:
    """The identifier that `type:value` names, spelled as it is stored; None for a profile id and for a placeholder."""
    # Half a character, which no event can name either, has no bytes and so no node.
    kind, colon, value = reference.encode(errors="replace").decode().partition(":")
    if not colon or kind.strip() == PROFILE_ID:
        return None
    return normalise(kind.strip(), value, region)


def nodes_of(reference: str, regions: Collection[str] = ()) -> list[NodeId]:
    """Every node that a person who writes `reference` can mean, the likeliest first.

    Staff write numbers as customers say them (`phone:601 234 567`) and types as programs spell them (`userId:42`).

    Raises:
        NotFoundError: it can mean nobody.
    """
    kind, _, value = reference.partition(":")
    usual = _USUAL_SPELLINGS.get(_letters(kind), kind)
    spellings = [reference, *([f"{usual}:{value}"] if usual != kind else ())]
    nodes = list[NodeId]()
    for spelling in spellings:
        for region in (None, *(sorted(regions) if is_spoken_phone(spelling) else ())):
            with suppress(NotFoundError):
                nodes.append(node_of(spelling, region))
    return list(dict.fromkeys(nodes)) or [node_of(reference)]


def is_spoken_phone(reference: str) -> bool:
    """Whether it is a phone number without a country code, so that it depends on where it is said."""
    kind, _, value = reference.partition(":")
    return _letters(kind) == "phone" and "+" not in value


def _profile_node(text: str) -> NodeId | None:
    """A profile id; anything else is no key of the table's, however long or odd it is."""
    folded = text.strip().lower()
    return NodeId(folded) if _PROFILE_ID.fullmatch(folded) else None


def _letters(kind: str) -> str:
    return "".join(letter for letter in kind.lower() if letter.isalnum())


def shown(reference: str) -> str:
    """A reference in a message: hostile ones are cut off."""
    return reference if len(reference) <= _LONGEST_SHOWN else f"{reference[:_LONGEST_SHOWN]}…"
