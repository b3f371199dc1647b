"""The table: every item, its key, and who reads it how. All keys are built here and nowhere else.

    item        pk               sk                             read by
    event       node             E#<messageId>                  put if absent; index `timeline` (pk, at)
    contacts    node             H#C                            head of a node
    membership  node             H#G#<segment>                  head of a node
    projection  node             H#P                            head of a node: Query pk, begins_with(sk, "H#")
    edge        node             H#L#<other node>#<place>       head of a node, stored at both ends
    slot        node             H#S#<journey>#<hash of key>    head of a node
    live run    node             H#R#<run id>                   head of a node; Get by run id; index `live` (lp, lk)
    ended run   node             R#<run id>                     Get by run id; Query begins_with(sk, "R#<journey>_")
    budget      B#<journey>      <month>#<channel>              Get; what the messages of a month took of it
    member      G#<segment>#<n>  <profile id>                   Query from a cursor on, shard by shard
    count       G#<segment>#<n>  #                              Get of all shards
    errand      DUE#<bucket>     <moment>#<hash>                Query when the bucket is due
    message     M#<provider id>  M                              Get by the provider's id
    link        L#<code>         L                              Get by the code of the URL; expires
    receipt     ERASURES         <erasure id>                   Get by the erasure's id; expires
    order       ERASED           <erasure id>                   Query from a moment on, by age; expires
    source      CONFIG           SOURCE#<sha256 of write key>   Get by write key; Query begins_with for the list
    deployment  CONFIG           DEPLOYMENT                     Get
    index       CONFIG           JOURNEYS                       Get: name, version and events of every journey
    segments    CONFIG           SEGMENTS                       Get: every segment's current version
    schedule    CONFIG           SCHEDULE#<journey>             Get: when a journey's clock goes off next
    journey     CONFIG           JOURNEY#<name>#<version>       Get
    template    CONFIG           TEMPLATE#<name>                Get; Query begins_with for the list

A node is an identifier's 26-character hash (`Identifier.node_id`). The index is local, so that it can be read
consistently and a partition is never split: DynamoDB's stream then keeps the order of all writes of a partition, which
the projections' watermark relies on.
"""

import hashlib
import re
from typing import Final

from omnicascade.contracts import ERASED_PARTITION, ERRAND_KEY_PREFIX, EVENT_KEY_PREFIX, LINK_KEY_PREFIX
from omnicascade.domain.errors import MalformedBodyError
from omnicascade.domain.event import Event
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.moments import epoch_ms

HEAD_PREFIX: Final = "H#"
CONTACTS: Final = "H#C"
PROJECTION: Final = "H#P"
MEMBERSHIP_PREFIX: Final = "H#G#"
EDGE_PREFIX: Final = "H#L#"
SLOT_PREFIX: Final = "H#S#"
HEAD_END: Final = "H#~"
"""Behind every item of a head."""
LIVE_RUN_PREFIX: Final = "H#R#"
"""A live run stands in its node's head, so that whoever finds a customer has it in hand."""
RUN_PREFIX: Final = "R#"
CONFIG: Final = "CONFIG"
DEPLOYMENT: Final = "DEPLOYMENT"
JOURNEY_INDEX: Final = "JOURNEYS"
SEGMENT_INDEX: Final = "SEGMENTS"
SOURCE_PREFIX: Final = "SOURCE#"
TEMPLATE_PREFIX: Final = "TEMPLATE#"
RECEIPTS: Final = "ERASURES"
ORDERS: Final = ERASED_PARTITION
ORDERS_END: Final = ":"
"""After every order's id, which begins with digits."""
MESSAGE: Final = "M"
LINK: Final = "L"
LIVE_SHARDS: Final = 8
"""As many partitions take the starts and ends of live runs in the index: a thousand a second each."""

_MAX_PLAIN_ID_BYTES: Final = 512


def short_hash(text: str, length: int = 16) -> str:
    """A hexadecimal digest, for keys whose text may be long or hostile."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:length]


def event_key(message_id: str) -> str:
    """`E#<messageId>`; a message id too long for a key (1,024 bytes) is hashed."""
    plain = len(message_id.encode()) <= _MAX_PLAIN_ID_BYTES
    return f"{EVENT_KEY_PREFIX}{message_id if plain else 'sha256:' + short_hash(message_id, 64)}"


def timeline_key(event: Event) -> str:
    """Sorts by event time; the hash keeps two events of one millisecond apart."""
    return f"{epoch_ms(event.timestamp):015d}#{short_hash(event.message_id)}"


def order_from(at_ms: int) -> str:
    """Where the orders to erase of a moment begin: an order's id begins with its time."""
    return f"{max(at_ms, 0):013d}"


def timeline_from(at_ms: int) -> str:
    """Where the events of a moment begin in the index."""
    return f"{max(at_ms, 0):015d}"


_CURSOR: Final = re.compile(r"(\d{15}#[0-9a-f]{16})\.([a-z2-7]{26})")


def cursor(at: str, node: str) -> str:
    """The place of an event among those of several nodes: its timeline key, then its node, since one message id may
    stand at two nodes."""
    return f"{at}.{node}"


