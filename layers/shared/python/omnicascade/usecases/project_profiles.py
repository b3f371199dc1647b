"""Fold a batch of stored events into the projections, then let journeys react to each.

The order is what makes a crash harmless: edges first, then the projection with its watermark, then the reactions, each
of which may be repeated. A batch that is delivered again folds nothing twice and repairs whatever was left undone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from omnicascade.domain.errors import OmnicascadeError, StaleWriteError
from omnicascade.domain.event import Event
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.identity import Edge, edges_of
from omnicascade.domain.projection import Projection, fold
from omnicascade.usecases.move_runs import ATTEMPTS, JourneyDesk
from omnicascade.usecases.store_ports import CustomerStore, Head

_SEQUENCE_DIGITS = 40
"""DynamoDB's sequence numbers have 21 to 40 digits; padded, their text sorts as the numbers do."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event as the table's stream delivers it: `sequence` grows with every write of one partition."""

    event: Event
    sequence: str


@dataclass(frozen=True, slots=True)
class BatchFailure:
    """The first arrival that could not be handled, and why: the stream delivers again from there."""

    sequence: str
    error: OmnicascadeError


def project_profiles(
    arrivals: Sequence[Arrival], *, customers: CustomerStore, desk: JourneyDesk, now: datetime
) -> BatchFailure | None:
    """Handle a batch in stream order; None when all of it is done.

    What stands before a failure is not delivered again, so it is reacted to, even where a later fold failed.
    """
    by_node: defaultdict[NodeId, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        by_node[arrival.event.node_id].append(arrival)
    not_folded: dict[NodeId, OmnicascadeError] = {}
    for node, own in by_node.items():
        try:
            _fold_in(node, own, customers)
        except OmnicascadeError as error:
            not_folded[node] = error
    for arrival in arrivals:
        failure = not_folded.get(arrival.event.node_id)
        if failure:
            return BatchFailure(arrival.sequence, failure)
        try:
            desk.react(arrival.event, now)
        except OmnicascadeError as error:
            return BatchFailure(arrival.sequence, error)
    return None


def _fold_in(node: NodeId, arrivals: Sequence[Arrival], customers: CustomerStore) -> None:
    head = customers.head(node, consistent=False)
    for _ in range(ATTEMPTS):
        new = [arrival for arrival in arrivals if _padded(arrival.sequence) > head.watermark]
        if not new:
            return
        customers.propose(_unknown_edges(head, new))
        projection = fold(head.projection or Projection(), (arrival.event for arrival in new))
        watermark = max(_padded(arrival.sequence) for arrival in new)
        try:
            customers.save_projection(node, projection, watermark=watermark, previous=head.watermark)
        except StaleWriteError:
            head = customers.head(node, consistent=True)
            continue
        return
    raise StaleWriteError(f"the projection of {node} keeps changing")


def _unknown_edges(head: Head, arrivals: Sequence[Arrival]) -> list[Edge]:
    """The edges these events propose that are not stored from an event as early: one per pair and rule."""
    known = {(edge.a, edge.b, edge.place): edge for edge in head.edges}
    fresh: dict[tuple[object, ...], Edge] = {}
    for arrival in arrivals:
        for edge in edges_of(arrival.event):
            pair = (edge.a, edge.b, edge.place)
            held = fresh.get(pair) or known.get(pair)
            if held is None or edge.outranks(held):
                fresh[pair] = edge
    return list(fresh.values())


def _padded(sequence: str) -> str:
    return sequence.zfill(_SEQUENCE_DIGITS)
