"""The staff API: which call does what, apart from how HTTP carries it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from omnicascade.domain.documents import read_document
from omnicascade.domain.identity import STAFF_SOURCE
from omnicascade.domain.json_text import parse_json
from omnicascade.usecases.control_journeys import ControlDesk
from omnicascade.usecases.erase_customer import ErasureDesk
from omnicascade.usecases.manage_journeys import Workshop
from omnicascade.usecases.manage_runs import RunDesk
from omnicascade.usecases.manage_segments import SegmentBench, segments_response
from omnicascade.usecases.plan_journey import PlanDesk
from omnicascade.usecases.preview_segment import SegmentPreview
from omnicascade.usecases.rehearse import RehearsalDesk
from omnicascade.usecases.serve_profiles import ProfileDesk
from omnicascade.usecases.staff_calls import Answer, DeploymentSettings, StaffRequest

PATIENCE: Final = timedelta(seconds=12)
"""Of a call that looks at as many customers as it can: the gateway waits 30 seconds, the function has 25."""


@dataclass(frozen=True, slots=True)
class StaffDesk:
    """Answers every staff call; raises `InvalidInputError` for what the caller must change."""

    profiles: ProfileDesk
    settings: DeploymentSettings
    workshop: Workshop
    runs: RunDesk
    rehearsals: RehearsalDesk
    plans: PlanDesk
    control: ControlDesk
    erasures: ErasureDesk
    segments: SegmentBench
    previews: SegmentPreview
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    openapi: Mapping[str, Any]

    def answer(self, request: StaffRequest) -> Answer:
        """Carry out one call.

        Raises:
            InvalidInputError: a 4xx with code, message and the problems.
            UnavailableError: try again.
        """
        return _CALLS[request.route](self, request)

    def erase(self, request: StaffRequest) -> Answer:
        """Erase a customer; nobody finds them any more."""
        customer = self.profiles.unchanged(request)
        rules = self.settings.deployment().identity
        by, now = request.caller or STAFF_SOURCE, self.clock()
        body = self.erasures.erase(customer, by=by, rules=rules, now=now, new_id=self.new_id)
        return Answer(202, body, {"location": body["receipt"]})

    def start_runs(self, request: StaffRequest) -> Answer:
        """Start runs by hand."""
        body = parse_json(request.body)
        return Answer(202, self.runs.start_runs(request.path["name"], body, now=self.clock(), new_id=self.new_id))

    def simulate(self, request: StaffRequest) -> Answer:
        """Rehearse a journey; nothing is stored."""
        return Answer(200, self.rehearsals.simulate(request.path["name"], read_document(request.body), self.clock()))

    def plan(self, request: StaffRequest) -> Answer:
        """Plan a journey for a segment; nothing is stored."""
        body, now = _document(request), self.clock()
        return Answer(200, self.plans.plan(request.path["name"], body, now, self._patience()))

    def control_journey(self, request: StaffRequest) -> Answer:
        """Pause, resume or stop a journey with all of its runs."""
        name, action = request.path["name"], _action(request)
        by, now = request.caller or STAFF_SOURCE, self.clock()
        return Answer(202, self.control.journey(name, action, _document(request), by, now))

    def migrate(self, request: StaffRequest) -> Answer:
        """Move live runs to another version, or say what that would do."""
        by, now = request.caller or STAFF_SOURCE, self.clock()
        told = self.control.migrate(request.path["name"], _document(request), by, now, self._patience())
        return Answer(200 if told["dry_run"] else 202, told)

    def control_run(self, request: StaffRequest) -> Answer:
        """Pause, resume, stop or migrate one run."""
        run_id, action = request.path["run_id"], _action(request)
        by, now = request.caller or STAFF_SOURCE, self.clock()
        return Answer(200, self.control.run(run_id, action, _document(request), by, now))

    def _patience(self) -> Callable[[], bool]:
        """Whether it is time to answer with what is known so far."""
        until = self.clock() + PATIENCE
        return lambda: self.clock() > until

    def put_segment(self, request: StaffRequest) -> Answer:
        """Store a segment and have everybody judged by it."""
        return Answer(200, self.segments.put(request.path["name"], request.body, self.clock()))

    def preview_segment(self, request: StaffRequest) -> Answer:
        """Judge a sample; nothing is stored."""
        name, body = request.path["name"], request.body
        shown = self.segments.preview(name, body, self.previews, now=self.clock(), seed=self.new_id())
        return Answer(200, shown)

    def segments_of(self, request: StaffRequest) -> Answer:
        """Which segments a customer is in."""
        customer, deployment = self.profiles.customer(request), self.settings.deployment()
        return Answer(200, segments_response(customer, deployment, self.profiles.events, self.clock()))


def _document(request: StaffRequest) -> Mapping[str, Any] | None:
    """The body, YAML or JSON; None where there is none."""
    return read_document(request.body) if request.body.strip() else None


def _action(request: StaffRequest) -> str:
    """What the route's last part says to do."""
    return request.route.rpartition("/")[2]


