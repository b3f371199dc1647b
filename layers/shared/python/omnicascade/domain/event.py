"""An event: one call of a channel, normalised and placed in time. Events are the truth, the rest is projected."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NewType

from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.json_text import mapping

MessageId = NewType("MessageId", str)


@dataclass(frozen=True, slots=True)
class Event:
    """One stored call.

    Attributes:
        message_id: the client's id; alone decides what is a duplicate.
        type: identify, track, page, screen, group or alias.
        name: a track event's name; for other types the type itself.
        source: the name of the source whose write key was used.
        timestamp: when it happened (UTC), corrected for the client's clock.
        received_at: when the intake took it (UTC).
        identifiers: normalised, strongest first; empty when nothing valid was named.
        body: the call as it was sent.
    """

    message_id: MessageId
    type: str
    name: str
    source: str
    timestamp: datetime
    received_at: datetime
    identifiers: tuple[Identifier, ...]
    body: Mapping[str, Any]

    @property
    def node_id(self) -> NodeId:
        """The partition this event belongs to: its strongest identifier's, or one of its own when it names nobody."""
        if self.identifiers:
            return self.identifiers[0].node_id
        return Identifier("message_id", self.message_id).node_id

    @property
    def properties(self) -> Mapping[str, Any]:
        """The call's `properties`, never None."""
        return self.body.get("properties") or {}

    @property
    def context(self) -> Mapping[str, Any]:
        """The call's `context`, never None."""
        return self.body.get("context") or {}


def at_path(value: object, path: str) -> object:
    """The value at a dotted path of nested mappings, or None: `at_path({"a": {"b": 1}}, "a.b") == 1`."""
    for part in path.split("."):
        value = mapping(value).get(part)
    return value
