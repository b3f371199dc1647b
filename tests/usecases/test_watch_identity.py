"""What is counted of proposals: merged, linked, refused, and who draws a crowd."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from omnicascade.adapters.memory_stores import MemoryCustomerStore
from omnicascade.domain.event import MessageId
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import EXCLUDE, SAME_CALL, Edge
from omnicascade.domain.identity_rules import DEFAULT_RULES, IdentityRules, Limit
from omnicascade.usecases.store_ports import Head
from omnicascade.usecases.watch_identity import IdentityOutcomes, watch_identity
from tests.identity_streams import T0

ANN, BOB = Identifier("user_id", "ann"), Identifier("user_id", "bob")
MAIL, VISIT, APP = Identifier("email", "ann@example.com"), Identifier("anonymous_id", "v"), Identifier("ios.id", "app")


def edge(a: Identifier, b: Identifier, minute: int, rule: str = SAME_CALL) -> Edge:
    return Edge(a, b, T0 + timedelta(minutes=minute), MessageId(f"m-{minute}"), rule)


class Readers:
    """Heads of a store that counts, and that shows proposals only when they were stored."""

    def __init__(self, stored: Sequence[Edge] = ()) -> None:
        self._store = MemoryCustomerStore()
        self._store.propose(stored)
        self.reads: list[NodeId] = []

    def head(self, node: NodeId, *, consistent: bool) -> Head:
        assert not consistent
        self.reads.append(node)
        return self._store.head(node, consistent=consistent)


def watch(*fresh: Edge, stored: Sequence[Edge] = (), rules: IdentityRules = DEFAULT_RULES) -> IdentityOutcomes:
    return watch_identity(fresh, Readers(stored), rules)


def test_a_new_identifier_is_linked() -> None:
    """Nobody existed on the other side before."""
    assert watch(edge(ANN, VISIT, 1)) == IdentityOutcomes(linked=1)


def test_two_customers_who_existed_are_merged() -> None:
    """A visitor with a mail logs in, and two profiles become one; the third identifier of the call is a link."""
    stored = [edge(MAIL, VISIT, 1), edge(ANN, APP, 2)]
    new = Identifier("phone", "+48601234567")
    assert watch(edge(ANN, MAIL, 3), edge(ANN, new, 3), stored=stored) == IdentityOutcomes(merged=1, linked=1)


def test_what_does_not_hold_is_refused_by_its_reason() -> None:
    """Counted under the code that the explanation gives."""
    assert watch(edge(BOB, VISIT, 2), stored=[edge(ANN, VISIT, 1)]) == IdentityOutcomes(refused={"limit": 1})


def test_what_was_stored_before_is_not_counted_again() -> None:
    """Only the proposals of the batch count, whatever else their customers are made of."""
    stored = [edge(ANN, VISIT, 1), edge(ANN, MAIL, 1), edge(BOB, VISIT, 2)]
    assert watch(edge(ANN, APP, 3), stored=stored) == IdentityOutcomes(linked=1)


def test_what_an_earlier_proposal_outranks_is_nothing_new() -> None:
    """An edge that the projection had forgotten, and proposed again."""
    assert watch(edge(ANN, VISIT, 5), stored=[edge(ANN, VISIT, 1)]) == IdentityOutcomes()


def test_each_customer_is_read_once() -> None:
    """However many of its proposals are in the batch: one read per identifier."""
    readers = Readers([edge(ANN, MAIL, 1)])
    outcomes = watch_identity([edge(ANN, VISIT, 2), edge(ANN, APP, 3), edge(MAIL, VISIT, 4)], readers, DEFAULT_RULES)
    assert outcomes == IdentityOutcomes(linked=3)
    assert sorted(readers.reads) == sorted(who.node_id for who in (ANN, MAIL, VISIT, APP))


def test_looking_has_an_end() -> None:
    """Beyond so many customers the rest is only counted."""
    fresh = [edge(Identifier("user_id", f"u-{n}"), Identifier("anonymous_id", f"a-{n}"), n) for n in range(9)]
    readers = Readers()
    assert watch_identity(fresh, readers, DEFAULT_RULES, most=4) == IdentityOutcomes(linked=4, unwatched=5)
    assert len(readers.reads) == 8


def test_words_by_hand_are_not_counted() -> None:
    """Nor read for: staff see what their word did."""
    readers = Readers()
    assert watch_identity([edge(ANN, BOB, 1, EXCLUDE)], readers, DEFAULT_RULES) == IdentityOutcomes()
    assert readers.reads == []


SMALL = IdentityRules(max_identifiers=10, default_limit=Limit(100), limits={"user_id": Limit(1)})


def crowd(most: int) -> list[Edge]:
    return [edge(Identifier("user_id", f"u-{n}"), VISIT, n) for n in range(most)]


def test_an_identifier_is_told_before_it_is_crowded() -> None:
    """From four fifths of what one may have; up to then it is nobody's business."""
    assert watch(edge(ANN, VISIT, 50), stored=crowd(7), rules=SMALL).super_nodes == {}
    assert watch(edge(ANN, VISIT, 50), stored=crowd(8), rules=SMALL).super_nodes == {VISIT.node_id: 9}


def test_what_staff_took_out_of_a_crowd_is_not_in_it() -> None:
    """An exclusion makes room."""
    word = edge(Identifier("user_id", "u-0"), VISIT, 60, EXCLUDE)
    assert watch(edge(ANN, VISIT, 50), stored=[*crowd(8), word], rules=SMALL).super_nodes == {}


def test_a_super_node_refuses_everybody() -> None:
    """And is named with how many it was named with."""
    outcomes = watch(edge(ANN, VISIT, 50), stored=crowd(12), rules=SMALL)
    assert outcomes == IdentityOutcomes(refused={"super_node": 1}, super_nodes={VISIT.node_id: 13})


def test_a_known_crowd_is_not_read_again() -> None:
    """Its proposals are refused without a look, those beside them in the batch are looked up."""
    readers = Readers(crowd(12))
    fresh = [edge(ANN, VISIT, 50), edge(ANN, MAIL, 50)]
    outcomes = watch_identity(fresh, readers, SMALL, crowded={VISIT.node_id})
    assert outcomes == IdentityOutcomes(linked=1, refused={"super_node": 1})
    assert VISIT.node_id not in readers.reads
