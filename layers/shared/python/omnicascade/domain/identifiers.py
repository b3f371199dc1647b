"""Who a call speaks of: identifier types, their strength, and the one spelling each value is stored in."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from struct import Struct
from typing import Final, NewType

from omnicascade.domain.deployment import Source
from omnicascade.domain.identity_rules import (
    ANONYMOUS,
    DEFAULT_RULES,
    DEVICE_SCOPED,
    SESSION,
    IdentityRules,
)
from omnicascade.domain.json_text import items, mapping

NodeId = NewType("NodeId", str)
"""An identifier's place in the identity graph: 26 characters, derived from its type and value."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """One normalised identifier, for example `Identifier("email", "ann@example.com")`.

    Attributes:
        node_id: its graph node; the same for ever and in every process.
    """

    type: str
    value: str
    node_id: NodeId = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Keep the node: whoever reads an identifier asks for it again and again."""
        object.__setattr__(self, "node_id", _node_id(self.type, self.value))

    def __hash__(self) -> int:
        """The node's, which is a text and so knows its own."""
        return hash(self.node_id)

    def __str__(self) -> str:
        """The form used in URLs and explanations: `type:value`."""
        return f"{self.type}:{self.value}"


@lru_cache(maxsize=4096)
def _node_id(kind: str, value: str) -> NodeId:
    high, low = _HALVES.unpack_from(hashlib.sha256(f"{kind}\n{value}".encode()).digest())
    two = _BASE32_PAIRS
    return NodeId(
        f"{two[high >> 54]}{two[high >> 44 & 1023]}{two[high >> 34 & 1023]}{two[high >> 24 & 1023]}"
        f"{two[high >> 14 & 1023]}{two[high >> 4 & 1023]}{two[(high & 15) << 6 | low >> 58]}{two[low >> 48 & 1023]}"
        f"{two[low >> 38 & 1023]}{two[low >> 28 & 1023]}{two[low >> 18 & 1023]}{two[low >> 8 & 1023]}"
        f"{two[(low & 255) << 2]}"
    )


_HALVES: Final = Struct(">QQ")
_BASE32: Final = "abcdefghijklmnopqrstuvwxyz234567"
_BASE32_PAIRS: Final = [first + second for first in _BASE32 for second in _BASE32]
"""Base 32 of RFC 4648 without padding, of the first 128 bits, two letters at a time and written out: a third of what
Python's base64 module takes, for every identifier that a process has not met."""


_KIND: Final = re.compile(r"[^:\x00-\x1f]+")
"""Types that `type:value` can name without doubt; two identifiers must never share a node or a spelling."""


LONGEST_VALUE: Final = 512
"""Characters of an identifier; the longest honest ones are push tokens. A longer value identifies nobody."""

MOST_PER_CALL: Final = 50
"""Identifiers that one call can name; the weakest beyond are left out, as are a spammer's."""


def normalise(
    kind: str, value: object, region: str | None = None, rules: IdentityRules = DEFAULT_RULES
) -> Identifier | None:
    """Spell an identifier the one way it is stored, or None if the value identifies nobody.

    Args:
        kind: identifier type, for example `email`.
        value: as sent; numbers are read as their decimal text.
        region: ISO 3166 country of the source, for phone numbers written without a country code.
        rules: which values are blocked.
    """
    if type(value) is str:
        text = value.strip()
    elif isinstance(value, str | int) and not isinstance(value, bool):
        text = str(value).strip()
    else:
        return None
    if not _KIND.fullmatch(kind):
        return None
    if len(text) > LONGEST_VALUE or rules.blocks(text):
        return None
    if kind in {"email", "phone"}:
        text = _email(text) if kind == "email" else _phone(text, region)
        if rules.blocks_more and rules.blocks(text):  # written in another spelling than it is blocked in
            return None
    return Identifier(kind, text) if text else None


def parse_identifier(text: str) -> Identifier | None:
    """Read `type:value` as this product writes it, without judging the value; None when it has no type or no value."""
    kind, _, value = text.partition(":")
    return Identifier(kind, value) if kind and value else None


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
        ascii_domain = _ascii_domain(domain)
    except UnicodeError:
        return ""
    if "." not in ascii_domain or local.lower() in _NO_MAILBOX:
        return ""
    return f"{local.lower()}@{ascii_domain}"


@lru_cache(maxsize=1024)
def _ascii_domain(domain: str) -> str:
    return domain.rstrip(".").lower().encode("idna").decode()


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

type Named = tuple[tuple[str, object], ...]
"""Types and values as a call gives them."""

type Spelling = Callable[[Named, str | None, IdentityRules], tuple[Identifier, ...]]
"""`spelled`, or something that remembers what it answered."""


