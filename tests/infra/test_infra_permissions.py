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

KEEP_ERRANDS = SEND | {"scheduler:CreateSchedule", "iam:PassRole"}
PROVIDERS = {"secretsmanager:GetSecretValue", "ses:SendEmail", "sns:Publish", "mobiletargeting:SendMessages"}

ALLOWED = {
    Function.INGEST_EVENTS: {"dynamodb:GetItem"} | SEND,
    Function.RECORD_EVENTS: {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:PartiQLInsert"}
    | CONSUME,
    Function.PROJECT_PROFILES: READ | WRITE | WRITE_MANY | STREAM | ANSWER | KEEP_ERRANDS | {"states:StartExecution"},
    Function.ARCHIVE_EVENTS: {"s3:PutObject", "dynamodb:Query"} | STREAM | SEND,
    Function.SEND_NEXT_MESSAGE: READ | WRITE | ANSWER | SEND | PROVIDERS,
    Function.RUN_AUDIENCE: READ
    | WRITE
    | ANSWER
    | SEND
    | PROVIDERS
    | {"states:StartExecution", "s3:GetObject", "s3:PutObject", "s3:ListBucket"},
    Function.RECEIVE_FEEDBACK: {"dynamodb:GetItem"} | CONSUME | SEND,
    Function.FOLLOW_LINKS: {"dynamodb:GetItem", "secretsmanager:GetSecretValue"} | SEND,
    Function.SERVE_STAFF_API: READ
    | KEEP_ERRANDS
    | {"dynamodb:Scan"}
    | ANSWER
    | {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem", "dynamodb:BatchWriteItem"}
    | {"dynamodb:DeleteItem"}
    | {"dynamodb:PartiQLInsert", "states:StartExecution"},
    Function.ERASE_CUSTOMERS: READ
    | ANSWER
    | CONSUME
    | SEND
    | WRITE
    | {"dynamodb:BatchWriteItem", "dynamodb:PartiQLInsert"}
    | {"s3:GetObject", "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObjectVersion"}
    | {"s3:ListBucket", "s3:ListBucketVersions"}
    | {"secretsmanager:GetSecretValue"},
    Function.REBUILD_PROFILES: READ
    | WRITE
    | WRITE_MANY
    | {"s3:GetObject", "s3:PutObject", "s3:ListBucket", "sqs:SendMessage"},
    Function.CONFIGURE_DEPLOYMENT: {
        "dynamodb:GetItem",
        "dynamodb:BatchGetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "sns:SetSMSAttributes",
    }
    | KEEP_ERRANDS,
    Function.RUN_ERRANDS: READ
    | WRITE
    | WRITE_MANY
    | ANSWER
    | CONSUME
    | KEEP_ERRANDS
    | {"dynamodb:BatchWriteItem", "dynamodb:Scan", "states:StartExecution"},
    Function.WATCH_RUNS: READ
    | ANSWER
    | SEND
    | {"dynamodb:PutItem", "dynamodb:Scan", "states:StartExecution", "states:DescribeExecution"}
    | {"lambda:InvokeFunction"},
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
    """Access to the table is limited to the configuration's partition, and to writing down errands."""
    table = [s for s in prod.statements(name) if any(a.startswith("dynamodb:") for a in listed(s["Action"]))]
    assert table
    for statement in table:
        if statement["Action"] == "dynamodb:PutItem":
            assert statement["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["DUE#*"]}}
        else:
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


KEEPERS = (
    Function.PROJECT_PROFILES,
    Function.SERVE_STAFF_API,
    Function.CONFIGURE_DEPLOYMENT,
    Function.RUN_ERRANDS,
)


@pytest.mark.parametrize("name", KEEPERS)
def test_a_role_is_handed_to_the_one_service_that_needs_it(prod: TemplateReader, name: Function) -> None:
    """PassRole names one role and one service: SNS for delivery reports, EventBridge Scheduler for schedules."""
    variables = prod.function(name)["Environment"]["Variables"]
    roles = {"sns": Env.SMS_DELIVERY_ROLE_ARN, "scheduler": Env.ERRANDS_SCHEDULE_ROLE_ARN}
    handed = [s for s in prod.statements(name) if s["Action"] == "iam:PassRole"]
    assert {s["Condition"]["StringEquals"]["iam:PassedToService"]: s["Resource"] for s in handed} == {
        f"{service}.amazonaws.com": variables[role.value] for service, role in roles.items() if role.value in variables
    }


@pytest.mark.parametrize("name", KEEPERS)
def test_schedules_are_made_in_the_stages_own_group_only(prod: TemplateReader, name: Function) -> None:
    """Whoever keeps errands may make schedules in one group, which goes with the stack."""
    (group,) = prod.of_type("AWS::Scheduler::ScheduleGroup").values()
    statement = _statement(prod, name, "scheduler:CreateSchedule")
    assert str(statement["Resource"]).endswith(f"':schedule/{group['Name']}/*']]}}")
    assert group["Name"] == "omnicascade-prod"


def test_schedules_call_the_functions_made_for_it_and_no_other(prod: TemplateReader) -> None:
    """The scheduler's role may invoke two functions, and only a schedule of the stage's group may take it on."""
    (schedule,) = prod.of_type("AWS::Scheduler::Schedule").values()
    role = prod.of_type("AWS::IAM::Role")[schedule["Target"]["RoleArn"]["Fn::GetAtt"][0]]
    (statement,) = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "lambda:InvokeFunction"
    called = [str(arn).rpartition("function:")[2].removesuffix("']]}") for arn in statement["Resource"]]
    assert called == ["omnicascade-prod-run_errands", "omnicascade-prod-watch_runs"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert str(trust["Condition"]["StringEquals"]["aws:SourceArn"]).endswith(":schedule-group/omnicascade-prod']]}")


def test_audiences_are_kept_under_a_prefix_of_their_own(prod: TemplateReader) -> None:
    """The function and the machine reach lists of customers, and no event of the archive."""
    for statements in (prod.statements(Function.RUN_AUDIENCE), prod.machine_statements("journeys")):
        objects = [s for s in statements if {"s3:GetObject", "s3:PutObject"} & {*listed(s["Action"])}]
        assert objects
        assert all(str(s["Resource"]).endswith("'/audiences/*']]}") for s in objects)
        (listing,) = [s for s in statements if s["Action"] == "s3:ListBucket"]
        assert listing["Condition"] == {"StringLike": {"s3:prefix": ["audiences/*"]}}


def test_the_watchdog_walks_the_index_and_reads_no_customer_by_it(prod: TemplateReader) -> None:
    """Scans go through the index of live runs, never through the table."""
    statement = _statement(prod, Function.WATCH_RUNS, "dynamodb:Scan")
    assert str(statement["Resource"]).endswith("'/index/live']]}")


def test_the_archive_can_only_be_added_to(prod: TemplateReader) -> None:
    """Objects go under archive/ and nowhere else."""
    statement = _statement(prod, Function.ARCHIVE_EVENTS, "s3:PutObject")
    assert str(statement["Resource"]).endswith("'/archive/*']]}")
