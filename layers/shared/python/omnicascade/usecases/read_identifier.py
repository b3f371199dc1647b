"""Read the identifiers that a request's body names, as one customer's where they can be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from omnicascade.domain.errors import NotFoundError, Problem
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.json_text import mapping
from omnicascade.usecases.name_customer import identifier_of, nodes_of

_EXPECTED: Final = "expected type:value, such as email:ann@example.com"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a request's body, and the list to which its problems are added."""

    path: str
    problems: list[Problem]

    def wrong(self, code: str, message: str) -> None:
        """Note what is wrong here."""
        self.problems.append(Problem(self.path, code, message))


def read_identifier(
    given: object, names: Mapping[NodeId, Identifier], regions: Collection[str], place: Place
) -> Identifier | None:
    """The identifier that `"type:value"` or `{"type", "value"}` means; None: it identifies nobody, which is noted.

    Args:
        given: as it stands in the body.
        names: identifiers that are meant if one of them can be.
        regions: ISO 3166 countries in which to read phone numbers without a country code.
        place: where it stands.
    """
    parts = mapping(given)
    text = f"{parts.get('type')}:{parts.get('value')}" if parts else given
    if not isinstance(text, str):
        place.wrong("wrong_type", _EXPECTED)
        return None
    try:
        nodes = nodes_of(text, regions)
    except NotFoundError as error:
        place.wrong("unknown_identifier", error.message)
        return None
    found = next((names[node] for node in nodes if node in names), None)
    found = found or next(filter(None, (identifier_of(text, region) for region in (None, *regions))), None)
    if found is None:
        place.wrong("unknown_identifier", _EXPECTED)
    return found
