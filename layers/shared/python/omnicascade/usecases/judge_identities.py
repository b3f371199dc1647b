"""Staff's word on who is one customer: split a customer, join two, and take back what was said.

A word is an event like any other, stored at once, so that a rebuild from events knows it; from it follow edges that
outrank whatever events propose. Nothing is moved: the profiles are what the edges make of the same history.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from omnicascade.domain.computed.shipped import SHIPPED
from omnicascade.domain.computed.traits import ComputedTraits
from omnicascade.domain.errors import Problem, UnacceptableError
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import (
    BY_HAND,
    EXCLUDE,
    IDENTITIES_JUDGED,
    INCLUDE,
    RELEASE,
    SEPARATE,
    STAFF_SOURCE,
    Edge,
    edges_of,
)
from omnicascade.domain.identity_rules import IdentityRules
from omnicascade.domain.identity_words import Word, latest_words, pair_of, parting_words
from omnicascade.domain.json_text import items, mapping
from omnicascade.domain.track_call import track_call
from omnicascade.usecases.explain_customer import identifiers_by_node
from omnicascade.usecases.find_customer import Customer, find_customer
from omnicascade.usecases.ports import Envelope
from omnicascade.usecases.read_identifier import Place, read_identifier
from omnicascade.usecases.record_events import event_of
from omnicascade.usecases.store_ports import CustomerStore, EventStore


@dataclass(frozen=True, slots=True)
class Statement:
    """Who says it, when and why, and the id of the event that will hold it."""

    at: datetime
    message_id: str
    by: str = ""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a word made: the customers that came of it, and the event that holds it (None: nobody ever said it)."""

    customers: tuple[Customer, ...]
    event: str | None


