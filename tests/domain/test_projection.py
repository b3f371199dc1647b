"""The fold's laws: the same events give the same profile, whatever their order, batches and partitions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.folding import fold
from omnicascade.domain.identifiers import Identifier, NodeId
from omnicascade.domain.joining import join
from omnicascade.domain.moments import epoch_ms, from_ms
from omnicascade.domain.profile import Profile
from omnicascade.domain.projection import Projection
from omnicascade.domain.projection_json import dump_projection, load_projection

T0 = datetime(2026, 3, 1, tzinfo=UTC)
ANN, MAIL = Identifier("user_id", "ann"), Identifier("email", "ann@example.com")
PHONE, VISIT = Identifier("phone", "+48601234567"), Identifier("anonymous_id", "a-1")
TOKEN = Identifier("ios.push_token", "t-1")
EVERYONE = (ANN, MAIL, PHONE, TOKEN, VISIT)


def event(
    number: int,
    *identifiers: Identifier,
    name: str = "Song Played",
    kind: str = "track",
    at: datetime | None = None,
    source: str = "web",
    **body: Any,
) -> Event:
    """An event at minute `number`, by Ann unless it says otherwise."""
    at = at or T0 + timedelta(minutes=number)
    message_id = MessageId(f"m-{number}")
    whole = {"messageId": message_id, "type": kind, **body}
    return Event(message_id, kind, name if kind == "track" else kind, source, at, at, identifiers or (ANN,), whole)


def profile_of(*events: Event) -> Profile:
    profile = join({ANN.node_id: fold(Projection(), events)})
    assert profile
    return profile


TRAITS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=6,
)
TRAIT_SETS = st.dictionaries(st.sampled_from("abc"), TRAITS, max_size=3)
MONEY = (
    st.integers(-1000, 10**14)
    | st.floats(-1e20, 1e20)
    | st.sampled_from(
        ["12.50", "0.1", "1e999999", "-9e999999", "1e-999999", "NaN", "sNaN", "Infinity", "", "free", "9" * 30]
    )
    | st.booleans()
    | st.none()
    | st.integers(10**300, 10**301)
)
NAMES = st.sampled_from(
    [
        "Song Played",
        "Order Completed",
        "Order Refunded",
        "Subscribed",
        "Unsubscribed",
        "Email Bounced",
        "Email Marked as Spam",
        "Message Failed",
    ]
)
PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "revenue": MONEY,
        "total": MONEY,
        "currency": st.sampled_from(["USD", "usd", "PLN", "", None, 5]),
        "channel": st.sampled_from(["email", "sms", None, 5]),
        "topic": st.sampled_from(["news", "*", ""]),
        "permanent": st.sampled_from([True, False, "yes"]),
        "reason": st.sampled_from(["gone", "", None]),
        "purpose": st.sampled_from(["ads", None]),
    },
)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Up to eight distinct events, several of them at the same moment."""
    return [
        event(
            number,
            *draw(st.lists(st.sampled_from(EVERYONE), min_size=1, max_size=4, unique=True)),
            name=draw(NAMES),
            kind=draw(st.sampled_from(["track", "track", "identify", "group", "alias", "page"])),
            at=from_ms(draw(st.sampled_from([0, 1, 1_000, 1_772_000_000_123])) + draw(st.integers(0, 2))),
            source=draw(st.sampled_from(["web", "app"])),
            properties=draw(PROPERTIES),
            traits=draw(TRAIT_SETS | st.none()),
            context={"traits": draw(TRAIT_SETS | st.none())},
        )
        for number in range(draw(st.integers(1, 8)))
    ]


@settings(max_examples=150)
@given(histories(), st.randoms(use_true_random=False), st.integers(0, 8))
def test_order_and_batches_do_not_matter(events: list[Event], random: Random, cut: int) -> None:
    """Shuffled, and folded in two batches with a store in between, events add up to the same."""
    shuffled = list(events)
    random.shuffle(shuffled)
    at_once = fold(Projection(), events)
    first = load_projection(dump_projection(fold(Projection(), shuffled[:cut])))
    assert fold(first, shuffled[cut:]) == at_once


