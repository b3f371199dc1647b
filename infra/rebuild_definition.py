"""The rebuild's state machine in Amazon States Language: check the input, visit the archive, report.

Apart from the construct that deploys it, as the journeys' is. A failed rebuild is redriven in the console: workers that
had succeeded are not run again, and the others find what they had done already.
"""

from typing import Any, Final

from omnicascade.contracts import INVALID_INPUT_ERROR

OBJECTS_PER_WORKER: Final = 5
"""Archive objects of one task: at most 5,000 events (the archive's batches have 1,000), well within 15 minutes."""
WORKERS: Final = 40
"""Tasks at once; as many as an account's default of Lambda concurrency leaves beside the intake."""
FOLDING_S: Final = 10
"""Seconds until events that were moved, or came in, are folded; then their identifiers are visited again. An identifier
whose events never pause is given up after hours, when the history has its 25,000 events (Step Functions quotas)."""

_RETRY: Final = [
    {"ErrorEquals": ["InvalidInputError"], "MaxAttempts": 0},
    {
        "ErrorEquals": ["States.TaskFailed"],
        "IntervalSeconds": 5,
        "BackoffRate": 2,
        "MaxAttempts": 6,
        "MaxDelaySeconds": 300,
        "JitterStrategy": "FULL",
    },
]


def rebuild_definition(*, function_arn: str, bucket: str, reports_prefix: str) -> dict[str, Any]:
    """The machine in Amazon States Language.

    Args:
        function_arn: rebuild_profiles.
        bucket: the archive's.
        reports_prefix: where in the bucket the workers' results go.
    """
    return {
        "Comment": 'Bring profiles up to the rules: {} is a dry run, {"dry_run": false} does it.',
        "QueryLanguage": "JSONata",
        "StartAt": "CheckInput",
        "States": {
            "CheckInput": _task(
                function_arn,
                {
                    "task": "plan",
                    "execution": _jsonata("$states.context.Execution.Name"),
                    "started": _jsonata("$states.context.Execution.StartTime"),
                    "input": _jsonata("$states.input"),
                },
            )
            | {
                "Assign": {"plan": _jsonata("$states.result.Payload")},
                "Catch": [
                    {
                        "ErrorEquals": ["InvalidInputError"],
                        "Assign": {"cause": _jsonata("$parse($states.errorOutput.Cause).errorMessage")},
                        "Next": "InputRefused",
                    }
                ],
                "Next": "VisitArchive",
            },
            "InputRefused": {"Type": "Fail", "Error": INVALID_INPUT_ERROR, "Cause": _jsonata("$cause")},
            "VisitArchive": {
                "Type": "Map",
                "Label": "VisitArchive",
                "ItemReader": {
                    "Resource": "arn:aws:states:::s3:listObjectsV2",
                    "Arguments": {"Bucket": bucket, "Prefix": _jsonata("$plan.prefix")},
                },
                "ItemBatcher": {
                    "MaxItemsPerBatch": OBJECTS_PER_WORKER,
                    "BatchInput": {"plan": _jsonata("$plan")},
                },
                "MaxConcurrency": WORKERS,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "Rebuild",
                    "States": {
                        "Rebuild": _task(
                            function_arn,
                            {
                                "task": "read",
                                "plan": _jsonata("$states.input.BatchInput.plan"),
                                "objects": _jsonata("[$states.input.Items.{'Key': Key}]"),
                                "waiting": _jsonata("[$states.input.waiting]"),
                                "reports": _jsonata("[$states.input.report]"),
                            },
                        )
                        | {"Output": _jsonata("$merge([$states.input, $states.result.Payload])"), "Next": "AllVisited"},
                        "AllVisited": {
                            "Type": "Choice",
                            "Choices": [
                                {"Condition": _jsonata("$count($states.input.waiting) > 0"), "Next": "AwaitFolding"}
                            ],
                            "Default": "Done",
                        },
                        "AwaitFolding": {"Type": "Wait", "Seconds": FOLDING_S, "Next": "Rebuild"},
                        "Done": {"Type": "Succeed", "Output": _jsonata("$states.input.report")},
                    },
                },
                "ResultWriter": {
                    "Resource": "arn:aws:states:::s3:putObject",
                    "Arguments": {"Bucket": bucket, "Prefix": f"{reports_prefix}results"},
                },
                "Output": {"results": _jsonata("$states.result.ResultWriterDetails.Key")},
                "Next": "Report",
            },
            "Report": _task(
                function_arn,
                {"task": "report", "plan": _jsonata("$plan"), "results": _jsonata("$states.input.results")},
            )
            | {"Output": _jsonata("$states.result.Payload"), "End": True},
        },
    }


def _task(function_arn: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function_arn, "Payload": payload},
        "Retry": _RETRY,
    }


def _jsonata(expression: str) -> str:
    return "{% " + expression + " %}"
