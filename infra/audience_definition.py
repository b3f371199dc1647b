"""The states by which the journeys' machine serves an audience, in Amazon States Language.

One execution for a whole campaign: a list of customers in S3, worked off in batches by Express children, and between
two rounds nothing but a wait. Every state may be repeated: a failed execution is redriven and finds what it had done.
"""

from typing import Any, Final

from omnicascade.contracts import AUDIENCES_PREFIX

CUSTOMERS_PER_BATCH: Final = 100
"""A million customers are then 10,000 children a round: each costs one transition, and fewer would each take longer."""
BATCHES_AT_ONCE: Final = 40
"""As many as an account's default of Lambda concurrency leaves beside the intake."""
TOLERATED_PERCENT: Final = 10
"""Batches that may fail for good in a round; theirs go again with the next. More is no accident: the execution fails,
and is redriven when the cause is gone."""
BATCH_TIMEOUT_S: Final = 100
"""Two attempts and the pause between them fit into an Express execution's five minutes (Step Functions quotas). A batch
itself stops after `omnicascade.usecases.audience.move_batch.BATCH_TIME`."""

_MOST_RETRIES: Final = 6


def audience_states(*, audience_arn: str, bucket: str) -> dict[str, Any]:
    """The states from `SnapshotAudience` to `Report`; the input that leads there has `journey` and `segment`.

    Args:
        audience_arn: the function run_audience.
        bucket: the archive's, where lists and results are kept under `AUDIENCES_PREFIX`.
    """
    return {
        "SnapshotAudience": _task(
            audience_arn,
            {
                "task": "snapshot",
                "execution": _jsonata("$states.context.Execution.Name"),
                "started": _jsonata("$states.context.Execution.StartTime"),
                "input": _jsonata("$states.input"),
            },
        )
        | {
            "Assign": {"audience": _jsonata("$states.result.Payload.audience")},
            "Output": _jsonata("$states.result.Payload.round"),
            "Next": "MoreToSend",
        },
        "MoreToSend": {
            "Type": "Choice",
            "Choices": [
                {"Condition": _jsonata("$states.input.remaining = 0"), "Next": "Report"},
                {"Condition": _jsonata("$states.input.number = 0"), "Next": "ForEachBatch"},
            ],
            "Default": "AwaitNextDue",
        },
        "AwaitNextDue": {"Type": "Wait", "Timestamp": _jsonata("$states.input.at"), "Next": "ForEachBatch"},
        "ForEachBatch": _for_each_batch(audience_arn, bucket),
        "GatherRound": _task(
            audience_arn,
            {"task": "gather", "audience": _jsonata("$audience"), "round": _jsonata("$states.input")},
        )
        | {"Output": _jsonata("$states.result.Payload"), "Next": "MoreToSend"},
        "Report": _task(
            audience_arn,
            {"task": "report", "audience": _jsonata("$audience"), "round": _jsonata("$states.input")},
        )
        | {"Output": _jsonata("$states.result.Payload"), "End": True},
    }


def _for_each_batch(audience_arn: str, bucket: str) -> dict[str, Any]:
    return {
        "Type": "Map",
        "Label": "ForEachBatch",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSONL"},
            "Arguments": {"Bucket": bucket, "Key": _jsonata("$states.input.customers_key")},
        },
        "ItemBatcher": {
            "MaxItemsPerBatch": CUSTOMERS_PER_BATCH,
            "BatchInput": {"audience": _jsonata("$audience")},
        },
        "MaxConcurrency": BATCHES_AT_ONCE,
        "ToleratedFailurePercentage": TOLERATED_PERCENT,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
            "StartAt": "SendToBatch",
            "States": {
                "SendToBatch": _task(
                    audience_arn,
                    {
                        "task": "send",
                        "audience": _jsonata("$states.input.BatchInput.audience"),
                        "customers": _jsonata("$states.input.Items"),
                    },
                    retries=1,
                )
                | {"TimeoutSeconds": BATCH_TIMEOUT_S, "Output": _jsonata("$states.result.Payload"), "End": True}
            },
        },
        # Lines and not one array, so that whoever gathers them holds one batch at a time and not a million customers.
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            "WriterConfig": {"OutputType": "JSONL", "Transformation": "NONE"},
            "Arguments": {
                "Bucket": bucket,
                "Prefix": _jsonata(
                    f"'{AUDIENCES_PREFIX}' & $audience.name & '/results-' & $string($states.input.number)"
                ),
            },
        },
        "Output": _jsonata(
            "$merge([$states.input, {'results_key': $states.result.ResultWriterDetails.Key}])",
        ),
        "Next": "GatherRound",
    }


def _task(audience_arn: str, payload: dict[str, Any], *, retries: int = _MOST_RETRIES) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": audience_arn, "Payload": payload},
        "Retry": [
            {"ErrorEquals": ["InvalidInputError"], "MaxAttempts": 0},
            {
                "ErrorEquals": ["States.TaskFailed", "States.Timeout"],
                "IntervalSeconds": 5,
                "BackoffRate": 2,
                "MaxAttempts": retries,
                "MaxDelaySeconds": 300,
                "JitterStrategy": "FULL",
            },
        ],
    }


def _jsonata(expression: str) -> str:
    return "{% " + expression + " %}"
