"""Other people's rules on the templates: cdk-nag's AwsSolutions and cfn-lint."""

import json

from cfnlint.api import lint
from cfnlint.config import ManualArgs

from infra.constructs.journey_machine import machine_definition
from tests.infra.template_reader import TemplateReader

LINTED = ManualArgs(regions=["us-east-1"], ignore_checks=["W3005"])
"""As in .cfnlintrc."""


def test_cdk_nag_finds_nothing(prod: TemplateReader) -> None:
    """The synth's report names the AwsSolutions pack and holds no finding of it."""
    report = json.loads((prod.folder / "validation-report.json").read_text(encoding="utf-8"))
    packs = {pack["pluginName"]: pack for pack in report["pluginReports"]}
    assert packs["AwsSolutions"]["conclusion"] == "success"
    assert [pack["violations"] for pack in packs.values()] == [[] for _ in packs]


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
    definition = machine_definition("arn:aws:lambda:us-east-1:123456789012:function:sender")
    assert [str(match) for match in lint(_machine_template(definition), config=LINTED)] == []


def test_cfn_lint_would_see_a_broken_state_machine() -> None:
    """The check above reaches into the definition: JSONPath in it is found."""
    definition = machine_definition("arn:aws:lambda:us-east-1:123456789012:function:sender")
    definition["States"]["SendAndAwait"]["ResultPath"] = "$.result"
    assert [match.rule.id for match in lint(_machine_template(definition), config=LINTED)]
