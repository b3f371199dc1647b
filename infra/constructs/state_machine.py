"""A state machine with a role that may do what its definition says and no more."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from infra.acknowledgements import acknowledge
from infra.constructs.log_group import LogKeeping, log_group
from infra.interfaces import as_principal


class StateMachine(Construct):
    """Attributes `machine` and `role`. Its name is fixed and given: others must know its ARN before it exists."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        definition: Mapping[str, Any],
        permissions: Sequence[iam.PolicyStatement],
        logs: LogKeeping,
    ) -> None:
        """Create the machine; `permissions` is what its states do, besides logs and traces."""
        super().__init__(scope, construct_id)
        # Under this prefix, log delivery needs no entry per group in CloudWatch's small resource policy. Source: Step
        # Functions developer guide, "Logging to CloudWatch Logs".
        group = log_group(self, "Log", name=f"/aws/vendedlogs/states/{name}", keeping=logs)
        self.role = self._role(permissions)
        self.machine = stepfunctions.CfnStateMachine(
            self,
            "Machine",
            state_machine_name=name,
            state_machine_type="STANDARD",
            role_arn=self.role.role_arn,
            definition_string=json.dumps(definition, indent=1),
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

    def _role(self, permissions: Sequence[iam.PolicyStatement]) -> iam.Role:
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
                        *permissions,
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