def read_cursor(text: str) -> tuple[str, str]:
    """Read what `cursor` wrote.

    Raises:
        MalformedBodyError: it is none of ours.
    """
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise MalformedBodyError("`cursor` must be the value a previous page gave", code="bad_cursor", path="cursor")
    return found[1], found[2]


def edge_key(other: NodeId, place: str) -> str:
    """`H#L#<other node>#<place>`; `Edge.place` tells which proposals of a pair replace each other."""
    return f"{EDGE_PREFIX}{other}#{place}"


def edge_partner(sk: str) -> str:
    """The other node of an edge's key."""
    return sk.removeprefix(EDGE_PREFIX).partition("#")[0]


def slot_key(journey: str, key: str | None) -> str:
    """`H#S#<journey>#<hash of the business key>`."""
    return f"{SLOT_PREFIX}{journey}#{short_hash(key or '')}"


def run_key(run_id: str, *, live: bool) -> tuple[str, str]:
    """(pk, sk) of a run: its id carries its home node, `<journey>_<node>_<hash>`."""
    _, node, _ = run_id.rsplit("_", 2)
    return node, f"{LIVE_RUN_PREFIX if live else RUN_PREFIX}{run_id}"


def live_shard(run_id: str) -> str:
    """The shard of a live run in the index: `0` to `7`, so that no partition takes all starts."""
    return str(int(short_hash(run_id, 1), 16) % LIVE_SHARDS)


def live_key(run_id: str) -> str:
    """`<journey>#<run id>`: the runs of a journey stand together in each shard of the index."""
    return f"{run_id.rsplit('_', 2)[0]}#{run_id}"


_LIVE_CURSOR: Final = re.compile(r"([0-7])\.([a-z0-9_-]{1,128})")


def live_cursor(run_id: str) -> str:
    """The place of a live run in the index."""
    return f"{live_shard(run_id)}.{run_id}"


def read_live_cursor(text: str) -> tuple[str, str]:
    """Read what `live_cursor` wrote: shard and run id.

    Raises:
        MalformedBodyError: it is none of ours.
    """
    return _cursor_parts(_LIVE_CURSOR.fullmatch(text))


def budget_key(journey: str, channel: str, month: str) -> tuple[str, str]:
    """(pk, sk) of what a month's messages took of a budget."""
    return f"B#{journey}", f"{month}#{channel}"


MEMBER_SHARDS: Final = 16
"""Partitions of one segment's list, so that 16,000 customers a second can enter or leave it. Source: DynamoDB
developer guide, "Burst and adaptive capacity": 1,000 write units a second of one partition."""
MEMBER_COUNT: Final = "#"
"""In each of these partitions, before every profile id: how many lines it has."""


def membership_key(segment: str) -> str:
    """`H#G#<segment>`."""
    return f"{MEMBERSHIP_PREFIX}{segment}"


def member_shard(node: NodeId) -> int:
    """Which partition of a segment's list a customer stands in."""
    return int(short_hash(node, 4), 16) % MEMBER_SHARDS


def members_key(segment: str, shard: int) -> str:
    """`G#<segment>#<shard>`, where the shards sort as they are counted."""
    return f"G#{segment}#{shard:02d}"


_MEMBER_CURSOR: Final = re.compile(r"(0\d|1[0-5])\.([a-z2-7]{26})")


def member_cursor(node: NodeId) -> str:
    """The place of a member in the segment's list."""
    return f"{member_shard(node):02d}.{node}"


def read_member_cursor(text: str) -> tuple[int, str]:
    """Read what `member_cursor` wrote: the partition, and the profile id.

    Raises:
        MalformedBodyError: it is none of ours.
    """
    shard, node = _cursor_parts(_MEMBER_CURSOR.fullmatch(text))
    return int(shard), node


def _cursor_parts(found: re.Match[str] | None) -> tuple[str, str]:
    if found is None:
        raise MalformedBodyError("`cursor` must be the value a previous page gave", code="bad_cursor", path="cursor")
    return found[1], found[2]


def bucket_key(bucket: str) -> str:
    """`DUE#<bucket>`: errands of the same ten minutes."""
    return f"{ERRAND_KEY_PREFIX}{bucket}"


def schedule_key(journey: str) -> str:
    """`SCHEDULE#<journey>`."""
    return f"SCHEDULE#{journey}"


def message_key(provider_id: str) -> tuple[str, str]:
    """(pk, sk) of a sent message."""
    return f"M#{provider_id}", MESSAGE


def link_key(code: str) -> tuple[str, str]:
    """(pk, sk) of a tracked link."""
    return f"{LINK_KEY_PREFIX}{code}", LINK


def source_key(write_key: str) -> str:
    """`SOURCE#<sha256 of the write key>`: the table never holds a key in the clear where it is looked up."""
    return f"{SOURCE_PREFIX}{short_hash(write_key, 64)}"


def journey_key(name: str, version: int) -> str:
    """`JOURNEY#<name>#<version>`."""
    return f"JOURNEY#{name}#{version:06d}"
