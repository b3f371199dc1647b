"""Carry out an erasure to the end: the table's items, what others' data say of the person, the archive.

Every step may be repeated, and progress is kept in the receipt, so a worker that runs out of time or dies goes on where
it was. Hours of the archive are noted before the events that tell them are deleted. When all is done, a second look a
little later finds what was under way at the moment of the first: an object the archive was just writing, an item a
sender was just storing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from omnicascade.domain.erasure import Erasure, Receipt, Work, bereft, hour_of, line_without, without
from omnicascade.domain.event import Event
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import edges_of
from omnicascade.domain.identity_rules import IdentityRules
from omnicascade.domain.journeys.run import Run
from omnicascade.usecases.erase_customer import Seal
from omnicascade.usecases.erasure_ports import ErasableArchive, Holdings

SECOND_LOOK: Final = timedelta(minutes=15)
"""SQS's longest delay, and longer than any function of ours may run. Source: SQS quotas, "Message timer"."""

IN_DOUBT: Final = timedelta(minutes=5)
"""A message claimed so long ago without an outcome never gets one: the sender runs a minute at most."""

RETRY: Final = timedelta(minutes=1)
_CLOCKS_DIFFER: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Eraser:
    """Everything an erasure touches, bound once.

    Attributes:
        codes_of: every code that the tracked link of a message can have.
    """

    seal: Seal
    archive: ErasableArchive
    codes_of: Callable[[str], Sequence[str]]
    rules: Callable[[], IdentityRules]

    def carry_out(self, erasure: Erasure, by: str, now: datetime, out_of_time: Callable[[], bool]) -> timedelta | None:
        """Do all there is to do, as far as the time goes.

        Returns how long to wait before the order comes again, or None when there is nothing left to do.

        Raises:
            UnavailableError, StaleWriteError: let the order come again.
        """
        rules = self.rules()
        receipt = self.seal.open(erasure, by, rules)
        early = _too_early(receipt, now)
        if receipt.checked or early:
            return early
        self.archive.keep_order(erasure)
        job = _Job(self, erasure, receipt, now, out_of_time)
        job.note_neighbours(self.seal.neighbours(erasure, rules))
        self.seal.close(erasure, now)
        for step in (job.clear, job.visit_neighbours, job.rewrite_archive):
            wait = step()
            if wait is not None:
                return wait
        self._propose_again(erasure, rules)
        return job.finish()

    def _propose_again(self, erasure: Erasure, rules: IdentityRules) -> None:
        """Edges of events that came after the erasure, some of which may have gone together with an old one."""
        for node in erasure.nodes:
            events = [event for event in _events_of(self, node) if event.received_at > erasure.at]
            edges = [edge for event in events for edge in edges_of(event, rules)]
            if edges:
                self.seal.customers.propose(edges)


def _too_early(receipt: Receipt, now: datetime) -> timedelta | None:
    """How long a second look must wait that comes too soon: an order may be delivered twice."""
    left = receipt.completed_at + SECOND_LOOK - _CLOCKS_DIFFER - now if receipt.completed_at else timedelta()
    return left if left > timedelta() and not receipt.checked else None


def _events_of(eraser: Eraser, node: NodeId) -> Iterable[Event]:
    after: str | None = ""
    while after is not None:
        page = eraser.seal.store.holdings(node, after)
        yield from (event for _, event in page.events)
        after = page.last