type Normalising = Callable[[str, object, str | None, IdentityRules], Identifier | None]
"""`normalise`, or something that remembers what it answered."""


def spelled(
    named: Named, region: str | None, rules: IdentityRules, normalising: Normalising = normalise
) -> tuple[Identifier, ...]:
    """The identifiers that some values are, strongest first, each once; values that identify nobody are left out."""
    found = [identifier for kind, value in named if (identifier := normalising(kind, value, region, rules))]
    return _ordered(found, rules) if len(found) > 1 else tuple(found)


def _ordered(found: Iterable[Identifier], rules: IdentityRules) -> tuple[Identifier, ...]:
    each_once = {identifier.node_id: identifier for identifier in found}.values()
    return tuple(sorted(each_once, key=lambda i: (rules.strength(i.type), i.value)))


def identifiers_of(
    call: Mapping[str, object],
    source: Source,
    rules: IdentityRules = DEFAULT_RULES,
    spelling: Spelling = spelled,
) -> tuple[Identifier, ...]:
    """Every identifier a call names, strongest first, each once.

    Read from `userId`, `anonymousId`, `traits`, `context.traits`, `context.device`, `context.externalIds` and, for an
    alias, `previousId` (Segment's spec, "Identity Resolution ExternalIDs"). On a shared device the types that name a
    device give way to `context.sessionId`, which names one session there, and to whatever names a person.

    Args:
        call: as the intake accepted it.
        source: where it was sent from: its region reads phone numbers, and it may be a shared device.
        rules: what is blocked, and which types are strong.
        spelling: how values are normalised and put in order.
    """
    found = spelling(named_in(call), source.default_region, rules)
    if call.get("type") == "alias":
        previous = normalise(ANONYMOUS, call.get("previousId"), None, rules)
        user = normalise("user_id", call.get("userId"), None, rules)
        if previous and user and user.value != previous.value:  # an alias of nobody, or of itself, says nothing
            found = _ordered((*found, previous), rules)
    if source.shared_device:
        found = _ordered(_of_shared_device(list(found), _session(call, source, rules)), rules)
    elif len(found) > 1 and any(identifier.type == SESSION for identifier in found):
        # only the shared device itself can say whose session it is
        found = tuple(identifier for identifier in found if identifier.type != SESSION)
    return found[:MOST_PER_CALL]


def named_in(call: Mapping[str, object]) -> Named:
    """The values of a call that may be identifiers, as they were sent, in a fixed order; an alias's apart."""
    found: list[tuple[str, object]] = []
    if "userId" in call:
        found.append(("user_id", call["userId"]))
    if "anonymousId" in call:
        found.append((ANONYMOUS, call["anonymousId"]))
    if "traits" in call:
        found += _named_in_traits(mapping(call["traits"]))
    context = mapping(call.get("context"))
    if "traits" in context:
        found += _named_in_traits(mapping(context["traits"]))
    if "device" in context:
        found += _named_device(mapping(context["device"]))
    if "externalIds" in context:
        found += _named_outside(items(context["externalIds"]))
    return tuple(found)


def _named_in_traits(traits: Mapping[str, object]) -> list[tuple[str, object]]:
    return [(kind, traits[kind]) for kind in ("email", "phone") if kind in traits]


def _named_device(device: Mapping[str, object]) -> list[tuple[str, object]]:
    platform = _DEVICE_KINDS.get(str(device.get("type", "")).lower())
    if not platform:
        return []
    found = [(f"{platform}.id", device.get("id")), (f"{platform}.push_token", device.get("token"))]
    return found + [(f"{platform}.idfa", device.get("advertisingId"))] * (device.get("adTrackingEnabled") is True)


def _named_outside(listed: Iterable[object]) -> list[tuple[str, object]]:
    each = [(outside.get("type"), outside) for outside in map(mapping, listed)]
    return [
        (kind, outside.get("id"))
        for kind, outside in each
        if isinstance(kind, str) and kind and outside.get("collection", "users") == "users"
    ]


def _of_shared_device(found: list[Identifier], session: Identifier | None) -> list[Identifier]:
    """People and the session, or, where there is neither, the device: it then stands for nobody but itself."""
    people = [identifier for identifier in found if identifier.type not in DEVICE_SCOPED]
    return [*people, session] if session else people or found


def _session(call: Mapping[str, object], source: Source, rules: IdentityRules) -> Identifier | None:
    """The session that a call of a shared device is of; None when it names none, or a placeholder."""
    session = mapping(call.get("context")).get("sessionId")
    if normalise(SESSION, session, None, rules) is None:
        return None
    return normalise(SESSION, f"{source.name}/{call.get('anonymousId') or ''}/{session}", None, rules)
