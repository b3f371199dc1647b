"""Store and show journeys and templates; what does not load is refused with every reason."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from omnicascade.domain.documents import read_document
from omnicascade.domain.errors import MalformedBodyError, NotFoundError, Problem, UnacceptableError
from omnicascade.domain.journeys.definition.loading import load_definition
from omnicascade.domain.journeys.definition.schema import json_schema
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.segments import JOURNEY_PREFIX
from omnicascade.domain.template_definition import load_template
from omnicascade.domain.templates import Template, to_json
from omnicascade.usecases.store_ports import JourneyStore


class TemplateShelf(Protocol):
    """Templates by name."""

    def templates(self) -> Sequence[Template]:
        """All of them."""
        ...

    def template(self, name: str) -> Template | None:
        """One, or None."""
        ...

    def put_template(self, template: Template) -> None:
        """Store one."""
        ...


def _nobody(_journey: Journey) -> None:
    """Nobody keeps segments."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where marketers keep journeys and templates.

    Attributes:
        check: refuses a template whose Liquid does not parse.
        follow: keeps the nameless segment of a journey that was stored (`entry: {when: …}`), see `SegmentBench.follow`.
    """

    journeys: JourneyStore
    templates: TemplateShelf
    check: Callable[[Template], None]
    follow: Callable[[Journey], None] = _nobody

    def list_journeys(self) -> dict[str, Any]:
        """Every journey's current version."""
        return {
            "journeys": [
                {
                    "name": line.name,
                    "version": line.version,
                    "title": line.title,
                    "active": line.active,
                    "paused": line.paused,
                }
                for line in self.journeys.listing()
            ]
        }

    def schema(self) -> dict[str, Any]:
        """JSON Schema of a definition."""
        return json_schema()

    def show_journey(self, name: str, version: str | None = None) -> dict[str, Any]:
        """A definition as it was put: the current one, or that of a version.

        Raises:
            MalformedBodyError: the version is no number.
            NotFoundError: no such journey or version.
        """
        if version is not None and not (version.isascii() and version.isdigit() and len(version) < 10):
            raise MalformedBodyError("`version` must be a number", code="bad_version", path="version")
        number = int(version) if version is not None else None
        definition, journey = self.journeys.definition(name, number), self.journeys.journey(name, number)
        if definition is None or journey is None:
            raise NotFoundError(f"there is no journey {name}" + (f" of version {number}" if number is not None else ""))
        return {"name": name, "version": journey.version, "active": journey.active, "definition": definition}

    def put_journey(self, name: str, text: str) -> dict[str, Any]:
        """Store a definition (YAML or JSON); the same one again changes nothing.

        Raises:
            UnacceptableError: lists every problem with its path.
        """
        return self.store_journey(name, read_document(text))

    def store_journey(self, name: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Store a definition that was read already; see `put_journey`."""
        named = {"name": name, **document}
        deployment = self.journeys.deployment()
        journey = load_definition(
            named,
            templates=self._template_names(),
            segments=[segment for segment in deployment.segments if not segment.startswith(JOURNEY_PREFIX)],
            hosts=deployment.webhook_hosts,
            currency=deployment.default_currency,
        )
        if journey.name != name:
            message = f"the definition is of {journey.name}; put it to /v1/journeys/{journey.name}"
            raise UnacceptableError(message, problems=[Problem("name", "wrong_name", message)])
        stored = self.journeys.put_journey(journey, named)
        self.follow(stored)
        return {"name": stored.name, "version": stored.version, "active": stored.active}

    def _template_names(self) -> Collection[str]:
        return {template.name for template in self.templates.templates()}

    def list_templates(self) -> dict[str, Any]:
        """Every template."""
        return {"templates": [to_json(template) for template in self.templates.templates()]}

    def show_template(self, name: str) -> dict[str, Any]:
        """One template.

        Raises:
            NotFoundError: no such template.
        """
        template = self.templates.template(name)
        if template is None:
            raise NotFoundError(f"there is no template {name}")
        return to_json(template)

    def put_template(self, name: str, text: str) -> dict[str, Any]:
        """Store a template (YAML or JSON).

        Raises:
            UnacceptableError: lists every problem with its path.
        """
        return self.store_template(name, read_document(text))

    def store_template(self, name: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Store a template that was read already; see `put_template`."""
        template = load_template({"name": name, **document})
        if template.name != name:
            message = f"the template is {template.name}; put it to /v1/templates/{template.name}"
            raise UnacceptableError(message, problems=[Problem("name", "wrong_name", message)])
        self.check(template)
        self.templates.put_template(template)
        return to_json(template)
