"""Tracked links in the table: what a click's short code stands for, so that the URL itself says nothing of anybody."""

from __future__ import annotations

from datetime import datetime

from omnicascade.adapters import keys
from omnicascade.adapters.dynamo import Table, number, text
from omnicascade.domain.errors import NotFoundError
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.links import CLICK_LIFETIME, ClickLink, is_code


class DynamoLinkStore:
    """Tracked links by code; the table drops them when their time is over."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def save(self, code: str, link: ClickLink, now: datetime) -> None:
        """Keep a link until `CLICK_LIFETIME` from now; a repetition writes the same item. Cost: 1 write unit per KB.

        Raises:
            UnavailableError: not stored.
        """
        pk, sk = keys.link_key(code)
        item = {
            "pk": text(pk),
            "sk": text(sk),
            "message": text(link.message_id),
            "customer": text(str(link.customer)),
            "url": text(link.url),
            "expires_at": number(int((now + CLICK_LIFETIME).timestamp())),
        }
        self._table.put(item)

    def find(self, code: str) -> ClickLink:
        """The link behind a code. Cost: 1 read unit; nothing for what cannot be a code.

        Raises:
            NotFoundError: not a code of ours, or one that expired.
            UnavailableError: the table could not be read.
        """
        item = self._table.get(*keys.link_key(code)) if is_code(code) else None
        if item is None:
            raise NotFoundError("this is no link of ours")
        kind, _, value = item["customer"]["S"].partition(":")
        return ClickLink(item["message"]["S"], Identifier(kind, value), item["url"]["S"])
