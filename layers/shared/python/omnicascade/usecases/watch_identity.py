"""Say what became of the proposals of a batch: who was joined, who was not and why, and which identifier draws a crowd.

Stitching that fails does so in silence: in one reported case none of 13,528 devices was ever joined, in another one
hard-coded id joined everybody. Counted, both are seen on the first day.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.identity import EXCLUDE, SEPARATE, Edge
from omnicascade.domain.identity_rules import IdentityRules
from omnicascade.domain.resolution import Component
from omnicascade.usecases.find_customer import component_around
from omnicascade.usecases.store_ports import Head, HeadReader

CROWDING: Final = 0.8
"""The part of `max_identifiers` from which an identifier is called a super-node: in time to block it before it counts
for nobody."""


@dataclass(frozen=True, slots=True)
class IdentityOutcomes:
    """What became of some proposals.

    Attributes:
        merged: how many joined two customers that existed before.
        linked: how many added an identifier to a customer, or said again from an earlier event that it belongs there.
        refused: how many do not hold, by the code of the reason (`Refusal.code`).
        unwatched: how many were not looked at.
        super_nodes: identifiers that are named with more than `CROWDING` of the others that one may have, and with how
            many.
    """

    merged: int = 0
    linked: int = 0
    refused: Mapping[str, int] = field(default_factory=dict[str, int])
    unwatched: int = 0
    super_nodes: Mapping[NodeId, int] = field(default_factory=dict[NodeId, int])


def watch_identity(
    edges: Sequence[Edge],
    customers: HeadReader,
    rules: IdentityRules,
    *,
    crowded: Collection[NodeId] = (),
    most: int = 25,
) -> IdentityOutcomes:
    """Look up the customers of newly stored proposals, and count. Words by hand are not counted: staff see theirs.

    Args:
        edges: the proposals; those that an earlier one at their place outranks count for nothing.
        customers: read as they were a moment ago, with these proposals on top.
        rules: limits, caps and trust.
        crowded: identifiers that are known to be named with too many; what is proposed with them is refused unread.
        most: customers to look up; what is proposed of others is counted as unwatched.

    Cost: one read per identifier of each customer looked up, eventually consistent.

    Raises:
        UnavailableError: something could not be read.
    """
    proposals = [edge for edge in edges if not edge.by_hand]
    hopeless = [edge for edge in proposals if _names(edge, crowded)]
    left = set(proposals) - set(hopeless)
    found = _Findings(_Heads(customers, _at_both_ends(edges), crowded), rules)
    for edge in sorted(left, key=lambda edge: edge.order):
        if found.looks < most:
            found.look_at(edge.a.node_id)
    refused = Counter(code for edge, code in found.refused.items() if edge in left)
    refused.update("super_node" for _ in hopeless)
    return IdentityOutcomes(
        merged=len(found.merging & left),
        linked=len((found.accepted - found.merging) & left),
        refused=refused,
        unwatched=sum(edge.a.node_id not in found.seen for edge in left),
        super_nodes={node: n for node, n in found.company.items() if n > rules.max_identifiers * CROWDING},
    )


@dataclass(slots=True)
class _Findings:
    """The customers that were looked at so far."""

    customers: _Heads
    rules: IdentityRules
    looks: int = 0
    seen: set[NodeId] = field(default_factory=set[NodeId])
    accepted: set[Edge] = field(default_factory=set[Edge])
    merging: set[Edge] = field(default_factory=set[Edge])
    refused: dict[Edge, str] = field(default_factory=dict[Edge, str])
    company: dict[NodeId, int] = field(default_factory=dict[NodeId, int])

    def look_at(self, node: NodeId) -> None:
        if node in self.seen:
            return
        self.looks += 1
        component, heads = component_around(node, self.customers, self.rules, consistent=False)
        self._note(component)
        self.company |= {head.node: _others(head) for head in heads.values()}

    def _note(self, component: Component) -> None:
        self.seen |= component.members
        self.accepted |= {*component.accepted}
        self.merging |= {*component.merging}
        self.refused |= {refusal.edge: refusal.code for refusal in component.refused}


@dataclass(frozen=True, slots=True)
class _Heads:
    """The stored heads, with proposals that an eventually consistent read may not show yet, and without crowds: none of
    their edges holds, and to find that out again they would have to be read."""

    customers: HeadReader
    fresh: Mapping[NodeId, Sequence[Edge]]
    crowded: Collection[NodeId]

    def head(self, node: NodeId, *, consistent: bool) -> Head:
        head = self.customers.head(node, consistent=consistent)
        edges = (*head.edges, *self.fresh.get(node, ()))
        return replace(head, edges=[edge for edge in edges if not _names(edge, self.crowded)])


def _names(edge: Edge, nodes: Collection[NodeId]) -> bool:
    return edge.a.node_id in nodes or edge.b.node_id in nodes


def _at_both_ends(edges: Sequence[Edge]) -> Mapping[NodeId, Sequence[Edge]]:
    ends: defaultdict[NodeId, list[Edge]] = defaultdict(list)
    for edge in edges:
        ends[edge.a.node_id].append(edge)
        ends[edge.b.node_id].append(edge)
    return ends


def _others(head: Head) -> int:
    """How many others a node is named with, but for those that were taken apart from it by hand."""
    apart: set[NodeId] = set()
    named: set[NodeId] = set()
    for edge in head.edges:
        other = edge.b.node_id if edge.a.node_id == head.node else edge.a.node_id
        if not edge.by_hand:
            named.add(other)
        elif edge.rule in (EXCLUDE, SEPARATE):
            apart.add(other)
    return len(named - apart)
