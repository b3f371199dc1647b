"""Which identifiers become one customer, and the laws that make merges undoable."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import ALIAS, SAME_CALL, Edge, edges_of
from omnicascade.domain.identity_rules import DEFAULT_RULES, IdentityRules, Limit
from omnicascade.domain.resolution import Component, component_of

T0 = datetime(2026, 3, 1, tzinfo=UTC)
ANN, BOB = Identifier("user_id", "ann"), Identifier("user_id", "bob")
MAIL, PHONE = Identifier("email", "ann@example.com"), Identifier("phone", "+48601234567")
VISIT, TABLET = Identifier("anonymous_id", "a-1"), Identifier("anonymous_id", "a-2")
LIMITS = {"user_id": 1, "email": 2, "anonymous_id": 3}
TIGHT = IdentityRules(limits={kind: Limit(most) for kind, most in LIMITS.items()})


def edge(a: Identifier, b: Identifier, minute: int, rule: str = SAME_CALL) -> Edge:
    return Edge(a, b, T0 + timedelta(minutes=minute), MessageId(f"m-{minute}"), rule)


def together(node: Identifier, edges: Iterable[Edge], *others: Identifier) -> bool:
    return {other.node_id for other in others} <= component_of(node.node_id, edges, {}).members


def nodes_of(edges: Iterable[Edge]) -> dict[NodeId, Identifier]:
    return {end.node_id: end for e in edges for end in (e.a, e.b)}


def reachable(node: NodeId, edges: Sequence[Edge]) -> list[Edge]:
    """The proposals that a walk from a node finds: what the store reads."""
    found, ahead = {node}, [node]
    while ahead:
        here = ahead.pop()
        for e in edges:
            ends = {e.a.node_id, e.b.node_id}
            if here in ends:
                ahead += ends - found
                found |= ends
    return [e for e in edges if e.a.node_id in found]


PEOPLE = [Identifier("user_id", name) for name in "ABC"]
IDENTIFIERS = st.sampled_from(
    [
        *PEOPLE,
        *(Identifier("email", f"{name}@example.com") for name in "abcd"),
        *(Identifier("anonymous_id", name) for name in "123456"),
    ]
)
SAME_CALLS = st.builds(edge, IDENTIFIERS, IDENTIFIERS, st.integers(0, 30)).filter(lambda e: e.a != e.b)
ALIASES = st.builds(edge, st.sampled_from(PEOPLE), st.sampled_from(PEOPLE), st.integers(0, 30), st.just(ALIAS)).filter(
    lambda e: e.a != e.b
)
EDGES = st.lists(SAME_CALLS | ALIASES, max_size=16)
KNOWN = st.dictionaries(
    st.sampled_from([person.node_id for person in PEOPLE]), st.integers(0, 30).map(lambda m: T0 + timedelta(minutes=m))
)


@given(EDGES, st.randoms(use_true_random=False), KNOWN)
def test_the_order_of_arrival_does_not_matter(edges: list[Edge], random: Random, known: dict[NodeId, datetime]) -> None:
    """Shuffled and repeated proposals give the same customer, for the same reasons."""
    shuffled = [*edges, *edges[:3]]
    random.shuffle(shuffled)
    for node in nodes_of(edges):
        assert component_of(node, shuffled, known, TIGHT) == component_of(node, edges, known, TIGHT)


@given(EDGES, KNOWN)
def test_every_identifier_is_of_exactly_one_customer(edges: list[Edge], known: dict[NodeId, datetime]) -> None:
    """Customers partition the identifiers: asking any member gives the same answer."""
    for node in nodes_of(edges):
        component = component_of(node, edges, known, TIGHT)
        assert node in component.members
        assert all(component_of(other, edges, known, TIGHT) == component for other in component.members)


@given(st.lists(SAME_CALLS, max_size=24))
def test_no_customer_is_ever_over_a_limit(edges: list[Edge]) -> None:
    """Whatever is proposed, the identifiers of one type stay within what one customer may have."""
    names = nodes_of(edges)
    for node in names:
        members = component_of(node, edges, {}, TIGHT).members
        counts = Counter(names[member].type for member in members)
        assert all(count <= LIMITS[kind] for kind, count in counts.items())


@given(EDGES, KNOWN)
def test_an_alias_adds_one_name_and_no_more(edges: list[Edge], known: dict[NodeId, datetime]) -> None:
    """A customer has one user id, and one besides for each alias that joined it."""
    names = nodes_of(edges)
    for node in names:
        component = component_of(node, edges, known, TIGHT)
        users = sum(names[member].type == "user_id" for member in component.members)
        assert users <= 1 + sum(e.rule == ALIAS for e in component.accepted)


@given(EDGES, KNOWN)
def test_every_proposal_is_accepted_or_refused_with_a_reason(edges: list[Edge], known: dict[NodeId, datetime]) -> None:
    """Nothing is dropped in silence: each proposal at a customer is explained once, from its earliest event."""
    for node in nodes_of(edges):
        component = component_of(node, edges, known, TIGHT)
        first = {(frozenset((e.a, e.b)), e.place): e for e in sorted(edges, key=lambda e: e.order, reverse=True)}
        at_it = {e for e in first.values() if {e.a.node_id, e.b.node_id} & component.members}
        explained = [*component.accepted, *(refusal.edge for refusal in component.refused)]
        assert set(explained) == at_it
        assert len(explained) == len(at_it)
        assert all(refusal.reason for refusal in component.refused)
        assert all({e.a.node_id, e.b.node_id} <= component.members for e in component.accepted)


@given(EDGES, KNOWN)
def test_strangers_do_not_matter(edges: list[Edge], known: dict[NodeId, datetime]) -> None:
    """Reading only what can be reached from an identifier is enough."""
    for node in nodes_of(edges):
        assert component_of(node, reachable(node, edges), known, TIGHT) == component_of(node, edges, known, TIGHT)


@given(EDGES.filter(bool), st.data())
def test_a_split_undoes_a_merge(edges: list[Edge], data: st.DataObject) -> None:
    """Without one proposal, each side is what it would be had nobody ever made it."""
    gone = data.draw(st.sampled_from(edges))
    left = [e for e in edges if e != gone]
    for end in (gone.a.node_id, gone.b.node_id):
        never = component_of(end, reachable(end, left), {}, TIGHT)
        assert component_of(end, left, {}, TIGHT) == never
        assert gone not in never.accepted


@given(EDGES, st.integers(0, 31))
def test_what_held_once_holds_for_ever(edges: list[Edge], minute: int) -> None:
    """Later events never part whom earlier ones joined."""
    earlier = [e for e in edges if e.at < T0 + timedelta(minutes=minute)]
    for node in nodes_of(earlier):
        assert component_of(node, earlier, {}, TIGHT).members <= component_of(node, edges, {}, TIGHT).members


def test_a_visitor_who_logs_in_is_one_customer() -> None:
    """Anonymous and known are joined by the call that names both, and others through it."""
    edges = [edge(ANN, VISIT, 1), edge(ANN, MAIL, 2), edge(MAIL, PHONE, 3)]
    assert together(VISIT, edges, ANN, MAIL, PHONE)


def test_a_shared_browser_does_not_join_two_users() -> None:
    """The second login is refused with the limit it would break, and told at both customers."""
    edges = [edge(ANN, VISIT, 1), edge(BOB, VISIT, 2)]
    ann, bob = (component_of(who.node_id, edges, {}) for who in (ANN, BOB))
    assert ann.members == {ANN.node_id, VISIT.node_id}
    assert bob.members == {BOB.node_id}
    assert [r.reason for r in ann.refused] == ["a customer has at most 1 user_id"]
    assert ann.refused == bob.refused


def test_the_earlier_event_wins_a_conflict() -> None:
    """By the time of the events, not by their arrival."""
    edges = [edge(BOB, VISIT, 2), edge(ANN, VISIT, 1)]
    assert together(VISIT, edges, ANN)
    assert not together(VISIT, edges, BOB)


def test_a_type_without_a_limit_of_its_own_has_the_default() -> None:
    """Five e-mail addresses are one customer's, the sixth is not."""
    mails = [Identifier("email", f"{n}@example.com") for n in range(DEFAULT_RULES.default_limit.most + 1)]
    component = component_of(ANN.node_id, [edge(ANN, mail, n) for n, mail in enumerate(mails)], {})
    assert component.members == {ANN.node_id, *(mail.node_id for mail in mails[:-1])}
    assert [refusal.edge.b for refusal in component.refused] == [mails[-1]]


