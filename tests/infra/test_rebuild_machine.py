"""The rebuild's machine in the template: it may run its own maps and read the archive, and nothing more."""

import json

from omnicascade.contracts import Function
from tests.infra.template_reader import TemplateReader, listed, walk


def machines(reader: TemplateReader) -> dict[str, dict[str, object]]:
    found = [r["Properties"] for r in reader.of_type("AWS::StepFunctions::StateMachine").values()]
    return {str(machine["StateMachineName"]): machine for machine in found}


def test_there_are_two_machines(prod: TemplateReader) -> None:
    """One for journeys, one for rebuilds, told apart by name."""
    assert set(machines(prod)) == {"omnicascade-prod-journeys", "omnicascade-prod-rebuild"}


def test_the_rebuild_may_do_what_a_distributed_map_needs(prod: TemplateReader) -> None:
    """Start and follow its own children, list and read the archive, write results; no table, no other function."""
    machine = machines(prod)["omnicascade-prod-rebuild"]
    role = prod.template["Resources"][machine["RoleArn"]["Fn::GetAtt"][0]]["Properties"]  # type: ignore[index]
    statements = [s for policy in role["Policies"] for s in policy["PolicyDocument"]["Statement"]]
    actions = {action for s in statements for action in listed(s["Action"])}
    assert {action for action in actions if not action.startswith(("logs:", "xray:"))} == {
        "lambda:InvokeFunction",
        "states:StartExecution",
        "states:DescribeExecution",
        "states:StopExecution",
        "states:RedriveExecution",
        "s3:ListBucket",
        "s3:GetObject",
        "s3:PutObject",
    }
    (invoked,) = [s["Resource"] for s in statements if listed(s["Action"]) == ["lambda:InvokeFunction"]]
    assert "RebuildProfiles" in json.dumps(invoked)
    (written,) = [s["Resource"] for s in statements if listed(s["Action"]) == ["s3:PutObject"]]
    assert "/rebuilds/*" in json.dumps(written)


def test_a_worker_has_time_for_a_batch(prod: TemplateReader) -> None:
    """Fifteen minutes, the longest that Lambda gives."""
    assert prod.function(Function.REBUILD_PROFILES)["Timeout"] == 900


def test_reports_and_results_stay_out_of_the_archive(prod: TemplateReader) -> None:
    """What a rebuild writes is never read as an archived event."""
    text = "".join(part for part in walk(machines(prod)["omnicascade-prod-rebuild"]) if isinstance(part, str))
    assert "rebuilds/results" in text
    assert '"Prefix": "{% $plan.prefix %}"' in text
