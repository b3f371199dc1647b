"""Carries out `omnicascade simulate`: reads its files, and rehearses here or on a deployment."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from omnicascade.domain.documents import read_document
from omnicascade.domain.errors import InvalidInputError, Problem, UnacceptableError, UnavailableError
from omnicascade.domain.json_text import items, mapping
from omnicascade.domain.zones import zone_named

_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class SimulateRequest:
    """What was asked for on the command line."""

    journey: str
    scenario: str
    templates: Path | None = None
    api: str | None = None
    token: str = ""


def run_simulate(wanted: SimulateRequest) -> tuple[dict[str, Any], ZoneInfo]:
    """The rehearsal's answer, and the zone its customer lives in.

    Raises:
        InvalidInputError: a file is not there, or something in it is not understood.
        UnavailableError: the deployment did not answer.
    """
    scenario = read_file("the scenario", wanted.scenario)
    told = _on_deployment(wanted, scenario) if wanted.api else _here(wanted, scenario)
    return told, _zone_of(scenario)


def _here(wanted: SimulateRequest, scenario: Mapping[str, Any]) -> dict[str, Any]:
    from omnicascade.adapters.liquid_renderer import LiquidRenderer  # noqa: PLC0415 - not for a rehearsal elsewhere
    from omnicascade.adapters.memory_configuration import MemoryConfigurationStore  # noqa: PLC0415
    from omnicascade.domain.deployment import Deployment  # noqa: PLC0415
    from omnicascade.usecases.manage_journeys import Workshop  # noqa: PLC0415
    from omnicascade.usecases.rehearse import RehearsalDesk  # noqa: PLC0415

    store, renderer = MemoryConfigurationStore(Deployment()), LiquidRenderer()
    file = Path(wanted.journey)
    definition = scenario.get("definition") or read_file("the journey", wanted.journey)
    workshop = Workshop(store, store, renderer.check)
    for path in template_files(wanted.templates, file):
        template = read_file("the template", str(path))
        try:
            workshop.store_template(str(template.get("name", path.stem)), template)
        except UnacceptableError as error:
            raise _placed(error, str(path)) from error
    body = {**scenario, "definition": definition}
    return RehearsalDesk(store, store, renderer).simulate(file.stem, body, datetime.now(UTC))


def template_files(named: Path | None, journey: Path) -> list[Path]:
    """The templates of a folder; else of `templates` beside the journey, if there is one."""
    folder = named or journey.parent / "templates"
    if not folder.is_dir():
        if named:
            raise UnacceptableError(f"{folder} is no folder of templates")
        return []
    return sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml", ".json"})


def _on_deployment(wanted: SimulateRequest, scenario: Mapping[str, Any]) -> dict[str, Any]:
    import httpx  # noqa: PLC0415 - a rehearsal on this machine needs no network

    file, name = Path(wanted.journey), wanted.journey
    body = dict(scenario)
    if file.is_file():
        body["definition"], name = read_file("the journey", wanted.journey), file.stem
    if wanted.templates:
        given = {path.stem: read_file("the template", str(path)) for path in template_files(wanted.templates, file)}
        body["templates"] = {**given, **mapping(body.get("templates"))}
    url = f"{(wanted.api or '').rstrip('/')}/v1/journeys/{quote(name, safe='')}/simulate"
    headers = {"authorization": f"Bearer {wanted.token}"} if wanted.token else {}
    try:
        answer = httpx.post(url, json=body, headers=headers, timeout=_PATIENCE_S)
        told = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise UnavailableError(f"{url} did not answer: {error}") from error
    return answered(answer.status_code, mapping(told))


def answered(status: int, told: Mapping[str, Any]) -> dict[str, Any]:
    """What the deployment answered.

    Raises:
        UnavailableError: it cannot answer now.
        InvalidInputError: it refused, and says why.
    """
    message = str(told.get("message", f"answered {status}"))
    if status >= 500:
        raise UnavailableError(f"the deployment cannot answer: {message}")
    if status >= 300:
        listed = [mapping(problem) for problem in items(told.get("errors"))]
        problems = [Problem(str(p.get("path", "")), str(p.get("code", "")), str(p.get("message", ""))) for p in listed]
        raise InvalidInputError(message, problems=problems)
    return dict(told)


def read_file(what: str, name: str) -> dict[str, Any]:
    """A document from a file or, as `-`, standard input; its mistakes name it."""
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise UnacceptableError(f"{what} cannot be read: {name}: {why}") from error
    try:
        return read_document(text)
    except UnacceptableError as error:
        raise _placed(error, name) from error


def _placed(error: UnacceptableError, name: str) -> UnacceptableError:
    problems = [replace(problem, path=f"{name}: {problem.path}".removesuffix(": ")) for problem in error.problems]
    return UnacceptableError(f"{name}: {error.message}", problems=problems)


def _zone_of(scenario: Mapping[str, Any]) -> ZoneInfo:
    stated = mapping(mapping(scenario.get("profile")).get("traits")).get("timezone")
    configured = mapping(scenario.get("config")).get("default_zone")
    named = next((zone for zone in (stated, configured) if isinstance(zone, str)), "UTC")
    return zone_named(named) or ZoneInfo("UTC")
