"""What each function is told and allowed, one beside the other: the table to read before giving a right to anybody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager

from infra import permissions as may
from infra.config import StageConfig
from infra.configuration_document import configuration_document
from infra.constructs.customer_table import CustomerTable
from infra.constructs.event_archive import ARCHIVE_PREFIX, REBUILDS_PREFIX, EventArchive
from infra.constructs.event_queues import StreamFailures, WorkQueue
from infra.constructs.feedback_path import FeedbackPath
from infra.constructs.http_api import PlatformApi
from infra.constructs.push_application import PushApplication
from infra.constructs.schedules import Schedules
from infra.constructs.sms_delivery import SmsDeliveryLog
from infra.interfaces import as_role
from omnicascade.contracts import AUDIENCES_PREFIX, CONFIGURATION_FILE, ERASURES_PREFIX, Env, Function


@dataclass(frozen=True, slots=True)
class Work:
    """What one function is told and allowed."""

    environment: Mapping[Env, str]
    permissions: Sequence[iam.PolicyStatement]
    files: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The stage's parts that functions work with; what does not exist before them is known by its ARN."""

    name: str
    config: StageConfig
    table: CustomerTable
    archive: EventArchive
    events: WorkQueue
    erasures: WorkQueue
    errands: WorkQueue
    stream_failures: StreamFailures
    feedback: FeedbackPath
    schedules: Schedules
    api: PlatformApi
    push: PushApplication
    sms_log: SmsDeliveryLog
    signing: secretsmanager.Secret
    machine_arn: str
    errands_arn: str
    watch_arn: str


