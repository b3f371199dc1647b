"""The rebuild's machine in the template: it may run its own maps and read the archive, and nothing more."""

import json

from omnicascade.contracts import Function
from tests.infra.template_reader import TemplateReader, listed


def test_there_are_two_machines(prod: TemplateReader) -> None:
    """One for journeys, one for rebuilds, told apart by name."""
    names = {machine["StateMachineName"] for machine in prod.of_type("AWS::StepFunctions::StateMachine").values()}
    assert names == {"omnicascade-prod-journeys", "omnicascade-prod-rebuild"}


def test_the_rebuild_may_do_what_a_distributed_map_needs(prod: TemplateReader) -> None:
    """Start and follow its own children, list and read the archive, write results; no table, no other function."""
    statements = prod.machine_statements("rebuild")
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
    (invoked,) = [s["Resource"] for s in statements if s["Action"] == "lambda:InvokeFunction"]
    assert invoked == {"Fn::GetAtt": [prod.function_id(Function.REBUILD_PROFILES), "Arn"]}
    (written,) = [s["Resource"] for s in statements if s["Action"] == "s3:PutObject"]
    assert "/rebuilds/*" in json.dumps(written)


def test_a_worker_has_time_for_a_batch(prod: TemplateReader) -> None:
    """Fifteen minutes, the longest that Lambda gives."""
    assert prod.function(Function.REBUILD_PROFILES)["Timeout"] == 900


def test_reports_and_results_stay_out_of_the_archive(prod: TemplateReader) -> None:
    """What a rebuild writes is never read as an archived event."""
    parts = prod.machine("rebuild")["DefinitionString"]["Fn::Join"][1]
    definition = json.loads("".join(part if isinstance(part, str) else "reference" for part in parts))
    visit = definition["States"]["VisitArchive"]
    assert visit["ResultWriter"]["Arguments"]["Prefix"] == "rebuilds/results"
    assert visit["ItemReader"]["Arguments"]["Prefix"] == "{% $plan.prefix %}"
