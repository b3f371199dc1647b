"""Take calls from a channel: who sends, is it well-formed, and only then: queued, and confirmed."""

import base64
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from omnicascade.contracts import INTAKE_PATHS
from omnicascade.domain.deployment import Source
from omnicascade.domain.errors import MalformedBodyError, NotFoundError, TooLargeError, UnknownKeyError
from omnicascade.domain.intake import MAX_BODY_BYTES, Rejection, accept
from omnicascade.domain.json_text import mapping, parse_json
from omnicascade.usecases.ports import Envelope, EventQueue, SourceDirectory


@dataclass(frozen=True, slots=True)
class IntakeRequest:
    """One HTTP request to the intake; header names in lower case."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    query: Mapping[str, str] = field(default_factory=dict[str, str])


def ingest_events(
    request: IntakeRequest,
    *,
    sources: SourceDirectory,
    queue: EventQueue,
    now: datetime,
    new_id: Callable[[], str],
) -> Sequence[Rejection]:
    """Queue every good call of a request; the answer lists the refused ones of a batch.

    Raises:
        NotFoundError: no such path.
        UnknownKeyError: no source has the write key.
        MalformedBodyError, TooLargeError: nothing was queued; the message says what to change.
        UnavailableError: not everything could be queued; sending the same again is safe.
    """
    kind = INTAKE_PATHS.get(request.path.rstrip("/"))
    if kind is None:
        known = "/v1/identify, track, page, screen, group, alias, batch or import"
        raise NotFoundError(f"there is no {request.path or '/'}; post events to {known}", code="unknown_path")
    early_key = _key_from_headers(request)
    source = _source_of(early_key, sources, now) if early_key else None
    body = parse_json(plain_body(request.body))
    if source is None:
        source = _source_of(_key_from_body(body), sources, now)
    accepted = accept(kind, body, received_at=now, new_id=new_id)
    queue.put(Envelope(source.name, now, accepted.calls, source.default_region, source.shared_device))
    return accepted.rejected


def _source_of(write_key: str, sources: SourceDirectory, now: datetime) -> Source:
    source = sources.find(write_key, now) if write_key else None
    if source is None:
        problem = "no source has this write key" if write_key else "a write key is needed"
        raise UnknownKeyError(f"{problem}: send it as Basic user name, `writeKey` in the body, or ?writeKey=")
    return source


def _key_from_headers(request: IntakeRequest) -> str:
    scheme, _, credentials = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, _ = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
        except ValueError:  # not base64, not ASCII, or not UTF-8
            raise UnknownKeyError("the Authorization header is not valid HTTP Basic") from None
        if user:
            return user
    return request.query.get("writeKey", "")


def _key_from_body(body: Any) -> str:
    key = mapping(body).get("writeKey")
    return key if isinstance(key, str) else ""


_GZIP_MAGIC = b"\x1f\x8b"


def plain_body(body: bytes) -> bytes:
    """The body, unpacked if it is gzip whatever its headers say; SDKs label it in every way there is.

    Raises:
        MalformedBodyError: the gzip data is damaged, or the body is empty.
        TooLargeError: more than 4 MB when unpacked; unpacking stops there.
    """
    if body.startswith(_GZIP_MAGIC):
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            body = unpacker.decompress(body, MAX_BODY_BYTES + 1)
        except zlib.error as error:
            raise MalformedBodyError("the body is not valid gzip") from error
        if len(body) <= MAX_BODY_BYTES and not unpacker.eof:
            raise MalformedBodyError("the gzip body is cut off")
    if len(body) > MAX_BODY_BYTES:
        raise TooLargeError(f"a body has at most {MAX_BODY_BYTES} bytes when unpacked; send smaller batches")
    if not body.strip():
        raise MalformedBodyError("the body is empty")
    return body
