"""The state machine that times one customer's run: one task state that waits, and an end.

The run item in the table is the truth; the machine only wakes the sender when something is due and keeps the picture.
Every answer and every time-out costs one transition, so a three-step cascade that nobody answers costs four.
"""

import json
from typing import Any, Final

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from infra.acknowledgements import acknowledge
from infra.constructs.log_group import LogKeeping, log_group
from infra.interfaces import as_principal
from omnicascade.contracts import INVALID_INPUT_ERROR, RUN_FINISHED_ERROR

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

_FINAL: Final = (RUN_FINISHED_ERROR, INVALID_INPUT_ERROR)
"""Answers of the sender that are no failures of a call: never tried again."""


def machine_definition(sender_arn: str) -> dict[str, Any]:
    """The machine in Amazon States Language; `sender_arn` is called with a task token and the execution's input."""
    foreseen = _jsonata(FORESEEN_WAIT)
    return {
        "Comment": "One customer's journey run: send what is due, then wait for an answer or the time-out.",
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
                ],
                "Next": "SendAndAwait",
            },
            "Finished": {"Type": "Succeed"},
        },
    }


def _jsonata(expression: str) -> str:
    return "{% " + expression + " %}"


class JourneyMachine(Construct):
    """Attribute `machine`. Its name is fixed and given, because the sender must know its ARN before it exists."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        sender: lambda_.Function,
        logs: LogKeeping,
    ) -> None:
        """Create the machine, with a role that may call the sender and nothing else of ours."""
        super().__init__(scope, construct_id)
        # Under this prefix, log delivery needs no entry per group in CloudWatch's small resource policy. Source: Step
        # Functions developer guide, "Logging to CloudWatch Logs".
        group = log_group(self, "Log", name=f"/aws/vendedlogs/states/{name}", keeping=logs)
        role = self._role(sender)
        self.machine = stepfunctions.CfnStateMachine(
            self,
            "Machine",
            state_machine_name=name,
            state_machine_type="STANDARD",
            role_arn=role.role_arn,
            definition_string=json.dumps(machine_definition(sender.function_arn), indent=1),
            logging_configuration=stepfunctions.CfnStateMachine.LoggingConfigurationProperty(
                # Errors only and without data: histories keep the rest for 90 days, and inputs name customers.
                level="ERROR",
                include_execution_data=False,
                destinations=[
                    stepfunctions.CfnStateMachine.LogDestinationProperty(
                        cloud_watch_logs_log_group=stepfunctions.CfnStateMachine.CloudWatchLogsLogGroupProperty(
                            log_group_arn=group.log_group_arn
                        )
                    )
                ],
            ),
            tracing_configuration=stepfunctions.CfnStateMachine.TracingConfigurationProperty(enabled=True),
        )
        acknowledge(
            self.machine,
            "AwsSolutions-SF1",
            "Errors alone are logged: the execution history keeps every transition, and a log line per transition and "
            "customer would cost more than the transition.",
        )

    def _role(self, sender: lambda_.Function) -> iam.Role:
        deliver = ("CreateLogDelivery", "GetLogDelivery", "UpdateLogDelivery", "DeleteLogDelivery", "ListLogDeliveries")
        manage = ("PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups")
        trace = ("PutTraceSegments", "PutTelemetryRecords", "GetSamplingRules", "GetSamplingTargets")
        role = iam.Role(
            self,
            "Role",
            assumed_by=as_principal(
                iam.ServicePrincipal(
                    "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
                )
            ),
            inline_policies={
                "work": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[sender.function_arn]),
                        iam.PolicyStatement(
                            actions=[
                                *(f"logs:{action}" for action in deliver + manage),
                                *(f"xray:{action}" for action in trace),
                            ],
                            resources=["*"],
                        ),
                    ]
                )
            },
        )
        acknowledge(
            role,
            "AwsSolutions-IAM5[Resource::*]",
            "The log-delivery and X-Ray actions know no resources. Source: Step Functions developer guide, "
            '"Logging to CloudWatch Logs" and "X-Ray and Step Functions".',
        )
        return role
