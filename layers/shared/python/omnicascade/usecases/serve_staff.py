"""The staff API: which call does what, apart from how HTTP carries it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import NotFoundError
from omnicascade.domain.json_text import parse_json
from omnicascade.usecases.change_consent import change_consent
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.manage_journeys import Workshop
from omnicascade.usecases.manage_runs import RunDesk
from omnicascade.usecases.name_customer import node_of
from omnicascade.usecases.ports import EventQueue
from omnicascade.usecases.read_customer import (
    consent_response,
    explain_response,
    known_customer,
    profile_response,
    timeline_response,
)
from omnicascade.usecases.store_ports import CustomerStore, EventStore


class DeploymentSettings(Protocol):
    """What the deployment was configured with."""

    def deployment(self) -> Deployment:
        """The settings that rules read."""
        ...

    def sources(self) -> Sequence[Mapping[str, Any]]:
        """Every source with its write key."""
        ...


@dataclass(frozen=True, slots=True)
class StaffRequest:
    """One call: the route as `contracts.ROUTES` writes it, and what came with it.

    Attributes:
        path: parameters, decoded.
        query: parameters, decoded; of a repeated one the values joined by commas.
        asked: the query's parameters one by one, in order.
        headers: by lower-case name.
        caller: who calls, as the gateway knows them; empty where it does not say.
    """

    route: str
    path: Mapping[str, str] = field(default_factory=dict[str, str])
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str = ""
    asked: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    caller: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """HTTP status, JSON body (None: no body at all) and what headers there are besides the usual."""

    status: int
    body: Mapping[str, Any] | None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class StaffDesk:
    """Answers every staff call; raises `InvalidInputError` for what the caller must change."""

    customers: CustomerStore
    events: EventStore
    queue: EventQueue
    settings: DeploymentSettings
    workshop: Workshop
    runs: RunDesk
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

    def customer(self, request: StaffRequest) -> Customer:
        """The customer a path names; a phone number without a country code is tried in every source's region.

        Raises:
            NotFoundError: no event ever named it.
        """
        reference = request.path["id"]
        rules = self.settings.deployment().identity
        if reference.startswith("phone:") and "+" not in reference:
            for region in sorted({source.get("default_region") or "" for source in self.settings.sources()} - {""}):
                with suppress(NotFoundError):
                    return known_customer(str(node_of(reference, region)), self.customers, rules)
        return known_customer(reference, self.customers, rules)

    def profile(self, request: StaffRequest) -> Answer:
        """The profile."""
        customer = self.customer(request)
        return Answer(200, profile_response(customer.profile, self.settings.deployment()))

    def timeline(self, request: StaffRequest) -> Answer:
        """A page of the timeline."""
        customer = self.customer(request)
        return Answer(
            200, timeline_response(customer, self.events, request.query.get("limit"), request.query.get("cursor"))
        )

    def explain(self, request: StaffRequest) -> Answer:
        """Why these identifiers are together."""
        return Answer(200, explain_response(self.customer(request)))

    def consent(self, request: StaffRequest) -> Answer:
        """What the customer said."""
        return Answer(200, consent_response(self.customer(request).profile))

    def put_consent(self, request: StaffRequest) -> Answer:
        """Record what the customer said; it holds as soon as the events are stored."""
        customer = self.customer(request)
        queued = change_consent(
            customer,
            parse_json(request.body),
            deployment=self.settings.deployment(),
            queue=self.queue,
            now=self.clock(),
            new_id=self.new_id,
        )
        return Answer(202, {"success": True, "events": queued})

    def start_runs(self, request: StaffRequest) -> Answer:
        """Start runs by hand."""
        body = parse_json(request.body)
        return Answer(202, self.runs.start_runs(request.path["name"], body, now=self.clock(), new_id=self.new_id))


_CALLS: dict[str, Callable[[StaffDesk, StaffRequest], Answer]] = {
    "GET /openapi.json": lambda desk, _request: Answer(200, dict(desk.openapi)),
    "GET /v1/profiles/{id}": StaffDesk.profile,
    "GET /v1/profiles/{id}/events": StaffDesk.timeline,
    "GET /v1/profiles/{id}/explain": StaffDesk.explain,
    "GET /v1/profiles/{id}/consent": StaffDesk.consent,
    "PUT /v1/profiles/{id}/consent": StaffDesk.put_consent,
    "GET /v1/journeys": lambda desk, _request: Answer(200, desk.workshop.list_journeys()),
    "GET /v1/journeys/schema": lambda desk, _request: Answer(200, desk.workshop.schema()),
    "GET /v1/journeys/{name}": lambda desk, r: Answer(200, desk.workshop.show_journey(r.path["name"])),
    "PUT /v1/journeys/{name}": lambda desk, r: Answer(200, desk.workshop.put_journey(r.path["name"], r.body)),
    "POST /v1/journeys/{name}/runs": StaffDesk.start_runs,
    "GET /v1/journeys/{name}/runs": lambda desk, r: Answer(
        200, desk.runs.show_runs(r.path["name"], r.query.get("profile"))
    ),
    "GET /v1/runs/{run_id}": lambda desk, r: Answer(200, desk.runs.show_run(r.path["run_id"])),
    "GET /v1/messages/{message_id}": lambda desk, r: Answer(200, desk.runs.show_message(r.path["message_id"])),
    "GET /v1/templates": lambda desk, _request: Answer(200, desk.workshop.list_templates()),
    "GET /v1/templates/{name}": lambda desk, r: Answer(200, desk.workshop.show_template(r.path["name"])),
    "PUT /v1/templates/{name}": lambda desk, r: Answer(200, desk.workshop.put_template(r.path["name"], r.body)),
    "GET /v1/sources": lambda desk, _request: Answer(200, {"sources": list(desk.settings.sources())}),
}
"""Every route of `contracts.ROUTES` that the staff function serves."""
