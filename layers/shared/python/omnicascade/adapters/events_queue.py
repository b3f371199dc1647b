"""The events queue on SQS: many calls per message, as few requests as the limits allow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from omnicascade.domain.errors import UnavailableError
from omnicascade.usecases.ports import Envelope

if TYPE_CHECKING:
    from types_boto3_sqs.client import SQSClient
    from types_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

CHUNK_BYTES: Final = 60_000
"""Calls are packed into messages of about this size: SQS bills per started 64 KB."""

REQUEST_BYTES: Final = 250_000
"""One SendMessageBatch carries at most 256 KB in every Region (1 MiB since 2025 where it has arrived), ten entries."""


class SqsEventQueue:
    """`EventQueue` on SQS. Cost: one request per 250 KB of calls."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def put(self, envelope: Envelope) -> None:
        """See `EventQueue.put`. A failed part fails the whole: the client sends all again, and messageId absorbs it."""
        for bodies in _requests(envelope):
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {"Id": str(position), "MessageBody": body} for position, body in enumerate(bodies)
            ]
            try:
                answer = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            except (ClientError, BotoCoreError) as error:
                raise UnavailableError("the events queue did not take the events; send them again") from error
            if answer.get("Failed"):
                raise UnavailableError("the events queue took only a part of the events; send them again")


def encode(envelope: Envelope) -> Iterator[str]:
    """The messages' bodies: ASCII JSON, each at most `CHUNK_BYTES` or a single call."""
    head = json.dumps(
        {
            "source": envelope.source,
            "received_at": envelope.received_at.isoformat(),
            "default_region": envelope.default_region,
            "shared_device": envelope.shared_device,
        }
    )[:-1]
    size, chunk = 0, list[str]()
    for call in envelope.calls:
        text = json.dumps(call, separators=(",", ":"))
        if chunk and size + len(text) > CHUNK_BYTES:
            yield f'{head},"calls":[{",".join(chunk)}]}}'
            size, chunk = 0, []
        chunk.append(text)
        size += len(text) + 1
    if chunk:
        yield f'{head},"calls":[{",".join(chunk)}]}}'


def decode(body: str) -> Envelope:
    """Read what `encode` wrote."""
    parsed: Mapping[str, Any] = json.loads(body)
    return Envelope(
        source=parsed["source"],
        received_at=datetime.fromisoformat(parsed["received_at"]),
        calls=parsed["calls"],
        default_region=parsed["default_region"],
        shared_device=parsed["shared_device"],
    )


def _requests(envelope: Envelope) -> Iterable[list[str]]:
    batch, size = list[str](), 0
    for body in encode(envelope):
        if batch and (len(batch) == 10 or size + len(body) > REQUEST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(body)
        size += len(body)
    if batch:
        yield batch
