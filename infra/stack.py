"""The stack: composes the constructs, and decides which function may do what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aws_cdk import CfnElement, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra import permissions as may
from infra.acknowledgements import acknowledge
from infra.config import StageConfig
from infra.configuration_document import configuration_document
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
from infra.constructs.shared_layer import SharedLayer
from infra.constructs.sms_delivery import SmsDeliveryLog
from infra.constructs.state_machine import StateMachine
from infra.function_code import function_code
from infra.interfaces import as_key, as_role
from infra.journey_definition import machine_definition
from infra.rebuild_definition import rebuild_definition
from omnicascade.contracts import CONFIGURATION_FILE, ERASURES_PREFIX, EVENT_KEY_PREFIX, Env, Function

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
}

NEW_EVENTS: Final = (
    f'{{"eventName":["INSERT"],"dynamodb":{{"Keys":{{"sk":{{"S":[{{"prefix":"{EVENT_KEY_PREFIX}"}}]}}}}}}}}'
)
"""Event items as they are written; projections, runs and edges pass through the same stream."""


@dataclass(frozen=True, slots=True)
class _Work:
    """What one function is told and allowed."""

    environment: Mapping[Env, str]
    permissions: Sequence[iam.PolicyStatement]
    files: Mapping[str, Any] | None = None


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
        self._removal = RemovalPolicy.RETAIN if config.keep_data else RemovalPolicy.DESTROY
        self._logs = LogKeeping(retention_days=config.log_retention_days, removal_policy=RemovalPolicy.DESTROY)
        self._build_stores()
        self._build_channels()
        self._functions = self._build_functions()
        self._accept_wildcards()
        self._connect()
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
        work = self._work()
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

    def _work(self) -> dict[Function, _Work]:
        """Every function's environment and rights, one beside the other."""
        table, config, machine = self._table.table, self._config, self._machine_arn
        events = may.send_to(self._events.queue.queue_arn)
        failures = may.send_to(self._stream_failures.queue.queue_arn)
        stream = may.read_stream(self._table.stream_arn)
        stores = {Env.TABLE: table.table_name}
        road = stores | {Env.EVENTS_QUEUE_URL: self._events.queue.queue_url}
        links = {Env.PUBLIC_URL: self._api.endpoint, Env.SIGNING_SECRET_ARN: self._signing.secret_arn}
        read_signing = may.read_secret(self._signing.secret_arn)
        return {
            Function.INGEST_EVENTS: _Work(road, [may.use_configuration(table, "GetItem"), events]),
            Function.RECORD_EVENTS: _Work(
                stores,
                [
                    may.use_table(table, "GetItem", "PutItem", "PartiQLInsert"),
                    may.read_orders(table),
                    may.consume(self._events.queue.queue_arn),
                ],
            ),
            Function.PROJECT_PROFILES: _Work(
                road | {Env.STATE_MACHINE_ARN: machine},
                [
                    may.use_table(table, *may.READ, *may.WRITE, *may.WRITE_MANY),
                    may.start_runs(machine),
                    may.answer_tokens(machine),
                    may.send_to(self._events.queue.queue_arn, self._stream_failures.queue.queue_arn),
                    stream,
                ],
            ),
            Function.ARCHIVE_EVENTS: _Work(
                stores | {Env.ARCHIVE_BUCKET: self._archive.bucket.bucket_name},
                [
                    may.write_objects(self._archive.bucket.bucket_arn, ARCHIVE_PREFIX),
                    may.read_orders(table),
                    failures,
                    stream,
                ],
            ),
            Function.SEND_NEXT_MESSAGE: _Work(
                road
                | links
                | {
                    Env.STATE_MACHINE_ARN: machine,
                    Env.EMAIL_FROM: config.email_from,
                    Env.SES_CONFIGURATION_SET: self._feedback.configuration_set_name,
                    Env.SMS_SENDER_ID: config.sms_sender_id,
                    Env.SMS_MAX_PRICE_USD: config.sms_max_price_usd,
                    Env.PUSH_APPLICATION_ID: self._push.application_id,
                },
                [
                    may.use_table(table, *may.READ, *may.WRITE),
                    may.answer_tokens(machine),
                    events,
                    read_signing,
                    may.send_email(sender=config.email_from, configuration_set=self._feedback.configuration_set_name),
                    may.send_sms(),
                    may.send_push(self._push.application_id),
                ],
            ),
            Function.RECEIVE_FEEDBACK: _Work(
                road, [may.use_table(table, "GetItem"), events, may.consume(self._feedback.work.queue.queue_arn)]
            ),
            Function.FOLLOW_LINKS: _Work(road | links, [may.read_links(table), events, read_signing]),
            Function.SERVE_STAFF_API: _Work(
                road | {Env.STATE_MACHINE_ARN: machine, Env.ERASURES_QUEUE_URL: self._erasures.queue.queue_url},
                [
                    may.use_table(
                        table,
                        *may.READ,
                        "PutItem",
                        "PartiQLInsert",
                        "UpdateItem",
                        "ConditionCheckItem",
                        "BatchWriteItem",
                    ),
                    may.start_runs(machine),
                    may.answer_tokens(machine),
                    may.send_to(self._events.queue.queue_arn, self._erasures.queue.queue_arn),
                ],
            ),
            Function.ERASE_CUSTOMERS: _Work(
                stores
                | links
                | {
                    Env.ERASURES_QUEUE_URL: self._erasures.queue.queue_url,
                    Env.STATE_MACHINE_ARN: machine,
                    Env.ARCHIVE_BUCKET: self._archive.bucket.bucket_name,
                },
                [
                    may.use_table(table, *may.READ, "PutItem", "ConditionCheckItem", "BatchWriteItem", "PartiQLInsert"),
                    may.answer_tokens(machine),
                    may.consume(self._erasures.queue.queue_arn),
                    may.send_to(self._erasures.queue.queue_arn),
                    *may.rewrite_objects(self._archive.bucket.bucket_arn, ARCHIVE_PREFIX, ERASURES_PREFIX),
                    read_signing,
                ],
            ),
            Function.REBUILD_PROFILES: _Work(
                stores | {Env.ARCHIVE_BUCKET: self._archive.bucket.bucket_name},
                [
                    may.use_table(table, *may.READ, *may.WRITE, *may.WRITE_MANY),
                    may.read_objects(self._archive.bucket.bucket_arn, ARCHIVE_PREFIX, REBUILDS_PREFIX),
                    may.list_objects(self._archive.bucket.bucket_arn, ARCHIVE_PREFIX, REBUILDS_PREFIX),
                    may.write_objects(self._archive.bucket.bucket_arn, REBUILDS_PREFIX),
                ],
            ),
            Function.CONFIGURE_DEPLOYMENT: _Work(
                stores | {Env.SMS_DELIVERY_ROLE_ARN: self._sms_log.role.role_arn},
                [
                    may.use_configuration(table, "GetItem", "PutItem", "Query", "UpdateItem"),
                    may.configure_sms(),
                    may.hand_to_sns(as_role(self._sms_log.role)),
                ],
                {CONFIGURATION_FILE: configuration_document(config)},
            ),
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
        sender = handlers[Function.SEND_NEXT_MESSAGE].function_arn
        self._machine = StateMachine(
            self,
            "Journeys",
            name=self._machine_name,
            definition=machine_definition(sender),
            permissions=[may.invoke(sender)],
            logs=self._logs,
        ).machine
        self._rebuild = self._build_rebuild(handlers[Function.REBUILD_PROFILES].function_arn)

    def _build_rebuild(self, worker: str) -> StateMachine:
        bucket, name = self._archive.bucket, f"{self._name}-rebuild"
        machine = StateMachine(
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
        archive = bucket.node.default_child
        assert isinstance(archive, CfnElement)  # noqa: S101 - tells the type checker
        arn = f"{self.get_logical_id(archive)}.Arn"
        for prefix in (ARCHIVE_PREFIX, REBUILDS_PREFIX):
            for role in (machine.role, self._functions[Function.REBUILD_PROFILES].role):
                acknowledge(
                    role,
                    f"AwsSolutions-IAM5[Resource::<{arn}>/{prefix}*]",
                    "A rebuild reads every archived object and writes its workers' results and its report.",
                )
        acknowledge(
            machine.role,
            f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:{name}*]",
            "Child executions of the machine's own map are named by Step Functions.",
        )
        return machine

    def _accept_wildcards(self) -> None:
        """The wildcards that are left in the functions' roles, each with its reason."""
        bucket = self._archive.bucket.node.default_child
        assert isinstance(bucket, CfnElement)  # noqa: S101 - tells the type checker
        acknowledge(
            self._functions[Function.ARCHIVE_EVENTS].role,
            f"AwsSolutions-IAM5[Resource::<{self.get_logical_id(bucket)}.Arn>/{ARCHIVE_PREFIX}*]",
            "Object keys carry date and shard; the function may add objects under this prefix and read none.",
        )
        for prefix in (ARCHIVE_PREFIX, ERASURES_PREFIX):
            acknowledge(
                self._functions[Function.ERASE_CUSTOMERS].role,
                f"AwsSolutions-IAM5[Resource::<{self.get_logical_id(bucket)}.Arn>/{prefix}*]",
                "A person's events lie in objects of every hour; no other function reads or replaces them.",
            )
        acknowledge(
            self._functions[Function.CONFIGURE_DEPLOYMENT].role,
            "AwsSolutions-IAM5[Resource::*]",
            "sns:SetSMSAttributes changes settings of the account and knows no resource. Source: Service Authorization "
            "Reference, Amazon SNS.",
        )

    def _watch(self) -> None:
        Alarms(
            self,
            "Alarms",
            dead_letters={
                "Events": self._events.dead_letters,
                "Feedback": self._feedback.work.dead_letters,
                "Erasures": self._erasures.dead_letters,
                "Stream": self._stream_failures.queue,
            },
            functions={name.value: unit.function for name, unit in self._functions.items()},
            machine_arn=self._machine.ref,
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
            "StateMachineArn": self._machine.ref,
            "RebuildMachineArn": self._rebuild.machine.ref,
            "TableName": self._table.table.table_name,
            "SmsRepliesTopicArn": self._feedback.sms_replies_topic.topic_arn,
            "ArchiveBucketName": self._archive.bucket.bucket_name,
        }
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)