_CALLS: dict[str, Callable[[StaffDesk, StaffRequest], Answer]] = {
    "GET /openapi.json": lambda desk, _request: Answer(200, dict(desk.openapi)),
    "GET /v1/profiles": lambda desk, r: desk.profiles.search(r),
    "GET /v1/profiles/{id}": lambda desk, r: desk.profiles.profile(r),
    "PATCH /v1/profiles/{id}": lambda desk, r: desk.profiles.change(r),
    "DELETE /v1/profiles/{id}": StaffDesk.erase,
    "GET /v1/erasures/{id}": lambda desk, r: Answer(200, desk.erasures.show(r.path["id"])),
    "GET /v1/profiles/{id}/events": lambda desk, r: desk.profiles.timeline(r),
    "GET /v1/profiles/{id}/explain": lambda desk, r: desk.profiles.explain(r),
    "GET /v1/profiles/{id}/export": lambda desk, r: desk.profiles.export(r),
    "GET /v1/profiles/{id}/segments": StaffDesk.segments_of,
    "POST /v1/profiles/{id}/split": lambda desk, r: desk.profiles.split(r),
    "PUT /v1/profiles/{id}/links": lambda desk, r: desk.profiles.link(r),
    "GET /v1/profiles/{id}/consent": lambda desk, r: desk.profiles.consent(r),
    "PUT /v1/profiles/{id}/consent": lambda desk, r: desk.profiles.put_consent(r),
    "GET /v1/journeys": lambda desk, _request: Answer(200, desk.workshop.list_journeys()),
    "GET /v1/journeys/schema": lambda desk, _request: Answer(200, desk.workshop.schema()),
    "GET /v1/journeys/{name}": lambda desk, r: Answer(
        200, desk.workshop.show_journey(r.path["name"], r.query.get("version"))
    ),
    "PUT /v1/journeys/{name}": lambda desk, r: Answer(200, desk.workshop.put_journey(r.path["name"], r.body)),
    "POST /v1/journeys/{name}/runs": StaffDesk.start_runs,
    "GET /v1/journeys/{name}/runs": lambda desk, r: Answer(200, desk.runs.show_runs(r.path["name"], r.query)),
    "POST /v1/journeys/{name}/simulate": StaffDesk.simulate,
    "POST /v1/journeys/{name}/plan": StaffDesk.plan,
    "POST /v1/journeys/{name}/pause": StaffDesk.control_journey,
    "POST /v1/journeys/{name}/resume": StaffDesk.control_journey,
    "POST /v1/journeys/{name}/stop": StaffDesk.control_journey,
    "POST /v1/journeys/{name}/migrate": StaffDesk.migrate,
    "POST /v1/runs/{run_id}/pause": StaffDesk.control_run,
    "POST /v1/runs/{run_id}/resume": StaffDesk.control_run,
    "POST /v1/runs/{run_id}/stop": StaffDesk.control_run,
    "POST /v1/runs/{run_id}/migrate": StaffDesk.control_run,
    "GET /v1/runs/{run_id}": lambda desk, r: Answer(200, desk.runs.show_run(r.path["run_id"])),
    "GET /v1/messages/{message_id}": lambda desk, r: Answer(200, desk.runs.show_message(r.path["message_id"])),
    "GET /v1/segments": lambda desk, _request: Answer(200, desk.segments.list_segments()),
    "GET /v1/segments/{name}": lambda desk, r: Answer(200, desk.segments.show(r.path["name"])),
    "PUT /v1/segments/{name}": StaffDesk.put_segment,
    "GET /v1/segments/{name}/members": lambda desk, r: Answer(200, desk.segments.members(r.path["name"], r.query)),
    "POST /v1/segments/{name}/preview": StaffDesk.preview_segment,
    "GET /v1/templates": lambda desk, _request: Answer(200, desk.workshop.list_templates()),
    "GET /v1/templates/{name}": lambda desk, r: Answer(200, desk.workshop.show_template(r.path["name"])),
    "PUT /v1/templates/{name}": lambda desk, r: Answer(200, desk.workshop.put_template(r.path["name"], r.body)),
    "GET /v1/sources": lambda desk, _request: Answer(200, {"sources": list(desk.settings.sources())}),
}
"""Every route of `contracts.ROUTES` that the staff function serves."""
