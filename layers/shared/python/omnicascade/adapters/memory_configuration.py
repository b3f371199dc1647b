"""Journeys, templates and settings in memory, for tests and rehearsals; the same versions as in the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.deployment_json import deployment_from
from omnicascade.domain.errors import NotFoundError
from omnicascade.domain.journeys import journey as journeys
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.segments import Segment
from omnicascade.domain.templates import Template
from omnicascade.usecases.store_ports import JourneyListing


class MemoryConfigurationStore:
    """`JourneyStore` and `TemplateStore` in memory."""

    def __init__(self, deployment: Deployment | None = None) -> None:
        self._deployment = deployment or Deployment()
        self._versions: dict[str, list[tuple[Journey, Mapping[str, Any]]]] = {}
        self._templates: dict[str, Template] = {}
        self._paused: set[str] = set()

    def deployment(self) -> Deployment:
        """See `JourneyStore.deployment`."""
        return self._deployment

    def put_deployment(self, values: Mapping[str, Any]) -> None:
        """Take other settings; the segments stay."""
        self._deployment = replace(deployment_from(values), segments=self._deployment.segments)

    def use_segments(self, segments: Mapping[str, Segment]) -> None:
        """The segments that the settings come with from now on; for the stores of this package."""
        self._deployment = replace(self._deployment, segments=dict(segments))

    def listing(self) -> Sequence[JourneyListing]:
        """See `JourneyStore.listing`."""
        current = [versions[-1][0] for _, versions in sorted(self._versions.items())]
        return [
            JourneyListing(
                journey.name,
                journey.version,
                journey.active,
                journey.title,
                {role: sorted(names) for role, names in journeys.listens(journey).items()},
                journey.name in self._paused,
            )
            for journey in current
        ]

    def journey(self, name: str, version: int | None = None) -> Journey | None:
        """See `JourneyStore.journey`."""
        versions = [journey for journey, _ in self._versions.get(name, ())]
        if version is None:
            return versions[-1] if versions else None
        return next((journey for journey in versions if journey.version == version), None)

    def definition(self, name: str, version: int | None = None) -> Mapping[str, Any] | None:
        """See `JourneyStore.definition`."""
        stored = {journey.version: definition for journey, definition in self._versions.get(name, ())}
        return stored.get(max(stored, default=0) if version is None else version)

    def put_journey(self, journey: Journey, definition: Mapping[str, Any]) -> Journey:
        """See `JourneyStore.put_journey`."""
        versions = self._versions.setdefault(journey.name, [])
        if versions and versions[-1][1] == definition:
            return versions[-1][0]
        numbered = replace(journey, version=len(versions) + 1)
        versions.append((numbered, definition))
        return numbered

    def set_paused(self, name: str, *, paused: bool) -> bool:
        """See `JourneyStore.set_paused`."""
        if name not in self._versions:
            raise NotFoundError(f"there is no journey {name}")
        changed = (name in self._paused) != paused
        (self._paused.add if paused else self._paused.discard)(name)
        return changed

    def templates(self) -> Sequence[Template]:
        """Every template, by name."""
        return [template for _, template in sorted(self._templates.items())]

    def template(self, name: str) -> Template | None:
        """See `TemplateStore.template`."""
        return self._templates.get(name)

    def put_template(self, template: Template) -> None:
        """Store a template; messages that are sent from now on use it."""
        self._templates[template.name] = template
