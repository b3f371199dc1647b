"""The page for marketers, docs/journeys.md, is true: its examples are understood, played, and print what it shows."""

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.local_client import ROOT
from omnicascade.adapters.liquid_renderer import LiquidRenderer
from omnicascade.adapters.memory_configuration import MemoryConfigurationStore
from omnicascade.cli import app
from omnicascade.domain.conditions.reading import read_condition
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.documents import read_document
from omnicascade.domain.journeys.definition.loading import load_definition
from omnicascade.domain.json_text import parse_json
from omnicascade.domain.segment_definition import load_segment
from omnicascade.domain.segments import Segment
from omnicascade.usecases.audience.read_start import read_start
from omnicascade.usecases.rehearse import RehearsalDesk
from tests.domain.rehearsal.stories import ANN, NOON

PAGE = (ROOT / "docs" / "journeys.md").read_text(encoding="utf-8")
TEMPLATES = {path.stem: read_document(path.read_text()) for path in (ROOT / "infra/journeys/templates").glob("*.yaml")}
VIP, _ = read_condition({"trait": "vip", "is": True})
HOSTS = frozenset({"hooks.example.com"})


def blocks(kind: str) -> list[str]:
    """Every fenced block of a kind, in order."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)


def store() -> MemoryConfigurationStore:
    """A deployment with the segments that the page names."""
    assert VIP is not None
    segments = {name: Segment(name, VIP) for name in ("vip", "lapsed")}
    return MemoryConfigurationStore(Deployment(webhook_hosts=HOSTS, segments=segments))


def rehearsed(definition: dict[str, Any], **scenario: Any) -> dict[str, Any]:
    """What a rehearsal of a definition for Ann answers."""
    templates = {name: {k: v for k, v in given.items() if k != "name"} for name, given in TEMPLATES.items()}
    body = {"definition": definition, "start": NOON.isoformat(), "profile": ANN, "templates": templates}
    kept = store()
    return RehearsalDesk(kept, kept, LiquidRenderer()).simulate(
        str(definition.get("name", "example")), body | scenario, NOON
    )


@pytest.mark.parametrize("text", blocks("yaml"))
def test_every_example_is_a_journey_and_plays(text: str) -> None:
    """Loaded strictly, and rehearsed to its end with some feedback and an event."""
    events = [
        {"at": "1h", "event": "Product Added", "properties": {"cart_id": "c", "total": 30}},
        {"at": "2h", "event": "Product Price Dropped", "properties": {"product_id": "p"}},
    ]
    told = rehearsed(dict(read_document(text)), enter="0s", events=events, until="365d")
    assert told["runs"]
    assert all(run["ended"] for run in told["runs"])


@pytest.mark.parametrize(
    "entry", re.findall(r"^\| `(\{(?:event|segment|when|schedule).*?\})`", PAGE, flags=re.MULTILINE)
)
def test_every_way_to_enter_is_one(entry: str) -> None:
    """The table's documents, with a condition where it says so."""
    read = read_document(f"entry: {entry}".replace("<condition>", "{trait: vip, is: true}"))
    assert rehearsed({**read, "steps": [{"push": {"template": "welcome"}}]})["messages"] is not None


@pytest.mark.parametrize("line", [line for text in blocks("conditions") for line in text.splitlines()])
def test_every_condition_is_understood(line: str) -> None:
    """As the branch of a journey, which may ask for anything."""
    condition = read_document(line)
    mail = {"id": "mail", "email": {"template": "welcome"}}
    branch = {"branch": [{"if": dict(condition), "then": [{"wait": "1h"}]}]}
    told = rehearsed({"steps": [mail, branch]}, enter="0s")
    assert told["runs"][0]["outcome"] == "completed"


def test_the_scenario_and_the_segment_are_understood() -> None:
    """The scenario rehearses the first journey of the page; the segment is one."""
    [scenario], [segment] = blocks("scenario"), blocks("segment")
    first = dict(read_document(blocks("yaml")[0])) | {"holdout": "0%"}
    told = rehearsed(first, **read_document(scenario))
    assert [message["channel"] for message in told["messages"]] == ["push"]
    assert load_segment({"name": "lapsed", **read_document(segment)}, segments={}).name == "lapsed"


def test_the_console_inputs_start_what_they_name() -> None:
    """Both lines pass the check that the first state makes."""
    kept = store()
    document = {"name": "win-back", "steps": [{"push": {"template": "welcome"}}]}
    kept.put_journey(load_definition(document), document)
    inputs = [dict(parse_json(line)) for line in blocks("json")[0].splitlines()]
    starts = [read_start(given, kept, kept.deployment()) for given in inputs]
    assert [(start.profile, start.segment and start.segment.name) for start in starts] == [
        ("email:ann@example.com", None),
        ("", "lapsed"),
    ]


def test_the_shown_rehearsal_is_what_the_command_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command stands in the page's first line of output; the rest is its answer, to the letter."""
    [shown] = [text for text in blocks("") if text.startswith("$ omnicascade")]
    command, _, output = shown.partition("\n")
    monkeypatch.chdir(Path(ROOT))
    printed = CliRunner().invoke(app, command.removeprefix("$ omnicascade ").split())
    assert (printed.exit_code, printed.output.strip()) == (0, output.strip())
