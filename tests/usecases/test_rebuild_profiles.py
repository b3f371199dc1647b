"""A rebuild from events alone gives what the online road gives, and tells what other rules would change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omnicascade.domain.computed.shipped import SHIPPED
from omnicascade.domain.computed.traits import ComputedTraits
from omnicascade.domain.deployment import Source
from omnicascade.domain.errors import MalformedBodyError
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.identity import INCLUDE, SEPARATE
from omnicascade.domain.identity_rules import DEFAULT_RULES, IdentityRules, Limit
from omnicascade.domain.resolution import Component
from omnicascade.usecases import rebuild_profiles
from omnicascade.usecases.compare_profiles import compare_profiles
from omnicascade.usecases.find_customer import Customer
from omnicascade.usecases.rebuild_profiles import ProfileRebuild, Rebuilt, digest_of, profile_line
from tests.identity_streams import RULES, T0, Posted, judgement, stream_of
from tests.usecases.identity_road import RECEIVED, Road, mixed

SEEDS = st.integers(0, 2**32)
WEB = Source("web", "web")


def decided(component: Component) -> tuple[object, ...]:
    refused = {(refusal.edge.order, refusal.edge.trust) for refusal in component.refused}
    return (component.members, component.merges, set(component.accepted), refused, component.by_hand)


def rebuilt(
    posted: Iterable[Posted], rules: IdentityRules = DEFAULT_RULES, definitions: ComputedTraits = SHIPPED
) -> Rebuilt:
    rebuild = ProfileRebuild(rules, definitions)
    for one in posted:
        rebuild.add(one.call, one.source, RECEIVED)
    return rebuild.done()


def by_node(made: Rebuilt) -> Mapping[NodeId, Customer]:
    return {node: customer for customer in made.customers() for node in customer.component.members}


def page(number: int, *, mail: str | None = None, visit: str = "v-1", user: str | None = None) -> Posted:
    call: dict[str, Any] = {
        "type": "page",
        "messageId": f"m-{number}",
        "timestamp": (T0 + timedelta(minutes=number)).isoformat(),
        "anonymousId": visit,
    }
    if mail:
        call["context"] = {"traits": {"email": mail}}
    return Posted(WEB, call | ({"userId": user} if user else {}))


@pytest.mark.parametrize("named", RULES)
@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_a_rebuild_is_what_the_online_road_gives(named: str, seed: int) -> None:
    """Every identifier finds the same profile: conflicts, aliases, tills, nulls, repetitions and words by hand.

    Only the code of a refusal may differ: online, a stranger who is refused anyway is not read.
    """
    random = Random(seed)
    posted, rules = stream_of(random), RULES[named]
    again = [*posted, *random.sample(posted, min(3, len(posted)))]
    road = Road(rules)
    road.record(again)
    for batch in mixed(random, road.take()):
        road.deliver(batch)
    random.shuffle(again)
    made = by_node(rebuilt(again, rules))
    named_nodes = {i.node_id for event in road.accepted for i in event.identifiers}
    for node in named_nodes | made.keys():
        online, anew = road.find(node), made.get(node)
        assert (online and online.profile) == (anew and anew.profile)
        assert (online and decided(online.component)) == (anew and decided(anew.component))


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_neither_order_nor_repetition_matters(seed: int) -> None:
    """The same events, shuffled and some of them twice, read with a short memory, give the same customers."""
    random = Random(seed)
    posted = stream_of(random)
    shuffled = [*posted, *posted[:3]]
    random.shuffle(shuffled)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rebuild_profiles, "REMEMBERED_SPELLINGS", 3)
        forgetful = rebuilt(shuffled)
    at_once = rebuilt(posted)
    assert [c.profile for c in forgetful.customers()] == [c.profile for c in at_once.customers()]
    lines = [line for each in forgetful.components() if (line := forgetful.digest_line(each))]
    assert lines == [profile_line(customer.profile) for customer in at_once.customers()]
    assert (
        forgetful.summary(0, 0).events == at_once.summary(0, 0).events == len({one.call["messageId"] for one in posted})
    )


@pytest.mark.parametrize("named", RULES)
@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_counting_like_events_together_changes_nothing(named: str, seed: int) -> None:
    """Without computed traits, which need each event, the same profiles come out, but for the computed traits."""
    random = Random(seed)
    posted, rules = stream_of(random), RULES[named]
    shuffled = [*posted, *random.sample(posted, min(3, len(posted)))]
    random.shuffle(shuffled)
    each, together = rebuilt(posted, rules), rebuilt(shuffled, rules, ComputedTraits())
    assert [replace(c.profile, computed={}) for c in each.customers()] == [c.profile for c in together.customers()]
    assert [decided(c.component) for c in each.customers()] == [decided(c.component) for c in together.customers()]
    folded = {node: replace(projection, computed={}) for node, projection in each.projections.items()}
    assert folded == together.projections


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_the_same_rules_change_nobody(seed: int) -> None:
    """Compared with itself a rebuild has only customers that stay as they are."""
    posted = stream_of(Random(seed))
    told = compare_profiles(rebuilt(posted), rebuilt(posted))
    assert not [*told.joined, *told.split, *told.changed, *told.gone, *told.appeared]
    assert told.same == len(list(rebuilt(posted).customers()))


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, names=st.permutations(list(RULES)))
def test_every_customer_is_told_once(seed: int, names: Sequence[str]) -> None:
    """Whatever changes, each customer after the change is the same, changed, new, or of a join or a split."""
    posted = stream_of(Random(seed))
    before, after = rebuilt(posted, RULES[names[0]]), rebuilt(posted, RULES[names[1]])
    told = compare_profiles(before, after)
    regrouped = {node for one in (*told.joined, *told.split) for node in one.after}
    apart = {one.after for one in told.changed} | set(told.appeared)
    everybody = [customer.profile.profile_id for customer in after.customers()]
    assert not regrouped & apart
    assert len(regrouped) + len(apart) + told.same == len(everybody)


def test_a_lower_limit_splits_and_a_higher_one_joins() -> None:
    """Two addresses on one visit are one customer or two, as the limit of addresses says; the comparison names both."""
    posted = [page(1, mail="ann@example.com"), page(2, mail="bob@example.com"), page(3, visit="v-2")]
    many, one = rebuilt(posted), rebuilt(posted, IdentityRules(limits={"email": Limit(1)}))
    forth, back = compare_profiles(many, one), compare_profiles(one, many)
    assert [len(split.after) for split in forth.split] == [2]
    assert set(forth.split[0].identifiers) == {"email:ann@example.com", "email:bob@example.com", "anonymous_id:v-1"}
    assert [len(join.before) for join in back.joined] == [2]
    assert (forth.same, back.same, forth.joined, back.split) == (1, 1, [], [])
    assert one.summary(3, 0).refused == {"limit": 1}


def test_a_blocked_value_takes_its_identifier_from_the_profile() -> None:
    """Who loses a placeholder is changed; who was nothing else is gone; and back, the latter appears."""
    posted = [page(1, mail="shared@example.com"), page(2, visit="test-bot")]
    before = rebuilt(posted)
    after = rebuilt(posted, IdentityRules(blocked_values=frozenset({"shared@example.com", "test-bot"})))
    told = compare_profiles(before, after)
    assert ["identifiers" in one.what for one in told.changed] == [True]
    assert told.gone == [Identifier("anonymous_id", "test-bot").node_id]
    assert after.summary(1, 0).nobody == 1
    assert compare_profiles(after, before).appeared == told.gone


def test_words_by_hand_survive_a_rebuild() -> None:
    """What staff separated and included is in the events, and counts whatever the rules say."""
    pairs = [("email:ann@example.com", "anonymous_id:v-1", SEPARATE), ("user_id:u-1", "user_id:u-2", INCLUDE)]
    posted = [
        page(1, mail="ann@example.com"),
        page(2, user="u-1", visit="v-2"),
        page(3, user="u-2", visit="v-3"),
        judgement(1, pairs, T0 + timedelta(days=1)),
    ]
    made = by_node(rebuilt(posted))
    mail, visit = Identifier("email", "ann@example.com").node_id, Identifier("anonymous_id", "v-1").node_id
    assert visit not in made[mail].component.members
    assert made[Identifier("user_id", "u-1").node_id] is made[Identifier("user_id", "u-2").node_id]


def test_one_message_id_counts_once_per_strongest_identifier() -> None:
    """As in the store: a repetition is no second event, another customer's event of the same id is one."""
    rebuild = ProfileRebuild()
    added = [
        rebuild.add(one.call, one.source) for one in (page(1), page(1), page(1, visit="v-2"), page(1, visit="v-2"))
    ]
    assert added == [True, False, True, False]
    summary = rebuild.done().summary(2, 0)
    assert (summary.events, summary.duplicates) == (2, 2)