def test_a_customer_has_a_thousand_identifiers_at_most() -> None:
    """Also where no type's limit is reached."""
    many = [Identifier(f"type-{n}", "x") for n in range(DEFAULT_RULES.max_identifiers)]
    component = component_of(ANN.node_id, [edge(ANN, other, n) for n, other in enumerate(many)], {})
    assert len(component.members) == DEFAULT_RULES.max_identifiers
    assert [refusal.reason for refusal in component.refused] == ["a customer has at most 1000 identifiers"]


def test_an_alias_joins_a_new_name() -> None:
    """A user id that nobody knew before takes over the old one's customer."""
    edges = [edge(ANN, VISIT, 1), edge(BOB, ANN, 2, ALIAS)]
    assert together(VISIT, edges, ANN, BOB)
    component = component_of(VISIT.node_id, [*edges, edge(BOB, TABLET, 3)], {ANN.node_id: T0})
    assert TABLET.node_id in component.members


def test_an_alias_never_joins_two_known_users() -> None:
    """Two customers with a history stay two, whatever a client claims."""
    known = {ANN.node_id: T0, BOB.node_id: T0}
    component = component_of(ANN.node_id, [edge(BOB, ANN, 2, ALIAS)], known)
    assert component.members == {ANN.node_id}
    assert [r.reason for r in component.refused] == ["two users known before are never joined by an alias"]


