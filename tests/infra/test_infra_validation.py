"""Other people's rules on the templates: cdk-nag's AwsSolutions and cfn-lint."""

import json
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from infra.app import build_app
from infra.journey_definition import machine_definition
from tests.infra.template_reader import TemplateReader

LINTED = ManualArgs(regions=["us-east-1"], ignore_checks=["W3005"])
"""As in .cfnlintrc."""


def test_cdk_nag_finds_nothing(prod: TemplateReader) -> None:
    """The synth went through with the pack on, and every pack that reports at all reports success."""
    report = json.loads((prod.folder / "validation-report.json").read_text(encoding="utf-8"))
    assert [pack["violations"] for pack in report["pluginReports"]] == [[] for _ in report["pluginReports"]]
    assert {pack["conclusion"] for pack in report["pluginReports"]} == {"success"}


def test_cdk_nag_would_stop_the_synth(tmp_path: Path) -> None:
    """The app's own check is on: an open bucket ends the synth, and the report says why."""
    app = build_app(outdir=tmp_path, stage="local", nag=True)
    s3.CfnBucket(next(child for child in app.node.children if isinstance(child, cdk.Stack)), "Open")
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    report = json.loads((tmp_path / "validation-report.json").read_text(encoding="utf-8"))
    (pack,) = [pack for pack in report["pluginReports"] if pack["pluginName"] == "AwsSolutions"]
    assert {v["violatingConstructs"][0]["constructPath"] for v in pack["violations"]} == {"omnicascade-local/Open"}


def test_cfn_lint_finds_nothing(prod: TemplateReader, local: TemplateReader) -> None:
    """Both stages' templates are clean, with the one check left out that .cfnlintrc explains."""
    for reader in (prod, local):
        assert [str(match) for match in lint(json.dumps(reader.template), config=LINTED)] == []


def _machine_template(definition: object) -> str:
    properties = {
        "RoleArn": "arn:aws:iam::123456789012:role/machine",
        # As an object: cfn-lint reads no definition that a function joins together, as CDK's are.
        "Definition": definition,
    }
    return json.dumps(
        {"Resources": {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}}
    )


def test_cfn_lint_accepts_the_state_machine() -> None:
    """The definition obeys the rules of Amazon States Language."""
    definition = machine_definition(
        sender_arn="arn:aws:lambda:us-east-1:123456789012:function:sender",
        audience_arn="arn:aws:lambda:us-east-1:123456789012:function:audience",
        bucket="bucket",
    )
    # cfn-lint 1.58 knows no JSONata in TimeoutSeconds, which the language allows; its value has tests of its own.
    definition["States"]["SendAndAwait"]["TimeoutSeconds"] = 60
    assert [str(match) for match in lint(_machine_template(definition), config=LINTED)] == []


def test_cfn_lint_would_see_a_broken_state_machine() -> None:
    """The check above reaches into the definition: JSONPath in it is found."""
    definition = machine_definition(
        sender_arn="arn:aws:lambda:us-east-1:123456789012:function:sender",
        audience_arn="arn:aws:lambda:us-east-1:123456789012:function:audience",
        bucket="bucket",
    )
    definition["States"]["SendAndAwait"]["TimeoutSeconds"] = 60
    definition["States"]["SendAndAwait"]["ResultPath"] = "$.result"
    assert {match.rule.id for match in lint(_machine_template(definition), config=LINTED)} == {"E3601"}
