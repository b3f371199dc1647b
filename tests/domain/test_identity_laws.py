"""The laws of rules that a dozen proposals can break: windows, crowds, sessions, aliases, caps and words by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import ALIAS, BY_HAND, EXCLUDE, INCLUDE, RELEASE, SAME_CALL, SEPARATE, Edge
from omnicascade.domain.identity_rules import IdentityRules, Limit, Trust
from omnicascade.domain.resolution import Resolution, component_of
from tests.domain.test_identity import (
    ANN,
    BOB,
    EDGES,
    IDENTIFIERS,
    KNOWN,
    MAIL,
    PHONE,
    T0,
    TABLET,
    TIGHT,
    VISIT,
    edge,
    nodes_of,
)

WEEK = timedelta(minutes=10)
"""A window as long for minutes as a week is for months."""
WINDOWED = IdentityRules(
    limits={"user_id": Limit(1), "email": Limit(1, WEEK), "anonymous_id": Limit(2, WEEK)}, max_identifiers=1_000
)
WORDS = st.lists(
    st.builds(edge, IDENTIFIERS, IDENTIFIERS, st.integers(0, 60), st.sampled_from(BY_HAND)).filter(
        lambda e: e.a != e.b
    ),
    max_size=6,
)


def trusted(said: Edge, trust: Trust) -> Edge:
    """A proposal of a source that is believed so far."""
    return replace(said, trust=trust)


TRUSTED = st.lists(
    st.builds(
        trusted,
        st.builds(edge, st.sampled_from([ANN, BOB]), st.sampled_from([VISIT, MAIL, PHONE]), st.integers(0, 20)),
        st.sampled_from(Trust),
    ),
    max_size=10,
)


def group(node: Identifier, edges: Sequence[Edge], rules: IdentityRules = TIGHT) -> frozenset[NodeId]:
    """Who is with an identifier that nobody knew before its edges."""
    return component_of(node.node_id, edges, {}, rules).members


@given(EDGES, KNOWN)
def test_no_window_is_ever_overfull_when_somebody_comes_in(edges: list[Edge], known: dict[NodeId, datetime]) -> None:
    """When an edge joins two, no type has more identifiers first seen in the window before than it may have."""
    names = nodes_of(edges)
    since = {node: min(known.get(node, e), e) for node in names for e in [first_named(node, edges)]}
    in_order = sorted(Resolution.of(edges, since, WINDOWED).accepted, key=lambda e: e.order)
    for e in in_order:
        until = [other for other in edges if other.order <= e.order]
        before = [other for other in until if other.order < e.order]
        if e.b.node_id in component_of(e.a.node_id, before, since, WINDOWED).members:
            continue
        members = component_of(e.a.node_id, until, since, WINDOWED).members
        if e.b.node_id not in members:
            continue  # another proposal of this moment, which ranks behind it in the order of the limits
        for kind in ("email", "anonymous_id"):
            fresh = [m for m in members if names[m].type == kind and e.at - WEEK < since[m] <= e.at]
            assert len(fresh) <= WINDOWED.limit_of(kind).most


def first_named(node: NodeId, edges: Sequence[Edge]) -> datetime:
    """When the first proposal about a node was made."""
    return min(e.at for e in edges if node in (e.a.node_id, e.b.node_id))


def test_a_full_window_opens_again() -> None:
    """One e-mail address a week: the second of a week is refused, the next week's is not."""
    other, third = Identifier("email", "b@example.com"), Identifier("email", "c@example.com")
    edges = [edge(ANN, MAIL, 0), edge(ANN, other, 5), edge(ANN, third, 11)]
    since = {e.b.node_id: e.at for e in edges}
    found = component_of(ANN.node_id, edges, since, WINDOWED)
    assert found.members == {ANN.node_id, MAIL.node_id, third.node_id}
    assert [(r.edge.b, r.code, r.hangs_on_age) for r in found.refused] == [(other, "limit", True)]


def test_an_identifier_known_for_long_does_not_fill_a_window() -> None:
    """An address first seen before the window may come in although the window is full."""
    other = Identifier("email", "b@example.com")
    edges = [edge(ANN, MAIL, 20), edge(ANN, other, 21)]
    young = {MAIL.node_id: edges[0].at, other.node_id: edges[1].at}
    assert component_of(ANN.node_id, edges, young, WINDOWED).members == {ANN.node_id, MAIL.node_id}
    old = {**young, other.node_id: T0}
    assert other.node_id in component_of(ANN.node_id, edges, old, WINDOWED).members