@settings(max_examples=150)
@given(histories(), st.data())
def test_partitions_do_not_matter(events: list[Event], data: st.DataObject) -> None:
    """Stored under several identifiers and joined, events give the profile that one partition gives.

    All but consent, which joins to the strictest word: it may only be stricter.
    """
    homes = [data.draw(st.sampled_from(EVERYONE)).node_id for _ in events]
    parts = {
        node: fold(Projection(), [e for e, home in zip(events, homes, strict=True) if home == node]) for node in homes
    }
    apart, together = join(parts), join({ANN.node_id: fold(Projection(), events)})
    assert apart
    assert together
    assert replace(apart, members=(), consent={}) == replace(together, members=(), consent={})
    assert apart.consent.keys() == together.consent.keys()
    assert all(together.consent[key].granted or not said.granted for key, said in apart.consent.items())


@given(st.lists(histories(), min_size=2, max_size=3), st.randoms(use_true_random=False))
def test_joining_does_not_depend_on_the_order_of_members(parts: list[list[Event]], random: Random) -> None:
    """Heads are read in any order; the profile is the same."""
    members = [
        (
            identifier.node_id,
            fold(Projection(), (replace(e, message_id=MessageId(f"{e.message_id}-{place}")) for e in part)),
        )
        for place, (identifier, part) in enumerate(zip(EVERYONE, parts, strict=False))
    ]
    profile = join(dict(members))
    random.shuffle(members)
    assert join(dict(members)) == profile


@settings(max_examples=150)
@given(histories())
def test_a_projection_survives_the_store(events: list[Event]) -> None:
    """Dumping and loading changes nothing, not even at the first millisecond of 1970."""
    projection = fold(Projection(), events)
    assert load_projection(dump_projection(projection)) == projection


@given(histories())
def test_joining_changes_no_member(events: list[Event]) -> None:
    """What is stored after a profile was read is what was stored before: a later split finds it untouched."""
    projection = fold(Projection(), events)
    before = dump_projection(projection)
    join(
        {ANN.node_id: projection, MAIL.node_id: fold(Projection(), [event(99, traits={"a": {"x": 1}, "b": {"y": 2}})])}
    )
    assert dump_projection(projection) == before


@given(histories())
def test_folding_changes_neither_the_projection_nor_the_events(events: list[Event]) -> None:
    """A failed write can be repeated with the same values."""
    start = fold(Projection(), events[:1])
    before, bodies = dump_projection(start), json.dumps([e.body for e in events])
    fold(start, events[1:])
    assert dump_projection(start) == before
    assert json.dumps([e.body for e in events]) == bodies


@given(histories())
def test_every_event_counts_once(events: list[Event]) -> None:
    """Events and orders are exact over the members' sum."""
    counters = profile_of(*events).counters
    assert counters.events == len(events)
    assert counters.orders == sum(e.type == "track" and e.name == "Order Completed" for e in events)


def test_nobody_named_is_no_profile() -> None:
    """A node that only an alias speaks of is nobody yet."""
    assert join({}) is None
    assert join({ANN.node_id: Projection()}) is None


TRAIT_STORIES: Sequence[tuple[Sequence[Mapping[str, Any]], Mapping[str, Any]]] = [
    ([{"a": 1}, {"a": 2}], {"a": 2}),
    ([{"a": 1}, {"b": 2}], {"a": 1, "b": 2}),
    ([{"a": 1}, {"a": None}], {}),
    ([{"a": None}, {"a": 1}], {"a": 1}),
    ([{"a": {"b": 1}}, {"a": {"c": 2}}], {"a": {"b": 1, "c": 2}}),
    ([{"a": {"b": 1, "c": 2}}, {"a": {"b": None}}], {"a": {"c": 2}}),
    ([{"a": {"b": 1}}, {"a": 5}], {"a": 5}),
    ([{"a": 5}, {"a": {"b": 1}}], {"a": {"b": 1}}),
    ([{"a": {"b": 1}}, {"a": {}}], {"a": {}}),
    ([{"a": {"b": 1}}, {"a": {}}, {"a": {"c": 3}}], {"a": {"c": 3}}),
    ([{"a": [1, {"b": 2}]}, {"a": [3]}], {"a": [3]}),
    ([{"a.b": 1}, {"a": {"b": 2}}], {"a.b": 1, "a": {"b": 2}}),
]


@pytest.mark.parametrize(("said", "traits"), TRAIT_STORIES)
def test_the_latest_word_on_each_path_stands(said: Sequence[Mapping[str, Any]], traits: Mapping[str, Any]) -> None:
    """By event time, leaf by leaf; null deletes, an empty object clears, a list is one value."""
    events = [event(number, kind="identify", traits=words) for number, words in enumerate(said)]
    assert profile_of(*events).traits == traits
    assert profile_of(*reversed(events)).traits == traits


