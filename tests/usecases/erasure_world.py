"""A world in which customers can be erased: the desk that takes orders, the worker, an archive."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from omnicascade.adapters.link_tokens import LinkTokens
from omnicascade.adapters.memory_erasures import MemoryArchive, MemoryErasureQueue, MemoryErasureStore
from omnicascade.domain.errors import OmnicascadeError
from omnicascade.usecases.carry_out_erasure import Eraser
from omnicascade.usecases.erase_customer import ErasureDesk, Seal
from omnicascade.usecases.find_customer import find_customer
from omnicascade.usecases.name_customer import node_of
from tests.usecases.port_proxy import Around, straight
from tests.usecases.world import World

MOST_ATTEMPTS = 50


def plenty() -> bool:
    """There is always time left."""
    return False


class ErasureWorld(World):
    """Everything of `World`, and what erasing needs; archived is what `archive_all` was called for."""

    now: datetime

    def __init__(self, around: Around = straight) -> None:
        super().__init__(around)
        self.erasures = MemoryErasureStore(self.events, self.customers, self.runs, self.links, self.segments)
        self.archive = MemoryArchive()
        self.orders = MemoryErasureQueue()
        self._archived = 0
        self._erasure_ids = count(1)

    def seal(self) -> Seal:
        """What makes a customer invisible."""
        port = self._port
        return Seal(
            port(self.erasures, "erasures"),
            port(self.customers, "customers"),
            port(self.runs, "runs"),
            port(self.machine, "timer"),
        )

    def eraser(self) -> Eraser:
        """The worker."""
        codes = LinkTokens("https://api.example", lambda: "k1").click_codes
        rules = self.journeys.deployment().identity
        return Eraser(self.seal(), self._port(self.archive, "archive"), codes, lambda: rules)

    def archive_all(self) -> None:
        """The archive's writer comes to the end of the stream."""
        fresh = [arrival.event for arrival in self.events.stream[self._archived :]]
        self._archived = len(self.events.stream)
        self.archive.store(fresh, self.erasures.erased_since(self.began - timedelta(days=35)))

    def known(self, reference: str) -> bool:
        """Whether staff find anybody under a name."""
        rules = self.journeys.deployment().identity
        return find_customer(node_of(reference), self.customers, rules) is not None

    def order(self, reference: str) -> dict[str, Any]:
        """One request of staff to erase, whatever becomes of it."""
        desk = ErasureDesk(self.seal(), self._port(self.orders, "orders"))
        number = next(self._erasure_ids)
        rules = self.journeys.deployment().identity
        return desk.erase(
            self.customer(reference), by="staff", rules=rules, now=self.now, new_id=lambda: f"erasure-{number}"
        )

    def erase(self, reference: str) -> None:
        """Ask until nobody is found any more, as staff do."""
        for _ in range(MOST_ATTEMPTS):
            if not self.known(reference):
                return
            with suppress(OmnicascadeError, RuntimeError):
                self.order(reference)
        raise AssertionError("never erased")

    def work(self, out_of_time: Callable[[], bool] = plenty) -> None:
        """Deliver orders as the queue does, each until it is taken, and every delay waited for."""
        for _ in range(MOST_ATTEMPTS):
            if not self.orders.waiting:
                return
            erasure, by, delay_s = self.orders.waiting[0]
            self.now += timedelta(seconds=delay_s)
            try:
                wait = self.eraser().carry_out(erasure, by, self.now, out_of_time)
                if wait is not None:
                    self._port(self.orders, "orders").put(erasure, by, delay_s=int(wait.total_seconds()))
            except (OmnicascadeError, RuntimeError):
                continue
            self.orders.waiting.pop(0)
        raise AssertionError("the worker never came to an end")

    def traces(self, *words: str) -> list[str]:
        """Everything kept anywhere that names one of these words."""
        kept = [
            *map(repr, self.events._events.values()),
            *(f"{node} {held!r}" for node, held in self.customers._nodes.items()),
            *map(repr, self.runs._messages.values()),
            *map(repr, self.links._links.values()),
            *map(repr, self.erasures._receipts.values()),
            *(line for lines in self.archive.hours.values() for line in lines),
        ]
        return [text for text in kept if any(word in text for word in words)]
