"""The way back from the providers and the channels' own resources."""

from pathlib import Path

import aws_cdk as cdk

from infra.config import PushConfig
from infra.constructs.push_application import PushApplication
from omnicascade.contracts import Env, Function
from tests.infra.template_reader import TemplateReader


def test_every_kind_of_mail_event_comes_back(prod: TemplateReader) -> None:
    """SES reports all ten kinds of events to a topic."""
    destination = prod.one("AWS::SES::ConfigurationSetEventDestination")["EventDestination"]
    assert destination["Enabled"] is True
    assert set(destination["MatchingEventTypes"]) == {
        "send",
        "delivery",
        "bounce",
        "complaint",
        "reject",
        "open",
        "click",
        "renderingFailure",
        "deliveryDelay",
        "subscription",
    }
    assert destination["SnsDestination"]["TopicARN"]["Ref"] in prod.of_type("AWS::SNS::Topic")


def test_both_topics_end_on_the_feedback_queue_as_they_are(prod: TemplateReader) -> None:
    """Mail events and SMS replies arrive raw on the queue that receive_feedback reads."""
    (mapping,) = prod.mappings(Function.RECEIVE_FEEDBACK)
    subscriptions = prod.of_type("AWS::SNS::Subscription").values()
    assert {s["TopicArn"]["Ref"] for s in subscriptions} == set(prod.of_type("AWS::SNS::Topic"))
    for subscription in subscriptions:
        assert subscription["Endpoint"] == mapping["EventSourceArn"]
        assert subscription["RawMessageDelivery"] is True


def test_the_publishers_may_use_the_topics_key(prod: TemplateReader) -> None:
    """Topics are encrypted by our key, which SES and the SMS service may use for this account's messages."""
    (key_id,) = prod.of_type("AWS::KMS::Key")
    for topic in prod.of_type("AWS::SNS::Topic").values():
        assert topic["KmsMasterKeyId"] == {"Fn::GetAtt": [key_id, "Arn"]}
    statements = prod.one("AWS::KMS::Key")["KeyPolicy"]["Statement"]
    (grant,) = [s for s in statements if s.get("Sid") == "FeedbackPublishers"]
    assert grant["Principal"] == {"Service": ["ses.amazonaws.com", "sms-voice.amazonaws.com"]}
    assert grant["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_the_topics_take_messages_from_their_services_only(prod: TemplateReader) -> None:
    """Each topic's policy allows one service, for this account."""
    allowed = [
        statement["Principal"]["Service"]
        for policy in prod.of_type("AWS::SNS::TopicPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    assert sorted(allowed) == ["ses.amazonaws.com", "sms-voice.amazonaws.com"]


def test_mail_is_sent_with_the_configuration_set_that_reports(prod: TemplateReader) -> None:
    """The sender is told the set's name; the set counts reputation and heeds the suppression list."""
    configuration_set = prod.one("AWS::SES::ConfigurationSet")
    variables = prod.function(Function.SEND_NEXT_MESSAGE)["Environment"]["Variables"]
    assert variables[Env.SES_CONFIGURATION_SET.value] == configuration_set["Name"] == "omnicascade-prod"
    assert configuration_set["ReputationOptions"] == {"ReputationMetricsEnabled": True}
    assert set(configuration_set["SuppressionOptions"]["SuppressedReasons"]) == {"BOUNCE", "COMPLAINT"}


def test_push_goes_through_the_created_application(prod: TemplateReader) -> None:
    """Without credentials configured there is an application and no channel."""
    (application_id,) = prod.of_type("AWS::Pinpoint::App")
    variables = prod.function(Function.SEND_NEXT_MESSAGE)["Environment"]["Variables"]
    assert variables[Env.PUSH_APPLICATION_ID.value] == {"Ref": application_id}
    assert prod.of_type("AWS::Pinpoint::GCMChannel") == {}


def test_push_credentials_stay_in_secrets_manager(tmp_path: Path) -> None:
    """An existing application is used as it is, and the template holds references instead of credentials."""
    app = cdk.App(outdir=str(tmp_path))
    stack = cdk.Stack(app, "push")
    config = PushConfig(application_id="a1b2", fcm_secret_name="push/fcm", apns_secret_name="push/apns")
    assert PushApplication(stack, "Push", name="push", config=config).application_id == "a1b2"
    resources = app.synth().get_stack_by_name("push").template["Resources"].values()
    by_type = {resource["Type"]: resource["Properties"] for resource in resources}
    assert "AWS::Pinpoint::App" not in by_type
    fcm, apns = by_type["AWS::Pinpoint::GCMChannel"], by_type["AWS::Pinpoint::APNSChannel"]
    assert fcm["DefaultAuthenticationMethod"] == "TOKEN"
    assert fcm["ServiceJson"].startswith("{{resolve:secretsmanager:push/fcm:SecretString:")
    for key in ("TokenKey", "TokenKeyId", "TeamId", "BundleId"):
        assert apns[key].startswith(f"{{{{resolve:secretsmanager:push/apns:SecretString:{key}")


def test_sns_may_log_deliveries_for_this_account_only(prod: TemplateReader) -> None:
    """The role that configure_deployment hands on trusts SNS alone and writes only SNS's own groups."""
    reference = prod.function(Function.CONFIGURE_DEPLOYMENT)["Environment"]["Variables"][
        Env.SMS_DELIVERY_ROLE_ARN.value
    ]
    role = prod.of_type("AWS::IAM::Role")[reference["Fn::GetAtt"][0]]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "sns.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert "DirectPublishToPhoneNumber" in str(role["Policies"])
