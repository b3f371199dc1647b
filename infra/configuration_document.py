"""The document that a deployment brings along: its settings, segments, journeys and templates, as plain JSON.

configure_deployment stores it in the table. It travels in that function's code asset, so that a change of a journey is
a change of the function and runs it again. Everything is checked here with the product's own rules: a typing slip in a
journey stops the synth, with the file's name, rather than a deployment half way.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from infra.config import StageConfig, deployment_document
from omnicascade.domain.documents import read_document
from omnicascade.domain.errors import UnacceptableError
from omnicascade.domain.journeys.definition.loading import load_definition
from omnicascade.domain.segment_definition import load_segment
from omnicascade.domain.segments import Segment
from omnicascade.domain.template_definition import load_template

JOURNEYS: Final = Path(__file__).resolve().parent / "journeys"

type Definition = dict[str, Any]


class UnacceptableFileError(ValueError):
    """A journey's, segment's or template's file is not valid; the message names the file and lists every problem."""


def configuration_document(config: StageConfig, journeys: Path = JOURNEYS) -> dict[str, Any]:
    """The content of configuration.json: `deployment`, `segments`, `journeys` and `templates`.

    Segments stand behind those that they name; everything else is in order of the files' names.

    Args:
        config: the stage.
        journeys: the folder of journey files; templates and segments lie in its folders `templates` and `segments`.

    Raises:
        UnacceptableFileError: a file is no YAML, or says something the product would refuse.
    """
    templates = [_checked(path, load_template) for path in _files(journeys / "templates")]
    segments = _segments(_files(journeys / "segments"))

    def check_journey(definition: Mapping[str, Any]) -> None:
        load_definition(
            definition,
            templates=[template["name"] for template in templates],
            segments=[segment["name"] for segment in segments],
            hosts=config.webhook_hosts,
            currency=config.default_currency,
        )

    return {
        "deployment": deployment_document(config),
        "segments": segments,
        "journeys": [_checked(path, check_journey) for path in _files(journeys)],
        "templates": templates,
    }


def _segments(paths: list[Path]) -> list[Definition]:
    """Every segment, each checked with those that it may name, whatever the files are called."""
    known: dict[str, Segment] = {}
    checked: list[Definition] = []

    def check(definition: Mapping[str, Any]) -> None:
        segment = load_segment(definition, segments=known)
        known[segment.name] = segment

    waiting = list(paths)
    while waiting:
        left: list[Path] = []
        failure: UnacceptableFileError | None = None
        for path in waiting:
            try:
                checked.append(_checked(path, check))
            except UnacceptableFileError as error:
                left.append(path)
                failure = failure or error
        if failure and len(left) == len(waiting):
            raise failure
        waiting = left
    return checked


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.yaml"), key=lambda path: path.stem)


def _checked(path: Path, check: Callable[[Mapping[str, Any]], object]) -> Definition:
    try:
        document = read_document(path.read_text(encoding="utf-8"))
        check(document)
    except UnacceptableError as error:
        lines = [f"  {problem.path or 'document'}: {problem.message}" for problem in error.problems]
        raise UnacceptableFileError("\n".join([f"{path.name} is not acceptable:", *lines])) from error
    return document
