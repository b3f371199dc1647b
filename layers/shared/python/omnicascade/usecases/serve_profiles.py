"""The profile API: everything staff see and say of one customer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import MalformedBodyError, NotFoundError
from omnicascade.domain.json_text import mapping, parse_json
from omnicascade.usecases.change_consent import change_consent
from omnicascade.usecases.change_traits import change_traits
from omnicascade.usecases.explain_customer import explain_response, identifiers_by_node
from omnicascade.usecases.export_customer import ExportDesk
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.judge_identities import IdentityBench, Statement
from omnicascade.usecases.name_customer import is_spoken_phone, nodes_of
from omnicascade.usecases.page_events import timeline_response
from omnicascade.usecases.ports import EventQueue
from omnicascade.usecases.preconditions import etag_of, not_modified, require_unchanged
from omnicascade.usecases.read_customer import consent_response, known_customer, profile_response
from omnicascade.usecases.staff_calls import Answer, DeploymentSettings, StaffRequest
from omnicascade.usecases.store_ports import CustomerStore, EventStore, RunStore

MOST_ASKED: Final = 20
"""Identifiers that one search may name."""


@dataclass(frozen=True, slots=True)
class ProfileDesk:
    """Answers the calls about customers; raises `InvalidInputError` for what the caller must change."""

    customers: CustomerStore
    events: EventStore
    runs: RunStore
    queue: EventQueue
    settings: DeploymentSettings
    clock: Callable[[], datetime]
    new_id: Callable[[], str]

    def customer(self, request: StaffRequest) -> Customer:
        """The customer a path names; a phone number without a country code is tried in every source's region.

        Raises:
            NotFoundError: no event ever named it.
        """
        return self._known(request.path["id"], self.settings.deployment())

    def unchanged(self, request: StaffRequest) -> Customer:
        """The same, for a call that changes it.

        Raises:
            NotFoundError: no event ever named it.
            PreconditionFailedError: the call came with `If-Match`, and the profile is another one now.
        """
        deployment = self.settings.deployment()
        customer = self._known(request.path["id"], deployment)
        if "if-match" in request.headers:
            require_unchanged(request.headers, etag_of(profile_response(customer.profile, deployment)))
        return customer

    def _known(self, reference: str, deployment: Deployment) -> Customer:
        regions = self._regions() if is_spoken_phone(reference) else ()
        return known_customer(reference, self.customers, deployment.identity, regions, deployment.computed)

    def _regions(self) -> Sequence[str]:
        """Where the deployment's sources are."""
        return sorted({str(source.get("default_region") or "") for source in self.settings.sources()} - {""})

    def search(self, request: StaffRequest) -> Answer:
        """Every customer that one of the query's identifiers finds, each once.

        Raises:
            MalformedBodyError: the query names no identifier, or more than 20.
        """
        if not 1 <= len(request.asked) <= MOST_ASKED:
            message = f"name 1 to {MOST_ASKED} identifiers, such as ?email=ann@example.com&user_id=42"
            raise MalformedBodyError(message, code="missing_identifier", path="")
        deployment, found = self.settings.deployment(), dict[str, dict[str, Any]]()
        for kind, value in request.asked:
            try:
                customer = self._known(f"{kind}:{_with_plus(kind, value)}", deployment)
            except NotFoundError:
                continue
            found[customer.profile.profile_id] = profile_response(customer.profile, deployment)
        return Answer(200, {"profiles": list(found.values())})

    def profile(self, request: StaffRequest) -> Answer:
        """The profile, with its entity tag; nothing but the tag where the caller has it already."""
        deployment = self.settings.deployment()
        body = profile_response(self._known(request.path["id"], deployment).profile, deployment)
        etag = etag_of(body)
        if not_modified(request.headers, etag):
            return Answer(304, None, {"etag": etag})
        return Answer(200, body, {"etag": etag})

    def change(self, request: StaffRequest) -> Answer:
        """Queue new traits; they show as soon as the event is stored."""
        customer = self.unchanged(request)
        message_id = change_traits(
            customer,
            parse_json(request.body),
            queue=self.queue,
            regions=self._regions(),
            now=self.clock(),
            new_id=self.new_id,
        )
        return Answer(202, {"success": True, "message_id": message_id})

    def timeline(self, request: StaffRequest) -> Answer:
        """A page of the timeline."""
        return Answer(200, timeline_response(self.customer(request), self.events, request.query))

    def explain(self, request: StaffRequest) -> Answer:
        """Why these identifiers are together."""
        deployment = self.settings.deployment()
        customer = self._known(request.path["id"], deployment)
        return Answer(200, explain_response(customer, self.events, deployment.identity))

    def export(self, request: StaffRequest) -> Answer:
        """A page of everything that is held."""
        deployment = self.settings.deployment()
        customer = self._known(request.path["id"], deployment)
        desk = ExportDesk(self.events, self.runs, deployment)
        return Answer(200, desk.export(customer, request.query.get("cursor"), self.clock()))

    def split(self, request: StaffRequest) -> Answer:
        """Take a customer apart; every profile that came of it, first the one that stays."""
        customer, body = self.unchanged(request), parse_json(request.body)
        deployment = self.settings.deployment()
        verdict = self._bench(deployment).part(customer, body, self._statement(request, body))
        shown = [profile_response(one.profile, deployment) for one in verdict.customers]
        return Answer(200, {"profiles": shown, "event": verdict.event})

    def link(self, request: StaffRequest) -> Answer:
        """Say by hand who belongs together and who does not; how the customer is explained then."""
        customer, body = self.unchanged(request), parse_json(request.body)
        deployment = self.settings.deployment()
        names = identifiers_by_node(customer)
        named = (names[node] for node in nodes_of(request.path["id"], self._regions()) if node in names)
        here = next(named, customer.profile.identifiers[0].identifier)
        verdict = self._bench(deployment).link(customer, here, body, self._statement(request, body))
        return Answer(200, explain_response(verdict.customers[0], self.events, deployment.identity))

    def _bench(self, deployment: Deployment) -> IdentityBench:
        return IdentityBench(self.customers, self.events, deployment.identity, self._regions(), deployment.computed)

    def _statement(self, request: StaffRequest, body: object) -> Statement:
        reason = mapping(body).get("reason")
        return Statement(self.clock(), self.new_id(), request.caller, reason if isinstance(reason, str) else None)

    def consent(self, request: StaffRequest) -> Answer:
        """What the customer said."""
        return Answer(200, consent_response(self.customer(request).profile))

    def put_consent(self, request: StaffRequest) -> Answer:
        """Record what the customer said; it holds as soon as the events are stored."""
        queued = change_consent(
            self.unchanged(request),
            parse_json(request.body),
            deployment=self.settings.deployment(),
            queue=self.queue,
            now=self.clock(),
            new_id=self.new_id,
        )
        return Answer(202, {"success": True, "events": queued})


def _with_plus(kind: str, value: str) -> str:
    """A value as it was meant: a plus sign that nobody encoded arrives as a space."""
    match kind:
        case "phone" if value.startswith(" "):
            return f"+{value.lstrip()}"
        case "email":
            return value.strip().replace(" ", "+")
        case _:
            return value
