"""The one shape in which the platform itself reports something: a Segment track call about one identifier.

Provider feedback, replies and links come back on the same road as every channel's events. A call here names the
customer only by the address the message went to, so that feedback can never glue two people together.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.identity_rules import PUSH_TOKEN_TYPES

FEEDBACK_SOURCE: Final = "feedback"
"""The source name under which the platform's own observations are queued."""


def track_call(
    event: str, *, about: Identifier, message_id: str, at: datetime, properties: Mapping[str, object]
) -> dict[str, Any]:
    """A track call as a channel would have sent it.

    Args:
        event: the event's name, for example `Email Delivered`.
        about: whom it concerns; `identifiers_of` reads the same identifier out of the call again.
        message_id: the call's own id, which alone decides what is a duplicate.
        at: when it happened (aware).
        properties: plain JSON values; those that are None are left out.
    """
    return {
        "type": "track",
        "event": event,
        "messageId": message_id,
        "timestamp": at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "properties": {key: value for key, value in properties.items() if value is not None},
        **_naming(about),
    }


def _naming(about: Identifier) -> dict[str, Any]:
    match about.type:
        case "user_id":
            return {"userId": about.value}
        case "anonymous_id":
            return {"anonymousId": about.value}
        case "email" | "phone":
            return {"context": {"traits": {about.type: about.value}}}
        case kind if kind in PUSH_TOKEN_TYPES:
            return {"context": {"device": {"type": kind.partition(".")[0], "token": about.value}}}
        case kind:
            listed = {"id": about.value, "type": kind, "collection": "users", "encoding": "none"}
            return {"context": {"externalIds": [listed]}}
