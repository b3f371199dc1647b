"""The lists of an audience in the archive's bucket, and the results that Step Functions writes there of each round.

    audiences/<audience>/round-<n>.jsonl     who goes together in round n: one customer a line
    audiences/<audience>/waiting-<n>.jsonl   who waits for a later round
    audiences/<audience>/results-<n>/…       what became of round n's batches: a manifest, and lines by status

They name customers by profile ids alone, and age out after a year, the longest that an execution lives.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from omnicascade.contracts import AUDIENCES_PREFIX
from omnicascade.domain.errors import UnavailableError
from omnicascade.usecases.audience.plan import BatchResult

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client


class S3AudienceStorage:
    """`AudienceStorage` on S3. Cost: one PUT per list, one GET per object read."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def write(self, audience: str, name: str, lines: Iterable[bytes]) -> str:
        """See `AudienceStorage.write`. A million customers are some 100 MB, which one PUT takes (5 GB, S3 limits)."""
        key = f"{AUDIENCES_PREFIX}{audience}/{name}.jsonl"
        body = BytesIO()
        for line in lines:
            body.write(line)
            if not line.endswith(b"\n"):
                body.write(b"\n")
        body.seek(0)
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/x-ndjson")
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError(f"{key} was not stored: {error}") from error
        return key

    def lines(self, key: str) -> Iterator[bytes]:
        """See `AudienceStorage.lines`."""
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            yield from (line for line in body.iter_lines(chunk_size=65_536) if line)
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError(f"{key} cannot be read: {error}") from error

    def results(self, key: str) -> Iterator[BatchResult]:
        """See `AudienceStorage.results`; `key` is the manifest's.

        Source: AWS Step Functions developer guide, "ResultWriter", 2026-11-22.
        """
        manifest: dict[str, Any] = json.loads(b"".join(self.lines(key)))
        for status, files in manifest["ResultFiles"].items():
            for file in files:
                for line in self.lines(file["Key"]):
                    row = json.loads(line)
                    answer = json.loads(row["Output"]) if status == "SUCCEEDED" else None
                    yield BatchResult(json.loads(row["Input"])["Items"], answer)
