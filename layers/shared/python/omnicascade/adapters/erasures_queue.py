"""The erasures queue on SQS: orders, each a message of its own, holding digests and no names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from omnicascade.domain.erasure import Erasure
from omnicascade.domain.errors import UnavailableError
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.moments import epoch_ms, from_ms

if TYPE_CHECKING:
    from types_boto3_sqs.client import SQSClient

LONGEST_DELAY_S: Final = 900
"""Source: SQS quotas, "Message timer"."""


class SqsErasureQueue:
    """`ErasureQueue` on SQS. Cost: one request an order."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def put(self, erasure: Erasure, by: str, *, delay_s: int = 0) -> None:
        """See `ErasureQueue.put`."""
        delay_s = min(delay_s, LONGEST_DELAY_S)
        try:
            self._client.send_message(
                QueueUrl=self._queue_url, MessageBody=encode_order(erasure, by), DelaySeconds=delay_s
            )
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError("the erasures queue did not take the order; ask again") from error


def encode_order(erasure: Erasure, by: str = "") -> str:
    """The message's body, also the form in which an order is kept beside the archive."""
    order = {"erasure_id": erasure.erasure_id, "nodes": erasure.nodes, "until": epoch_ms(erasure.at), "by": by}
    return json.dumps(order, separators=(",", ":"))


def decode_order(body: str) -> tuple[Erasure, str]:
    """Read what `encode_order` wrote: the order, and who asked.

    Raises:
        ValueError, KeyError, TypeError: it did not write this.
    """
    order = json.loads(body)
    nodes = tuple(NodeId(node) for node in order["nodes"])
    return Erasure(order["erasure_id"], nodes, from_ms(order["until"])), order["by"]