@given(EDGES, WORDS, KNOWN)
def test_a_separation_always_holds(edges: list[Edge], words: list[Edge], known: dict[NodeId, datetime]) -> None:
    """Whatever else is said by hand or by events, two that staff separated are never one customer."""
    resolution = Resolution.of([*edges, *words], known, TIGHT)
    for word in resolution.by_hand:
        if word.rule == SEPARATE:
            assert word.b.node_id not in resolution.component(word.a.node_id).members


@given(EDGES, WORDS, KNOWN)
def test_an_exclusion_is_as_if_no_event_had_said_so(
    edges: list[Edge], words: list[Edge], known: dict[NodeId, datetime]
) -> None:
    """Law 3: an excluded pair joins whom the other proposals join."""
    excluded = {frozenset((w.a, w.b)) for w in latest(words) if w.rule == EXCLUDE}
    never = [e for e in edges if frozenset((e.a, e.b)) not in excluded]
    others = [w for w in words if frozenset((w.a, w.b)) not in excluded]
    for node in nodes_of([*edges, *words]):
        with_words = component_of(node, [*edges, *words], known, TIGHT).members
        assert with_words == component_of(node, [*never, *others], known, TIGHT).members


def latest(words: Sequence[Edge]) -> Sequence[Edge]:
    """The last word about each pair."""
    return list({frozenset((w.a, w.b)): w for w in sorted(words, key=lambda w: w.order)}.values())


@given(EDGES, WORDS, KNOWN)
def test_a_release_takes_every_word_back(edges: list[Edge], words: list[Edge], known: dict[NodeId, datetime]) -> None:
    """After a release of every pair all is as if staff had never spoken."""
    taken_back = [edge(w.a, w.b, 100, RELEASE) for w in words]
    for node in nodes_of(edges):
        found = component_of(node, [*edges, *words, *taken_back], known, TIGHT)
        plain = component_of(node, edges, known, TIGHT)
        assert (found.members, found.accepted, found.refused) == (plain.members, plain.accepted, plain.refused)


def test_an_inclusion_outranks_a_limit() -> None:
    """Staff may make one customer of two users; events never may."""
    edges = [edge(ANN, VISIT, 1), edge(BOB, TABLET, 2), edge(ANN, BOB, 3)]
    assert BOB.node_id not in group(ANN, edges)
    assert {BOB.node_id, TABLET.node_id} <= group(ANN, [*edges, edge(ANN, BOB, 4, INCLUDE)])


def test_a_separation_outranks_an_inclusion() -> None:
    """What staff say of three people can contradict itself; then nobody is joined who was taken apart."""
    words = [edge(ANN, MAIL, 1, INCLUDE), edge(MAIL, PHONE, 2, INCLUDE), edge(ANN, PHONE, 3, SEPARATE)]
    found = component_of(ANN.node_id, words, {}, TIGHT)
    assert found.members == {ANN.node_id, MAIL.node_id}
    assert [(r.edge.b, r.code) for r in found.refused] == [(PHONE, "by_hand")]


@given(TRUSTED)
def test_a_less_trusted_source_never_takes_anything_away(edges: list[Edge]) -> None:
    """Whom the most trusted sources join stays joined, whatever others said, and whenever they said it."""
    high = [e for e in edges if e.trust is Trust.HIGH]
    for node in nodes_of(high):
        members = component_of(node, high, {}, TIGHT).members
        assert members <= component_of(node, edges, {}, TIGHT).members


def test_a_number_typed_by_an_agent_does_not_keep_it_from_its_owner() -> None:
    """The call centre said first that the number is Ann's; Bob, who logs in with it, has it."""
    typed = replace(edge(ANN, PHONE, 1), trust=Trust.LOW)
    said = edge(BOB, PHONE, 9)
    assert group(BOB, [typed, said]) == {BOB.node_id, PHONE.node_id}
    assert group(ANN, [typed, said]) == {ANN.node_id}


SESSIONS = [Identifier("session_id", f"till/1/{name}") for name in "xyz"]


@given(
    st.lists(st.builds(edge, st.sampled_from([ANN, BOB, MAIL, PHONE]), st.sampled_from(SESSIONS), st.integers(0, 9)))
)
def test_a_session_never_joins_two_people(edges: list[Edge]) -> None:
    """However many are named in one session of a shared device, it is the first one's, and joins nobody."""
    people = {person.node_id for person in (ANN, BOB, MAIL, PHONE)}
    for node in nodes_of(edges):
        assert len(component_of(node, edges, {}).members & people) <= 1


