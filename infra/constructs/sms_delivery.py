"""The role with which SNS writes what became of each text message into CloudWatch Logs."""

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.acknowledgements import acknowledge
from infra.interfaces import as_principal


class SmsDeliveryLog(Construct):
    """Attribute `role`; configure_deployment hands it to SNS, whose settings for text messages belong to the account.

    Source: SNS developer guide, "Viewing Amazon CloudWatch metrics and logs for SMS deliveries": the log groups are
    named `sns/<region>/<account>/DirectPublishToPhoneNumber` and the same with `/Failure`.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        """Create the role."""
        super().__init__(scope, construct_id)
        groups = f"sns/{Aws.REGION}/{Aws.ACCOUNT_ID}/DirectPublishToPhoneNumber*"
        arn = f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:log-group:{groups}"
        actions = ["CreateLogGroup", "CreateLogStream", "PutLogEvents", "PutMetricFilter", "PutRetentionPolicy"]
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=as_principal(
                iam.ServicePrincipal(
                    "sns.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
                )
            ),
            inline_policies={
                "write-logs": iam.PolicyDocument(
                    statements=[iam.PolicyStatement(actions=[f"logs:{action}" for action in actions], resources=[arn])]
                )
            },
        )
        resolved = arn.replace(Aws.PARTITION, "<AWS::Partition>").replace(Aws.REGION, "<AWS::Region>")
        acknowledge(
            self.role,
            f"AwsSolutions-IAM5[Resource::{resolved.replace(Aws.ACCOUNT_ID, '<AWS::AccountId>')}]",
            "SNS names its log groups and streams itself; the wildcard covers only the two groups of direct messages.",
        )
