"""What each kind of work needs from IAM: one small statement per verb, named for what it allows.

Kept apart from the stack so that a role reads as a sentence, and so that the tests can compare a role's actions with
the list somebody decided on.
"""

from collections.abc import Mapping, Sequence
from email.utils import parseaddr
from typing import Final

from aws_cdk import Aws
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam

from infra.constructs.platform_function import account_arn
from omnicascade.contracts import (
    ERASED_PARTITION,
    ERRAND_KEY_PREFIX,
    LINK_KEY_PREFIX,
    LIVE_INDEX,
    TIMELINE_INDEX,
)

CONFIGURATION_PARTITION: Final = "CONFIG"
"""The partition of the table that holds sources, topics, journeys and templates."""

READ: Final = ("GetItem", "BatchGetItem", "Query")
WRITE: Final = ("PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem")
WRITE_MANY: Final = ("PartiQLInsert", "PartiQLUpdate")
"""Writes of several items in one request: PartiQL has actions of its own. Source: Service Authorization Reference,
Amazon DynamoDB."""


def use_table(table: dynamodb.ITable, *operations: str) -> iam.PolicyStatement:
    """Some operations on every item, through both indexes too where they include a query."""
    resources = [table.table_arn]
    if "Query" in operations:
        resources += [f"{table.table_arn}/index/{name}" for name in (TIMELINE_INDEX, LIVE_INDEX)]
    return _allow([f"dynamodb:{operation}" for operation in operations], resources)


def walk_live_runs(table: dynamodb.ITable) -> iam.PolicyStatement:
    """List the live runs, all of them or a journey's, and read nothing of them."""
    return _allow(["dynamodb:Query", "dynamodb:Scan"], [f"{table.table_arn}/index/{LIVE_INDEX}"])


def walk_table(table: dynamodb.ITable) -> iam.PolicyStatement:
    """Read the whole table, page by page."""
    return _allow(["dynamodb:Scan"], [table.table_arn])


def use_configuration(table: dynamodb.ITable, *operations: str) -> iam.PolicyStatement:
    """Some operations on the configuration's partition and on no customer's."""
    return _allow(
        [f"dynamodb:{operation}" for operation in operations],
        [table.table_arn],
        {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [CONFIGURATION_PARTITION]}},
    )


def note_errands(table: dynamodb.ITable) -> iam.PolicyStatement:
    """Write down what is to be done at a later moment, and read nothing."""
    return _allow(
        ["dynamodb:PutItem"],
        [table.table_arn],
        {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{ERRAND_KEY_PREFIX}*"]}},
    )


def read_links(table: dynamodb.ITable) -> iam.PolicyStatement:
    """Read tracked links, and nothing else of the table: whoever opens a link is a stranger."""
    return _allow(
        ["dynamodb:GetItem"],
        [table.table_arn],
        {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{LINK_KEY_PREFIX}*"]}},
    )


def read_orders(table: dynamodb.ITable) -> iam.PolicyStatement:
    """Read who is to be erased, as digests, and nothing else of the table."""
    return _allow(
        ["dynamodb:Query"],
        [table.table_arn],
        {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [ERASED_PARTITION]}},
    )


def rewrite_objects(bucket_arn: str, *prefixes: str) -> Sequence[iam.PolicyStatement]:
    """Read and replace objects under some prefixes of a bucket, and delete their older versions for good."""
    operations = ("GetObject", "PutObject", "PutObjectTagging", "DeleteObjectVersion")
    condition = {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}}
    return (
        _allow([f"s3:{operation}" for operation in operations], [f"{bucket_arn}/{prefix}*" for prefix in prefixes]),
        _allow(["s3:ListBucket", "s3:ListBucketVersions"], [bucket_arn], condition),
    )


def read_stream(stream_arn: str) -> iam.PolicyStatement:
    """Be called with a table's changes."""
    operations = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    return _allow([f"dynamodb:{operation}" for operation in operations], [stream_arn])


def send_to(*queue_arns: str) -> iam.PolicyStatement:
    """Put messages on queues, singly or in batches (SQS has one action for both)."""
    return _allow(["sqs:SendMessage"], queue_arns)


def consume(queue_arn: str) -> iam.PolicyStatement:
    """Be called with a queue's messages."""
    operations = ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes")
    return _allow([f"sqs:{operation}" for operation in operations], [queue_arn])


def start_runs(machine_arn: str) -> iam.PolicyStatement:
    """Start journey runs."""
    return _allow(["states:StartExecution"], [machine_arn])