@dataclass(frozen=True, slots=True)
class IdentityBench:
    """Where staff's words are stored, and the customers they make are found.

    Attributes:
        regions: ISO 3166 countries in which to read phone numbers without a country code.
        definitions: of the computed traits that the customers show.
    """

    customers: CustomerStore
    events: EventStore
    rules: IdentityRules
    regions: Collection[str] = ()
    definitions: ComputedTraits = SHIPPED

    def part(self, customer: Customer, body: object, said: Statement) -> Verdict:
        """Split a customer: `{"identifiers": […]}` leave together, or `{"edges": [{"from", "to"}]}` join no more.

        Identifiers that leave never meet those that stay again, whatever events say later. Excluding an edge leaves the
        customers that there would be had it never been proposed. Saying the same again changes nothing.

        Returns:
            the customers that came of it, first the one that stays.

        Raises:
            UnacceptableError: lists every identifier and edge that this customer has not; nothing is changed.
        """
        given = mapping(body)
        if ("identifiers" in given) == ("edges" in given):
            expected = 'expected {"identifiers": ["type:value", …]} or {"edges": [{"from": "…", "to": "…"}]}'
            raise _unacceptable([Problem("", "wrong_type", expected)])
        if "edges" in given:
            return self._exclude(customer, given["edges"], said)
        return self._separate(customer, given["identifiers"], said)

    def link(self, customer: Customer, here: Identifier, body: object, said: Statement) -> Verdict:
        """Say of one identifier of a customer and any other: `{"with": "type:value", "rule": "include"}`.

        Who is included comes along whole: what kept the two customers apart by hand is taken back.

        Returns:
            the customers that came of it, first the one with `here`.

        Raises:
            UnacceptableError: no such rule, or the other identifier identifies nobody or is the same one.
        """
        given, problems = mapping(body), list[Problem]()
        rule = str(given.get("rule"))
        if rule not in BY_HAND:
            problems.append(Problem("rule", "unknown_rule", f"expected one of {', '.join(BY_HAND)}"))
        there, partner = self._other(given.get("with"), customer, problems)
        if there == here:
            problems.append(Problem("with", "same_identifier", f"{here} is the identifier itself"))
        elif there and rule == INCLUDE and partner is None:
            problems.append(Problem("with", "unknown_identifier", f"no event has named {there}"))
        if problems or there is None:
            raise _unacceptable(problems)
        both = [customer, *([partner] if partner else [])]
        words = [Word(here, there, rule)]
        if rule == INCLUDE and partner:
            words += _taken_back(both, words[0])
        return self._say(both, words, said, about=here, show=[here, there])

    def _separate(self, customer: Customer, listed: object, said: Statement) -> Verdict:
        names, problems = identifiers_by_node(customer), list[Problem]()
        wanted = [self._read(one, names, f"identifiers[{place}]", problems) for place, one in enumerate(items(listed))]
        if not wanted:
            problems.append(Problem("identifiers", "missing_identifiers", 'expected a list such as ["email:…"]'))
        leaving = {identifier.node_id for identifier in wanted if identifier}
        done = None if problems else self._parted_already(customer, leaving)
        if done:
            return done
        problems += [
            self._not_a_member(identifier, f"identifiers[{place}]")
            for place, identifier in enumerate(wanted)
            if identifier and identifier.node_id not in names
        ]
        if not problems and leaving >= names.keys():
            problems.append(
                Problem("identifiers", "nothing_remains", "one identifier of the customer at least must stay")
            )
        if problems:
            raise _unacceptable(problems)
        strongest = sorted(names.values(), key=lambda one: (self.rules.strength(one.type), one.value))
        away = [identifier for identifier in strongest if identifier.node_id in leaving]
        rest = [identifier for identifier in strongest if identifier.node_id not in leaving]
        component = customer.component
        words = parting_words(away, rest, component.accepted, contested=bool(component.refused))
        return self._say([customer], words, said, about=rest[0], show=[*rest, *away])

    def _exclude(self, customer: Customer, listed: object, said: Statement) -> Verdict:
        spoken = latest_words(customer.component.by_hand)
        held = {pair_of(edge.a, edge.b) for edge in customer.component.accepted}
        held |= {pair for pair, word in spoken.items() if word.rule == EXCLUDE}
        names = identifiers_by_node(customer) | {end.node_id: end for w in spoken.values() for end in (w.a, w.b)}
        words, problems = list[Word](), list[Problem]()
        for place, edge in enumerate(map(mapping, items(listed))):
            path = f"edges[{place}]"
            a, b = (self._read(edge.get(end), names, f"{path}.{end}", problems) for end in ("from", "to"))
            if a and b and pair_of(a, b) in held:
                words.append(Word(a, b, EXCLUDE))
            elif a and b:
                message = f"no edge holds between {a} and {b}; see which do in …/explain"
                problems.append(Problem(path, "unknown_edge", message))
        if not problems and not words:
            problems.append(Problem("edges", "missing_edges", 'expected a list such as [{"from": "…", "to": "…"}]'))
        if problems:
            raise _unacceptable(problems)
        strongest = customer.profile.identifiers[0].identifier
        ends = [end for word in words for end in (word.a, word.b)]
        return self._say([customer], words, said, about=words[0].a, show=[strongest, *ends])

    def _read(
        self, given: object, names: Mapping[NodeId, Identifier], path: str, problems: list[Problem]
    ) -> Identifier | None:
        return read_identifier(given, names, self.regions, Place(path, problems))

    def _other(
        self, given: object, customer: Customer, problems: list[Problem]
    ) -> tuple[Identifier | None, Customer | None]:
        identifier = self._read(given, identifiers_by_node(customer), "with", problems)
        return identifier, identifier and find_customer(identifier.node_id, self.customers, self.rules)

    def _not_a_member(self, identifier: Identifier, path: str) -> Problem:
        if find_customer(identifier.node_id, self.customers, self.rules):
            return Problem(path, "not_a_member", f"{identifier} is another customer's; see …/explain")
        return Problem(path, "unknown_identifier", f"no event has named {identifier}")

    def _parted_already(self, customer: Customer, leaving: Collection[NodeId]) -> Verdict | None:
        """What an earlier call made, where these identifiers were parted from the others before; else None."""
        members = customer.component.members
        words = [word for word in latest_words(customer.component.by_hand).values() if word.rule == SEPARATE]
        ends = {end.node_id for word in words for end in (word.a, word.b)} - members
        if not words:
            return None
        latest = max(words, key=lambda word: word.order)
        if not members & set(leaving) and ends >= set(leaving):
            return Verdict(self._customers([*members, *leaving]), latest.message_id)
        if members <= set(leaving):
            others = [end.node_id for end in (latest.a, latest.b) if end.node_id not in members]
            return Verdict(self._customers([*others, *members]), latest.message_id)
        return None

    def _say(
        self,
        customers: Sequence[Customer],
        words: Sequence[Word],
        said: Statement,
        *,
        about: Identifier,
        show: Iterable[Identifier],
    ) -> Verdict:
        """Store the words that are not held yet as one event at `about`, and find what becomes of the customers, those
        of `show` first."""
        held = latest_words(word for customer in customers for word in customer.component.by_hand)
        new = [word for word in words if _rule(held.get(word.pair)) != word.rule]
        nodes = [identifier.node_id for identifier in show]
        nodes += sorted(member for customer in customers for member in customer.component.members)
        if not new:
            said_before = [held[word.pair] for word in words if word.pair in held]
            latest = max(said_before, key=lambda word: word.order, default=None)
            return Verdict(self._customers(nodes), latest and latest.message_id)
        # A later word outranks an earlier one, so it must be later, also where both are said in one millisecond.
        overruled = [held[word.pair].at + timedelta(milliseconds=1) for word in new if word.pair in held]
        event = event_of(
            track_call(
                IDENTITIES_JUDGED,
                about=about,
                message_id=said.message_id,
                at=max([said.at, *overruled]),
                properties={
                    "pairs": [{"from": str(word.a), "to": str(word.b), "rule": word.rule} for word in new],
                    "reason": said.reason,
                    "by": said.by or None,
                },
            ),
            Envelope(STAFF_SOURCE, said.at, []),
        )
        self.events.add(event)
        self.customers.propose(edges_of(event, self.rules))
        return Verdict(self._customers(nodes), event.message_id)

    def _customers(self, nodes: Iterable[NodeId]) -> tuple[Customer, ...]:
        """The customers of some nodes as they are now, each once."""
        found = list[Customer]()
        for node in nodes:
            if not any(node in customer.component.members for customer in found):
                customer = find_customer(node, self.customers, self.rules, definitions=self.definitions)
                found += [customer] if customer else []
        return tuple(found)


def _rule(word: Edge | None) -> str:
    """What holds of a pair; where nothing was said it is as if it was taken back."""
    return word.rule if word else RELEASE


def _taken_back(both: Sequence[Customer], said: Word) -> list[Word]:
    """What keeps the members of two customers apart by hand, beside the pair itself."""
    words = latest_words(word for customer in both for word in customer.component.by_hand)
    together = frozenset[NodeId]().union(*(customer.component.members for customer in both))
    return [
        Word(word.a, word.b, RELEASE)
        for pair, word in words.items()
        if word.rule == SEPARATE and pair != said.pair and pair <= together
    ]


def _unacceptable(problems: Sequence[Problem]) -> UnacceptableError:
    first: Any = problems[0]
    return UnacceptableError(first.message, problems=problems)
