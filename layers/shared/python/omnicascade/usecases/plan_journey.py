"""Plan a journey for a segment before anybody gets a message: who would enter, what would go out, and what it costs.

A dry run against the live table: everything is read, nothing is written. The same rules decide as for a real run, each
customer's way is walked by the engine on virtual time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from omnicascade.domain.conditions.reading import nearest
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import NotFoundError, Problem
from omnicascade.domain.intake import read_time
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.json_text import mapping
from omnicascade.domain.planning import counting
from omnicascade.domain.planning.report import Frame, report
from omnicascade.domain.planning.tally import Tally, to_json
from omnicascade.domain.planning.versions import UnderWay
from omnicascade.domain.planning.walk import Trail
from omnicascade.domain.rehearsal.reading import refusal, unknown_keys
from omnicascade.domain.segments import Segment
from omnicascade.domain.templates import Template
from omnicascade.usecases.manage_journeys import TemplateShelf
from omnicascade.usecases.plan_members import PAGE, MemberPlanner
from omnicascade.usecases.rehearse import Quotes, journey_of, written_templates
from omnicascade.usecases.segment_ports import SegmentStore
from omnicascade.usecases.store_ports import CustomerStore, EventStore, JourneyStore, RunStore
from omnicascade.usecases.write_message import Renderer

KEYS: Final = ("segment", "definition", "templates", "at", "sample", "cursor")

MOST_SAMPLED: Final = 2_000
"""Customers that one call looks at. A larger segment is told from so many, or page by page (`cursor`)."""

MOST_RUNS: Final = 1_000
"""Live runs that one call looks at."""


@dataclass(frozen=True, slots=True)
class PlanDesk:
    """Everything that a plan reads."""

    customers: CustomerStore
    events: EventStore
    runs: RunStore
    journeys: JourneyStore
    segments: SegmentStore
    templates: TemplateShelf
    renderer: Renderer

    def plan(self, name: str, body: object, now: datetime, out_of_time: Callable[[], bool]) -> dict[str, Any]:
        """What starting a journey for a segment would do.

        Args:
            name: the journey's.
            body: `segment`; `definition` and `templates` instead of what is stored; `at`, when it would start;
                `sample`, how many members to look at; or `cursor` (null for the first page), to look at all of them
                page by page: each answer then has the page's `tally`, and the `cursor` of the next.
            now: aware UTC.
            out_of_time: whether to tell from those who were looked at so far.

        Raises:
            NotFoundError: no such journey, and no definition; or no such segment.
            UnacceptableError: `problems` lists everything that is wrong with the body or the definition.
            MalformedBodyError: the cursor is not one of ours.
        """
        wanted = _read(body, now)
        deployment = self.journeys.deployment()
        written = written_templates(wanted.templates)
        segment = _segment(wanted.segment, deployment)
        journey, warnings = self._journey(name, wanted, deployment, written)
        quotes = Quotes(journey, deployment, self.renderer, self.templates, written)
        in_flight = None if wanted.cursor else self._in_flight(journey, written, now, out_of_time)
        planner = MemberPlanner(self, Trail(journey, deployment, quotes), segment, wanted.at)
        left = planner.look(wanted.cursor, wanted.sample, out_of_time)
        members = self.segments.count(segment.name)
        frame = Frame(
            journey=journey.name,
            version=journey.version,
            stored=wanted.definition is None,
            segment=segment.name,
            at=wanted.at,
            members=members,
            complete=left is None and wanted.cursor is None,
            spent=self._spent(planner.tally, journey),
            warnings=(*warnings, *([] if segment.ready else [f"segment {segment.name} is still being counted"])),
        )
        told = report(frame, planner.tally)
        if wanted.paged:
            told |= {"cursor": left, "tally": to_json(planner.tally), "frame": frame.as_json()}
        return told if in_flight is None else told | {"in_flight": in_flight}

    def _journey(
        self, name: str, wanted: _Wanted, deployment: Deployment, written: Mapping[str, Template]
    ) -> tuple[Journey, list[str]]:
        line = next((line for line in self.journeys.listing() if line.name == name), None)
        warnings = [f"journey {name} is paused: nobody enters until it is resumed"] if line and line.paused else []
        if wanted.definition is None:
            journey = self.journeys.journey(name)
            if journey is None:
                raise NotFoundError(f"there is no journey {name}; give its `definition` to plan one that is not stored")
        else:
            stored = {template.name for template in self.templates.templates()}
            read = journey_of(name, wanted.definition, deployment, {*stored, *written}, by_hand=True)
            if read.name != name:
                wrong = f"the definition is of {read.name}; plan it under that name"
                raise refusal([Problem("definition.name", "wrong_name", wrong)])
            journey = replace(read, version=line.version + 1 if line else 1)
        if not journey.active:
            warnings.append(f"journey {name} is not active: until it is, nobody enters")
        return replace(journey, active=True), warnings

    def _spent(self, tally: Tally, journey: Journey) -> dict[str, str]:
        """What budgets have spent so far, of the channels and months that the plan touches."""
        touched = {(channel, month) for channel, month, *_ in tally.paid(counting.BUDGET)}
        known = {(channel, month): self.runs.spent(journey.name, channel, month) for channel, month in sorted(touched)}
        return {f"{channel} {month}": f"{spent.amount:f}" for (channel, month), spent in known.items() if spent}

    def _in_flight(
        self, journey: Journey, written: Mapping[str, Template], now: datetime, out_of_time: Callable[[], bool]
    ) -> dict[str, Any]:
        """Who is under way, and what the new version and the new words would mean for them."""
        under_way, complete = UnderWay(journey, now), False
        for run_id in self._live(journey.name):
            if run_id is None:
                complete = True
            elif out_of_time():
                break
            else:
                self._see(run_id, journey, under_way)
        told = under_way.report(complete=complete)
        words = [(self.templates.template(name), template) for name, template in sorted(written.items())]
        reworded = [under_way.reworded(template, before) for before, template in words if template != before]
        return told | {"templates": reworded}

    def _see(self, run_id: str, journey: Journey, under_way: UnderWay) -> None:
        stored = self.runs.load(run_id)
        if stored is None or not stored.run.live:
            return
        run = stored.run
        old = journey if run.version == journey.version else self.journeys.journey(run.journey, run.version)
        if old is not None:
            under_way.see(run, old)

    def _live(self, journey: str) -> Iterator[str | None]:
        """The live runs' ids, `MOST_RUNS` at most; None at last where these are all."""
        cursor: str | None = None
        for _ in range(MOST_RUNS // PAGE):
            page = self.runs.live_runs(journey, cursor, PAGE)
            yield from page.run_ids
            cursor = page.cursor
            if cursor is None:
                yield None
                return


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A body that was read."""

    segment: str
    at: datetime
    definition: object = None
    templates: object = None
    sample: int = MOST_SAMPLED
    cursor: str | None = None
    paged: bool = False


def _read(body: object, now: datetime) -> _Wanted:
    given = mapping(body)
    if given is not body:
        raise refusal([Problem("", "wrong_type", 'expected a mapping such as {"segment": "lapsed"}')])
    problems = unknown_keys(given, KEYS, "")
    segment, at = given.get("segment"), now
    if not isinstance(segment, str) or not segment:
        problems.append(Problem("segment", "missing", "name the segment that the journey would be started for"))
    if given.get("at") is not None:
        at = read_time(given["at"]) or now
        if read_time(given["at"]) is None:
            problems.append(Problem("at", "time", "expected an ISO 8601 time such as 2026-03-10T12:00:00Z"))
        elif at < now and given.get("cursor") is None:
            problems.append(Problem("at", "time", "lies in the past"))
    sample, cursor = given.get("sample", MOST_SAMPLED), given.get("cursor")
    if isinstance(sample, bool) or not isinstance(sample, int) or not 1 <= sample <= MOST_SAMPLED:
        problems.append(Problem("sample", "sample", f"expected a number of customers from 1 to {MOST_SAMPLED}"))
    if cursor is not None and not isinstance(cursor, str):
        problems.append(Problem("cursor", "cursor", "expected the `cursor` of an answer, or null"))
    if problems:
        raise refusal(problems)
    return _Wanted(
        segment=str(segment),
        at=at,
        definition=given.get("definition"),
        templates=given.get("templates"),
        sample=int(sample),
        cursor=cursor,
        paged="cursor" in given,
    )


def _segment(name: str, deployment: Deployment) -> Segment:
    segment = deployment.segments.get(name)
    if segment is None:
        raise NotFoundError(f"there is no segment {name}{nearest(name, deployment.segments)}")
    return segment
