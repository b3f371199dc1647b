"""Carries out `omnicascade plan`: asks the deployment page by page, and puts the pages together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from rich.console import Console
from rich.progress import Progress

from omnicascade.cli.simulate_run import answered, read_file, template_files
from omnicascade.domain.errors import UnavailableError
from omnicascade.domain.json_text import mapping
from omnicascade.domain.planning.report import Frame, report
from omnicascade.domain.planning.tally import Tally, from_json

_PATIENCE_S = 35.0
"""Longer than the gateway's own time-out, so that its answer is the one that is shown."""


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What was asked for on the command line; `sample` 0 is everybody."""

    journey: str
    segment: str
    api: str
    token: str = ""
    definition: Path | None = None
    templates: Path | None = None
    at: str = ""
    sample: int = 0


def run_plan(wanted: PlanRequest) -> dict[str, Any]:
    """The plan, as the API answers it.

    Raises:
        InvalidInputError: a file is not there, or something in it is not understood.
        UnavailableError: the deployment did not answer.
    """
    url = f"{wanted.api.rstrip('/')}/v1/journeys/{quote(wanted.journey, safe='')}/plan"
    headers = {"authorization": f"Bearer {wanted.token}"} if wanted.token else {}
    with httpx.Client(headers=headers, timeout=_PATIENCE_S) as client:
        if wanted.sample:
            return _ask(client, url, _body(wanted) | {"sample": wanted.sample})
        return _everybody(client, url, _body(wanted))


def what_is_wrong(told: Mapping[str, Any]) -> list[str]:
    """What somebody should look at before the journey is started; one sentence each."""
    wrong = [
        f"the budget for {one['channel']} in {one['month']} does not suffice"
        for one in told["budgets"]
        if not one["sufficient"]
    ]
    for one in told["nobody_answers"]["failed"]:
        what = "messages cannot be written" if one["channel"] else "runs would fail"
        wrong.append(f"{one['count']} {what}: {one['reason']}")
    for version in told.get("in_flight", {}).get("versions", []):
        wrong += [
            f"{stuck['runs']} live runs of version {version['version']} could not follow: {stuck['reason']}"
            for stuck in version["cannot_migrate"]
        ]
    wrong += [
        f"{one['runs_before_it']} runs under way will read the new words of template {one['template']}"
        for one in told.get("in_flight", {}).get("templates", [])
        if one["runs_before_it"]
    ]
    return wrong


def _body(wanted: PlanRequest) -> dict[str, Any]:
    body: dict[str, Any] = {"segment": wanted.segment}
    if wanted.definition:
        body["definition"] = read_file("the definition", str(wanted.definition))
    if wanted.templates:
        files = template_files(wanted.templates, wanted.templates)
        body["templates"] = {path.stem: read_file("the template", str(path)) for path in files}
    return body | ({"at": wanted.at} if wanted.at else {})


def _everybody(client: httpx.Client, url: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Every page, with a bar on standard error; the first one's frame and runs under way stand for all."""
    tally, cursor, first = Tally(), None, dict[str, Any]()
    spent: dict[str, str] = {}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("looking at customers", total=None)
        while not first or cursor is not None:
            page = _ask(client, url, {**body, "cursor": cursor})
            if not first:
                first = page
                body = {**body, "at": page["frame"]["at"]}  # the same moment for everybody
                progress.update(task, total=page["frame"]["members"] or 1)
            tally.add(from_json(page["tally"]))
            spent |= page["frame"]["spent"]
            cursor = page["cursor"]
            progress.advance(task, page["looked_at"])
    frame = replace(Frame.from_json(first["frame"]), complete=True, spent=spent)
    return report(frame, tally) | {"in_flight": first["in_flight"]}


def _ask(client: httpx.Client, url: str, body: Mapping[str, Any]) -> dict[str, Any]:
    try:
        answer = client.post(url, json=dict(body))
        told = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise UnavailableError(f"{url} did not answer: {error}") from error
    return answered(answer.status_code, mapping(told))
