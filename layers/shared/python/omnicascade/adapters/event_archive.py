"""Raw events in S3, as gzipped JSON lines: what profiles can be rebuilt from when the table is gone.

    archive/YYYY/MM/DD/HH/<first>-<last>.jsonl.gz   events received in one hour (UTC), by sequence numbers of the stream
    erasures/<erasure id>.json                      orders to erase, to be repeated when the table is restored

An event's hour is its own, not its batch's, so whoever erases a person reads the hours of that person's events and no
others, however late a batch was archived. The bucket keeps versions; an erasure leaves none of what it rewrote.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from omnicascade.adapters.erasures_queue import decode_order, encode_order
from omnicascade.adapters.event_store import event_from
from omnicascade.contracts import AGE_STEP_DAYS, AGE_TAG, ARCHIVE_PREFIX, ERASURES_PREFIX
from omnicascade.domain.erasure import Erasure, erased_until, hour_of, line_without
from omnicascade.domain.errors import UnavailableError
from omnicascade.domain.event import Event
from omnicascade.usecases.erasure_ports import Rewritten

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

PREFIX: Final = ARCHIVE_PREFIX

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_DELETED: Final = 1000
"""Keys of one DeleteObjects. Source: S3 API reference."""


class S3EventArchive:
    """Cost: one PUT per batch and hour."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def store(self, images: Sequence[Mapping[str, Any]], erasures: Collection[Erasure] = ()) -> list[str]:
        """Write a batch as one object per hour in which its events were received; returns the keys.

        A key is made of the hour and the first and last sequence number of its events, so that a batch delivered again
        replaces its own objects.

        Args:
            images: the `dynamodb` part of stream records, in stream order.
            erasures: what must not be written any more, or not with these names.

        Raises:
            UnavailableError: not all of it stored; deliver the batch again.
        """
        hours: defaultdict[int, list[tuple[str, Event]]] = defaultdict(list)
        for image in images:
            event = event_from(image["NewImage"])
            hours[hour_of(event.received_at)].append((image["SequenceNumber"], event))
        return [self._store_hour(hour, events, erasures) for hour, events in sorted(hours.items())]

    def _store_hour(self, hour: int, events: Sequence[tuple[str, Event]], erasures: Collection[Erasure]) -> str:
        key = f"{hour_prefix(hour)}{events[0][0]}-{events[-1][0]}.jsonl.gz"
        erased = erased_until(erasures)
        lines = [line_without(described(event), erased) for _, event in events]
        self._call(lambda: self._put(key, [line for line in lines if line is not None]))
        return key

    def rewrite(
        self,
        hour: int,
        change: Callable[[Mapping[str, Any]], Mapping[str, Any] | None],
        *,
        now: datetime,
        since: datetime | None,
    ) -> Rewritten:
        """See `ErasableArchive.rewrite`. Cost: a LIST per 1,000 versions, a GET per object, a PUT per changed one.

        All older versions in the hour go, whoever wrote over them: a batch delivered again leaves one as well.
        """
        read = rewritten = 0
        tags = age_tag(now - (_EPOCH + timedelta(hours=hour)))
        obsolete: list[tuple[str, str]] = []
        for key, version, latest, modified in self._call(lambda: list(self._versions(hour_prefix(hour)))):
            if not latest:
                obsolete.append((key, version))
            elif since is None or modified >= since:
                read += 1
                if self._call(lambda key=key: self._rewrite_object(key, change, tags)):
                    rewritten += 1
                    obsolete.append((key, version))
        self._call(lambda: self._delete_versions(obsolete))
        return Rewritten(read, rewritten)

    def keep_order(self, erasure: Erasure) -> None:
        """See `ErasableArchive.keep_order`. Cost: one PUT."""
        key, body = f"{ERASURES_PREFIX}{erasure.erasure_id}.json", encode_order(erasure)
        self._call(
            lambda: self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body.encode(), ContentType="application/json"
            )
        )

    def orders(self) -> Sequence[Erasure]:
        """See `ErasableArchive.orders`. Cost: one LIST per 1,000, one GET each."""
        return self._call(lambda: [decode_order(self._text(key))[0] for key in self._keys(ERASURES_PREFIX)])

    def _rewrite_object(
        self, key: str, change: Callable[[Mapping[str, Any]], Mapping[str, Any] | None], tags: str
    ) -> bool:
        """Write an object anew if a line of it changes; whether it was."""
        body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        before = [json.loads(line) for line in gzip.decompress(body).splitlines()]
        after = [change(line) for line in before]
        if all(new is old for new, old in zip(after, before, strict=True)):
            return False
        self._put(key, [line for line in after if line is not None], tags)
        return True

    def _put(self, key: str, lines: Sequence[Mapping[str, Any]], tags: str = "") -> None:
        text = "".join(f"{json.dumps(line, separators=(',', ':'), ensure_ascii=False)}\n" for line in lines)
        tagged: Any = {"Tagging": tags} if tags else {}
        self._client.put_object(
            Bucket=self._bucket,
            Key=key,
            Body=gzip.compress(text.encode(), mtime=0),
            ContentType="application/x-ndjson",
            ContentEncoding="gzip",
            **tagged,
        )

    def _versions(self, prefix: str) -> Iterator[tuple[str, str, bool, datetime]]:
        """Key, version, whether it is the latest, and when it was written; a deletion's mark counts as an old one."""
        request: dict[str, Any] = {"Bucket": self._bucket, "Prefix": prefix}
        while True:
            page = self._client.list_object_versions(**request)
            for held in page.get("Versions", []):
                named = held.get("Key", ""), held.get("VersionId", "")
                yield *named, held.get("IsLatest", False), held.get("LastModified", _EPOCH)
            for mark in page.get("DeleteMarkers", []):
                yield mark.get("Key", ""), mark.get("VersionId", ""), False, _EPOCH
            if not page.get("IsTruncated"):
                return
            request |= {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page.get("NextVersionIdMarker", "")}

    def _delete_versions(self, obsolete: Sequence[tuple[str, str]]) -> None:
        for start in range(0, len(obsolete), _MOST_DELETED):
            part = obsolete[start : start + _MOST_DELETED]
            named: Any = [{"Key": key, "VersionId": version} for key, version in part]
            answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": named, "Quiet": True})
            if answer.get("Errors"):
                raise UnavailableError(f"{len(answer['Errors'])} old versions in the archive could not be deleted")

    def _keys(self, prefix: str) -> Iterator[str]:
        request: dict[str, Any] = {"Bucket": self._bucket, "Prefix": prefix}
        while True:
            page = self._client.list_objects_v2(**request)
            yield from (held.get("Key", "") for held in page.get("Contents", []))
            if not page.get("IsTruncated"):
                return
            request["ContinuationToken"] = page["NextContinuationToken"]

    def _text(self, key: str) -> str:
        return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read().decode()

    def _call[Answer](self, operation: Callable[[], Answer]) -> Answer:
        try:
            return operation()
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError(f"the archive did not answer: {type(error).__name__}") from error


def hour_prefix(hour: int) -> str:
    """Where the events received in an hour since 1970 lie: `archive/YYYY/MM/DD/HH/`."""
    return f"{PREFIX}{_EPOCH + timedelta(hours=hour):%Y/%m/%d/%H}/"


def age_tag(age: timedelta) -> str:
    """The tag of an object whose events are so old already: by it the bucket expires the object in time, although S3
    counts its age anew. Whole steps of `AGE_STEP_DAYS`; none for the first."""
    steps = age.days // AGE_STEP_DAYS
    return f"{AGE_TAG}={steps * AGE_STEP_DAYS}" if steps > 0 else ""


def described(event: Event) -> dict[str, Any]:
    """One archived event: the call as it was accepted, its source, when it arrived, and whom it names."""
    return {
        "source": event.source,
        "received_at": event.received_at.isoformat(),
        "identifiers": [str(identifier) for identifier in event.identifiers],
        "call": event.body,
    }


def line_of(event: Event) -> str:
    """An archived event as its line of text."""
    return json.dumps(described(event), separators=(",", ":"), ensure_ascii=False)
