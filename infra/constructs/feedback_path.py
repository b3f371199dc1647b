"""The way back from the providers: what SES and the SMS service report becomes messages on one queue."""

from typing import Final

from aws_cdk import Aws, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.constructs.event_queues import WorkQueue
from infra.interfaces import as_principal, as_topic

_EVENTS: Final = (
    ses.EmailSendingEvent.SEND,
    ses.EmailSendingEvent.DELIVERY,
    ses.EmailSendingEvent.BOUNCE,
    ses.EmailSendingEvent.COMPLAINT,
    ses.EmailSendingEvent.REJECT,
    ses.EmailSendingEvent.OPEN,
    ses.EmailSendingEvent.CLICK,
    ses.EmailSendingEvent.RENDERING_FAILURE,
    ses.EmailSendingEvent.DELIVERY_DELAY,
    ses.EmailSendingEvent.SUBSCRIPTION,
)


class FeedbackPath(Construct):
    """SES configuration set → topic → queue, and SMS replies → topic → the same queue.

    SNS and not EventBridge, because EventBridge receives SES events on a best-effort basis only (Source: EventBridge
    reference, "Amazon SES events") and an answer that gets lost would let a cascade go on.

    Attributes: `configuration_set_name`, `work` (the queue), `email_topic`, `sms_replies_topic`.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, name: str, key: kms.IKey, reader_timeout: Duration
    ) -> None:
        """Create topics, queue, configuration set and the subscriptions between them."""
        super().__init__(scope, construct_id)
        self.work = WorkQueue(self, "Feedback", reader_timeout=reader_timeout)
        self.email_topic = self._topic("EmailEvents", key)
        self.sms_replies_topic = self._topic("SmsReplies", key)
        self.configuration_set_name = name
        configuration_set = ses.ConfigurationSet(
            self,
            "ConfigurationSet",
            configuration_set_name=name,
            reputation_metrics=True,
            suppression_reasons=ses.SuppressionReasons.BOUNCES_AND_COMPLAINTS,
            # Messages carry personal data: a server that would take them in plain text only gets a bounce instead.
            tls_policy=ses.ConfigurationSetTlsPolicy.REQUIRE,
        )
        configuration_set.add_event_destination(
            "ToTopic", destination=ses.EventDestination.sns_topic(as_topic(self.email_topic)), events=list(_EVENTS)
        )

        # Whoever owns the phone number names this topic as its two-way channel; the service then publishes here.
        self.sms_replies_topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="TwoWaySms",
                principals=[as_principal(iam.ServicePrincipal("sms-voice.amazonaws.com"))],
                actions=["sns:Publish"],
                resources=[self.sms_replies_topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )

    def _topic(self, construct_id: str, key: kms.IKey) -> sns.Topic:
        topic = sns.Topic(self, construct_id, master_key=key, enforce_ssl=True)
        topic.add_subscription(subscriptions.SqsSubscription(self.work.queue, raw_message_delivery=True))
        return topic
