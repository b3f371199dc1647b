"""Keep what is known of segments true: look at a customer, compare with what was found out before, remember.

A look is cheap where nothing changed: it writes nothing. Where something did, the journeys that wait for it are started
first and the change is remembered last, so that a crash in between is repaired by the next look. Then the customer is
looked at once more: another worker may have changed them meanwhile and have seen nothing to write.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from omnicascade.domain.conditions.condition import All, AnyOf, Condition, Did, LocalTime, Not, Test
from omnicascade.domain.conditions.facts import Facts
from omnicascade.domain.conditions.judging import judge
from omnicascade.domain.conditions.needs import Needs, needs_of
from omnicascade.domain.conditions.turning import turns
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import StaleWriteError
from omnicascade.domain.event import Event
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.identity import edges_of
from omnicascade.domain.journeys.rules import late
from omnicascade.domain.segments import Segment
from omnicascade.usecases.find_customer import Customer, find_customer
from omnicascade.usecases.read_person import person_of
from omnicascade.usecases.segment_ports import Membership, SegmentStore
from omnicascade.usecases.start_run import begin, enter
from omnicascade.usecases.store_ports import Errands, EventStore, HeadReader, JourneyListing, JourneyStore, RunStore
from omnicascade.usecases.timer_port import RunTimer

ATTEMPTS: Final = 8
"""How often a customer is looked at again because they changed meanwhile; each time somebody made progress."""

_SOME_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)

LOOK: Final = "look"
"""The errand that looks at a customer again when time alone may have changed something: `{"kind", "node"}`."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a customer is looked at.

    Attributes:
        occasion: a message id or an errand's name; the same one starts each journey once.
        event: the event at hand, if there is one.
        starts: whether what is found may start journeys; a backfill only takes note.
    """

    occasion: str
    event: Event | None = None
    starts: bool = True


@dataclass(frozen=True, slots=True)
class _Watched:
    """What may change one segment's answer for a customer, besides time.

    Attributes:
        needs: events of these names.
        profile: any event, because it looks at the profile.
        newcomers: the first event of a customer, because it holds, or will hold, for one who did nothing it asks for.
    """

    needs: Needs
    profile: bool
    newcomers: bool


@dataclass(slots=True)
class SegmentKeeper:
    """All that looking at customers needs, bound once per invocation; `listing` and `deployment` are read once."""

    customers: HeadReader
    events: EventStore
    segments: SegmentStore
    errands: Errands
    runs: RunStore
    journeys: JourneyStore
    timer: RunTimer
    listing: Sequence[JourneyListing]
    deployment: Deployment
    _watched: dict[str, _Watched] = field(default_factory=dict[str, _Watched], init=False)

    def react(self, event: Event, now: datetime, customer: Customer | None = None) -> None:
        """Find out what an event changed, for everybody whom it may concern. May be repeated.

        `customer`, where given, is the event's, as read after the event was folded; it spares the first reading.

        Cost: nothing where there are no segments; else the reading of the customer, and of their events where a
        segment asks for them.

        Raises:
            UnavailableError, StaleWriteError: repeat.
        """
        if not self.deployment.segments:
            return
        edges = edges_of(event, self.deployment.identity)
        cause = Cause(event.message_id, event)
        seen: set[NodeId] = set()
        ahead = [event.node_id, *(end.node_id for edge in edges for end in (edge.a, edge.b))]
        while ahead:
            node = ahead.pop(0)
            if node in seen:
                continue
            found = self.look(node, cause, now, joins=bool(edges), customer=customer)
            customer = None
            seen |= {node, *(found.component.members if found else ())}
            if found and edges:
                ahead += _displaced(found, event)

    def look(
        self,
        node: NodeId,
        cause: Cause,
        now: datetime,
        *,
        joins: bool = True,
        only: Collection[str] | None = None,
        customer: Customer | None = None,
    ) -> Customer | None:
        """Bring everything that is remembered of a node's customer up to date; None when nobody knows the node.

        Args:
            node: any member.
            cause: see there.
            now: aware UTC.
            joins: whether the cause may have changed who is together; if not, only the segments are looked at that its
                event can change.
            only: names of segments; the others are left as they are.
            customer: as they were read after the cause, if they were.
        """
        for _ in range(ATTEMPTS):
            customer = customer or self.find(node)
            if customer is None:
                return None
            try:
                if not self._settle(customer, cause, now, self._concerned(customer, cause, now, joins, only)):
                    return customer
            except StaleWriteError:
                pass
            customer = None
        raise StaleWriteError(f"the segments of {node} keep changing")

    def find(self, node: NodeId) -> Customer | None:
        """The node's customer as segments judge them."""
        deployment = self.deployment
        return find_customer(node, self.customers, deployment.identity, definitions=deployment.computed)

    def _concerned(
        self, customer: Customer, cause: Cause, now: datetime, joins: bool, only: Collection[str] | None
    ) -> Sequence[Segment]:
        segments = [s for name, s in self.deployment.segments.items() if only is None or name in only]
        home, event = customer.profile.profile_id, cause.event
        if event is None or joins or any(known.node != home for known in customer.memberships):
            return segments
        known = {one.segment: one for one in customer.memberships}
        return [s for s in segments if self._may_change(s, known.get(s.name), event, now)]

    def _may_change(self, segment: Segment, known: Membership | None, event: Event, now: datetime) -> bool:
        watched = self._watched_of(segment)
        if watched.profile or event.name in watched.needs.names:
            return True
        if known is None:
            return watched.newcomers
        return known.version != segment.version or (known.turns_at is not None and known.turns_at <= now)

    def _watched_of(self, segment: Segment) -> _Watched:
        if segment.name not in self._watched:
            known = self.deployment.segments
            condition, nothing = segment.condition, Facts(deployment=self.deployment, now=_SOME_DAY)
            profile = _looks_at_profile(condition, known, frozenset())
            newcomers = not profile and (judge(condition, nothing)[0] or turns(condition, nothing) is not None)
            self._watched[segment.name] = _Watched(needs_of(condition, known), profile, newcomers)
        return self._watched[segment.name]

    def _settle(self, customer: Customer, cause: Cause, now: datetime, segments: Sequence[Segment]) -> bool:
        """Compare and remember; whether anything was written."""
        needs = Needs()
        for segment in segments:
            needs |= self._watched_of(segment).needs
        person = person_of(customer, needs, self.events, now)
        facts = Facts(profile=person.profile, history=person.history, deployment=self.deployment, now=now)
        written = [self._compare(segment, customer, facts, cause, now) for segment in segments]
        return any(written)

    def _compare(self, segment: Segment, customer: Customer, facts: Facts, cause: Cause, now: datetime) -> bool:
        known = [one for one in customer.memberships if one.segment == segment.name]
        if any(one.version > segment.version for one in known):
            raise StaleWriteError(f"segment {segment.name} was changed after this work began; read it again")
        home = NodeId(customer.profile.profile_id)
        own = next((one for one in known if one.node == home), None)
        found = _found(segment, home, known, facts, now)
        was = any(one.member for one in known)
        if found.member != was and cause.starts and _noticed(segment, known, customer):
            self._start(segment, customer, cause, now, enters=found.member)
        written = self._remember(found, own, now)
        for stray in known:
            if stray.node != home:
                self.segments.forget(stray)
                written = True
        return written

    def _remember(self, found: Membership, own: Membership | None, now: datetime) -> bool:
        nothing_new = own is None and not found.member and found.turns_at is None
        if found == own or (nothing_new and not self._watched[found.segment].newcomers):
            return False
        if found.turns_at and (own is None or found.turns_at != own.turns_at):
            self.errands.run_at(found.turns_at, {"kind": LOOK, "node": found.node}, now)
        self.segments.remember(found, own)
        return True

    def _start(self, segment: Segment, customer: Customer, cause: Cause, now: datetime, *, enters: bool) -> None:
        if cause.event and late(cause.event):
            return
        word = f"{'enter' if enters else 'leave'} {segment.name}"
        for line in self.listing:
            if word in line.listens.get("entry_segments", ()) and line.active and not line.paused:
                self._enter(line.name, customer, f"{word} {cause.occasion}", cause.event, now)

    def _enter(self, name: str, customer: Customer, occasion: str, event: Event | None, now: datetime) -> None:
        journey = self.journeys.journey(name)
        if journey is None or not journey.active:
            return
        entry = enter(journey, customer, occasion=occasion, event=event, runs=self.runs, now=now)
        if entry.stored and entry.stored.run.live:
            begin(entry.stored, journey, customer, self.deployment, self.timer, now)


