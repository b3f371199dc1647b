"""Which proposals hold: all of them gone through by the rules, joined into customers.

Apart from `identity.py` so that what an event proposes is read without how proposals are judged. The order in which
they are judged is decided by the proposals alone, never by their arrival.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import ALIAS, EXCLUDE, INCLUDE, SEPARATE, Edge
from omnicascade.domain.identity_rules import DEFAULT_RULES, SESSION, USER, IdentityRules
from omnicascade.domain.moments import epoch_ms


@dataclass(frozen=True, slots=True)
class Refusal:
    """A proposal that does not hold, and why.

    Attributes:
        edge: the proposal.
        code: the kind of reason, for counting: limit, merges, identifiers, known_users, session, super_node, by_hand.
        reason: in words.
        hangs_on_age: whether it might hold if its ends were older than they are known to be.
    """

    edge: Edge
    code: str
    reason: str
    hangs_on_age: bool = False


@dataclass(frozen=True, slots=True)
class Component:
    """One customer's identifiers.

    Attributes:
        members: every graph node that is together.
        accepted: the edges that hold between members.
        refused: proposals that touch a member and do not hold.
        by_hand: what staff said of a member: the latest word of each pair.
        merging: the accepted edges that joined two customers who existed before.
    """

    members: frozenset[NodeId]
    accepted: tuple[Edge, ...] = ()
    refused: tuple[Refusal, ...] = ()
    by_hand: tuple[Edge, ...] = ()
    merging: tuple[Edge, ...] = ()

    @property
    def merges(self) -> int:
        """How often customers that existed before were joined into this one."""
        return len(self.merging)


def component_of(
    node: NodeId,
    edges: Iterable[Edge],
    known_since: Mapping[NodeId, datetime],
    rules: IdentityRules = DEFAULT_RULES,
) -> Component:
    """Join the proposals around a node and return the customer it belongs to.

    Args:
        node: where to look.
        edges: every proposal that can be reached from the node, in any order, duplicates welcome.
        known_since: when each node was first named by an event (UTC); an alias target that nobody ever named is absent.
        rules: limits, caps and trust.
    """
    return Resolution.of(edges, known_since, rules).component(node)


@dataclass(slots=True, eq=False)
class _Group:
    """Identifiers that are together so far, while the proposals are gone through."""

    members: dict[NodeId, str]
    counts: Counter[str]
    since: datetime | None
    merging: list[Edge] = field(default_factory=list[Edge])
    renamed: set[NodeId] = field(default_factory=set[NodeId])

    @classmethod
    def of(cls, identifier: Identifier, since: datetime | None) -> _Group:
        kind = identifier.type
        return cls({identifier.node_id: kind}, Counter({kind: 1}), since)

    def existed_before(self, moment: datetime) -> bool:
        return self.since is not None and self.since < moment


@dataclass(slots=True)
class Resolution:
    """All proposals of some components gone through, strongest first: who is together, what held and what did not.

    The order is: words by hand; then the trust in the source; then event time; then, within one event, the strength of
    the identifier. So the weakest identifiers of an event are the first to be refused.
    """

    rules: IdentityRules
    known_since: Mapping[NodeId, datetime]
    groups: dict[NodeId, _Group] = field(default_factory=dict[NodeId, _Group])
    accepted: list[Edge] = field(default_factory=list[Edge])
    refused: list[Refusal] = field(default_factory=list[Refusal])
    by_hand: list[Edge] = field(default_factory=list[Edge])

    @classmethod
    def of(
        cls, edges: Iterable[Edge], known_since: Mapping[NodeId, datetime], rules: IdentityRules = DEFAULT_RULES
    ) -> Resolution:
        """Go through every proposal."""
        done = cls(rules, known_since)
        kept = _kept(edges)
        words = {_pair(edge): edge for edge in kept if edge.by_hand}
        done.by_hand = sorted(words.values(), key=lambda edge: edge.order)
        proposals = [edge for edge in kept if not edge.by_hand]
        parted = {pair for pair, word in words.items() if word.rule in (EXCLUDE, SEPARATE)}
        crowded = _crowded(_without(proposals, parted), rules.max_identifiers)
        apart = _apart(done.by_hand)
        for edge in done.by_hand:
            if edge.rule == INCLUDE:
                done._include(edge, apart)
        for edge in sorted(proposals, key=done._rank):
            if parted and _pair(edge) in parted:
                done.refused.append(Refusal(edge, "by_hand", "taken apart by hand"))
            elif edge.a.node_id in crowded or edge.b.node_id in crowded:
                why = f"an identifier that was named with more than {rules.max_identifiers} others identifies nobody"
                done.refused.append(Refusal(edge, "super_node", why))
            else:
                done._consider(edge, apart)
        return done

    def component(self, node: NodeId) -> Component:
        """The customer of a node."""
        group = self.groups.get(node)
        members = frozenset(group.members) if group else frozenset({node})

        def touches(edge: Edge) -> bool:
            return edge.a.node_id in members or edge.b.node_id in members

        return Component(
            members=members,
            accepted=tuple(e for e in self.accepted if e.a.node_id in members),
            refused=tuple(r for r in self.refused if touches(r.edge)),
            by_hand=tuple(e for e in self.by_hand if touches(e)),
            merging=tuple(group.merging) if group else (),
        )

    def components(self, nodes: Iterable[NodeId]) -> Iterator[Component]:
        """The customers of some nodes, each once: what `component` says of one, for all of them in one pass."""
        accepted: defaultdict[_Group | NodeId, list[Edge]] = defaultdict(list)
        refused: defaultdict[_Group | NodeId, list[Refusal]] = defaultdict(list)
        by_hand: defaultdict[_Group | NodeId, list[Edge]] = defaultdict(list)
        for edge in self.accepted:
            accepted[self.groups[edge.a.node_id]].append(edge)
        for refusal in self.refused:
            for home in self._homes(refusal.edge):
                refused[home].append(refusal)
        for edge in self.by_hand:
            for home in self._homes(edge):
                by_hand[home].append(edge)
        done: set[_Group | NodeId] = set()
        for node in nodes:
            group = self.groups.get(node)
            home = group or node
            if home in done:
                continue
            done.add(home)
            yield Component(
                members=frozenset(group.members) if group else frozenset((node,)),
                accepted=tuple(accepted.get(home, ())),
                refused=tuple(refused.get(home, ())),
                by_hand=tuple(by_hand.get(home, ())),
                merging=tuple(group.merging) if group else (),
            )

    def _homes(self, edge: Edge) -> set[_Group | NodeId]:
        a, b = edge.a.node_id, edge.b.node_id
        return {self.groups.get(a, a), self.groups.get(b, b)}

    def _rank(self, edge: Edge) -> tuple[object, ...]:
        return (edge.trust, epoch_ms(edge.at), edge.message_id, self.rules.strength(edge.b.type), edge.order)

    def _group(self, identifier: Identifier) -> _Group:
        node = identifier.node_id
        if node not in self.groups:
            self.groups[node] = _Group.of(identifier, self.known_since.get(node))
        return self.groups[node]

    def _include(self, word: Edge, apart: Mapping[NodeId, Collection[NodeId]]) -> None:
        if _kept_apart(self._group(word.a), self._group(word.b), apart):
            self.refused.append(Refusal(word, "by_hand", "they would bring together what was taken apart by hand"))
        else:
            self._join(word)

    def _consider(self, edge: Edge, apart: Mapping[NodeId, Collection[NodeId]]) -> None:
        left, right = self._group(edge.a), self._group(edge.b)
        if left is right:
            self.accepted.append(edge)
            return
        refusal = _refusal(left, right, edge, self.rules, self.known_since)
        if refusal is None and apart and _kept_apart(left, right, apart):
            refusal = Refusal(edge, "by_hand", "they would bring together what was taken apart by hand")
        if refusal is None:
            self._join(edge)
        else:
            self.refused.append(refusal)

    def _join(self, edge: Edge) -> None:
        self.accepted.append(edge)
        left, right = self._group(edge.a), self._group(edge.b)
        if left is right:
            return
        kept, added = (left, right) if len(left.members) >= len(right.members) else (right, left)
        if left.existed_before(edge.at) and right.existed_before(edge.at):
            kept.merging.append(edge)
        kept.merging += added.merging
        kept.counts.update(added.counts)
        if _replaces(edge, right):
            kept.counts["user_id"] -= 1
            kept.renamed.add(edge.b.node_id)
        kept.renamed |= added.renamed
        kept.members.update(added.members)
        kept.since = min((s for s in (kept.since, added.since) if s), default=None)
        self.groups.update(dict.fromkeys(added.members, kept))


def _kept(edges: Iterable[Edge]) -> list[Edge]:
    """One proposal per pair and place."""
    kept: dict[tuple[Identifier, Identifier, str], Edge] = {}
    for edge in edges:
        one_way = (edge.a.type, edge.a.value) < (edge.b.type, edge.b.value)
        key = (edge.a, edge.b, edge.place) if one_way else (edge.b, edge.a, edge.place)
        held = kept.get(key)
        if held is None or edge.outranks(held):
            kept[key] = edge
    return list(kept.values())


def _pair(edge: Edge) -> frozenset[NodeId]:
    return frozenset((edge.a.node_id, edge.b.node_id))


def _without(proposals: list[Edge], parted: Collection[frozenset[NodeId]]) -> list[Edge]:
    return [edge for edge in proposals if _pair(edge) not in parted] if parted else proposals


def _crowded(proposals: Collection[Edge], most: int) -> frozenset[NodeId]:
    """Nodes that were named with more than `most` others."""
    if len(proposals) <= most:
        return frozenset()
    partners: defaultdict[NodeId, set[NodeId]] = defaultdict(set)
    for edge in proposals:
        partners[edge.a.node_id].add(edge.b.node_id)
        partners[edge.b.node_id].add(edge.a.node_id)
    return frozenset(node for node, others in partners.items() if len(others) > most)


def _apart(words: Iterable[Edge]) -> Mapping[NodeId, Collection[NodeId]]:
    apart: defaultdict[NodeId, set[NodeId]] = defaultdict(set)
    for word in words:
        if word.rule == SEPARATE:
            apart[word.a.node_id].add(word.b.node_id)
            apart[word.b.node_id].add(word.a.node_id)
    return apart


def _kept_apart(left: _Group, right: _Group, apart: Mapping[NodeId, Collection[NodeId]]) -> bool:
    return any(other in right.members for node in left.members for other in apart.get(node, ()))


def _refusal(
    left: _Group, right: _Group, edge: Edge, rules: IdentityRules, known_since: Mapping[NodeId, datetime]
) -> Refusal | None:
    if edge.rule == ALIAS and edge.b.type == USER:
        known = [n for n in (edge.a.node_id, edge.b.node_id) if n in known_since and known_since[n] < edge.at]
        if len(known) == 2:
            return Refusal(edge, "known_users", "two users known before are never joined by an alias")
    if edge.b.type == SESSION and len(right.members) > 1:
        return Refusal(edge, "session", "a session on a shared device belongs to whoever was named in it first")
    if len(left.members) + len(right.members) > rules.max_identifiers:
        return Refusal(edge, "identifiers", f"a customer has at most {rules.max_identifiers} identifiers")
    both_existed = left.existed_before(edge.at) and right.existed_before(edge.at)
    if len(left.merging) + len(right.merging) + both_existed > rules.max_merges:
        return Refusal(edge, "merges", f"a customer is joined from others at most {rules.max_merges} times")
    return _limit_refusal(left, right, edge, rules, known_since)


def _replaces(edge: Edge, renamed: _Group) -> bool:
    """Whether an alias puts a new name in the old one's place: once for each old name, else two people who each took
    over one browser's id would be one."""
    return edge.renames and edge.b.node_id not in renamed.renamed


def _limit_refusal(
    left: _Group, right: _Group, edge: Edge, rules: IdentityRules, known_since: Mapping[NodeId, datetime]
) -> Refusal | None:
    def together(kind: str) -> int:
        replaced = kind == "user_id" and _replaces(edge, right)
        return left.counts.get(kind, 0) + right.counts.get(kind, 0) - replaced

    # What only one of them has is not more afterwards; it may be too many already where staff said so by hand.
    on_both_sides = [kind for kind, count in left.counts.items() if count and right.counts.get(kind)]
    over = [kind for kind in on_both_sides if together(kind) > rules.limit_of(kind).most]
    for kind in sorted(over, key=lambda kind: (rules.limit_of(kind).window is not None, kind)):
        limit = rules.limit_of(kind)
        if limit.window is None:
            return Refusal(edge, "limit", f"a customer has at most {limit.most} {kind}")
        since = edge.at - limit.window
        members = [*left.members.items(), *right.members.items()]
        if sum(k == kind and since < known_since.get(node, edge.at) <= edge.at for node, k in members) > limit.most:
            why = f"a customer has at most {limit.most} {kind} within {limit.window}"
            return Refusal(edge, "limit", why, hangs_on_age=True)
    return None
