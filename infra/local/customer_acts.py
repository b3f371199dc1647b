"""What a customer can do with a message, carried out as the real world would: by SES, by the app's SDK, by a browser.

| act | e-mail | push | sms |
|---|---|---|---|
| open | SES Open event | the SDK's `Push Notification Opened` | - |
| click | SES Click event | - | the first tracked link is followed |
| tap | - | the SDK's `Push Notification Tapped` | - |
| bounce | SES Bounce event (permanent) | the SDK's `Push Notification Bounced` | - |
| complain | SES Complaint event | - | - |
| reply | - | - | a two-way SMS message |
"""

import html
import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from infra.local.http_api import Request, Response
from infra.local.http_edge import basic
from infra.local.outbox import Message
from infra.local.ses_events import SesEvents

if TYPE_CHECKING:
    from types_boto3_sns.client import SNSClient

APP_WRITE_KEY: Final = "local-app"
PHONE_BROWSER: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
)
SHORT_CODE: Final = "+48732000000"
ACTS: Final = ("open", "click", "tap", "bounce", "complain", "reply")
_LINK: Final = re.compile(r"https?://[^\s\"'<>]+")
_DEVICES: Final = {"APNS": "ios", "APNS_SANDBOX": "ios", "GCM": "android"}


class ImpossibleActError(Exception):
    """Nobody can do that with such a message."""


class CustomerActs:
    """Acts on messages of the outbox."""

    def __init__(
        self,
        *,
        ses: SesEvents,
        sns: "Callable[[], SNSClient]",
        replies_topic: Callable[[], str | None],
        send: Callable[[Request], Response],
        now: Callable[[], str],
    ) -> None:
        """`send` makes a request to the product's own HTTP API; `now` is the moment as the app's SDK would write it."""
        self._ses = ses
        self._sns = sns
        self._replies_topic = replies_topic
        self._send = send
        self._now = now
        self._count = 0

    def perform(self, act: str, message: Message, given: Mapping[str, Any]) -> None:
        """Do it.

        Raises:
            ImpossibleActError: the channel knows no such act, or the message has no link to follow.
        """
        method = getattr(self, f"_{message.channel}_{act}", None)
        if act not in ACTS or method is None:
            msg = f"nobody can {act} {'an e-mail' if message.channel == 'email' else f'a {message.channel} message'}"
            raise ImpossibleActError(msg)
        self._count += 1
        method(message, given)

    def _email_open(self, message: Message, given: Mapping[str, Any]) -> None:
        del given
        self._ses.opened(message)

    def _email_click(self, message: Message, given: Mapping[str, Any]) -> None:
        links = _links(message)
        self._ses.clicked(message, str(given.get("link") or next(iter(links), "https://example.com/")))

    def _email_bounce(self, message: Message, given: Mapping[str, Any]) -> None:
        del given
        self._ses.bounced(message)

    def _email_complain(self, message: Message, given: Mapping[str, Any]) -> None:
        del given
        self._ses.complained(message)

    def _push_open(self, message: Message, given: Mapping[str, Any]) -> None:
        del given
        self._track(message, "Push Notification Opened")

    def _push_tap(self, message: Message, given: Mapping[str, Any]) -> None:
        del given
        self._track(message, "Push Notification Tapped")

    def _push_bounce(self, message: Message, given: Mapping[str, Any]) -> None:
        del given
        self._track(message, "Push Notification Bounced")

    def _sms_click(self, message: Message, given: Mapping[str, Any]) -> None:
        parts = urlsplit(str(given.get("link") or _first_link(message)))
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        self._expect(self._send(Request("GET", target, [("user-agent", PHONE_BROWSER)])), "the link")

    def _sms_reply(self, message: Message, given: Mapping[str, Any]) -> None:
        topic = self._replies_topic()
        if topic is None:
            msg = "this stack has no topic for SMS replies"
            raise ImpossibleActError(msg)
        record = {
            "originationNumber": message.to,
            "destinationNumber": SHORT_CODE,
            "messageKeyword": "KEYWORD_LOCAL",
            "messageBody": str(given.get("text", "")),
            "inboundMessageId": f"reply-{self._count}-{message.id}",
            "previousPublishedMessageId": message.id,
        }
        self._sns().publish(TopicArn=topic, Message=json.dumps(record))

    def _track(self, message: Message, event: str) -> None:
        device = {"type": _DEVICES.get(message.extra["channel_type"], "android"), "token": message.to}
        call = {
            "event": event,
            "messageId": f"app-{self._count}-{message.id}",
            "timestamp": self._now(),
            "sentAt": self._now(),
            "properties": dict(message.data),
            "context": {"device": device, "library": {"name": "local-app"}},
        }
        headers = [("content-type", "application/json"), basic(APP_WRITE_KEY)]
        self._expect(self._send(Request("POST", "/v1/track", headers, json.dumps(call).encode())), f"the {event} event")

    @staticmethod
    def _expect(response: Response, what: str) -> None:
        if response.status >= 400:
            msg = f"the product refused {what}: {response.status} {response.body.decode(errors='replace')}"
            raise ImpossibleActError(msg)


def _first_link(message: Message) -> str:
    links = _links(message)
    if not links:
        msg = f"message {message.id} has no link to click"
        raise ImpossibleActError(msg)
    return links[0]


def _links(message: Message) -> list[str]:
    """The message's links that the product tracks; the way out of the list is none of them."""
    texts = [message.body, html.unescape(message.html or "")]
    links: list[str] = [link.rstrip(".,;:!?)") for text in texts for link in _LINK.findall(text)]
    return [link for link in links if urlsplit(link).path.startswith("/l/")]
