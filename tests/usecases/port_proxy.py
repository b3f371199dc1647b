"""A port with somebody at the door: sees every call before it is made, and decides how it goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from omnicascade.adapters.memory_stores import MemoryCustomerStore, MemoryEventStore
from omnicascade.domain.event import Event
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.identity import Edge
from omnicascade.usecases.store_ports import ProjectionChange


@dataclass(frozen=True)
class Call:
    """One call of a port."""

    port: str
    method: str
    arguments: Sequence[Any] = ()
    named: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        """`runs.save`; what a run's write is for and which event is added is told too, because much depends on it."""
        return f"{self.port}.{self.method}{self._purpose()}"

    def _purpose(self) -> str:
        if (self.port, self.method) == ("events", "keep"):
            return f" {self.arguments[0].name}"
        if (self.port, self.method) != ("runs", "save"):
            return ""
        before, after = self.arguments[0].run, self.arguments[1]
        if [e.outcome for e in before.ledger] != [e.outcome for e in after.ledger]:
            return " outcome"
        return " end" if before.live and not after.live else ""


type Around = Callable[[Call, Callable[[], Any]], Any]
"""Makes a call by `proceed()`, or does not."""


def straight(call: Call, proceed: Callable[[], Any]) -> Any:
    """Every call is made, and nothing else happens."""
    del call
    return proceed()


class Watching:
    """An `Around` whose `around` may be exchanged while a world lives."""

    def __init__(self) -> None:
        self.around: Around = straight

    def __call__(self, call: Call, proceed: Callable[[], Any]) -> Any:
        """See `Around`."""
        return self.around(call, proceed)


def watched[Port](port: Port, name: str, around: Around) -> Port:
    """The port, with `around` at every one of its methods."""
    return cast("Port", _Watched(port, name, around))


class _Watched:
    def __init__(self, port: object, name: str, around: Around) -> None:
        self._port, self._name, self._around = port, name, around

    def __getattr__(self, method: str) -> Any:
        made = getattr(self._port, method)

        def call(*arguments: Any, **named: Any) -> Any:
            return self._around(Call(self._name, method, arguments, named), lambda: made(*arguments, **named))

        return call


class WatchedEvents(MemoryEventStore):
    """An event store that has `around` at each event that is added: the table takes them one by one."""

    def __init__(self, around: Around) -> None:
        super().__init__()
        self._around = around

    def keep(self, event: Event) -> bool:
        return self._around(Call("events", "keep", (event,)), lambda: MemoryEventStore.keep(self, event))


class WatchedEnds(MemoryCustomerStore):
    """A customer store that has `around` at each end of an edge and each projection: separate writes in the table."""

    def __init__(self, around: Around) -> None:
        super().__init__()
        self._around = around

    def keep_end(self, edge: Edge, here: NodeId, there: NodeId) -> None:
        self._around(Call("customers", "keep_end"), lambda: MemoryCustomerStore.keep_end(self, edge, here, there))

    def keep_projection(self, change: ProjectionChange) -> bool:
        call = Call("customers", "keep_projection")
        return self._around(call, lambda: MemoryCustomerStore.keep_projection(self, change))
