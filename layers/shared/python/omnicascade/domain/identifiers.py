"""Who a call speaks of: identifier types, their strength, and the one spelling each value is stored in."""

import hashlib
import re
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NewType

from omnicascade.domain.json_text import items, mapping

NodeId = NewType("NodeId", str)
"""An identifier's place in the identity graph: 26 characters, derived from its type and value."""

PRIORITIES: Final = ("user_id", "email", "phone")
"""Strongest first; a type not named here ranks below them, and `WEAK` types rank last (Segment Unify's order)."""

WEAK: Final = (
    "ios.id",
    "android.id",
    "ios.idfa",
    "android.idfa",
    "ios.push_token",
    "android.push_token",
    "anonymous_id",
)

PUSH_TOKEN_TYPES: Final = ("ios.push_token", "android.push_token")

DEVICE_SCOPED: Final = frozenset(WEAK)
"""Types that name a device rather than a person: on a shared device they identify nobody."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """One normalised identifier, for example `Identifier("email", "ann@example.com")`."""

    type: str
    value: str

    @property
    def node_id(self) -> NodeId:
        """The graph node of this identifier; the same for ever and in every process."""
        return _node_id(self.type, self.value)

    def __str__(self) -> str:
        """The form used in URLs and explanations: `type:value`."""
        return f"{self.type}:{self.value}"


@lru_cache(maxsize=4096)
def _node_id(kind: str, value: str) -> NodeId:
    digest = hashlib.sha256(f"{kind}\n{value}".encode()).digest()[:16]
    return NodeId(b32encode(digest).decode().rstrip("=").lower())


def strength(kind: str) -> tuple[int, str]:
    """Sort key of an identifier type: smaller is stronger."""
    if kind in PRIORITIES:
        return (PRIORITIES.index(kind), kind)
    if kind in WEAK:
        return (len(PRIORITIES) + 1 + WEAK.index(kind), kind)
    return (len(PRIORITIES), kind)


BLOCKED_VALUES: Final = frozenset(
    {
        "",
        "null",
        "none",
        "undefined",
        "nan",
        "true",
        "false",
        "[]",
        "{}",
        "[object object]",
        "anonymous",
        "anonymousid",
        "distinct_id",
        "distinctid",
        "guest",
        "id",
        "email",
        "not_authenticated",
        "-1",
    }
)
"""Placeholders that client bugs send as identifiers. Source: Segment Unify's blocked values and PostHog's illegal
distinct ids (plugin-server `person-state`), united, compared without case and quotes."""

BLOCKED_PATTERN: Final = re.compile(r"[0-]*")
"""Segment Unify's blocked pattern `^[0-]*$`: zeros and dashes only."""


def is_blocked(value: str) -> bool:
    """Whether a value is a known placeholder and must identify nobody."""
    bare = value.strip().strip("\"'").strip().lower()
    return bare in BLOCKED_VALUES or BLOCKED_PATTERN.fullmatch(bare) is not None


_KIND: Final = re.compile(r"[^:\x00-\x1f]+")
"""Types that `type:value` can name without doubt; two identifiers must never share a node or a spelling."""


LONGEST_VALUE: Final = 512
"""Characters of an identifier; the longest honest ones are push tokens. A longer value identifies nobody."""

MOST_PER_CALL: Final = 50
"""Identifiers that one call can name; the weakest beyond are left out, as are a spammer's."""


def normalise(kind: str, value: object, region: str | None = None) -> Identifier | None:
    """Spell an identifier the one way it is stored, or None if the value identifies nobody.

    Args:
        kind: identifier type, for example `email`.
        value: as sent; numbers are read as their decimal text.
        region: ISO 3166 country of the source, for phone numbers written without a country code.
    """
    if isinstance(value, bool) or not isinstance(value, str | int) or not _KIND.fullmatch(kind):
        return None
    text = str(value).strip()
    if is_blocked(text) or len(text) > LONGEST_VALUE:
        return None
    if kind == "email":
        text = _email(text)
    elif kind == "phone":
        text = _phone(text, region)
    return Identifier(kind, text) if text else None


_NO_MAILBOX: Final = frozenset({"null", "none", "nil", "undefined", "nan", "true", "false", "[object object]"})
"""What programs write for a missing name. The other blocked values are real mailboxes: user@, guest@, id@."""


_MAILBOX: Final = re.compile(r"[^\s@,;:<>()\[\]\\\"\x00-\x1f\x7f]+")
"""No quoted mailboxes, and nothing that a mail header could read as a second address (RFC 5322, 3.2.3)."""


def _email(text: str) -> str:
    """Lower-case, domain in IDNA's ASCII form; empty when it is no address (RFC 5321 lengths)."""
    local, at, domain = text.removeprefix("mailto:").rpartition("@")
    if not at or len(text) > 320 or not (_MAILBOX.fullmatch(local) and _MAILBOX.fullmatch(domain)):
        return ""
    try:
        ascii_domain = domain.rstrip(".").lower().encode("idna").decode()
    except UnicodeError:
        return ""
    if "." not in ascii_domain or local.lower() in _NO_MAILBOX:
        return ""
    return f"{local.lower()}@{ascii_domain}"


def _phone(text: str, region: str | None) -> str:
    """E.164, or empty when no country can tell it or the number cannot exist."""
    import phonenumbers  # noqa: PLC0415 - 25 ms that only calls with a phone number should pay for

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


_DEVICE_KINDS: Final = {"ios": "ios", "android": "android", "ipados": "ios", "iphone": "ios"}


def identifiers_of(call: Mapping[str, object], region: str | None, *, shared_device: bool) -> tuple[Identifier, ...]:
    """Every identifier a call names, strongest first, each once.

    Read from `userId`, `anonymousId`, `traits`, `context.traits`, `context.device`, `context.externalIds` and, for an
    alias, `previousId` (Segment's spec, "Identity Resolution ExternalIDs"). On a shared device the types that name a
    device are left out as soon as anything names a person.
    """
    context = mapping(call.get("context"))
    device = mapping(context.get("device"))
    user = normalise("user_id", call.get("userId"))
    found: list[Identifier | None] = [user, normalise("anonymous_id", call.get("anonymousId"))]
    for traits in (mapping(call.get("traits")), mapping(context.get("traits"))):
        found += [normalise("email", traits.get("email")), normalise("phone", traits.get("phone"), region)]
    platform = _DEVICE_KINDS.get(str(device.get("type", "")).lower())
    if platform:
        found += [
            normalise(f"{platform}.id", device.get("id")),
            normalise(f"{platform}.push_token", device.get("token")),
        ]
        if device.get("adTrackingEnabled") is True:
            found.append(normalise(f"{platform}.idfa", device.get("advertisingId")))
    for listed in map(mapping, items(context.get("externalIds"))):
        kind = listed.get("type")
        if isinstance(kind, str) and kind and listed.get("collection", "users") == "users":
            found.append(normalise(kind, listed.get("id"), region))
    if call.get("type") == "alias":
        previous = normalise("anonymous_id", call.get("previousId"))
        if previous and not (user and user.value == previous.value):  # an alias of itself says nothing
            found.append(previous)
    named = sorted(set(filter(None, found)), key=lambda i: (strength(i.type), i.value))
    if shared_device:
        people = [identifier for identifier in named if identifier.type not in DEVICE_SCOPED]
        named = people or named
    return tuple(named[:MOST_PER_CALL])