def test_traits_come_from_every_place_a_call_has_them() -> None:
    """From any call's context, and from its own traits, except a group's, which are not the customer's."""
    told = event(1, context={"traits": {"plan": "gold", "name": "Ann"}}, kind="identify", traits={"city": "Kraków"})
    group = event(2, kind="group", traits={"name": "Acme"}, context={"traits": {"role": "owner"}})
    assert profile_of(told, group).traits == {"plan": "gold", "name": "Ann", "city": "Kraków", "role": "owner"}


def order(number: int, **properties: Any) -> Event:
    return event(number, name="Order Completed", properties=properties)


@pytest.mark.parametrize(
    ("properties", "revenue"),
    [
        ({"revenue": 12.5, "total": 15, "value": 9}, {"USD": Decimal("12.5")}),
        ({"total": "15.00", "currency": "pln"}, {"PLN": 15}),
        ({"value": 9, "currency": ""}, {"USD": 9}),
        ({"revenue": "free", "total": 3}, {"USD": 3}),
        ({"revenue": True, "value": 2}, {"USD": 2}),
        ({"revenue": 0.1 + 0.2}, {"USD": Decimal("0.3")}),
        ({"revenue": "1e999999"}, {}),
        ({"revenue": "NaN"}, {}),
        ({"revenue": 10**4_000}, {}),
        ({}, {}),
    ],
)
def test_an_orders_money(properties: Mapping[str, Any], revenue: Mapping[str, Decimal]) -> None:
    """`revenue`, else `total`, else `value`; what is no amount counts nothing, and the order still counts."""
    counters = profile_of(order(1, **properties)).counters
    assert counters.revenue == revenue
    assert counters.orders == 1


@given(st.lists(st.floats(0, 1e14) | st.sampled_from([9e14, 6e-14, 0.1]), min_size=2, max_size=12))
@example([9e14, 6e-14, 6e-14])
def test_money_adds_up_exactly(amounts: list[float]) -> None:
    """Sums do not depend on their order to the last digit."""
    rising, falling = (
        [order(number, revenue=amount) for number, amount in enumerate(sorted(amounts, reverse=reverse))]
        for reverse in (False, True)
    )
    assert profile_of(*rising).counters.revenue == profile_of(*falling).counters.revenue


def test_orders_and_refunds_are_kept_apart() -> None:
    """With the first and last order's times; a refund is no order."""
    counters = profile_of(
        order(2, revenue=5), order(1, revenue=1), event(3, name="Order Refunded", properties={"total": 2})
    ).counters
    assert (counters.orders, counters.revenue, counters.refunded) == (2, {"USD": 6}, {"USD": 2})
    assert (counters.first_order, counters.last_order) == (T0 + timedelta(minutes=1), T0 + timedelta(minutes=2))


def word(number: int, name: str, *identifiers: Identifier, **properties: Any) -> Event:
    return event(number, *identifiers, name=name, properties=properties)


def test_the_latest_word_of_consent_stands_within_a_member() -> None:
    """With its purpose, proof, time and source."""
    given_, taken = word(1, "Subscribed", topic="news"), word(2, "Unsubscribed", topic="news", purpose="p", proof="q")
    said = profile_of(taken, given_).consent["email/news"]
    assert (said.granted, said.at, said.source, said.purpose, said.proof) == (
        False,
        T0 + timedelta(minutes=2),
        "web",
        "p",
        "q",
    )


def test_consent_joins_to_the_strictest_word() -> None:
    """A refusal under one identifier is not undone by an earlier or later yes under another."""
    for refusal, consent in ((1, 2), (2, 1)):
        members = {
            ANN.node_id: fold(Projection(), [word(refusal, "Unsubscribed", ANN)]),
            MAIL.node_id: fold(Projection(), [word(consent, "Subscribed", MAIL)]),
        }
        profile = join(members)
        assert profile
        assert not profile.consent["email/*"].granted


def test_only_a_track_call_subscribes() -> None:
    """A page named `Subscribed` says nothing."""
    assert profile_of(event(1, kind="page", properties={"name": "Subscribed"})).consent == {}