@dataclass(slots=True)
class _Job:
    """One order in one invocation; `receipt` is always as stored."""

    eraser: Eraser
    erasure: Erasure
    receipt: Receipt
    now: datetime
    out_of_time: Callable[[], bool]
    waits: list[timedelta] = field(default_factory=list[timedelta])
    visited: set[NodeId] = field(default_factory=set[NodeId])

    def note_neighbours(self, found: frozenset[NodeId]) -> None:
        """Keep who else is concerned before the edges that tell it are cut; an event that was under way when the order
        came may have brought somebody in."""
        work = replace(self.receipt.work, neighbours=self.receipt.work.neighbours | found)
        status = "erasing" if self.receipt.status == "accepted" else self.receipt.status
        if (work, status) != (self.receipt.work, self.receipt.status):
            self._save(replace(self.receipt, status=status, work=work))

    def clear(self) -> timedelta | None:
        """Delete what the nodes hold."""
        for node in self._unvisited(self.erasure.nodes):
            waiting = len(self.waits)
            after: str | None = ""
            while after is not None:
                if self.out_of_time():
                    return self._interrupted()
                page = self.eraser.seal.store.holdings(node, after)
                self._clear_page(node, page)
                after = page.last
            if len(self.waits) == waiting:
                self.visited.add(node)
        return max(self.waits, default=None)

    def _unvisited(self, nodes: Iterable[NodeId]) -> list[NodeId]:
        self.visited |= self.receipt.work.visited
        return [node for node in sorted(nodes) if node not in self.visited]

    def _interrupted(self) -> timedelta:
        """Keep which nodes are done with, and let the order come again at once."""
        work = replace(self.receipt.work, visited=frozenset(self.visited))
        self._save(replace(self.receipt, work=work))
        return timedelta()

    def _clear_page(self, node: NodeId, page: Holdings) -> None:
        at = self.erasure.at
        events = [(key, event) for key, event in page.events if event.received_at <= at]
        runs = [(key, stored.run) for key, stored in page.runs if stored.run.entered_at <= at]
        undecided = {key for key, run in runs if self._in_doubt(run)}
        if undecided:
            self.waits.append(RETRY)
            runs = [(key, run) for key, run in runs if key not in undecided]
        slots = [key for key, slot in page.slots if slot.last_started <= at]
        for known in page.memberships:
            if known.since <= at:
                self.eraser.seal.store.forget(known)
        if not (events or runs or slots or page.rest):
            return
        self._note(node, events, runs)
        store = self.eraser.seal.store
        store.forget_messages(
            [id_ for _, run in runs for id_ in _provider_ids(run)], self._codes(run for _, run in runs)
        )
        store.remove(node, [*(key for key, _ in events), *slots, *(key for key, _ in runs), *page.rest])

    def _in_doubt(self, run: Run) -> bool:
        """Whether a sender may still be about to store something under one of the run's messages."""
        return any(e.outcome == "claimed" and self.now - e.claimed_at < IN_DOUBT for e in run.ledger)

    def _note(self, node: NodeId, events: Sequence[tuple[str, Event]], runs: Sequence[tuple[str, Run]]) -> None:
        """Keep hours and counts before anything is deleted; what was counted before a crash is not counted again."""
        work = self.receipt.work
        fresh = [key for key, _ in events if (node, key) > work.counted]
        ended = [run for key, run in runs if (node, key) > work.counted]
        last = max(work.counted, *((node, key) for key, _ in (*events, *runs))) if events or runs else work.counted
        counts = self.receipt.counts.plus(
            events=len(fresh),
            runs=len(ended),
            messages=sum(len(_provider_ids(run)) for run in ended),
            links=len(self.eraser.seal.store.tracked(self._codes(ended))),
        )
        hours = work.hours | {hour_of(event.received_at) for _, event in events}
        self._save(replace(self.receipt, counts=counts, work=replace(work, hours=hours, counted=last)))

    def _codes(self, runs: Iterable[Run]) -> list[str]:
        """The codes of every tracked link that these runs may have made."""
        return [code for run in runs for message_id in _message_ids(run) for code in self.eraser.codes_of(message_id)]

    def visit_neighbours(self) -> timedelta | None:
        """Take the person's identifiers out of what others' events and projections say."""
        for node in self._unvisited(self.receipt.work.neighbours):
            gone = set[Identifier]()
            after: str | None = ""
            while after is not None:
                if self.out_of_time():
                    return self._interrupted()
                page = self.eraser.seal.store.holdings(node, after)
                gone |= self._redact([event for _, event in page.events])
                after = page.last
            if gone or self.receipt.status != "done":  # later, the neighbour may have met them anew
                left = partial(without, gone=frozenset(gone), nodes=self.erasure.nodes)
                self.eraser.seal.store.revise(node, left, until=None)
            self.visited.add(node)
        return None

    def _redact(self, events: Iterable[Event]) -> set[Identifier]:
        changed = [(event, left) for event in events if (left := bereft(event, self.erasure)) is not None]
        if changed:
            hours = self.receipt.work.hours | {hour_of(event.received_at) for event, _ in changed}
            self._save(replace(self.receipt, work=replace(self.receipt.work, hours=hours)))
        for _, left in changed:
            self.eraser.seal.store.replace_event(left)
        return {i for event, left in changed for i in event.identifiers if i not in left.identifiers}

    def rewrite_archive(self) -> timedelta | None:
        """Rewrite the hours in which the person's events were received; at the second look only what is new there."""
        since = self.erasure.at - _CLOCKS_DIFFER if self.receipt.status == "done" else None
        erased = dict.fromkeys(self.erasure.nodes, self.erasure.at)
        for hour in sorted(self.receipt.work.hours - self.receipt.work.hours_done):
            if self.out_of_time():
                return self._interrupted()
            done = self.eraser.archive.rewrite(hour, lambda line: line_without(line, erased), now=self.now, since=since)
            counts = self.receipt.counts.plus(archive_objects_read=done.read, archive_objects_rewritten=done.rewritten)
            work = self.receipt.work
            self._save(replace(self.receipt, counts=counts, work=replace(work, hours_done=work.hours_done | {hour})))
        return None

    def finish(self) -> timedelta | None:
        """Close the receipt; the first time, ask for the second look."""
        if self.receipt.status == "done":
            self._save(replace(self.receipt, checked=True, work=Work()))
            return None
        work = replace(self.receipt.work, hours_done=frozenset(), visited=frozenset())
        self._save(replace(self.receipt, status="done", completed_at=self.now, work=work))
        return SECOND_LOOK

    def _save(self, receipt: Receipt) -> None:
        self.receipt = self.eraser.seal.store.save(receipt)


def _provider_ids(run: Run) -> list[str]:
    return [entry.provider_id for entry in run.ledger if entry.provider_id]


def _message_ids(run: Run) -> list[str]:
    """The ids of a run's messages, and the one that a claim given back may have left behind."""
    return [*(entry.message_id for entry in run.ledger), f"{run.run_id}-{len(run.ledger)}"]
