"""What a deployment brings along: settings, journeys and templates in one checked document."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import aws_cdk as cdk
import pytest

from infra.app import build_app
from infra.config import (
    LOCAL,
    PROD,
    InvalidConfigurationError,
    SourceConfig,
    UnknownStageError,
    config_of,
    deployment_document,
)
from infra.configuration_document import JOURNEYS, UnacceptableFileError, configuration_document
from infra.stack import OmnicascadeStack
from omnicascade.contracts import CONFIGURATION_FILE, Function
from omnicascade.domain.deployment import Cap, Channel, Price, Source, Topic
from omnicascade.domain.deployment_json import deployment_from, source_from
from tests.infra.template_reader import TemplateReader


def test_the_document_travels_in_the_code_of_configure_deployment(local: TemplateReader) -> None:
    """It lies at the asset's root, under the contract's name, and no other function carries it."""
    carried = json.loads((local.asset(Function.CONFIGURE_DEPLOYMENT) / CONFIGURATION_FILE).read_text(encoding="utf-8"))
    assert carried == configuration_document(LOCAL)
    for name in set(Function) - {Function.CONFIGURE_DEPLOYMENT}:
        assert not (local.asset(name) / CONFIGURATION_FILE).exists()


def test_the_document_holds_every_journey_and_template_file() -> None:
    """As many definitions as files, each under its own name."""
    document = configuration_document(PROD)
    assert [j["name"] for j in document["journeys"]] == sorted(p.stem for p in JOURNEYS.glob("*.yaml"))
    assert [t["name"] for t in document["templates"]] == sorted(p.stem for p in (JOURNEYS / "templates").glob("*.yaml"))
    assert document["journeys"]
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_the_local_stage_has_the_contracts_sources() -> None:
    """The embedded stack's write keys equal the sources' names, and two of them are shared devices."""
    sources = deployment_document(LOCAL)["sources"]
    assert {s["name"]: s["write_key"] for s in sources} == {
        name: name
        for name in ("local-web", "local-app", "local-server", "local-pos", "local-kiosk", "local-callcentre")
    }
    assert {s["name"] for s in sources if s["shared_device"]} == {"local-pos", "local-kiosk"}
    assert {s["default_region"] for s in sources} == {"PL"}


def test_production_keys_are_not_in_the_repository() -> None:
    """The example stage leaves write keys to be generated at the first deployment."""
    assert not [s for s in deployment_document(PROD)["sources"] if "write_key" in s]


def test_the_product_reads_back_what_a_stage_says() -> None:
    """Settings survive the way through the document."""
    stage = replace(
        PROD,
        topics={"promotions": Topic.OPT_IN, "news": Topic.OPT_OUT},
        channels_off=("sms",),
        prices={"sms.CZ": Price(Decimal("0.0475"), "EUR")},
        default_currency="EUR",
        default_zone="Europe/Prague",
        caps=(Cap(3, timedelta(days=1)), Cap(1, timedelta(days=7), Channel.SMS, transactional=True)),
        webhook_hosts=("hooks.example.com",),
    )
    document = deployment_document(stage)
    deployment = deployment_from(document)
    assert deployment.topics == stage.topics
    assert deployment.channels_off == {"sms"}
    assert deployment.prices["sms.CZ"] == Price(Decimal("0.0475"), "EUR")
    assert (deployment.default_currency, deployment.default_zone) == ("EUR", "Europe/Prague")
    assert (deployment.caps, deployment.webhook_hosts) == (stage.caps, {"hooks.example.com"})
    assert [source_from(s) for s in document["sources"]] == [s.source for s in stage.sources]


def test_a_slip_in_a_journey_stops_the_synth_and_names_the_file(tmp_path: Path) -> None:
    """The product's own words say what is wrong, and where."""
    (tmp_path / "hello.yaml").write_text("name: hello\nsteps:\n  - email: {template: nowhere}\n", encoding="utf-8")
    with pytest.raises(UnacceptableFileError, match=r"(?s)hello\.yaml.*steps.*nowhere"):
        configuration_document(LOCAL, tmp_path)


def test_a_stage_refuses_limits_that_cannot_be_meant() -> None:
    """A host that is none, a cap of no message."""
    with pytest.raises(InvalidConfigurationError, match=r"webhook_hosts\.0"):
        replace(LOCAL, webhook_hosts=("https://hooks.example.com",))
    with pytest.raises(InvalidConfigurationError, match=r"caps\.0\.messages"):
        replace(LOCAL, caps=(Cap(0, timedelta(days=1)),))


