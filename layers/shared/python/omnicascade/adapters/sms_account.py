"""SNS's account-wide SMS settings, which CloudFormation cannot set."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_sns.client import SNSClient


class SmsAccount:
    """The account's SMS settings in this Region."""

    def __init__(self, client: SNSClient, delivery_role_arn: str) -> None:
        self._client = client
        self._delivery_role_arn = delivery_role_arn

    def log_deliveries(self) -> None:
        """Have every delivery, with its price, written to CloudWatch Logs; without a role nothing changes.

        Source: SNS API reference, SetSMSAttributes (`DeliveryStatusIAMRole`, sampling rate in percent).
        """
        if self._delivery_role_arn:
            attributes = {
                "DeliveryStatusIAMRole": self._delivery_role_arn,
                "DeliveryStatusSuccessSamplingRate": "100",
            }
            self._client.set_sms_attributes(attributes=attributes)
