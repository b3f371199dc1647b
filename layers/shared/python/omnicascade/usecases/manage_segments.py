"""Store and show segments: definitions, members, and which of them a customer is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from omnicascade.domain.conditions.condition import to_mapping
from omnicascade.domain.conditions.facts import Facts
from omnicascade.domain.conditions.judging import judge
from omnicascade.domain.conditions.needs import Needs, needs_of
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.documents import read_document
from omnicascade.domain.errors import MalformedBodyError, NotFoundError, Problem, UnacceptableError
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.segment_definition import cycle_in, load_segment
from omnicascade.domain.segments import JOURNEY_PREFIX, Segment
from omnicascade.usecases.backfill_segment import order_backfill, order_backfills
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.preview_segment import MOST_SAMPLED, USUAL_SAMPLE, SegmentPreview
from omnicascade.usecases.read_customer import iso
from omnicascade.usecases.read_person import person_of
from omnicascade.usecases.segment_ports import SegmentStore
from omnicascade.usecases.staff_calls import DeploymentSettings
from omnicascade.usecases.store_ports import Errands, EventStore

MOST_MEMBERS: Final = 1000
USUAL_MEMBERS: Final = 100


@dataclass(frozen=True, slots=True)
class SegmentBench:
    """Where marketers keep segments."""

    segments: SegmentStore
    settings: DeploymentSettings
    errands: Errands

    def list_segments(self) -> dict[str, Any]:
        """Every segment's current version, those of journeys' own entries included."""
        known = sorted(self.settings.deployment().segments.values(), key=lambda segment: segment.name)
        return {"segments": [_line(segment) for segment in known]}

    def show(self, name: str) -> dict[str, Any]:
        """The current definition as it was put, and how many members there are.

        Raises:
            NotFoundError: no such segment.
        """
        segment = self._known(name)
        definition = self.segments.definition(name)
        return {**_line(segment), "members": self.segments.count(name), "definition": definition}

    def _known(self, name: str) -> Segment:
        segment = self.segments.segment(name)
        if segment is None:
            raise NotFoundError(f"there is no segment {name}")
        return segment

    def put(self, name: str, text: str, now: datetime) -> dict[str, Any]:
        """Store a definition (YAML or JSON) and have everybody judged by it; the same one again changes nothing.

        Raises:
            UnacceptableError: lists every problem with its path.
        """
        return self.store(name, read_document(text), now)

    def store(self, name: str, document: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """Store a definition that was read already; see `put`."""
        named = {"name": name, **document}
        segment = load_segment(named, segments=self.settings.deployment().segments)
        if segment.name != name:
            message = f"the definition is of {segment.name}; put it to /v1/segments/{segment.name}"
            raise UnacceptableError(message, problems=[Problem("name", "wrong_name", message)])
        return _line(self._keep(segment, named, now))

    def store_all(self, documents: Sequence[Mapping[str, Any]], now: datetime) -> None:
        """Store several, which may name each other in whatever order they stand; see `put`."""
        left = list(documents)
        while left:
            refused: list[Mapping[str, Any]] = []
            failure: UnacceptableError | None = None
            for document in left:
                try:
                    self.store(str(document.get("name")), document, now)
                except UnacceptableError as error:
                    refused.append(document)
                    failure = failure or error
            if failure and len(refused) == len(left):
                raise failure
            left = refused

    def recount(self, now: datetime) -> None:
        """Have everybody judged by every segment again: the settings that conditions look at have changed."""
        order_backfills(self.settings.deployment().segments.values(), self.errands, now)

    def follow(self, journey: Journey, now: datetime) -> None:
        """Keep the nameless segment that a journey's entry brings along, or drop the one it brought. Repeatable."""
        name = f"{JOURNEY_PREFIX}{journey.name}"
        if journey.own_segment is not None and journey.active:
            definition = {"name": name, "when": to_mapping(journey.own_segment)}
            self._keep(Segment(name, journey.own_segment, title=journey.title), definition, now)
        elif name in self.settings.deployment().segments:
            self.segments.drop(name)

    def _keep(self, segment: Segment, definition: Mapping[str, Any], now: datetime) -> Segment:
        """Store, and order the backfill also of those that ask for it; ordered again while it is not done."""
        before = self.segments.segment(segment.name)
        stored = self.segments.put_segment(
            Segment(segment.name, segment.condition, title=segment.title, put_at=now), definition
        )
        if stored.ready and before and before.version == stored.version:
            return stored
        order_backfill(stored, self.errands, now)
        known = self.settings.deployment().segments
        for other in known.values():
            if other.name != stored.name and cycle_in(stored.name, other.condition, known):
                order_backfill(other, self.errands, now)
        return stored

    def members(self, name: str, query: Mapping[str, str]) -> dict[str, Any]:
        """A page of the members, in no order.

        Raises:
            NotFoundError: no such segment.
            MalformedBodyError: `limit` or `cursor` are not what a page can be asked by.
        """
        self._known(name)
        page = self.segments.members(name, query.get("cursor"), _limit(query.get("limit")))
        listed = [{"profile_id": node, "since": iso(since)} for node, since in page.members]
        return {"members": listed, "cursor": page.cursor}

    def preview(self, name: str, text: str, preview: SegmentPreview, *, now: datetime, seed: str) -> dict[str, Any]:
        """Judge a sample by a condition, `{"when": …, "sample": 200}` (YAML or JSON), before it is stored; without
        `when`, by the stored one.

        Raises:
            UnacceptableError: lists every problem with its path.
            NotFoundError: neither a condition nor such a segment.
        """
        body: Mapping[str, Any] = read_document(text) if text.strip() else {}
        deployment = self.settings.deployment()
        sample = body.get("sample", USUAL_SAMPLE)
        if isinstance(sample, bool) or not isinstance(sample, int) or not 1 <= sample <= MOST_SAMPLED:
            message = f"expected a number of customers from 1 to {MOST_SAMPLED}"
            raise UnacceptableError(message, problems=[Problem("sample", "sample", message)])
        given = {key: value for key, value in body.items() if key != "sample"}
        segment = load_segment({"name": name, **given}, segments=deployment.segments) if given else self._known(name)
        return preview.preview(segment.condition, deployment, now, sample=sample, seed=seed)


def segments_response(customer: Customer, deployment: Deployment, events: EventStore, now: datetime) -> dict[str, Any]:
    """Which segments a customer is in now and which not, each with the reason, and since when as far as is known."""
    needs = Needs()
    for segment in deployment.segments.values():
        needs |= needs_of(segment.condition, deployment.segments)
    person = person_of(customer, needs, events, now)
    facts = Facts(profile=person.profile, history=person.history, deployment=deployment, now=now)
    answers: list[dict[str, Any]] = []
    for name, segment in sorted(deployment.segments.items()):
        member, reason = judge(segment.condition, facts)
        since = [m.since for m in customer.memberships if m.segment == name and m.member == member]
        answers.append(
            {"segment": name, "member": member, "since": iso(min(since)) if since else None, "reason": reason}
        )
    return {"segments": answers}


def _line(segment: Segment) -> dict[str, Any]:
    return {
        "name": segment.name,
        "version": segment.version,
        "title": segment.title,
        "status": "ready" if segment.ready else "counting",
    }


def _limit(text: str | None) -> int:
    if text is None:
        return USUAL_MEMBERS
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_MEMBERS:
        raise MalformedBodyError(f"`limit` must be a number from 1 to {MOST_MEMBERS}", code="bad_limit", path="limit")
    return int(text)
