"""Raw events in S3, as gzipped JSON lines: what profiles can be rebuilt from when the table is gone."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from omnicascade.adapters.event_store import event_from
from omnicascade.domain.errors import UnavailableError
from omnicascade.domain.event import Event

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

PREFIX: Final = "archive/"


class S3EventArchive:
    """Cost: one PUT per batch."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def store(self, images: Sequence[Mapping[str, Any]]) -> str:
        """Write a batch as one object and return its key.

        The key is made of the day of the first event and the batch's first and last sequence number, so that a batch
        delivered again replaces its own object.

        Args:
            images: the `dynamodb` part of stream records, in stream order; at least one.

        Raises:
            UnavailableError: not stored; deliver the batch again.
        """
        events = [event_from(image["NewImage"]) for image in images]
        first, last = images[0]["SequenceNumber"], images[-1]["SequenceNumber"]
        key = f"{PREFIX}{events[0].received_at:%Y/%m/%d}/{first}-{last}.jsonl.gz"
        lines = "".join(f"{line_of(event)}\n" for event in events)
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=gzip.compress(lines.encode(), mtime=0),
                ContentType="application/x-ndjson",
                ContentEncoding="gzip",
            )
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError(f"the archive did not take a batch: {error}") from error
        return key


def line_of(event: Event) -> str:
    """One archived event: the call as it was accepted, its source, when it arrived, and whom it names."""
    archived = {
        "source": event.source,
        "received_at": event.received_at.isoformat(),
        "identifiers": [str(identifier) for identifier in event.identifiers],
        "call": event.body,
    }
    return json.dumps(archived, separators=(",", ":"), ensure_ascii=False)