def _found(segment: Segment, home: NodeId, known: Sequence[Membership], facts: Facts, now: datetime) -> Membership:
    """What is true now, with what may stay of what was known: since when, and an errand that is under way."""
    member, _ = judge(segment.condition, facts)
    turns_at = turns(segment.condition, facts)
    own = next((one for one in known if one.node == home), None)
    if own and own.turns_at and now < own.turns_at and (turns_at is None or own.turns_at <= turns_at):
        turns_at = own.turns_at  # somebody looks then anyway, and finds out what comes after
    since = min((one.since for one in known if one.member == member), default=now)
    return Membership(home, segment.name, segment.version, member, since, turns_at)


def _noticed(segment: Segment, known: Sequence[Membership], customer: Customer) -> bool:
    """Whether a change is the customer's doing: it is not where another definition was judged before, or where nobody
    has judged this one yet and they may have been in it all along."""
    if known:
        return all(one.version == segment.version for one in known)
    return segment.ready or segment.put_at is None or customer.profile.first_seen >= segment.put_at


def _looks_at_profile(condition: Condition, segments: Mapping[str, Segment], seen: frozenset[str]) -> bool:
    """Whether anything but the events it names, and time, can change a condition's answer."""
    match condition:
        case All(parts) | AnyOf(parts):
            return any(_looks_at_profile(part, segments, seen) for part in parts)
        case Not(part):
            return _looks_at_profile(part, segments, seen)
        case Test("segment", name):
            named = None if name in seen else segments.get(name)
            return named is not None and _looks_at_profile(named.condition, segments, seen | {name})
        case LocalTime():
            return condition.zone.startswith("recipient")
        case Test() | Did():
            return isinstance(condition, Test)


def _displaced(customer: Customer, event: Event) -> Iterable[NodeId]:
    """Whoever may have lost somebody to this customer: an event that happened earlier than others which arrived before
    it may take an identifier away from those."""
    later = [refusal.edge for refusal in customer.component.refused if refusal.edge.at >= event.timestamp]
    return [end.node_id for edge in later for end in (edge.a, edge.b)]
