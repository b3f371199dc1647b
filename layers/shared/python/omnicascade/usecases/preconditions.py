"""Whether a customer is still the one the caller read: entity tags, and the refusal when it changed.

Apart from the calls that use it, so that reading, changing, splitting and erasing agree on what "unchanged" is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from omnicascade.domain.errors import PreconditionFailedError


def etag_of(body: Mapping[str, Any]) -> str:
    """A strong entity tag: the same for the same content, whatever the order of its members (RFC 9110, 8.8.3)."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), default=str)
    return f'"{hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]}"'


def not_modified(headers: Mapping[str, str], etag: str) -> bool:
    """Whether `If-None-Match` names this tag (RFC 9110, 13.1.2: compared weakly)."""
    return etag in _named(headers.get("if-none-match"), weak=True, anything=etag)


def require_unchanged(headers: Mapping[str, str], etag: str) -> None:
    """Let a change go on only if `If-Match` is absent or names this tag (RFC 9110, 13.1.1: compared strongly).

    Raises:
        PreconditionFailedError: it names another one: the customer changed since the caller read it.
    """
    asked = headers.get("if-match")
    if asked is not None and etag not in _named(asked, weak=False, anything=etag):
        message = f"the customer changed since it was read: it is {etag} now; read it again, then decide"
        raise PreconditionFailedError(message, path="If-Match")


def _named(field: str | None, *, weak: bool, anything: str) -> frozenset[str]:
    tags = [tag.strip() for tag in (field or "").split(",")]
    if "*" in tags:
        return frozenset({anything})
    return frozenset(tag.removeprefix("W/") if weak else tag for tag in tags)
