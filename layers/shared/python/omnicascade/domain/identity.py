"""Which identifiers may be one customer: the edges that events, and staff, propose.

Edges are append-only. Which of them hold is computed from all proposals of a component (`resolution.py`), in an order
that only they decide, so the answer depends neither on the order of arrival nor on the number of writers, and leaving
an edge out gives exactly the customers that would exist had it never been.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.identifiers import Identifier, normalise, parse_identifier
from omnicascade.domain.identity_rules import ANONYMOUS, DEFAULT_RULES, USER, IdentityRules, Trust
from omnicascade.domain.json_text import items, mapping
from omnicascade.domain.moments import epoch_ms

SAME_CALL: Final = "same call"
ALIAS: Final = "alias"

INCLUDE: Final = "include"
"""By hand: these two are one customer, whatever the limits say; only `SEPARATE` is stronger."""
EXCLUDE: Final = "exclude"
"""By hand: no event may join these two; they may still meet through others."""
SEPARATE: Final = "separate"
"""By hand: these two are never one customer, however they would meet."""
RELEASE: Final = "release"
"""By hand: whatever was said by hand of these two is taken back."""
BY_HAND: Final = (INCLUDE, EXCLUDE, SEPARATE, RELEASE)

STAFF_SOURCE: Final = "staff"
"""The source of what staff say; no write key names it, so nobody else can."""

IDENTITIES_JUDGED: Final = "Identities Judged"
"""The event in which staff speak about identifiers: `properties.pairs`, each `{from, to, rule}`. It lives in the
archive like any other, so that a rebuild knows what was decided by hand."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A proposal that two identifiers are one customer, with the event that proposed it.

    Attributes:
        a: the event's strongest identifier.
        b: another one of the event.
        at: when the event happened (UTC).
        message_id: the event.
        rule: why: one of `SAME_CALL`, `ALIAS`, or a word of `BY_HAND`.
        source: the name of the source that said so.
        trust: how far that source is believed.
        period: the window of the limits that `at` lies in (`IdentityRules.period`).
    """

    a: Identifier
    b: Identifier
    at: datetime
    message_id: MessageId
    rule: str = SAME_CALL
    source: str = ""
    trust: Trust = Trust.NORMAL
    period: int = 0

    @property
    def order(self) -> tuple[int, str, str, str, str]:
        """The place of this proposal in time: by event time, then by content."""
        return (epoch_ms(self.at), self.message_id, str(self.a), str(self.b), self.rule)

    @property
    def by_hand(self) -> bool:
        """Whether staff said so."""
        return self.rule in BY_HAND

    @property
    def place(self) -> str:
        """Of two proposals about one pair with the same place only one counts: see `outranks`."""
        if self.by_hand:
            return "by hand"
        return f"{self.rule}.{self.trust.value}" + (f".{self.period}" if self.period else "")

    @property
    def renames(self) -> bool:
        """Whether it gives a user another name: the two user ids then count as one."""
        return self.rule == ALIAS and self.a.type == self.b.type == USER

    @property
    def names_both(self) -> bool:
        """Whether its event named both ends; an alias names its `previousId`, but not as a user."""
        return self.rule == SAME_CALL or (self.rule == ALIAS and self.b.type != USER)

    def outranks(self, held: Edge) -> bool:
        """Whether this one is kept instead of another at its place: the earliest event, the latest word by hand."""
        mine, theirs = epoch_ms(self.at), epoch_ms(held.at)
        if mine == theirs:
            return self.order > held.order if self.by_hand else self.order < held.order
        return mine > theirs if self.by_hand else mine < theirs


def edges_of(event: Event, rules: IdentityRules = DEFAULT_RULES) -> tuple[Edge, ...]:
    """The proposals of one event: its strongest identifier with each of the others.

    An alias names its `previousId` without a type. It is read as an anonymous id (among the event's identifiers), and
    proposed as a user id besides; both proposals say that they are an alias's.
    """
    if not event.identifiers:
        return ()
    if judges_identities(event):
        return tuple(_judged(event))
    if len(event.identifiers) == 1 and event.type != "alias":
        return ()
    strongest, *others = event.identifiers
    trust = rules.trust_of(event.source)

    def proposal(other: Identifier, rule: str) -> Edge:
        period = rules.period((strongest.type, other.type), event.timestamp)
        return Edge(strongest, other, event.timestamp, event.message_id, rule, event.source, trust, period)

    if event.type != "alias" or strongest.type != USER:
        return tuple(proposal(other, SAME_CALL) for other in others)
    visitor, user = (normalise(kind, event.body.get("previousId"), None, rules) for kind in (ANONYMOUS, USER))
    own = normalise(ANONYMOUS, event.body.get("anonymousId"), None, rules)
    edges = [proposal(other, ALIAS if other == visitor != own else SAME_CALL) for other in others]
    return tuple([*edges, proposal(user, ALIAS)] if user and user != strongest else edges)


def judges_identities(event: Event) -> bool:
    """Whether staff speak of identifiers in this event, and of nothing else."""
    return event.source == STAFF_SOURCE and event.name == IDENTITIES_JUDGED


def _judged(event: Event) -> Iterator[Edge]:
    for pair in map(mapping, items(event.properties.get("pairs"))):
        a, b = parse_identifier(str(pair.get("from"))), parse_identifier(str(pair.get("to")))
        rule = str(pair.get("rule"))
        if a and b and a != b and rule in BY_HAND:
            first, second = sorted((a, b), key=str)
            yield Edge(first, second, event.timestamp, event.message_id, rule, event.source, Trust.HIGH)
