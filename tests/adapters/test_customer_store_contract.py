"""What the store of customers promises, asked of both makes."""

from __future__ import annotations

from decimal import Decimal

from omnicascade.domain.event import MessageId
from omnicascade.domain.folding import fold
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import ALIAS, EXCLUDE, INCLUDE, RELEASE, SEPARATE, Edge
from omnicascade.domain.identity_rules import Trust
from omnicascade.domain.projection import Projection
from omnicascade.usecases.store_ports import MOST_PARTNERS, Head, ProjectionChange, StoredProjection
from tests.adapters.store_makes import ANN, APP, BOB, Stores, event, minutes, run, save


def test_an_unknown_node_is_an_empty_head(stores: Stores) -> None:
    """Nothing is known, and nothing is made by asking."""
    for _ in range(2):
        head = stores.customers.head(BOB.node_id, consistent=True)
        assert (head.projection, head.watermark, list(head.edges), list(head.slots)) == (None, "", [], [])


def test_an_edge_is_seen_from_both_ends_from_its_earliest_event(stores: Stores) -> None:
    """Proposed again and again, in any order, it stays one, and the earliest event keeps it."""
    late, early = Edge(ANN, APP, minutes(3), MessageId("late")), Edge(ANN, APP, minutes(1), MessageId("early"))
    stores.customers.propose([late])
    stores.customers.propose([early, early])
    stores.customers.propose([late])
    for end in (ANN, APP):
        assert list(stores.customers.head(end.node_id, consistent=True).edges) == [early]


def test_an_alias_is_another_edge(stores: Stores) -> None:
    """Two rules may join the same two identifiers."""
    edges = [Edge(ANN, BOB, minutes(1), MessageId("m")), Edge(ANN, BOB, minutes(1), MessageId("m"), ALIAS)]
    stores.customers.propose(edges)
    assert sorted(e.rule for e in stores.customers.head(BOB.node_id, consistent=True).edges) == ["alias", "same call"]


def test_a_projection_is_replaced_by_who_read_it_last(stores: Stores) -> None:
    """A write on an older reading, or on none, fails and changes nothing."""
    node, first = ANN.node_id, fold(Projection(), [event("m1")])
    second = fold(first, [event("m2", "Order Completed")])
    assert save(stores, first, "1", "")
    assert not save(stores, second, "2", "")
    assert save(stores, second, "2", "1")
    for previous in ("", "1", "3"):
        assert not save(stores, first, "9", previous)
    head = stores.customers.head(node, consistent=False)
    assert head == Head(node, second, "2", head.edges, head.slots, None, head.memberships, head.runs)
    assert second.counters.revenue == {"USD": Decimal("1.5")}


def test_a_projection_that_was_never_saved_cannot_be_replaced(stores: Stores) -> None:
    """A watermark that nobody wrote is no reading."""
    assert not save(stores, Projection(), "2", "1")
    assert stores.customers.projections([ANN.node_id], consistent=True) == {}


def test_projections_are_read_and_saved_many_at_a_time(stores: Stores) -> None:
    """More than one request takes; unknown nodes are left out, and no node is no fault."""
    people = [Identifier("user_id", f"u{number}") for number in range(120)]
    folded = {who.node_id: fold(Projection(), [event(f"m-{who}", who=who)]) for who in people}
    changes = [ProjectionChange(node, projection, "1", "") for node, projection in folded.items()]
    assert stores.customers.save_projections(changes) == frozenset()
    found = stores.customers.projections([*folded, BOB.node_id], consistent=True)
    assert found == {node: StoredProjection(projection, "1") for node, projection in folded.items()}
    assert stores.customers.projections([], consistent=False) == {}
    assert stores.customers.save_projections([]) == frozenset()


def test_a_stale_projection_stops_no_other(stores: Stores) -> None:
    """New, replaced and stale ones in one batch: only the stale are told, and only they are unchanged."""
    mine, later = fold(Projection(), [event("m1")]), fold(Projection(), [event("m1"), event("m2")])
    assert save(stores, mine, "1", "")
    assert save(stores, mine, "1", "", BOB)
    changes = [
        ProjectionChange(APP.node_id, mine, "5", ""),
        ProjectionChange(BOB.node_id, later, "5", "0"),
        ProjectionChange(ANN.node_id, later, "5", "1"),
    ]
    assert stores.customers.save_projections(changes) == {BOB.node_id}
    found = stores.customers.projections([ANN.node_id, BOB.node_id, APP.node_id], consistent=True)
    assert {node: (p.projection, p.watermark) for node, p in found.items()} == {
        ANN.node_id: (later, "5"),
        BOB.node_id: (mine, "1"),
        APP.node_id: (mine, "5"),
    }


def test_words_by_hand_are_kept_by_the_latest(stores: Stores) -> None:
    """What staff said last of a pair stands, however the words arrive, also within one batch."""

    def word(at: float, rule: str) -> Edge:
        return Edge(ANN, APP, minutes(at), MessageId(f"w{at}"), rule, "staff", Trust.HIGH)

    stores.customers.propose([word(2, EXCLUDE), word(3, RELEASE), word(1, INCLUDE)])
    for end in (ANN, APP):
        assert [e.rule for e in stores.customers.head(end.node_id, consistent=True).edges] == [RELEASE]
    stores.customers.propose([word(4, SEPARATE)])
    stores.customers.propose([word(3.5, INCLUDE)])
    assert list(stores.customers.head(APP.node_id, consistent=True).edges) == [word(4, SEPARATE)]


def test_edges_are_proposed_many_at_a_time(stores: Stores) -> None:
    """Of one pair at different places, of many pairs, and twice the same: each place keeps its earliest."""
    others = [Identifier("anonymous_id", f"a{number}") for number in range(40)]
    many = [Edge(ANN, other, minutes(2), MessageId("m2")) for other in others]
    earlier = [Edge(ANN, other, minutes(1), MessageId("m1")) for other in others[:7]]
    stores.customers.propose([*many, *earlier, *many])
    stores.customers.propose(many)
    expected = {*earlier, *many[7:]}
    assert set(stores.customers.head(ANN.node_id, consistent=True).edges) == expected
    assert {edge for o in others for edge in stores.customers.head(o.node_id, consistent=True).edges} == expected


def test_the_head_of_a_crowded_node_has_an_end(stores: Stores) -> None:
    """Somebody's ten-thousand-fold identifier is read as far as it is known to be one, with all that follows it."""
    crowd = [Identifier("anonymous_id", f"a{number}") for number in range(MOST_PARTNERS + 10)]
    stores.customers.propose([Edge(ANN, one, minutes(1), MessageId("m")) for one in crowd])
    assert save(stores, fold(Projection(), [event("m1")]), "1", "")
    stores.runs.start(run(), None)
    head = stores.customers.head(ANN.node_id, consistent=True)
    assert len({edge.b for edge in head.edges}) == len(head.edges) == MOST_PARTNERS
    assert (head.watermark, [slot.run_id for slot in head.slots]) == ("1", [run().run_id])


def test_nodes_are_told_apart(stores: Stores) -> None:
    """What is kept at one node is not seen at another."""
    assert save(stores, fold(Projection(), [event("m")]), "1", "")
    assert stores.customers.head(NodeId("nobody"), consistent=True).projection is None
