"""What a rebuild reads and writes in the archive's bucket: archived lines, its workers' results, its report."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from omnicascade.domain.errors import UnavailableError

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

REPORTS: Final = "rebuilds/"
"""Prefix of everything a rebuild writes; apart from the archive, which it reads."""


class S3RebuildStorage:
    """Cost: one GET per object read, one PUT per report."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def lines(self, key: str) -> Iterator[Mapping[str, Any]]:
        """The archived events of one object; none when it was deleted since it was listed.

        Raises:
            UnavailableError: S3 did not answer.
        """
        content = self._content(key)
        if content is not None:
            yield from map(json.loads, gzip.decompress(content).decode().splitlines())

    def results(self, manifest_key: str) -> Iterator[Mapping[str, Any]]:
        """The outputs of the workers that succeeded, from the manifest that Step Functions wrote.

        Source: AWS Step Functions developer guide, "ResultWriter", 2026-11-21.
        """
        manifest = json.loads(self._content(manifest_key) or b"{}")
        for file in manifest.get("ResultFiles", {}).get("SUCCEEDED", []):
            for row in json.loads(self._content(file["Key"]) or b"[]"):
                yield json.loads(row["Output"])

    def write_report(self, name: str, report: Mapping[str, Any]) -> str:
        """Store a rebuild's report and return its key."""
        key = f"{REPORTS}{name}/report.json"
        body = json.dumps(report, indent=1, ensure_ascii=False).encode()
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/json")
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError(f"the report was not stored: {error}") from error
        return key

    def _content(self, key: str) -> bytes | None:
        try:
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except self._client.exceptions.NoSuchKey:
            return None
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError(f"{key} cannot be read: {error}") from error
