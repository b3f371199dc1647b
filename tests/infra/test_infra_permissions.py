"""Each function may do what its work needs and nothing more."""

import json

import pytest

from omnicascade.contracts import Env, Function
from tests.infra.template_reader import TemplateReader, listed, walk

LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
CONSUME = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"}
STREAM = {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"}
READ = {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"}
WRITE = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"}
WRITE_MANY = {"dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate"}
ANSWER = {"states:SendTaskSuccess", "states:SendTaskFailure"}
SEND = {"sqs:SendMessage"}

ALLOWED = {
    Function.INGEST_EVENTS: {"dynamodb:GetItem"} | SEND,
    Function.RECORD_EVENTS: {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:PartiQLInsert"}
    | CONSUME,
    Function.PROJECT_PROFILES: READ | WRITE | WRITE_MANY | STREAM | ANSWER | SEND | {"states:StartExecution"},
    Function.ARCHIVE_EVENTS: {"s3:PutObject", "dynamodb:Query"} | STREAM | SEND,
    Function.SEND_NEXT_MESSAGE: READ
    | WRITE
    | ANSWER
    | SEND
    | {"secretsmanager:GetSecretValue", "ses:SendEmail", "sns:Publish", "mobiletargeting:SendMessages"},
    Function.RECEIVE_FEEDBACK: {"dynamodb:GetItem"} | CONSUME | SEND,
    Function.FOLLOW_LINKS: {"dynamodb:GetItem", "secretsmanager:GetSecretValue"} | SEND,
    Function.SERVE_STAFF_API: READ
    | SEND
    | ANSWER
    | {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem", "dynamodb:BatchWriteItem"}
    | {"dynamodb:PartiQLInsert", "states:StartExecution"},
    Function.ERASE_CUSTOMERS: READ
    | ANSWER
    | CONSUME
    | SEND
    | {"dynamodb:PutItem", "dynamodb:ConditionCheckItem", "dynamodb:BatchWriteItem", "dynamodb:PartiQLInsert"}
    | {"s3:GetObject", "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObjectVersion"}
    | {"s3:ListBucket", "s3:ListBucketVersions"}
    | {"secretsmanager:GetSecretValue"},
    Function.REBUILD_PROFILES: READ | WRITE | WRITE_MANY | {"s3:GetObject", "s3:PutObject", "s3:ListBucket"},
    Function.CONFIGURE_DEPLOYMENT: {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "sns:SetSMSAttributes",
        "iam:PassRole",
    },
}


@pytest.mark.parametrize("name", Function)
def test_a_function_may_do_exactly_what_was_decided(prod: TemplateReader, name: Function) -> None:
    """The actions of the role are the list above and its own log."""
    assert prod.actions(name) == ALLOWED[name] | LOG


@pytest.mark.parametrize("name", Function)
def test_no_action_is_a_wildcard_and_few_resources_are(prod: TemplateReader, name: Function) -> None:
    """Only what knows no resource is allowed on all, and no action is given by pattern."""
    for statement in prod.statements(name):
        assert not [action for action in listed(statement["Action"]) if "*" in action]
        if "*" in listed(statement.get("Resource", [])):
            assert listed(statement["Action"]) == ["sns:SetSMSAttributes"]


def test_every_function_has_a_role_of_its_own(prod: TemplateReader) -> None:
    """No two functions share a role."""
    roles = [prod.function(name)["Role"]["Fn::GetAtt"][0] for name in Function]
    assert len(set(roles)) == len(Function)


def test_nobody_uses_managed_policies(prod: TemplateReader) -> None:
    """No role, CDK's own included, carries a managed policy, and none is made."""
    assert "ManagedPolicyArns" not in {key for key, _ in walk(prod.template["Resources"])}
    assert prod.of_type("AWS::IAM::ManagedPolicy") == {}
    assert prod.of_type("AWS::IAM::Policy") == {}


@pytest.mark.parametrize("name", [Function.INGEST_EVENTS, Function.CONFIGURE_DEPLOYMENT])
def test_who_handles_configuration_sees_no_customer(prod: TemplateReader, name: Function) -> None:
    """Access to the table is limited to the configuration's partition."""
    table = [s for s in prod.statements(name) if any(a.startswith("dynamodb:") for a in listed(s["Action"]))]
    assert table
    for statement in table:
        assert statement["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["CONFIG"]}}


def test_who_archives_sees_orders_to_erase_and_nothing_else(prod: TemplateReader) -> None:
    """The archive's writer reads the partition of digests only."""
    statement = _statement(prod, Function.ARCHIVE_EVENTS, "dynamodb:Query")
    assert statement["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["ERASED"]}}


def test_who_erases_reaches_events_and_orders_of_the_archive_only(prod: TemplateReader) -> None:
    """Objects and their versions under two prefixes, listed there and nowhere else."""
    statement = _statement(prod, Function.ERASE_CUSTOMERS, "s3:DeleteObjectVersion")
    assert [str(name).rpartition("/*")[0].rpartition("/")[2] for name in listed(statement["Resource"])] == [
        "archive",
        "erasures",
    ]
    listing = _statement(prod, Function.ERASE_CUSTOMERS, "s3:ListBucketVersions")
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["archive/*", "erasures/*"]}}


def test_who_follows_links_reads_nothing_but_links(prod: TemplateReader) -> None:
    """The function that strangers reach sees the partitions of tracked links only."""
    statement = _statement(prod, Function.FOLLOW_LINKS, "dynamodb:GetItem")
    assert statement["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["L#*"]}}


def _statement(prod: TemplateReader, name: Function, action: str) -> dict[str, object]:
    (found,) = [s for s in prod.statements(name) if action in listed(s["Action"])]
    return found


def test_text_messages_cannot_go_to_topics(prod: TemplateReader) -> None:
    """Publishing is allowed for everything that is no topic, that is, for phone numbers."""
    statement = _statement(prod, Function.SEND_NEXT_MESSAGE, "sns:Publish")
    assert "Resource" not in statement
    assert statement["NotResource"] == {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":sns:*:*:*"]]}


def test_mail_leaves_only_from_the_configured_address(prod: TemplateReader) -> None:
    """The sender's address is a condition, and only its identities and our configuration set are named."""
    statement = _statement(prod, Function.SEND_NEXT_MESSAGE, "ses:SendEmail")
    assert statement["Condition"] == {"StringEquals": {"ses:FromAddress": "shop@example.com"}}
    text = json.dumps(statement["Resource"])
    for name in ("identity/shop@example.com", "identity/example.com", "configuration-set/omnicascade-prod"):
        assert name in text


def test_only_sns_may_be_given_the_delivery_role(prod: TemplateReader) -> None:
    """PassRole names one role and one service."""
    statement = _statement(prod, Function.CONFIGURE_DEPLOYMENT, "iam:PassRole")
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "sns.amazonaws.com"}}
    assert (
        statement["Resource"]
        == prod.function(Function.CONFIGURE_DEPLOYMENT)["Environment"]["Variables"][Env.SMS_DELIVERY_ROLE_ARN.value]
    )


def test_the_archive_can_only_be_added_to(prod: TemplateReader) -> None:
    """Objects go under archive/ and nowhere else."""
    statement = _statement(prod, Function.ARCHIVE_EVENTS, "s3:PutObject")
    assert str(statement["Resource"]).endswith("'/archive/*']]}")
