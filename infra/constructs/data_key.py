"""The key that encrypts everything personal: table, stream, archive and feedback topics.

One key of our own rather than AWS's, because SES cannot publish to a topic under the AWS-managed key
(Source: SES developer guide, "Setting up event notifications", KMS section) and because disabling this one key makes
all personal data unreadable at once. It is the only resource of the stack that costs money while idle (1 USD a month).
"""

from typing import Final

from aws_cdk import Aws, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.interfaces import as_principal

_STORES: Final = ("dynamodb", "s3")
_PUBLISHERS: Final = ("ses.amazonaws.com", "sms-voice.amazonaws.com")


class DataKey(Construct):
    """A rotating customer-managed key. Attribute `key`."""

    def __init__(self, scope: Construct, construct_id: str, *, removal_policy: RemovalPolicy) -> None:
        """Create the key and let the services of this account use it.

        Whoever may read the table or the archive may have it decrypted on the way, and only that way: the grant is
        bound to the service, as AWS does for its managed keys, so no function's role names the key.
        """
        super().__init__(scope, construct_id)
        self.key = kms.Key(
            self,
            "Key",
            description="omnicascade: profiles, events, archive and delivery feedback",
            enable_key_rotation=True,
            removal_policy=removal_policy,
        )
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="ThroughStoresOnly",
                principals=[as_principal(iam.AnyPrincipal())],
                actions=["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*", "kms:DescribeKey"],
                resources=["*"],
                conditions={
                    "StringEquals": {
                        "kms:CallerAccount": Aws.ACCOUNT_ID,
                        "kms:ViaService": [f"{store}.{Aws.REGION}.{Aws.URL_SUFFIX}" for store in _STORES],
                    }
                },
            )
        )
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="FeedbackPublishers",
                principals=[as_principal(iam.ServicePrincipal(name)) for name in _PUBLISHERS],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