def test_an_alias_by_email_does_not_free_a_place_for_another_user() -> None:
    """Only a user id renames a user id: an e-mail joined to one does not let a second one in."""
    edges = [edge(MAIL, ANN, 1, ALIAS), edge(BOB, MAIL, 2)]
    component = component_of(MAIL.node_id, edges, {})
    assert component.members == {MAIL.node_id, ANN.node_id}


def test_one_call_may_propose_the_same_pair_by_two_rules() -> None:
    """Their order is fixed, so that every process accepts both."""
    edges = [edge(ANN, BOB, 1, SAME_CALL), edge(ANN, BOB, 1, ALIAS)]
    for order in (edges, edges[::-1]):
        component = component_of(ANN.node_id, order, {})
        assert [e.rule for e in component.accepted] == [ALIAS, SAME_CALL]
    assert edges[0].order != edges[1].order


def test_an_identifier_without_edges_is_a_customer_alone() -> None:
    """Also when it was never heard of."""
    assert component_of(ANN.node_id, [], {}) == Component(frozenset({ANN.node_id}), (), ())


def event(*identifiers: Identifier, kind: str = "track", **body: object) -> Event:
    return Event(MessageId("m-1"), kind, kind, "web", T0, T0, identifiers, body)


def test_an_event_joins_its_strongest_identifier_with_each_other() -> None:
    """A star, not a mesh: n identifiers make n - 1 proposals."""
    edges = edges_of(event(ANN, MAIL, VISIT))
    assert [(e.a, e.b, e.rule) for e in edges] == [(ANN, MAIL, SAME_CALL), (ANN, VISIT, SAME_CALL)]
    assert {(e.at, e.message_id) for e in edges} == {(T0, "m-1")}


def test_an_event_of_one_or_nobody_proposes_nothing() -> None:
    """There is nothing to join."""
    assert edges_of(event()) == ()
    assert edges_of(event(ANN)) == ()


def test_an_alias_is_proposed_for_both_kinds_of_id() -> None:
    """`previousId` has no type: it may be a device or a user."""
    edges = edges_of(event(ANN, Identifier("anonymous_id", "bob"), kind="alias", previousId="bob"))
    assert [(str(e.b), e.rule) for e in edges] == [("anonymous_id:bob", ALIAS), ("user_id:bob", ALIAS)]
    assert edges_of(event(ANN, kind="alias", previousId="ann")) == ()
    assert edges_of(event(ANN, kind="alias", previousId="null")) == ()
