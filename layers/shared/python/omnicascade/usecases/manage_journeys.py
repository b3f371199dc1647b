"""Store and show journeys and templates; what does not load is refused with every reason."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from omnicascade.domain.documents import read_document
from omnicascade.domain.errors import NotFoundError, Problem, UnacceptableError
from omnicascade.domain.journeys.definition import load_definition
from omnicascade.domain.journeys.definition_schema import json_schema
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


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where marketers keep journeys and templates. `check` refuses a template whose Liquid does not parse."""

    journeys: JourneyStore
    templates: TemplateShelf
    check: Callable[[Template], None]

    def list_journeys(self) -> dict[str, Any]:
        """Every journey's current version."""
        return {
            "journeys": [
                {"name": line.name, "version": line.version, "title": line.title, "active": line.active}
                for line in self.journeys.listing()
            ]
        }

    def schema(self) -> dict[str, Any]:
        """JSON Schema of a definition."""
        return json_schema()

    def show_journey(self, name: str) -> dict[str, Any]:
        """The current definition as it was put.

        Raises:
            NotFoundError: no such journey.
        """
        definition, journey = self.journeys.definition(name), self.journeys.journey(name)
        if definition is None or journey is None:
            raise NotFoundError(f"there is no journey {name}")
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
        journey = load_definition(named, templates=self._template_names())
        if journey.name != name:
            message = f"the definition is of {journey.name}; put it to /v1/journeys/{journey.name}"
            raise UnacceptableError(message, problems=[Problem("name", "wrong_name", message)])
        stored = self.journeys.put_journey(journey, named)
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
