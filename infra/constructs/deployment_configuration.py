"""Stores the configuration on every deployment that changes it: CDK's trigger around configure_deployment."""

from typing import Final

from aws_cdk import CfnResource, CustomResourceProviderBase, Duration, Stack, triggers
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.constructs.log_group import LogKeeping, log_group

_PROVIDER: Final = "AWSCDK.TriggerCustomResourceProviderCustomResourceProvider"
"""The id under which CDK keeps the trigger's own function, one per stack."""


class DeploymentConfiguration(Construct):
    """Calls the handler once per version of it.

    The configuration lies in the handler's code asset, so a changed journey makes a new version, and a deployment that
    changes nothing calls nobody.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        handler: lambda_.Function,
        timeout: Duration,
        after: list[Construct],
        name: str,
        logs: LogKeeping,
    ) -> None:
        """Create the trigger.

        Args:
            scope: parent.
            construct_id: id under the parent.
            handler: the function to call; its failure fails the deployment.
            timeout: of the call, as long as the function's own.
            after: constructs that must exist before the call.
            name: the stage's name, for the log group of the trigger's own function.
            logs: how long that log lives.
        """
        super().__init__(scope, construct_id)
        triggers.Trigger(self, "Trigger", handler=handler, execute_after=after, timeout=timeout)
        self._narrow_provider(name, logs)

    def _narrow_provider(self, name: str, logs: LogKeeping) -> None:
        """Give CDK's function a log group that ends, and the right to write there instead of AWS's managed policy."""
        provider = Stack.of(self).node.find_child(_PROVIDER)
        role, function = provider.node.find_child("Role"), provider.node.find_child("Handler")
        if not (
            isinstance(provider, CustomResourceProviderBase)
            and isinstance(role, CfnResource)
            and isinstance(function, CfnResource)
        ):
            raise TypeError("aws-cdk-lib builds its trigger provider differently now; look at its new shape")
        group = log_group(self, "Log", name=f"/aws/lambda/{name}-trigger", keeping=logs)
        role.add_property_deletion_override("ManagedPolicyArns")
        provider.add_to_role_policy(
            {
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": group.log_group_arn,
            }
        )
        function.add_property_override("LoggingConfig", {"LogGroup": group.log_group_name})
