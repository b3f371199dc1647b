"""What SES reports about an e-mail, in its own words, published where the configuration set says.

Source: SES developer guide, "Contents of event data that Amazon SES publishes to Amazon SNS", 2026-11-21.
"""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from infra.local.clock import VirtualClock
from infra.local.inventory import Inventory
from infra.local.outbox import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_sns.client import SNSClient

BROWSER: Final = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15"
)
CUSTOMER_IP: Final = "203.0.113.7"


class SesEvents:
    """Publishes the events of e-mails to the topics of their configuration sets."""

    def __init__(
        self, *, clock: VirtualClock, inventory: Inventory, sns: "Callable[[], SNSClient]", account: str
    ) -> None:
        """Publish nothing yet."""
        self._clock = clock
        self._inventory = inventory
        self._sns = sns
        self._account = account

    def accepted(self, message: Message) -> None:
        """SES took it and the recipient's server took it."""
        self.publish(message, "Send", {})
        delivery = {"processingTimeMillis": 500, "recipients": [message.to], "smtpResponse": "250 ok", **self._at()}
        self.publish(message, "Delivery", delivery)

    def opened(self, message: Message) -> None:
        """A person opened it."""
        self.publish(message, "Open", {"ipAddress": CUSTOMER_IP, "userAgent": BROWSER, **self._at()})

    def clicked(self, message: Message, link: str) -> None:
        """A person clicked a link of it."""
        details = {"ipAddress": CUSTOMER_IP, "userAgent": BROWSER, "link": link, "linkTags": None, **self._at()}
        self.publish(message, "Click", details)

    def bounced(self, message: Message) -> None:
        """The address is dead."""
        told = {"emailAddress": message.to, "action": "failed", "status": "5.1.1", "diagnosticCode": "550 unknown user"}
        details = {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [told],
            "feedbackId": f"feedback-{message.id}",
            "reportingMTA": "dns; local",
            **self._at(),
        }
        self.publish(message, "Bounce", details)

    def complained(self, message: Message) -> None:
        """The recipient called it spam."""
        details = {
            "complainedRecipients": [{"emailAddress": message.to}],
            "complaintFeedbackType": "abuse",
            "complaintSubType": None,
            "feedbackId": f"feedback-{message.id}",
            **self._at(),
        }
        self.publish(message, "Complaint", details)

    def publish(self, message: Message, kind: str, details: dict[str, Any]) -> None:
        """Publish one event of type `kind` (SES's own spelling) about a message."""
        record = {"eventType": kind, "mail": self._mail(message), kind.lower(): details}
        for topic in self._inventory.destinations_of(message.extra.get("configuration_set"), kind):
            self._sns().publish(
                TopicArn=topic, Message=json.dumps(record), Subject="Amazon SES Email Event Notification"
            )

    def _at(self) -> dict[str, str]:
        return {"timestamp": _stamp(self._clock.now())}

    def _mail(self, message: Message) -> dict[str, Any]:
        source = message.extra.get("from") or ""
        shown = {"From": source, "To": message.to, "Subject": message.subject or "", **message.headers}
        tags = {
            "ses:configuration-set": [message.extra.get("configuration_set")],
            **{name: [value] for name, value in message.extra.get("tags", {}).items()},
        }
        return {
            "timestamp": _stamp(message.at),
            "source": source,
            "sendingAccountId": self._account,
            "messageId": message.id,
            "destination": [message.to],
            "headersTruncated": False,
            "headers": [{"name": name, "value": value} for name, value in shown.items()],
            "commonHeaders": {
                "from": [source],
                "to": [message.to],
                "subject": message.subject,
                "messageId": message.id,
            },
            "tags": tags,
        }


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
