"""moto's time is the stack's: each stack's own, and no two versions of an object are of the same moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from infra.local.moto_state import on_clock

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def _versions(now: datetime, writes: int) -> list[tuple[bytes, bool, datetime]]:
    """An object written so often at one moment: every version's content, whether it is the latest, and its time."""
    session = botocore.session.Session()
    session.set_credentials("AKIATEST", "secret")
    with on_clock(lambda: now), mock_aws():
        s3: Any = session.create_client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="versions")
        s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
        for number in range(writes):
            s3.put_object(Bucket="versions", Key="k", Body=str(number).encode())
        found = s3.list_object_versions(Bucket="versions")["Versions"]
        return [
            (
                s3.get_object(Bucket="versions", Key="k", VersionId=one["VersionId"])["Body"].read(),
                one["IsLatest"],
                one["LastModified"],
            )
            for one in found
        ]


@pytest.mark.parametrize("now", [NOON, NOON + timedelta(days=3)])
def test_the_last_write_of_a_moment_is_the_latest_version(now: datetime) -> None:
    """Also on a clock that stands still, and on the second clock of a process."""
    versions = _versions(now, 3)
    assert [body for body, latest, _ in versions if latest] == [b"2"]
    assert all(abs(at - now) < timedelta(seconds=1) for _, _, at in versions)