def invoke(function_arn: str) -> iam.PolicyStatement:
    """Call one function."""
    return _allow(["lambda:InvokeFunction"], [function_arn])


def run_distributed_maps(machine_arn: str) -> Sequence[iam.PolicyStatement]:
    """Start the child executions of a machine's own maps, follow and stop them.

    Source: Step Functions developer guide, "IAM policies for using Distributed Map states".
    """
    executions = machine_arn.replace(":stateMachine:", ":execution:")
    return (
        _allow(["states:StartExecution"], [machine_arn]),
        _allow(["states:DescribeExecution", "states:StopExecution", "states:RedriveExecution"], [f"{executions}*"]),
    )


def list_objects(bucket_arn: str, *prefixes: str) -> iam.PolicyStatement:
    """See which objects lie under some prefixes of a bucket."""
    return _allow(["s3:ListBucket"], [bucket_arn], {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}})


def read_objects(bucket_arn: str, *prefixes: str) -> iam.PolicyStatement:
    """Read objects under some prefixes of a bucket."""
    return _allow(["s3:GetObject"], [f"{bucket_arn}/{prefix}*" for prefix in prefixes])


def answer_tokens(machine_arn: str) -> iam.PolicyStatement:
    """Wake runs that wait."""
    return _allow(["states:SendTaskSuccess", "states:SendTaskFailure"], [machine_arn])


def write_objects(bucket_arn: str, prefix: str) -> iam.PolicyStatement:
    """Add objects under a prefix of a bucket, without reading any."""
    return _allow(["s3:PutObject"], [f"{bucket_arn}/{prefix}*"])


def read_secret(secret_arn: str) -> iam.PolicyStatement:
    """Read one secret."""
    return _allow(["secretsmanager:GetSecretValue"], [secret_arn])


def send_email(*, sender: str, configuration_set: str) -> iam.PolicyStatement:
    """Send e-mail from one address, verified by itself or by its domain, through one configuration set."""
    address = parseaddr(sender)[1]
    domain = address.rpartition("@")[2]
    names = (f"identity/{address}", f"identity/{domain}", f"configuration-set/{configuration_set}")
    return _allow(
        ["ses:SendEmail"],
        [account_arn("ses", name) for name in names],
        {"StringEquals": {"ses:FromAddress": address}},
    )


def send_sms() -> iam.PolicyStatement:
    """Publish to phone numbers and to no topic.

    A phone number has no ARN, so the only way to name it is "everything that is not a topic". Source: Service
    Authorization Reference, Amazon SNS.
    """
    return iam.PolicyStatement(actions=["sns:Publish"], not_resources=[f"arn:{Aws.PARTITION}:sns:*:*:*"])


def send_push(application_id: str) -> iam.PolicyStatement:
    """Send push notifications through one application."""
    application = account_arn("mobiletargeting", f"apps/{application_id}")
    return _allow(["mobiletargeting:SendMessages"], [application, f"{application}/messages"])


def configure_sms() -> iam.PolicyStatement:
    """Change the account's settings for text messages, which have no ARN."""
    return _allow(["sns:SetSMSAttributes"], ["*"])


def hand_to_sns(role: iam.IRole) -> iam.PolicyStatement:
    """Let SNS, and nobody else, take on one role."""
    condition = {"StringEquals": {"iam:PassedToService": "sns.amazonaws.com"}}
    return _allow(["iam:PassRole"], [role.role_arn], condition)


def set_schedules(group_name: str) -> iam.PolicyStatement:
    """Set moments at which EventBridge Scheduler calls, in one group."""
    return _allow(["scheduler:CreateSchedule"], [account_arn("scheduler", f"schedule/{group_name}/*")])


def hand_to_scheduler(role: iam.IRole) -> iam.PolicyStatement:
    """Let EventBridge Scheduler, and nobody else, take on one role."""
    condition = {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
    return _allow(["iam:PassRole"], [role.role_arn], condition)


def follow_executions(machine_arn: str) -> iam.PolicyStatement:
    """See whether executions of a machine are under way."""
    executions = machine_arn.replace(":stateMachine:", ":execution:")
    return _allow(["states:DescribeExecution"], [f"{executions}:*"])


def _allow(
    actions: Sequence[str],
    resources: Sequence[str],
    conditions: Mapping[str, Mapping[str, object]] | None = None,
) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=list(actions), resources=list(resources), conditions=conditions)
