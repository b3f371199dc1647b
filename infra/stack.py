"""The stack: composes the constructs, and decides which function may do what."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra import permissions as may
from infra.acknowledgements import acknowledge
from infra.config import StageConfig
from infra.constructs.alarms import Alarms
from infra.constructs.customer_table import CustomerTable
from infra.constructs.data_key import DataKey
from infra.constructs.deployment_configuration import DeploymentConfiguration
from infra.constructs.event_archive import ARCHIVE_PREFIX, REBUILDS_PREFIX, EventArchive
from infra.constructs.event_queues import StreamFailures, WorkQueue
from infra.constructs.feedback_path import FeedbackPath
from infra.constructs.http_api import PlatformApi
from infra.constructs.log_group import LogKeeping
from infra.constructs.platform_function import FunctionShape, Platform, PlatformFunction, account_arn
from infra.constructs.push_application import PushApplication
from infra.constructs.schedules import Schedules
from infra.constructs.shared_layer import SharedLayer
from infra.constructs.sms_delivery import SmsDeliveryLog
from infra.constructs.state_machine import StateMachine
from infra.function_code import function_code
from infra.function_work import Parts, work_of
from infra.interfaces import as_key
from infra.journey_definition import machine_definition
from infra.rebuild_definition import rebuild_definition
from infra.wildcards import accept_wildcards
from omnicascade.contracts import AUDIENCES_PREFIX, EVENT_KEY_PREFIX, Function

_SYNC: Final = FunctionShape(timeout=Duration.seconds(25), memory_mb=1024)
"""Below API Gateway's 30 s, so that a caller hears of a time-out from us. Twice the memory is twice the processor."""
SHAPES: Final[Mapping[Function, FunctionShape]] = {
    Function.INGEST_EVENTS: _SYNC,
    Function.RECORD_EVENTS: FunctionShape(timeout=Duration.seconds(30)),
    Function.PROJECT_PROFILES: FunctionShape(timeout=Duration.seconds(60)),
    Function.ARCHIVE_EVENTS: FunctionShape(timeout=Duration.seconds(60)),
    Function.SEND_NEXT_MESSAGE: FunctionShape(timeout=Duration.seconds(60)),
    Function.RECEIVE_FEEDBACK: FunctionShape(timeout=Duration.seconds(30)),
    Function.FOLLOW_LINKS: _SYNC,
    Function.SERVE_STAFF_API: _SYNC,
    Function.ERASE_CUSTOMERS: FunctionShape(timeout=Duration.minutes(5), memory_mb=1024),
    Function.REBUILD_PROFILES: FunctionShape(timeout=Duration.minutes(15), memory_mb=1024),
    Function.CONFIGURE_DEPLOYMENT: FunctionShape(timeout=Duration.seconds(120)),
    Function.RUN_AUDIENCE: FunctionShape(timeout=Duration.minutes(5), memory_mb=1024),
    Function.RUN_ERRANDS: FunctionShape(timeout=Duration.seconds(120)),
    Function.WATCH_RUNS: FunctionShape(timeout=Duration.minutes(5)),
}

WATCH_RATE: Final = "1 hour"
"""How often stalled runs are looked for. A look at no run costs one call of a function and one of the table."""

NEW_EVENTS: Final = (
    f'{{"eventName":["INSERT"],"dynamodb":{{"Keys":{{"sk":{{"S":[{{"prefix":"{EVENT_KEY_PREFIX}"}}]}}}}}}}}'
)
"""Event items as they are written; projections, runs and edges pass through the same stream."""


