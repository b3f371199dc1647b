"""Moments to come: EventBridge Scheduler calls functions once, at a moment the platform set, or again and again.

One group for all schedules of a stage, so that deleting the stack deletes the ones that functions made, and a role that
lets the service call these functions and nothing else. A schedule costs nothing until its moment.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra.constructs.platform_function import account_arn
from infra.interfaces import as_principal

_SECONDS_TRIED: Final = 3600


class Schedules(Construct):
    """Attributes `group_name` and `role`."""

    def __init__(self, scope: Construct, construct_id: str, *, name: str, callable_arns: Sequence[str]) -> None:
        """Create the group and the role.

        Args:
            scope: parent.
            construct_id: id under the parent.
            name: of the group.
            callable_arns: the functions that schedules may call.
        """
        super().__init__(scope, construct_id)
        self.group_name = scheduler.CfnScheduleGroup(self, "Group", name=name).ref
        # Both conditions keep others from having this role used in their own schedules' name. Source: EventBridge
        # Scheduler user guide, "Confused deputy prevention".
        only_ours = {
            "StringEquals": {
                "aws:SourceAccount": Aws.ACCOUNT_ID,
                "aws:SourceArn": account_arn("scheduler", f"schedule-group/{name}"),
            }
        }
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=as_principal(iam.ServicePrincipal("scheduler.amazonaws.com", conditions=only_ours)),
            inline_policies={
                "call": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=list(callable_arns)),
                    ]
                )
            },
        )

    def again_and_again(
        self, construct_id: str, *, rate: str, function_arn: str, event: Mapping[str, object], description: str
    ) -> None:
        """Call a function at a rate such as `1 hour`, from deployment on.

        A call that cannot be made is tried again for an hour and then dropped: the next one does its work.
        """
        scheduler.CfnSchedule(
            self,
            construct_id,
            description=description,
            group_name=self.group_name,
            schedule_expression=f"rate({rate})",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=function_arn,
                role_arn=self.role.role_arn,
                input=json.dumps(event),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=_SECONDS_TRIED, maximum_retry_attempts=10
                ),
            ),
        )
