"""A membership as the table keeps it, in the head of its customer.

Apart from the segments' store because whoever finds a customer reads memberships and nothing else of segments.
"""

import json
from datetime import datetime

from omnicascade.adapters import keys
from omnicascade.adapters.dynamo import Item, text
from omnicascade.domain.identifiers import NodeId
from omnicascade.usecases.segment_ports import Membership


def membership_item(known: Membership) -> Item:
    """The stored form; all that was found out is one text, which the condition of the next write compares."""
    return {"pk": text(known.node), "sk": text(keys.membership_key(known.segment)), "m": text(membership_words(known))}


def membership_words(known: Membership) -> str:
    """What was found out, as one text: equal for equal findings."""
    turns_at = known.turns_at and known.turns_at.isoformat()
    return json.dumps([known.version, known.member, known.since.isoformat(), turns_at], separators=(",", ":"))


def membership_from(item: Item) -> Membership:
    """Read what `membership_item` wrote."""
    version, member, since, turns_at = json.loads(item["m"]["S"])
    return Membership(
        node=NodeId(item["pk"]["S"]),
        segment=item["sk"]["S"].removeprefix(keys.MEMBERSHIP_PREFIX),
        version=version,
        member=member,
        since=datetime.fromisoformat(since),
        turns_at=turns_at and datetime.fromisoformat(turns_at),
    )