@pytest.mark.parametrize(
    ("name", "properties", "suppressed"),
    [
        ("Email Bounced", {"permanent": True, "reason": "gone"}, {"email:ann@example.com": "bounced: gone"}),
        ("Email Bounced", {"permanent": True}, {"email:ann@example.com": "bounced: permanent"}),
        ("Email Bounced", {"permanent": "yes"}, {}),
        ("Email Bounced", {}, {}),
        ("Email Marked as Spam", {}, {"email:ann@example.com": "marked as spam"}),
        (
            "Message Failed",
            {"permanent": True},
            dict.fromkeys(
                ("email:ann@example.com", "phone:+48601234567", "ios.push_token:t-1"),
                "refused by the provider: permanent",
            ),
        ),
    ],
)
def test_what_condemns_an_address(name: str, properties: Mapping[str, Any], suppressed: Mapping[str, str]) -> None:
    """Only a lasting failure or a complaint, and only the addresses that the event names."""
    profile = profile_of(word(1, name, *EVERYONE, **properties))
    assert {address: word.reason for address, word in profile.suppressed.items()} == suppressed


def test_subscribing_again_frees_an_address() -> None:
    """A later word of the customer outranks an earlier bounce, and a later bounce the word."""
    bounced = word(1, "Email Bounced", MAIL, permanent=True)
    assert profile_of(bounced, word(2, "Subscribed", MAIL)).suppressed == {}
    assert profile_of(bounced, word(0, "Subscribed", MAIL)).suppressed.keys() == {"email:ann@example.com"}


def test_subscribing_to_another_channel_frees_no_address() -> None:
    """A customer known by e-mail who asks for text messages has not mended a mailbox that bounces."""
    bounced = word(1, "Email Bounced", MAIL, permanent=True)
    asked = word(2, "Subscribed", MAIL, PHONE, channel="sms")
    assert profile_of(bounced, asked).suppressed.keys() == {"email:ann@example.com"}


def test_identifiers_are_seen_first_and_last() -> None:
    """With the source that named each first; the profile's id is the one seen first."""
    profile = profile_of(event(2, ANN, VISIT, source="app"), event(1, VISIT, source="web"), event(3, MAIL, ANN))
    seen = {str(k.identifier): (k.first_seen.minute, k.last_seen.minute, k.source) for k in profile.identifiers}
    assert seen == {
        "user_id:ann": (2, 3, "app"),
        "email:ann@example.com": (3, 3, "web"),
        "anonymous_id:a-1": (1, 2, "web"),
    }
    assert list(seen) == ["user_id:ann", "email:ann@example.com", "anonymous_id:a-1"]
    assert profile.profile_id == VISIT.node_id
    assert (profile.first_seen, profile.last_seen) == (T0 + timedelta(minutes=1), T0 + timedelta(minutes=3))


def test_a_members_id_stays_while_the_customer_grows() -> None:
    """Joining later identifiers never renames a profile."""
    grown: dict[NodeId, Projection] = {}
    ids: list[str] = []
    for number, identifier in enumerate((VISIT, MAIL, ANN)):
        grown[identifier.node_id] = fold(Projection(), [event(number, identifier)])
        profile = join(grown)
        assert profile
        ids.append(profile.profile_id)
    assert set(ids) == {VISIT.node_id}


@given(st.integers(0, epoch_ms(datetime(2200, 1, 1, tzinfo=UTC)) - 1))
def test_milliseconds_are_exact(at_ms: int) -> None:
    """A time is the same after any number of trips through the store."""
    assert epoch_ms(from_ms(at_ms)) == at_ms
    assert from_ms(at_ms).microsecond % 1000 == 0


def test_spam_complaints_are_refusals_of_the_channel() -> None:
    """A complaint needs no `Unsubscribed` besides."""
    profile = profile_of(word(1, "Email Marked as Spam", MAIL))
    assert not profile.consent["email/*"].granted
    assert list(profile.consent) == ["email/*"]


def test_a_projection_always_fits_into_an_item() -> None:
    """A client that invents traits without end loses the oldest, not the customer."""
    projection = Projection()
    for number in range(40):
        traits = {f"t{number}-{part}": "x" * 900 for part in range(20)}
        event = Event(
            message_id=MessageId(f"m{number:03d}"),
            type="identify",
            name="identify",
            source="s",
            timestamp=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number),
            received_at=datetime(2026, 1, 2, tzinfo=UTC),
            identifiers=(Identifier("user_id", "u"),),
            body={"traits": traits},
        )
        projection = fold(projection, [event])
    text = dump_projection(projection)
    assert len(text) <= 300_000
    kept = load_projection(text)
    assert kept.counters.events == 40
    assert '["t39-19"]' in kept.traits
    assert '["t0-0"]' not in kept.traits
