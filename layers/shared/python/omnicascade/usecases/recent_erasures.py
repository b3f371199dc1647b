"""Who was erased lately, remembered between calls: the archive's writer asks before every batch.

An event may leave the queue, or a batch the stream, days after its person was erased. Asking costs half a read unit or
one per batch, since only orders that are new are read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from omnicascade.domain.erasure import REMEMBERED, Erasure

OVERLAP: Final = timedelta(minutes=5)
"""Orders are read again from so long before the latest that is known: clocks differ, and a write may be slow."""


class Orders(Protocol):
    """Where orders are kept; every `ErasureStore` is one."""

    def erased_since(self, moment: datetime) -> Sequence[Erasure]:
        """See `ErasureStore.erased_since`."""
        ...


class RecentErasures:
    """The orders of the last `REMEMBERED`."""

    def __init__(self, store: Orders) -> None:
        self._store = store
        self._known: dict[str, Erasure] = {}

    def until(self, now: datetime) -> Collection[Erasure]:
        """All orders up to now.

        Raises:
            UnavailableError: they could not be read.
        """
        self._known = {name: order for name, order in self._known.items() if now - order.at < REMEMBERED}
        latest = max((order.at for order in self._known.values()), default=now - REMEMBERED)
        for order in self._store.erased_since(latest - OVERLAP):
            self._known[order.erasure_id] = order
        return self._known.values()
