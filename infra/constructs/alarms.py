"""The alarms: something was given up on, or something fails."""

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from omnicascade.contracts import (
    CHANNEL_FAULTS_METRIC,
    METRIC_NAMESPACE,
    STALLED_RUNS_METRIC,
    SUPER_NODES_METRIC,
)

_PERIOD = Duration.minutes(5)


class Alarms(Construct):
    """One alarm per dead-letter queue and function; for the machine, the channels, identity and stalled runs."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        dead_letters: Mapping[str, sqs.Queue],
        functions: Mapping[str, lambda_.Function],
        machine_arn: str,
        machine_name: str,
        table_name: str,
        topic_arn: str | None,
    ) -> None:
        """Create the alarms; they notify `topic_arn` where there is one."""
        super().__init__(scope, construct_id)
        self._actions = [topic_arn] if topic_arn else None
        for name, queue in dead_letters.items():
            self._alarm(
                f"{name}GivenUp",
                f"Messages that nobody could process wait in the {name} dead-letter queue.",
                queue.metric_approximate_number_of_messages_visible(period=_PERIOD, statistic="Maximum"),
            )
        for name, function in functions.items():
            self._alarm(
                f"{name}Errors", f"The function {name} fails.", function.metric_errors(period=_PERIOD, statistic="Sum")
            )
        failed = cloudwatch.Metric(
            namespace="AWS/States",
            metric_name="ExecutionsFailed",
            dimensions_map={"StateMachineArn": machine_arn},
            period=_PERIOD,
            statistic="Sum",
        )
        self._alarm("RunsFailed", "Journey runs end with an error.", failed)
        faults = cloudwatch.Metric(
            namespace=METRIC_NAMESPACE,
            metric_name=CHANNEL_FAULTS_METRIC,
            dimensions_map={"machine": machine_name},
            period=_PERIOD,
            statistic="Sum",
        )
        self._alarm("ChannelFaults", "Messages fail for a reason that is ours: see the sender's log.", faults)
        self._alarm(
            "SuperNodes",
            "An identifier is named with so many others that it stands for nobody, such as a value that a client has "
            "hard-coded: find it by the hash in the projector's log and block it.",
            _counted(SUPER_NODES_METRIC, table_name),
        )
        self._alarm(
            "StalledRuns",
            "Journey runs stood still for more than an hour after their moment; the watchdog set them going again. "
            "Find out who stopped their executions, or which quota refused them.",
            _counted(STALLED_RUNS_METRIC, table_name),
        )

    def _alarm(self, construct_id: str, description: str, metric: cloudwatch.IMetric) -> None:
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            alarm_description=description,
            metric=metric,
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        resource = alarm.node.default_child
        if self._actions and isinstance(resource, cloudwatch.CfnAlarm):
            resource.alarm_actions = self._actions


def _counted(name: str, table_name: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=METRIC_NAMESPACE,
        metric_name=name,
        dimensions_map={"table": table_name},
        period=_PERIOD,
        statistic="Sum",
    )