@pytest.mark.parametrize("value", [True, 1, 1.0, ["v"], {"id": "v"}, None, "1"])
def test_values_that_look_alike_are_not_mixed_up(value: object) -> None:
    """Whatever was read before, and whether like events are counted together: true is nobody, 1 is a visitor."""
    odd = {**page(2).call, "anonymousId": value, "context": {"traits": {"age": value}}}
    plain = [page(1, visit="1"), page(3, visit="v"), page(4, visit="1")]
    posted = [*plain, Posted(WEB, odd), page(5, visit="v")]
    each, together = rebuilt(posted), rebuilt(posted, definitions=ComputedTraits())
    assert {node: replace(projection, computed={}) for node, projection in each.projections.items()} == (
        together.projections
    )
    visitor = together.projections[Identifier("anonymous_id", "1").node_id]
    assert visitor.folded == 2 + (repr(value) in ("1", "'1'"))


def test_a_call_without_any_time_is_refused() -> None:
    """An event that nothing places in time is not added."""
    rebuild = ProfileRebuild()
    with pytest.raises(MalformedBodyError):
        rebuild.add({"type": "page", "messageId": "m", "anonymousId": "v"}, WEB)
    assert rebuild.done().events == 0


def test_the_digest_knows_identifiers_counts_money_and_times() -> None:
    """A line of the digest is as performance figures of identity have always written it."""
    order: dict[str, Any] = {
        "type": "track",
        "event": "Order Completed",
        "properties": {"revenue": 1200, "currency": "USD"},
    }
    bought = page(1, mail="ann@example.com")
    made = rebuilt([Posted(WEB, {**bought.call, **order}), page(2)])
    lines = [profile_line(customer.profile) for customer in made.customers()]
    start = int(T0.timestamp() * 1000)
    assert lines == [f"anonymous_id:v-1|email:ann@example.com;2;1200;{start + 60_000};{start + 120_000}"]
    assert digest_of([*lines, "b"]) == digest_of(["b", *lines]) != digest_of(lines)
