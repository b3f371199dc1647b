"""Look at a segment's members one by one: who would enter, who not and why, and the way of each who would.

Reads and decides as a launch does, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol

from omnicascade.domain.conditions.facts import Facts
from omnicascade.domain.conditions.judging import judge
from omnicascade.domain.conditions.needs import needs_of
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.commands import Send
from omnicascade.domain.journeys.person import Person
from omnicascade.domain.journeys.run import Run, make_run_id
from omnicascade.domain.planning import counting
from omnicascade.domain.planning.tally import Tally
from omnicascade.domain.planning.walk import Trail, walk
from omnicascade.domain.profile import Profile
from omnicascade.domain.rehearsal.stage import Quote
from omnicascade.domain.segments import Segment
from omnicascade.usecases.find_customer import Customer, find_customer
from omnicascade.usecases.read_person import person_of
from omnicascade.usecases.segment_ports import SegmentStore
from omnicascade.usecases.start_run import anchor_of
from omnicascade.usecases.store_ports import CustomerStore, EventStore

PAGE: Final = 100

_MARK: Final = "0" * 12


class Reads(Protocol):
    """What it reads."""

    @property
    def customers(self) -> CustomerStore:
        """Who they are."""
        ...

    @property
    def events(self) -> EventStore:
        """What they did."""
        ...

    @property
    def segments(self) -> SegmentStore:
        """Who is a member."""
        ...


class MemberPlanner:
    """Looks at one member after the other; what it finds is in `tally`."""

    def __init__(self, reads: Reads, trail: Trail, segment: Segment, at: datetime) -> None:
        self._reads, self._segment, self._at = reads, segment, at
        self._nobody = trail
        deployment = trail.deployment
        self._needs = engine.needs(trail.journey, deployment) | needs_of(segment.condition, deployment.segments)
        self.tally = Tally()

    def look(self, cursor: str | None, most: int, out_of_time: Callable[[], bool]) -> str | None:
        """Look at so many members from a cursor on; the cursor of the rest, or None where there is none."""
        left = most
        while left > 0:
            page = self._reads.segments.members(self._segment.name, cursor, min(PAGE, left))
            for node, _ in page.members:
                self._member(node)
            left -= len(page.members)
            cursor = page.cursor
            if cursor is None or out_of_time():
                break
        return cursor

    def _member(self, node: NodeId) -> None:
        deployment = self._nobody.deployment
        self.tally.count(counting.LOOKED_AT)
        customer = find_customer(
            node, self._reads.customers, deployment.identity, consistent=False, definitions=deployment.computed
        )
        if customer is None:
            counting.count_outside(self.tally, node, "the customer was erased")
            return
        profile_id = customer.profile.profile_id
        if profile_id != node and _listed(customer, self._segment.name, profile_id):
            counting.count_outside(self.tally, node, "listed twice since two customers turned out to be one")
            return
        person = person_of(customer, self._needs, self._reads.events, self._at)
        reason = self._refused(customer, person)
        if reason:
            counting.count_outside(self.tally, profile_id, reason)
        else:
            self._enter(customer, person)

    def _refused(self, customer: Customer, person: Person) -> str:
        """Why a member would not enter; empty if they would."""
        journey, deployment = self._nobody.journey, self._nobody.deployment
        facts = Facts(person.profile, deployment=deployment, history=person.history, now=self._at)
        if not judge(self._segment.condition, facts)[0]:
            return f"is not in the segment {self._segment.name} any more"
        slots = [slot for slot in customer.slots if slot.journey == journey.name and slot.key is None]
        verdict = engine.may_reenter(
            journey,
            entries=sum(slot.entries for slot in slots),
            last_started=max((slot.last_started for slot in slots), default=None),
            live=any(customer.in_progress(slot) for slot in slots),
            now=self._at,
        )
        return "" if verdict.ok else verdict.reason

    def _enter(self, customer: Customer, person: Person) -> None:
        profile_id = customer.profile.profile_id
        run = self._started(customer, person)
        if not run.live:
            self.tally.count(counting.HELD_OUT)
            return
        self.tally.count(counting.ENTERS)
        zone, quote = self._nobody.deployment.default_zone, _Remembered(self._nobody.quote)
        for bound, answering in ((counting.NOBODY, False), (counting.EVERYBODY, True)):
            trail = replace(self._nobody, quote=quote, answering=answering)
            counting.count_way(self.tally, bound, profile_id, walk(trail, run, person), zone)

    def _started(self, customer: Customer, person: Person) -> Run:
        journey, profile_id = self._nobody.journey, customer.profile.profile_id
        return engine.start(
            journey,
            run_id=make_run_id(journey.name, profile_id, _MARK),
            person=person,
            key=None,
            event=None,
            now=self._at,
            anchor=anchor_of(journey, customer),
        )


class _Remembered:
    """Writes a message once for both ways of one customer, as long as they have it in common."""

    def __init__(self, quote: Callable[[Send, Run, Profile], Quote]) -> None:
        self._quote = quote
        self._known: list[tuple[Send, Run, Profile, Quote]] = []

    def __call__(self, send: Send, run: Run, profile: Profile) -> Quote:
        """See `Trail.quote`."""
        for known, before, whose, quote in self._known:
            if whose is profile and known == send and before == run:
                return quote
        quote = self._quote(send, run, profile)
        self._known.append((send, run, profile, quote))
        return quote


def _listed(customer: Customer, segment: str, node: str) -> bool:
    return any(known.segment == segment and known.node == node and known.member for known in customer.memberships)