@given(st.integers(1, 6), st.integers(0, 12))
def test_a_crowd_is_nobody(most: int, others: int) -> None:
    """Named with more others than a customer may have identifiers, an identifier joins none of them."""
    rules = IdentityRules(max_identifiers=most)
    edges = [edge(Identifier("user_id", f"u{n}"), VISIT, n) for n in range(others)]
    members = component_of(VISIT.node_id, edges, {}, rules).members
    assert len(members) <= max(most, 1)
    if others > most:
        assert members == {VISIT.node_id}


def test_taking_one_out_of_a_crowd_counts() -> None:
    """A pair that staff excluded is as if never named, for the size of a crowd too."""
    rules = IdentityRules(max_identifiers=2)
    edges = [edge(MAIL, VISIT, 1), edge(PHONE, VISIT, 2), edge(TABLET, VISIT, 3)]
    assert component_of(VISIT.node_id, edges, {}, rules).members == {VISIT.node_id}
    word = edge(TABLET, VISIT, 4, EXCLUDE)
    assert component_of(VISIT.node_id, [*edges, word], {}, rules).members == {VISIT.node_id, MAIL.node_id}


@given(EDGES, st.integers(0, 3))
def test_merges_stay_within_their_cap(edges: list[Edge], most: int) -> None:
    """A customer is joined from customers that existed before at most so many times."""
    rules = replace(TIGHT, max_merges=most)
    known: Mapping[NodeId, datetime] = {node: T0 - timedelta(days=1) for node in nodes_of(edges)}
    for node in known:
        component = component_of(node, edges, known, rules)
        assert component.merges <= most
        assert component.merges == len(component.members) - 1, "every one of them existed before"


def test_an_alias_may_be_repeated() -> None:
    """Said again, also later and from the other side, it changes nothing."""
    once = [edge(ANN, VISIT, 1), edge(BOB, ANN, 2, ALIAS)]
    again = [*once, edge(BOB, ANN, 3, ALIAS), edge(ANN, BOB, 4, ALIAS)]
    known = {ANN.node_id: T0}
    for who in (ANN, BOB, VISIT):
        assert component_of(who.node_id, again, known) == component_of(who.node_id, once, known)


@given(EDGES)
def test_the_way_a_pair_points_does_not_count_it_twice(edges: list[Edge]) -> None:
    """The store keeps one proposal of a pair and place at both ends, and so does whoever reads all of them."""
    resolution = Resolution.of(edges, {}, TIGHT)
    shown = [*resolution.accepted, *(refusal.edge for refusal in resolution.refused)]
    places = [(frozenset((e.a, e.b)), e.place) for e in shown]
    assert len(places) == len(set(places)) == len({(frozenset((e.a, e.b)), e.place) for e in edges})
    assert all(e.rule in (SAME_CALL, ALIAS) for e in shown)


def test_the_latest_word_of_a_pair_counts() -> None:
    """Whichever order the words arrive in: taken back it is forgotten, said again it holds."""
    joined = edge(ANN, MAIL, 1)
    apart, back, again = (edge(ANN, MAIL, n, rule) for n, rule in ((2, SEPARATE), (3, RELEASE), (4, EXCLUDE)))
    for words, together in (([apart], False), ([back, apart], True), ([again, back, apart], False)):
        assert (MAIL.node_id in group(ANN, [joined, *words])) is together


def test_a_separation_holds_along_every_path() -> None:
    """Two who were taken apart do not meet through a third either."""
    edges = [edge(ANN, PHONE, 1), edge(PHONE, MAIL, 2), edge(ANN, MAIL, 3, SEPARATE)]
    assert group(ANN, edges) == {ANN.node_id, PHONE.node_id}
    assert group(MAIL, edges) == {MAIL.node_id}


def test_the_more_trusted_word_comes_first() -> None:
    """A later login beats what a less trusted source said before."""
    typed, login = trusted(edge(BOB, VISIT, 1), Trust.LOW), edge(ANN, VISIT, 2)
    assert group(ANN, [typed, login]) == {ANN.node_id, VISIT.node_id}
    assert group(BOB, [typed, login]) == {BOB.node_id}