def work_of(parts: Parts) -> dict[Function, Work]:
    """Every function's environment and rights."""
    table, config, machine = parts.table.table, parts.config, parts.machine_arn
    events = may.send_to(parts.events.queue.queue_arn)
    failures = may.send_to(parts.stream_failures.queue.queue_arn)
    stream = may.read_stream(parts.table.stream_arn)
    stores = {Env.TABLE: table.table_name}
    road = stores | {Env.EVENTS_QUEUE_URL: parts.events.queue.queue_url}
    links = {Env.PUBLIC_URL: parts.api.endpoint, Env.SIGNING_SECRET_ARN: parts.signing.secret_arn}
    read_signing = may.read_secret(parts.signing.secret_arn)
    later = {
        Env.ERRANDS_QUEUE_URL: parts.errands.queue.queue_url,
        Env.ERRANDS_SCHEDULE_GROUP: parts.schedules.group_name,
        Env.ERRANDS_SCHEDULE_ROLE_ARN: parts.schedules.role.role_arn,
        Env.ERRANDS_FUNCTION_ARN: parts.errands_arn,
    }
    keep_errands = [
        may.send_to(parts.errands.queue.queue_arn),
        may.set_schedules(parts.name),
        may.hand_to_scheduler(as_role(parts.schedules.role)),
    ]
    sending = (
        road
        | links
        | {
            Env.STATE_MACHINE_ARN: machine,
            Env.EMAIL_FROM: config.email_from,
            Env.SES_CONFIGURATION_SET: parts.feedback.configuration_set_name,
            Env.SMS_SENDER_ID: config.sms_sender_id,
            Env.SMS_MAX_PRICE_USD: config.sms_max_price_usd,
            Env.PUSH_APPLICATION_ID: parts.push.application_id,
        }
    )
    send = [
        may.use_table(table, *may.READ, *may.WRITE),
        may.answer_tokens(machine),
        events,
        read_signing,
        may.send_email(sender=config.email_from, configuration_set=parts.feedback.configuration_set_name),
        may.send_sms(),
        may.send_push(parts.push.application_id),
    ]
    return {
        Function.INGEST_EVENTS: Work(road, [may.use_configuration(table, "GetItem"), events]),
        Function.RECORD_EVENTS: Work(
            stores,
            [
                may.use_table(table, "GetItem", "PutItem", "PartiQLInsert"),
                may.read_orders(table),
                may.consume(parts.events.queue.queue_arn),
            ],
        ),
        Function.PROJECT_PROFILES: Work(
            road | later | {Env.STATE_MACHINE_ARN: machine},
            [
                may.use_table(table, *may.READ, *may.WRITE, *may.WRITE_MANY),
                may.start_runs(machine),
                may.answer_tokens(machine),
                may.send_to(parts.events.queue.queue_arn, parts.stream_failures.queue.queue_arn),
                stream,
                *keep_errands,
            ],
        ),
        Function.ARCHIVE_EVENTS: Work(
            stores | {Env.ARCHIVE_BUCKET: parts.archive.bucket.bucket_name},
            [
                may.write_objects(parts.archive.bucket.bucket_arn, ARCHIVE_PREFIX),
                may.read_orders(table),
                failures,
                stream,
            ],
        ),
        Function.SEND_NEXT_MESSAGE: Work(sending, send),
        Function.RUN_AUDIENCE: Work(
            sending | {Env.ARCHIVE_BUCKET: parts.archive.bucket.bucket_name},
            [
                *send,
                may.start_runs(machine),
                may.write_objects(parts.archive.bucket.bucket_arn, AUDIENCES_PREFIX),
                may.read_objects(parts.archive.bucket.bucket_arn, AUDIENCES_PREFIX),
                may.list_objects(parts.archive.bucket.bucket_arn, AUDIENCES_PREFIX),
            ],
        ),
        Function.RECEIVE_FEEDBACK: Work(
            road, [may.use_table(table, "GetItem"), events, may.consume(parts.feedback.work.queue.queue_arn)]
        ),
        Function.FOLLOW_LINKS: Work(road | links, [may.read_links(table), events, read_signing]),
        Function.SERVE_STAFF_API: Work(
            road | later | {Env.STATE_MACHINE_ARN: machine, Env.ERASURES_QUEUE_URL: parts.erasures.queue.queue_url},
            [
                may.use_table(
                    table,
                    *may.READ,
                    "PutItem",
                    "PartiQLInsert",
                    "UpdateItem",
                    "DeleteItem",
                    "ConditionCheckItem",
                    "BatchWriteItem",
                ),
                may.start_runs(machine),
                may.answer_tokens(machine),
                may.send_to(parts.events.queue.queue_arn, parts.erasures.queue.queue_arn),
                may.walk_live_runs(table),
                may.walk_table(table),
                *keep_errands,
            ],
        ),
        Function.ERASE_CUSTOMERS: Work(
            stores
            | links
            | {
                Env.ERASURES_QUEUE_URL: parts.erasures.queue.queue_url,
                Env.STATE_MACHINE_ARN: machine,
                Env.ARCHIVE_BUCKET: parts.archive.bucket.bucket_name,
            },
            [
                may.use_table(table, *may.READ, *may.WRITE, "BatchWriteItem", "PartiQLInsert"),
                may.answer_tokens(machine),
                may.consume(parts.erasures.queue.queue_arn),
                may.send_to(parts.erasures.queue.queue_arn),
                *may.rewrite_objects(parts.archive.bucket.bucket_arn, ARCHIVE_PREFIX, ERASURES_PREFIX),
                read_signing,
            ],
        ),
        Function.REBUILD_PROFILES: Work(
            stores
            | {
                Env.ARCHIVE_BUCKET: parts.archive.bucket.bucket_name,
                Env.ERRANDS_QUEUE_URL: parts.errands.queue.queue_url,
            },
            [
                may.use_table(table, *may.READ, *may.WRITE, *may.WRITE_MANY),
                may.send_to(parts.errands.queue.queue_arn),
                may.read_objects(parts.archive.bucket.bucket_arn, ARCHIVE_PREFIX, REBUILDS_PREFIX),
                may.list_objects(parts.archive.bucket.bucket_arn, ARCHIVE_PREFIX, REBUILDS_PREFIX),
                may.write_objects(parts.archive.bucket.bucket_arn, REBUILDS_PREFIX),
            ],
        ),
        Function.CONFIGURE_DEPLOYMENT: Work(
            stores | later | {Env.SMS_DELIVERY_ROLE_ARN: parts.sms_log.role.role_arn},
            [
                may.use_configuration(table, "GetItem", "BatchGetItem", "PutItem", "Query", "UpdateItem"),
                may.note_errands(table),
                may.configure_sms(),
                may.hand_to_sns(as_role(parts.sms_log.role)),
                *keep_errands,
            ],
            {CONFIGURATION_FILE: configuration_document(config)},
        ),
        Function.RUN_ERRANDS: Work(
            road | later | {Env.STATE_MACHINE_ARN: machine},
            [
                may.use_table(table, *may.READ, *may.WRITE, *may.WRITE_MANY, "BatchWriteItem"),
                may.walk_live_runs(table),
                may.walk_table(table),
                may.start_runs(machine),
                may.answer_tokens(machine),
                may.consume(parts.errands.queue.queue_arn),
                may.send_to(
                    parts.events.queue.queue_arn,
                    parts.errands.queue.queue_arn,
                    parts.errands.dead_letters.queue_arn,
                ),
                may.set_schedules(parts.name),
                may.hand_to_scheduler(as_role(parts.schedules.role)),
            ],
        ),
        Function.WATCH_RUNS: Work(
            stores | {Env.STATE_MACHINE_ARN: machine},
            [
                may.use_table(table, *may.READ, "PutItem"),
                may.walk_live_runs(table),
                may.start_runs(machine),
                may.answer_tokens(machine),
                may.follow_executions(machine),
                may.invoke(parts.watch_arn),
                may.send_to(parts.errands.dead_letters.queue_arn),
            ],
        ),
    }
