"""Erase a customer: order it, and let nothing of them be seen from that moment on.

The order is queued before anything is touched, so that whatever crashes afterwards is finished by the worker
(carry_out_erasure), which repeats every step. Then tombstones take the place of the projections, edges go, and runs
stop, all before the caller hears of it; the worker deletes the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from omnicascade.domain.erasure import REMEMBERED, Counts, Erasure, Receipt, Work, entombed
from omnicascade.domain.errors import NotFoundError, StaleWriteError
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.identity import Edge
from omnicascade.domain.identity_rules import IdentityRules
from omnicascade.domain.moments import epoch_ms, from_ms
from omnicascade.usecases.erasure_ports import ErasureQueue, ErasureStore
from omnicascade.usecases.find_customer import Customer, find_customer
from omnicascade.usecases.move_runs import ATTEMPTS, outcome_of
from omnicascade.usecases.read_customer import iso
from omnicascade.usecases.store_ports import CustomerStore, RunStore
from omnicascade.usecases.timer_port import RunTimer

ERASED: Final = "the customer was erased"


@dataclass(frozen=True, slots=True)
class Seal:
    """What makes an erased customer invisible, bound once; the desk and the worker both carry it out."""

    store: ErasureStore
    customers: CustomerStore
    runs: RunStore
    timer: RunTimer

    def open(self, erasure: Erasure, by: str, rules: IdentityRules) -> Receipt:
        """The receipt of an order, made while the edges are still there to be counted and followed."""
        held = self.store.receipt(erasure.erasure_id)
        if held is not None:
            return held
        edges = self._edges(erasure)
        counts = Counts(identifiers=len(erasure.nodes), edges=len(edges))
        work = Work(neighbours=frozenset(self._beyond(edges, erasure, rules)))
        return self.store.open(erasure, Receipt(erasure.erasure_id, erasure.at, by, counts=counts, work=work))

    def neighbours(self, erasure: Erasure, rules: IdentityRules) -> frozenset[NodeId]:
        """Nodes of others whose events may name the person, as far as edges still tell."""
        return frozenset(self._beyond(self._edges(erasure), erasure, rules))

    def close(self, erasure: Erasure, now: datetime) -> None:
        """Put the tombstones, cut the edges, stop the runs. May be repeated; what came after the order stays."""
        until = erasure.at + REMEMBERED
        for node in erasure.nodes:
            self.store.revise(node, lambda projection: entombed(projection, erasure), until=until)
        self.store.remove_edges(self._edges(erasure))
        for node in erasure.nodes:
            for stored in self.customers.head(node, consistent=True).runs:
                if stored.run.started_at <= erasure.at:
                    self._stop(stored.run.run_id, now)

    def _edges(self, erasure: Erasure) -> Collection[Edge]:
        """The edges at the person's nodes that were proposed by what was received until the erasure: those whose event
        is not a later one."""
        edges = {edge for node in erasure.nodes for edge in self.store.edges_at(node)}
        received = self.store.received([edge for edge in edges if not edge.by_hand])

        def later(edge: Edge) -> bool:
            moment = edge.at if edge.by_hand else received.get((edge.a.node_id, edge.message_id))
            return moment is not None and moment > erasure.at

        return [edge for edge in edges if not later(edge)]

    def _beyond(self, edges: Iterable[Edge], erasure: Erasure, rules: IdentityRules) -> Iterator[NodeId]:
        """Nodes outside whose own events name the person: the events' strongest identifiers, and wherever staff's word
        about a pair may lie."""
        for edge in edges:
            outside = [end.node_id for end in (edge.a, edge.b) if end.node_id not in erasure.nodes]
            if edge.by_hand and outside:
                other = find_customer(outside[0], self.customers, rules)
                yield from (set(other.component.members) if other else set()) - set(erasure.nodes)
            elif edge.a.node_id in outside:
                yield edge.a.node_id

    def _stop(self, run_id: str, now: datetime) -> None:
        """End a run, so that no claim of its sender can hold, and its execution.

        The execution first: a crash in between leaves a live run that is stopped again.
        """
        for _ in range(ATTEMPTS):
            stored = self.runs.load(run_id)
            if stored is None or not stored.run.live:
                return
            ended = replace(stored.run, status="ended", outcome="exited", reason=ERASED, due=None, ended_at=now)
            if stored.token:
                self.timer.finish(stored.token, outcome_of(ended))
            try:
                self.runs.save(stored, ended, token="")
            except StaleWriteError:
                continue
            return
        raise StaleWriteError(f"run {run_id} keeps changing")


@dataclass(frozen=True, slots=True)
class ErasureDesk:
    """Takes orders, and tells how far they are."""

    seal: Seal
    queue: ErasureQueue

    def erase(
        self, customer: Customer, *, by: str, rules: IdentityRules, now: datetime, new_id: Callable[[], str]
    ) -> dict[str, Any]:
        """Erase a customer; nothing of them can be read any more when this returns.

        Args:
            by: who asked; kept in the receipt.

        Raises:
            UnavailableError: ask again; whatever was begun is finished, now or by the worker.
        """
        at = from_ms(epoch_ms(now))
        nodes = tuple(sorted(customer.component.members))
        erasure = Erasure(f"{epoch_ms(at):013d}-{new_id()}", nodes, at)
        self.queue.put(erasure, by)
        receipt = self.seal.open(erasure, by, rules)
        self.seal.close(erasure, now)
        return {
            "erasure_id": receipt.erasure_id,
            "status": "accepted",
            "receipt": f"/v1/erasures/{receipt.erasure_id}",
        }

    def show(self, erasure_id: str) -> dict[str, Any]:
        """A receipt.

        Raises:
            NotFoundError: there is none of this id.
        """
        receipt = self.seal.store.receipt(erasure_id)
        if receipt is None:
            raise NotFoundError("there is no erasure of this id")
        return receipt_response(receipt)


def receipt_response(receipt: Receipt) -> dict[str, Any]:
    """A receipt on the wire; it names nobody."""
    counts = receipt.counts
    return {
        "id": receipt.erasure_id,
        "status": receipt.status,
        "requested_at": iso(receipt.requested_at),
        "completed_at": receipt.completed_at and iso(receipt.completed_at),
        "counts": {
            "events": counts.events,
            "identifiers": counts.identifiers,
            "edges": counts.edges,
            "runs": counts.runs,
            "messages": counts.messages,
            "links": counts.links,
            "archive_objects_read": counts.archive_objects_read,
            "archive_objects_rewritten": counts.archive_objects_rewritten,
        },
    }
