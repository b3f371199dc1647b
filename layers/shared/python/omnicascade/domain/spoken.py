"""What events say of consent and of addresses, and which word stands where several do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from omnicascade.domain.deployment import Channel
from omnicascade.domain.event import Event
from omnicascade.domain.reach import ADDRESS_TYPES
from omnicascade.domain.trait_words import Stamp, Trait

SUBSCRIBED: Final = "Subscribed"
UNSUBSCRIBED: Final = "Unsubscribed"
EMAIL_BOUNCED: Final = "Email Bounced"
EMAIL_MARKED_AS_SPAM: Final = "Email Marked as Spam"
MESSAGE_FAILED: Final = "Message Failed"
"""Our own: a provider refused an address for good (`permanent: true`). The others are names of Segment's specs."""

SPEAKING: Final = frozenset({SUBSCRIBED, UNSUBSCRIBED, EMAIL_BOUNCED, EMAIL_MARKED_AS_SPAM, MESSAGE_FAILED})
"""Events that say something of consent or of an address."""

LONGEST_TOPIC: Final = 100

_ADDRESSES: Final = frozenset(kind for kinds in ADDRESS_TYPES.values() for kind in kinds)


@dataclass(frozen=True, slots=True)
class Said:
    """The latest word on one consent key."""

    granted: bool
    stamp: Stamp
    source: str
    purpose: str | None = None
    proof: str | None = None


@dataclass(frozen=True, slots=True)
class Blocked:
    """The latest word on an address: a reason not to use it, or an empty reason that frees it again."""

    reason: str
    stamp: Stamp


def hear(event: Event, stamp: Stamp, consent: dict[str, Said], blocked: dict[str, Blocked]) -> None:
    """Note what an event of `SPEAKING` says."""
    for key, granted in _consent_said(event):
        purpose, proof = event.properties.get("purpose"), event.properties.get("proof")
        keep_latest(consent, key, Said(granted, stamp, event.source, _text(purpose), _text(proof)))
    for address, reason in _addresses_judged(event):
        keep_latest(blocked, address, Blocked(reason, stamp))


def _consent_said(event: Event) -> Iterable[tuple[str, bool]]:
    if event.name in (SUBSCRIBED, UNSUBSCRIBED) and event.type == "track":
        channel = _text(event.properties.get("channel")) or "email"
        topic = _text(event.properties.get("topic")) or "*"
        if channel in list(Channel) and len(topic) <= LONGEST_TOPIC:
            yield f"{channel}/{topic}", event.name == SUBSCRIBED
    elif event.name == EMAIL_MARKED_AS_SPAM:
        yield "email/*", False


def _addresses_judged(event: Event) -> Iterable[tuple[str, str]]:
    """Addresses that an event condemns (a reason) or frees (an empty one: the customer subscribed again)."""
    kinds = frozenset(ADDRESS_TYPES[Channel.EMAIL])
    reason = None
    if event.name == EMAIL_MARKED_AS_SPAM:
        reason = "marked as spam"
    elif event.name == EMAIL_BOUNCED and event.properties.get("permanent") is True:
        reason = f"bounced: {_text(event.properties.get('reason')) or 'permanent'}"
    elif event.name == MESSAGE_FAILED and event.properties.get("permanent") is True:
        kinds = _ADDRESSES
        reason = f"refused by the provider: {_text(event.properties.get('reason')) or 'permanent'}"
    elif event.name == SUBSCRIBED:
        channel = _text(event.properties.get("channel")) or "email"
        kinds = frozenset(ADDRESS_TYPES[Channel(channel)] if channel in list(Channel) else ())
        reason = ""  # of this channel alone: asking for text messages does not mend a mailbox
    if reason is not None:
        yield from ((str(i), reason) for i in event.identifiers if i.type in kinds)


def keep_latest[Word: (Trait, Said, Blocked)](words: dict[str, Word], key: str, word: Word) -> None:
    """The later word; one message stored under two identifiers may say two things at one moment, which is a tie."""
    held = words.get(key)
    if held is None or held.stamp < word.stamp or (held.stamp == word.stamp and repr(held) < repr(word)):
        words[key] = word


def keep_strictest(words: dict[str, Said], key: str, word: Said) -> None:
    """A refusal stands against a grant; of two alike the later."""
    held = words.get(key)
    if held is None or (held.granted and not word.granted):
        words[key] = word
    elif held.granted == word.granted:
        keep_latest(words, key, word)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
