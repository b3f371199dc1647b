"""One Lambda function of the platform: its role, its log group and what may call it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aws_cdk import Aws, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.acknowledgements import acknowledge
from infra.constructs.log_group import LogKeeping, log_group
from infra.interfaces import as_principal, as_role
from omnicascade.contracts import Env, Function

SERVICE: Final = "omnicascade"
ZONES: Final = "/usr/share/zoneinfo:/opt/python/pytz/zoneinfo"
"""Where `zoneinfo` looks for time zones: the system's, else those that come with the layer's pytz (Liquid needs it).
The runtime's image doesn't promise any, and quiet hours must not depend on that."""

LONGEST_EVENT_AGE_S: Final = 21_600
"""Six hours, for which Lambda keeps trying while it is throttled. Source: Lambda API reference,
PutFunctionEventInvokeConfig."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionShape:
    """What differs from function to function in size; memory in MB."""

    timeout: Duration
    memory_mb: int = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What all functions of a stage share."""

    prefix: str
    layer: lambda_.ILayerVersion
    logs: LogKeeping


class PlatformFunction(Construct):
    """Attributes `function` and `role`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: Function,
        platform: Platform,
        shape: FunctionShape,
        code: lambda_.Code,
        environment: Mapping[Env, str],
        permissions: Sequence[iam.PolicyStatement],
    ) -> None:
        """Create the function with a role of its own that may do exactly `permissions`, and write its log."""
        super().__init__(scope, construct_id)
        group = log_group(self, "Log", name=f"/aws/lambda/{platform.prefix}-{name}", keeping=platform.logs)
        write_log = iam.PolicyStatement(
            actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[group.log_group_arn]
        )
        # Inline and not attached: the role then arrives complete, and no event source can find it without its rights.
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=as_principal(iam.ServicePrincipal("lambda.amazonaws.com")),
            inline_policies={"work": iam.PolicyDocument(statements=[write_log, *permissions])},
        )
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=f"{platform.prefix}-{name}",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            handler=f"functions.{name}.handler.handler",
            code=code,
            layers=[platform.layer],
            role=as_role(self.role),
            timeout=shape.timeout,
            memory_size=shape.memory_mb,
            log_group=group,
            logging_format=lambda_.LoggingFormat.JSON,
            environment={
                "POWERTOOLS_SERVICE_NAME": SERVICE,
                "POWERTOOLS_METRICS_NAMESPACE": SERVICE,
                "PYTHONTZPATH": ZONES,
                **{variable.value: value for variable, value in environment.items()},
            },
        )
        acknowledge(
            self.function,
            "AwsSolutions-L1",
            "Python 3.13 is the version that every dependency of the layer is locked, compiled and tested for.",
        )

    def read_queue(self, *, queue_arn: str, batch_size: int, window_s: int) -> None:
        """Call the function with the queue's messages; those it names as failed come back alone."""
        lambda_.CfnEventSourceMapping(
            self,
            "Messages",
            function_name=self.function.function_arn,
            event_source_arn=queue_arn,
            batch_size=batch_size,
            maximum_batching_window_in_seconds=window_s,
            function_response_types=["ReportBatchItemFailures"],
        )

    def answer_calls(self, *, failures_arn: str) -> None:
        """Let the function be called without anybody waiting; an event it fails on three times goes to a queue.

        The waits between the attempts are one and two minutes. Source: Lambda developer guide, "How Lambda handles
        errors and retries with asynchronous invocation".
        """
        lambda_.CfnEventInvokeConfig(
            self,
            "Calls",
            function_name=self.function.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=2,
            maximum_event_age_in_seconds=LONGEST_EVENT_AGE_S,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=failures_arn)
            ),
        )

    def read_stream(
        self, *, stream_arn: str, failures_arn: str, batch_size: int, window_s: int, pattern: str, retry_attempts: int
    ) -> None:
        """Call the function with the stream's records that match `pattern`, from the oldest kept one on.

        A batch that keeps failing is halved until the bad record stands alone; its address then goes to `failures_arn`.
        """
        lambda_.CfnEventSourceMapping(
            self,
            "Stream",
            function_name=self.function.function_arn,
            event_source_arn=stream_arn,
            starting_position="TRIM_HORIZON",
            batch_size=batch_size,
            maximum_batching_window_in_seconds=window_s,
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=retry_attempts,
            function_response_types=["ReportBatchItemFailures"],
            destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
                on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(destination=failures_arn)
            ),
            filter_criteria=lambda_.CfnEventSourceMapping.FilterCriteriaProperty(
                filters=[lambda_.CfnEventSourceMapping.FilterProperty(pattern=pattern)]
            ),
        )


def account_arn(service: str, resource: str) -> str:
    """The ARN of a resource of this account and Region, known by name before it exists."""
    return f"arn:{Aws.PARTITION}:{service}:{Aws.REGION}:{Aws.ACCOUNT_ID}:{resource}"