def _library(folder: Path, **segments: str) -> Path:
    """A folder with a journey that waits for the segment `big`, a template, and these segments."""
    for part in ("templates", "segments"):
        (folder / part).mkdir(exist_ok=True)
    (folder / "hello.yaml").write_text(
        "name: hello\nentry: {segment: big}\nsteps: [{email: {template: hi}}]\n", encoding="utf-8"
    )
    (folder / "templates/hi.yaml").write_text("name: hi\ntext: Hi\n", encoding="utf-8")
    for name, when in segments.items():
        (folder / f"segments/{name}.yaml").write_text(f"name: {name}\nwhen: {when}\n", encoding="utf-8")
    return folder


def test_segments_stand_behind_those_that_they_name(tmp_path: Path) -> None:
    """Whatever their files are called; journeys may name all of them."""
    folder = _library(tmp_path, big="{segment: rich}", rich="{trait: orders, gte: 9}")
    assert [segment["name"] for segment in configuration_document(LOCAL, folder)["segments"]] == ["rich", "big"]


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ({"big": "{segment: rihc}", "rich": "{trait: orders, gte: 9}"}, r"(?s)big\.yaml.*rihc.*did you mean 'rich'"),
        ({"big": "{segment: rich}", "rich": "{segment: big}"}, r"big\.yaml"),
        ({"rich": "{trait: orders, gte: 9}"}, r"(?s)hello\.yaml.*no segment big"),
    ],
    ids=["unknown", "cycle", "unknown to a journey"],
)
def test_a_slip_in_a_segment_stops_the_synth_and_names_the_file(
    tmp_path: Path, segments: dict[str, str], message: str
) -> None:
    """Unknown names, in segments and in journeys, and segments that ask for each other."""
    with pytest.raises(UnacceptableFileError, match=message):
        configuration_document(LOCAL, _library(tmp_path, **segments))


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    """Broken YAML is reported with its file."""
    (tmp_path / "broken.yaml").write_text("name: [", encoding="utf-8")
    with pytest.raises(UnacceptableFileError, match=r"broken\.yaml"):
        configuration_document(LOCAL, tmp_path)


def test_two_sources_cannot_share_a_key() -> None:
    """A key names one source."""
    twice = tuple(SourceConfig(Source(name, "web"), write_key="k") for name in ("a", "b"))
    with pytest.raises(InvalidConfigurationError, match="write key 'k'"):
        replace(LOCAL, sources=twice)


def test_a_source_of_no_known_kind_is_refused() -> None:
    """The kinds are the contract's."""
    with pytest.raises(InvalidConfigurationError, match="toaster"):
        SourceConfig(Source("kitchen", "toaster"))


def test_an_unknown_stage_lists_the_known_ones(tmp_path: Path) -> None:
    """A typing slip in the stage's name ends before anything is built."""
    with pytest.raises(UnknownStageError, match="local, prod"):
        config_of("prd")
    with pytest.raises(UnknownStageError):
        build_app(outdir=tmp_path, stage="prd")


def test_the_command_line_may_name_the_stage(tmp_path: Path) -> None:
    """Run as the CDK command line runs it, with its context: that stage goes before the environment's."""
    environment = os.environ | {
        "CDK_CONTEXT_JSON": '{"stage": "local"}',
        "CDK_OUTDIR": str(tmp_path),
        "OMNICASCADE_STAGE": "prod",
    }
    subprocess.run([sys.executable, "-m", "infra.app"], env=environment, check=True)
    assert [path.name for path in tmp_path.glob("*.template.json")] == ["omnicascade-local.template.json"]


def test_a_changed_configuration_runs_again_on_deployment(local: TemplateReader, tmp_path: Path) -> None:
    """The trigger names a version of the function; another setting makes another version, the same setting the same."""
    before = local.one("Custom::Trigger")["HandlerArn"]
    assert _triggered(tmp_path / "same", default_zone="UTC") == before
    assert _triggered(tmp_path / "other", default_zone="Europe/Warsaw") != before


def _triggered(folder: Path, *, default_zone: str) -> object:
    app = cdk.App(outdir=str(folder), context={"aws:cdk:bundling-stacks": [], "aws:cdk:enable-asset-metadata": True})
    OmnicascadeStack(app, config=replace(LOCAL, default_zone=default_zone), staging=folder / ".staging")
    app.synth()
    return TemplateReader.read(folder, "local").one("Custom::Trigger")["HandlerArn"]
