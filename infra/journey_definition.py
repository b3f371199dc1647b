"""The journeys' state machine in Amazon States Language: one task state that waits, and an end; for an audience, the
states of `audience_definition` behind the first.

Apart from the construct that deploys it, so that whoever runs or checks the definition need not load the CDK.
"""

from typing import Any, Final

from infra.audience_definition import audience_states
from omnicascade.contracts import AUDIENCE_NAMED_ERROR, INVALID_INPUT_ERROR, RUN_FINISHED_ERROR

FALLBACK_WAIT_S: Final = 60
"""Seconds the state waits where the run's plan names no wait: room for the sender's call, which takes at most that."""
LONGEST_WAIT_S: Final = 31_536_000
"""A year, the longest execution. Source: Step Functions quotas."""

_STEP: Final = "$exists($states.input.step) ? $states.input.step : 0"
FORESEEN_WAIT: Final = (
    f"($step := {_STEP};"
    f" $wait := $exists($states.input.waits) ? [$states.input.waits][$step] : {FALLBACK_WAIT_S};"
    f" $max([1, $min([{LONGEST_WAIT_S}, $ceil($exists($wait) ? $wait : {FALLBACK_WAIT_S})])]))"
)
"""JSONata: the wait foreseen for the current step, whole seconds from 1 on.

`[$states.input.waits]` keeps one wait an array, and the test for existence comes last, because an index past the end
yields nothing and a wait or step of 0 is false.
"""

_ATTEMPT: Final = "$exists($states.context.State.RetryCount) ? $states.context.State.RetryCount : 0"
"""JSONata: how often the state was retried after an error; the sender gives a message up before Step Functions does."""

_FINAL: Final = (RUN_FINISHED_ERROR, AUDIENCE_NAMED_ERROR, INVALID_INPUT_ERROR)
"""Answers of the sender that are no failures of a call: never tried again."""


def machine_definition(*, sender_arn: str, audience_arn: str, bucket: str) -> dict[str, Any]:
    """The machine in Amazon States Language.

    Args:
        sender_arn: send_next_message, called with a task token and the execution's input.
        audience_arn: run_audience.
        bucket: the archive's.
    """
    foreseen = _jsonata(FORESEEN_WAIT)
    return {
        "Comment": (
            'A journey for one customer, {"journey": "welcome", "profile": "email:ann@example.com"}, or for a segment, '
            '{"journey": "welcome", "segment": "new"}: send what is due, then wait.'
        ),
        "QueryLanguage": "JSONata",
        "StartAt": "SendAndAwait",
        "States": {
            "SendAndAwait": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                "Arguments": {
                    "FunctionName": sender_arn,
                    "Payload": {
                        "token": _jsonata("$states.context.Task.Token"),
                        "execution": _jsonata("$states.context.Execution.Name"),
                        "started": _jsonata("$states.context.Execution.StartTime"),
                        "foreseen_s": foreseen,
                        "attempt": _jsonata(_ATTEMPT),
                        "entered": _jsonata("$states.context.State.EnteredTime"),
                        "input": _jsonata("$states.input"),
                    },
                },
                "TimeoutSeconds": foreseen,
                "Output": _jsonata("$merge([$states.input, $states.result])"),
                "Retry": [
                    {"ErrorEquals": list(_FINAL), "MaxAttempts": 0},
                    {
                        # Whatever else went wrong (a provider that throttles, a crash, a lost race) was recorded in
                        # the run before, so calling again is always safe.
                        "ErrorEquals": ["States.TaskFailed"],
                        "IntervalSeconds": 2,
                        "BackoffRate": 2,
                        "MaxAttempts": 6,
                        "MaxDelaySeconds": 300,
                        "JitterStrategy": "FULL",
                    },
                ],
                "Catch": [
                    {
                        "ErrorEquals": ["States.Timeout"],
                        "Output": _jsonata(f"$merge([$states.input, {{'step': ({_STEP}) + 1}}])"),
                        "Next": "SendAndAwait",
                    },
                    {
                        "ErrorEquals": [RUN_FINISHED_ERROR],
                        "Output": _jsonata("$merge([$states.input, {'outcome': $states.errorOutput.Cause}])"),
                        "Next": "Finished",
                    },
                    {
                        "ErrorEquals": [AUDIENCE_NAMED_ERROR],
                        "Output": _jsonata("$states.input"),
                        "Next": "SnapshotAudience",
                    },
                ],
                "Next": "SendAndAwait",
            },
            "Finished": {"Type": "Succeed"},
            **audience_states(audience_arn=audience_arn, bucket=bucket),
        },
    }


def _jsonata(expression: str) -> str:
    return "{% " + expression + " %}"