class OmnicascadeStack(Stack):
    """One deployment of the platform: everything of one stage."""

    def __init__(self, scope: Construct, *, config: StageConfig, staging: Path) -> None:
        """Compose the stage.

        Args:
            scope: the app.
            config: the stage's configuration.
            staging: a folder inside the cloud assembly, for code assets under construction.
        """
        name = f"omnicascade-{config.stage}"
        super().__init__(
            scope,
            name,
            description="omnicascade: customer-data platform and journey engine",
            termination_protection=config.keep_data,
        )
        self._config = config
        self._name = name
        self._staging = staging
        self._machine_name = f"{name}-journeys"
        self._machine_arn = account_arn("states", f"stateMachine:{self._machine_name}")
        self._errands_arn, self._watch_arn = (
            account_arn("lambda", f"function:{name}-{function}")
            for function in (Function.RUN_ERRANDS, Function.WATCH_RUNS)
        )
        self._removal = RemovalPolicy.RETAIN if config.keep_data else RemovalPolicy.DESTROY
        self._logs = LogKeeping(retention_days=config.log_retention_days, removal_policy=RemovalPolicy.DESTROY)
        self._build_stores()
        self._build_channels()
        self._functions = self._build_functions()
        self._connect()
        self._accept_wildcards()
        self._watch()
        self._configure_on_deployment()
        self._publish_outputs()

    def _build_stores(self) -> None:
        key = as_key(DataKey(self, "DataKey", removal_policy=self._removal).key)
        self._table = CustomerTable(
            self, "Customers", key=key, removal_policy=self._removal, keep=self._config.keep_data
        )
        self._archive = EventArchive(
            self,
            "Archive",
            key=key,
            retention_days=self._config.archive_retention_days,
            removal_policy=self._removal,
        )
        self._events = WorkQueue(self, "Events", reader_timeout=SHAPES[Function.RECORD_EVENTS].timeout)
        self._erasures = WorkQueue(self, "Erasures", reader_timeout=SHAPES[Function.ERASE_CUSTOMERS].timeout)
        self._errands = WorkQueue(self, "Errands", reader_timeout=SHAPES[Function.RUN_ERRANDS].timeout)
        self._schedules = Schedules(
            self, "Schedules", name=self._name, callable_arns=[self._errands_arn, self._watch_arn]
        )
        self._stream_failures = StreamFailures(self, "StreamFailures")
        self._feedback = FeedbackPath(
            self, "Feedback", name=self._name, key=key, reader_timeout=SHAPES[Function.RECEIVE_FEEDBACK].timeout
        )

    def _build_channels(self) -> None:
        self._api = PlatformApi(self, "Api", name=self._name, logs=self._logs)
        self._push = PushApplication(self, "Push", name=self._name, config=self._config.push)
        self._sms_log = SmsDeliveryLog(self, "SmsDelivery")
        self._signing = secretsmanager.Secret(
            self,
            "SigningSecret",
            description="Signs the links in messages",
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=64, exclude_punctuation=True),
            removal_policy=self._removal,
        )
        acknowledge(
            self._signing,
            "AwsSolutions-SMG4",
            "Links in messages sent last year must still lead somewhere, and unsubscribing must work for ever: a "
            "rotated key would break them all.",
        )

    def _build_functions(self) -> dict[Function, PlatformFunction]:
        platform = Platform(prefix=self._name, layer=SharedLayer(self, "Shared").layer, logs=self._logs)
        work = work_of(
            Parts(
                name=self._name,
                config=self._config,
                table=self._table,
                archive=self._archive,
                events=self._events,
                erasures=self._erasures,
                errands=self._errands,
                stream_failures=self._stream_failures,
                feedback=self._feedback,
                schedules=self._schedules,
                api=self._api,
                push=self._push,
                sms_log=self._sms_log,
                signing=self._signing,
                machine_arn=self._machine_arn,
                errands_arn=self._errands_arn,
                watch_arn=self._watch_arn,
            )
        )
        return {
            name: PlatformFunction(
                self,
                "".join(word.capitalize() for word in name.split("_")),
                name=name,
                platform=platform,
                shape=SHAPES[name],
                code=function_code(function=name, staging=self._staging, files=work[name].files),
                environment=work[name].environment,
                permissions=work[name].permissions,
            )
            for name in Function
        }

    def _connect(self) -> None:
        """What calls which function."""
        self._functions[Function.RECORD_EVENTS].read_queue(
            queue_arn=self._events.queue.queue_arn, batch_size=100, window_s=1
        )
        self._functions[Function.RECEIVE_FEEDBACK].read_queue(
            queue_arn=self._feedback.work.queue.queue_arn, batch_size=10, window_s=0
        )
        self._functions[Function.ERASE_CUSTOMERS].read_queue(
            queue_arn=self._erasures.queue.queue_arn, batch_size=1, window_s=0
        )
        self._functions[Function.RUN_ERRANDS].read_queue(
            queue_arn=self._errands.queue.queue_arn, batch_size=10, window_s=0
        )
        for called in (Function.RUN_ERRANDS, Function.WATCH_RUNS):
            self._functions[called].answer_calls(failures_arn=self._errands.dead_letters.queue_arn)
        self._schedules.again_and_again(
            "Watch",
            rate=WATCH_RATE,
            function_arn=self._functions[Function.WATCH_RUNS].function.function_arn,
            event={},
            description="Look for journey runs that stand still.",
        )
        for reader, batch_size, window_s in ((Function.PROJECT_PROFILES, 100, 0), (Function.ARCHIVE_EVENTS, 1000, 60)):
            self._functions[reader].read_stream(
                stream_arn=self._table.stream_arn,
                failures_arn=self._stream_failures.queue.queue_arn,
                batch_size=batch_size,
                window_s=window_s,
                pattern=NEW_EVENTS,
                retry_attempts=10,
            )
        handlers = {name: unit.function for name, unit in self._functions.items()}
        self._api.serve(handlers, staff=self._config.staff)
        self._journeys = self._build_journeys(
            handlers[Function.SEND_NEXT_MESSAGE].function_arn, handlers[Function.RUN_AUDIENCE].function_arn
        )
        self._rebuild = self._build_rebuild(handlers[Function.REBUILD_PROFILES].function_arn)

    def _accept_wildcards(self) -> None:
        roles = {name: unit.role for name, unit in self._functions.items()}
        machines = {"journeys": self._journeys.role, "rebuild": self._rebuild.role}
        accept_wildcards(self._name, archive=self._archive.bucket, functions=roles, machines=machines)

    def _build_journeys(self, sender: str, audience: str) -> StateMachine:
        bucket = self._archive.bucket
        return StateMachine(
            self,
            "Journeys",
            name=self._machine_name,
            definition=machine_definition(sender_arn=sender, audience_arn=audience, bucket=bucket.bucket_name),
            permissions=[
                may.invoke(sender),
                may.invoke(audience),
                *may.run_distributed_maps(self._machine_arn),
                may.read_objects(bucket.bucket_arn, AUDIENCES_PREFIX),
                may.write_objects(bucket.bucket_arn, AUDIENCES_PREFIX),
                # ResultWriter looks for leftovers of an earlier attempt before it writes. Source: Step Functions
                # developer guide, "IAM policies for using Distributed Map states".
                may.list_objects(bucket.bucket_arn, AUDIENCES_PREFIX),
            ],
            logs=self._logs,
        )

    def _build_rebuild(self, worker: str) -> StateMachine:
        bucket, name = self._archive.bucket, f"{self._name}-rebuild"
        return StateMachine(
            self,
            "Rebuild",
            name=name,
            definition=rebuild_definition(
                function_arn=worker, bucket=bucket.bucket_name, reports_prefix=REBUILDS_PREFIX
            ),
            permissions=[
                may.invoke(worker),
                *may.run_distributed_maps(account_arn("states", f"stateMachine:{name}")),
                may.list_objects(bucket.bucket_arn, ARCHIVE_PREFIX, REBUILDS_PREFIX),
                may.read_objects(bucket.bucket_arn, ARCHIVE_PREFIX, REBUILDS_PREFIX),
                may.write_objects(bucket.bucket_arn, REBUILDS_PREFIX),
            ],
            logs=self._logs,
        )

    def _watch(self) -> None:
        Alarms(
            self,
            "Alarms",
            dead_letters={
                "Events": self._events.dead_letters,
                "Feedback": self._feedback.work.dead_letters,
                "Erasures": self._erasures.dead_letters,
                "Errands": self._errands.dead_letters,
                "Stream": self._stream_failures.queue,
            },
            functions={name.value: unit.function for name, unit in self._functions.items()},
            machine_arn=self._journeys.machine.ref,
            machine_name=self._machine_name,
            table_name=self._table.table.table_name,
            topic_arn=self._config.alarm_topic_arn,
        )

    def _configure_on_deployment(self) -> None:
        DeploymentConfiguration(
            self,
            "Configuration",
            handler=self._functions[Function.CONFIGURE_DEPLOYMENT].function,
            timeout=SHAPES[Function.CONFIGURE_DEPLOYMENT].timeout,
            after=[self._table, self._sms_log],
            name=self._name,
            logs=self._logs,
        )

    def _publish_outputs(self) -> None:
        outputs = {
            "ApiUrl": self._api.endpoint,
            "StateMachineArn": self._journeys.machine.ref,
            "RebuildMachineArn": self._rebuild.machine.ref,
            "TableName": self._table.table.table_name,
            "SmsRepliesTopicArn": self._feedback.sms_replies_topic.topic_arn,
            "ArchiveBucketName": self._archive.bucket.bucket_name,
        }
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)
