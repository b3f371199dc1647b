"""Bring a deployment's configuration into the table: sources, settings, templates, journeys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from omnicascade.domain.deployment_json import deployment_from
from omnicascade.domain.identity_rules_json import with_trust
from omnicascade.usecases.manage_journeys import Workshop


class ConfigurationShelf(Protocol):
    """Where settings and sources are kept."""

    def sources(self) -> Sequence[Mapping[str, Any]]:
        """Every source with its write key."""
        ...

    def put_source(self, values: Mapping[str, Any]) -> None:
        """Store a source under its `write_key`."""
        ...

    def put_deployment(self, values: Mapping[str, Any]) -> None:
        """Store the settings."""
        ...


def _nowhere(_documents: Sequence[Mapping[str, Any]]) -> None:
    """Nobody keeps segments."""


def _nobody() -> None:
    """Nobody is in a segment."""


def configure_deployment(
    document: Mapping[str, Any],
    *,
    shelf: ConfigurationShelf,
    workshop: Workshop,
    new_key: Callable[[], str],
    put_segments: Callable[[Sequence[Mapping[str, Any]]], None] = _nowhere,
    recount: Callable[[], None] = _nobody,
) -> dict[str, int]:
    """Store a configuration document; the same one again changes nothing. Returns how many of each there are.

    A source without a `write_key` keeps the one it has, or is given a new one. One that is not named any more keeps its
    key and the trust it had: its events are still there, and are believed as before.

    Args:
        document: `{"deployment": {…, "sources": […]}, "journeys": […], "templates": […], "segments": […]}`; without
            segments none is stored.
        shelf, workshop: where the rest of it is kept.
        new_key: makes a write key.
        put_segments: see `SegmentBench.store_all`.
        recount: called when the settings are others than before, see `SegmentBench.recount`.

    Raises:
        UnacceptableError: the rules of identity, a segment, a journey or a template do not load; the deployment must
            not go on.
    """
    settings = dict(document["deployment"])
    sources = settings.pop("sources", [])
    stored = shelf.sources()
    settings["identity"] = with_trust(settings.get("identity", {}), [*stored, *sources])
    deployment_from(settings)  # refused before anything is changed
    keys = {source["name"]: source["write_key"] for source in stored}
    for source in sources:
        key = source.get("write_key") or keys.get(source["name"]) or new_key()
        shelf.put_source({**source, "write_key": key})
    before = workshop.journeys.deployment()
    shelf.put_deployment(settings)
    if workshop.journeys.deployment() != before:
        recount()
    for template in document["templates"]:
        workshop.store_template(template["name"], template)
    segments = document.get("segments", ())
    if segments:
        put_segments(segments)
    for journey in document["journeys"]:
        workshop.store_journey(journey["name"], journey)
    counts = {"sources": len(sources), "templates": len(document["templates"]), "journeys": len(document["journeys"])}
    return counts | ({"segments": len(segments)} if segments else {})
