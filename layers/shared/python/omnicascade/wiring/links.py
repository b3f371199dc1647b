"""The links in our messages, wired: the table of clicks, the signing key, and the events queue."""

from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.events_queue import SqsEventQueue
from omnicascade.adapters.link_store import DynamoLinkStore
from omnicascade.adapters.link_tokens import LinkTokens, secret_of
from omnicascade.settings import Settings
from omnicascade.usecases.follow_links import follow_click, leave, show_way_out
from omnicascade.usecases.link_pages import Answer
from omnicascade.wiring.clients import client
from omnicascade.wiring.clock import now


def link_tokens(settings: Settings) -> LinkTokens:
    """The tokens of one deployment; the key is fetched at the first one and kept."""
    return LinkTokens(settings.public_url, lambda: secret_of(client("secretsmanager"), settings.signing_secret_arn))


class LinkFollower:
    """The use cases of `follow_links` for one deployment, at the present moment."""

    def __init__(self, settings: Settings) -> None:
        self._ways_out = link_tokens(settings)
        self._clicks = DynamoLinkStore(Table(client("dynamodb"), settings.table))
        self._queue = SqsEventQueue(client("sqs"), settings.events_queue_url)

    def click(self, code: str, *, click_id: str, machine: bool) -> Answer:
        """See `follow_click`."""
        return follow_click(code, links=self._clicks, queue=self._queue, click_id=click_id, machine=machine, now=now())

    def way_out(self, token: str) -> Answer:
        """See `show_way_out`."""
        return show_way_out(token, links=self._ways_out)

    def leave(self, token: str, *, everything: bool) -> Answer:
        """See `leave`."""
        return leave(token, everything=everything, links=self._ways_out, queue=self._queue, now=now())
