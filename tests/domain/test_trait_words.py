"""Traits: the latest word on each leaf stands, nulls delete, but not those of a strange device's first event."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.folding import fold
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.identity import Edge, edges_of
from omnicascade.domain.joining import join
from omnicascade.domain.moments import from_ms
from omnicascade.domain.profile import Profile, TraitSource
from omnicascade.domain.projection import Projection
from omnicascade.domain.projection_json import dump_projection, load_projection
from omnicascade.domain.trait_words import MOST_DOUBTS

T0 = datetime(2026, 3, 1, tzinfo=UTC)
ANN, MAIL = Identifier("user_id", "ann"), Identifier("email", "ann@example.com")
PHONE = Identifier("phone", "+48601234567")
LAPTOP, TABLET = Identifier("anonymous_id", "laptop"), Identifier("anonymous_id", "tablet")


def said(number: int, traits: Any, *about: Identifier, source: str = "web", at: datetime | None = None) -> Event:
    """An identify call at minute `number`, about Ann logged in unless it says otherwise."""
    at = at or T0 + timedelta(minutes=number)
    body = {"type": "identify", "traits": traits}
    return Event(MessageId(f"m-{number}"), "identify", "identify", source, at, at, about or (ANN,), body)


def stored_edges(events: Iterable[Event]) -> list[Edge]:
    """What the store keeps of these events' proposals: the earliest of each pair and place."""
    kept: dict[tuple[object, ...], Edge] = {}
    for edge in (edge for event in events for edge in edges_of(event)):
        place = (edge.a, edge.b, edge.place)
        if place not in kept or edge.outranks(kept[place]):
            kept[place] = edge
    return list(kept.values())


def profile_of(events: Sequence[Event]) -> Profile:
    """Each event in the partition of its strongest identifier, through the store, joined with the stored edges."""
    parts: dict[Any, Projection] = {}
    for event in events:
        before = parts.get(event.node_id, Projection())
        parts[event.node_id] = load_projection(dump_projection(fold(before, [event])))
    profile = join(parts, edges=stored_edges(events))
    assert profile
    return profile


KNOWN = {"firstName": "Adam", "lastName": "Doe", "email": MAIL.value, "address": {"city": "Kraków", "zip": "31-001"}}
FORM = said(1, KNOWN, MAIL, LAPTOP)


@pytest.mark.parametrize("erasing", [{"lastName": None}, {"lastName": {}}, {"address": None}, {"address": {}}])
def test_a_form_on_a_strange_device_does_not_erase(erasing: Mapping[str, Any]) -> None:
    """Claiming a known address proves nothing; neither null nor an empty object of that first event counts."""
    strange = said(2, {**erasing, "email": MAIL.value, "plan": "gold"}, MAIL, TABLET)
    for events in ([FORM, strange], [strange, FORM]):
        assert profile_of(events).traits == {**KNOWN, "plan": "gold"}


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ((MAIL, LAPTOP), "the device is known already"),
        ((ANN, MAIL, TABLET), "it is a login"),
        ((MAIL,), "no device is joined"),
    ],
)
def test_null_deletes_otherwise(about: tuple[Identifier, ...], why: str) -> None:
    """From the same known device, from a login, or where nobody new is named."""
    assert "lastName" not in profile_of([FORM, said(2, {"lastName": None}, *about)]).traits, why


def test_the_second_event_of_a_strange_device_deletes() -> None:
    """Only the joining one is void; and whichever was first is known only when both are there."""
    first = said(2, {"lastName": None, "firstName": None}, MAIL, TABLET)
    second = said(3, {"lastName": None}, MAIL, TABLET)
    for events in ([FORM, first, second], [second, FORM, first]):
        traits = profile_of(events).traits
        assert traits["firstName"] == "Adam"
        assert "lastName" not in traits
    assert profile_of([FORM, second]).traits["lastName"] == "Doe"


def test_a_later_value_stands_whatever_became_of_the_null() -> None:
    """A doubtful null is no longer of interest then, and is not kept."""
    strange = said(2, {"lastName": None}, MAIL, TABLET)
    later = said(3, {"lastName": "Roe"}, MAIL, LAPTOP)
    for events in ([strange, later], [later, strange]):
        projection = fold(Projection(), events)
        assert projection.doubts == {}
        assert projection.traits['["lastName"]'].value == "Roe"


def test_doubtful_words_are_bounded() -> None:
    """The latest of so many devices are kept, whatever order they come in."""
    strange = [said(n, {"lastName": None}, MAIL, Identifier("anonymous_id", f"d{n}")) for n in range(30)]
    kept = fold(Projection(), strange).doubts['["lastName"]']
    assert len(kept) == MOST_DOUBTS
    assert min(trait.stamp.message_id for trait in kept.values()) == f"m-{30 - MOST_DOUBTS}"
    Random(1).shuffle(strange)
    assert fold(Projection(), strange).doubts['["lastName"]'] == kept


LEAF_VALUES: st.SearchStrategy[Any] = st.sampled_from([None, None, None, {}, "x", "y", 0])
ABOUT = st.sampled_from(
    [(ANN, MAIL), (MAIL, LAPTOP), (MAIL, TABLET), (MAIL, PHONE), (MAIL, PHONE, TABLET), (PHONE, TABLET), (MAIL,)]
)


@st.composite
def conversations(draw: st.DrawFn) -> list[Event]:
    """Calls about a few identifiers, with and without a login, some at one moment."""
    return [
        said(
            number,
            draw(st.dictionaries(st.sampled_from("ab"), LEAF_VALUES, min_size=1)),
            *draw(ABOUT),
            source=draw(st.sampled_from(["web", "app"])),
            at=from_ms(1_772_000_000_000 + draw(st.integers(0, 4))),
        )
        for number in range(draw(st.integers(1, 7)))
    ]


def naive(events: Sequence[Event]) -> dict[str, Any]:
    """The traits, from all events at once, in the order they happened; knows nothing of partitions."""
    traits: dict[str, Any] = {}
    met: set[tuple[Identifier, Identifier]] = set()
    for event in sorted(events, key=lambda one: (one.timestamp, one.message_id)):
        strongest, *others = event.identifiers
        fresh = {(strongest, other) for other in others} - met
        met |= fresh
        for name, value in event.body["traits"].items():
            if value is not None and value != {}:
                traits[name] = value
            elif not fresh or strongest.type == "user_id":
                traits.pop(name, None)
                traits |= {} if value is None else {name: {}}
    return traits


@settings(max_examples=400)
@given(conversations(), st.randoms(use_true_random=False))
def test_traits_are_what_all_events_at_once_make_of_them(events: list[Event], random: Random) -> None:
    """In any order of arrival, over any partitions, through the store."""
    shuffled = list(events)
    random.shuffle(shuffled)
    assert profile_of(shuffled).traits == naive(events)


@given(conversations(), st.randoms(use_true_random=False), st.integers(0, 7))
def test_doubts_do_not_depend_on_order_or_batches(events: list[Event], random: Random, cut: int) -> None:
    """What is stored is the same, to the last doubtful word."""
    shuffled = list(events)
    random.shuffle(shuffled)
    first = load_projection(dump_projection(fold(Projection(), shuffled[:cut])))
    assert fold(first, shuffled[cut:]) == fold(Projection(), events)


def test_every_value_tells_who_said_it_and_when() -> None:
    """By JSON Pointer, for the values that stand and no others."""
    profile = profile_of(
        [
            said(1, {"name": "Ann", "address": {"city": "Kraków", "zip": "31"}, "old": 1}, source="web"),
            said(2, {"address": {"city": "Łódź"}, "old": None, "a/b~c": {"": [1]}, "empty": {}}, source="till"),
            said(3, {"address": {"zip": {"code": "90"}}}, source="app"),
        ]
    )
    one, two, three = (T0 + timedelta(minutes=n) for n in (1, 2, 3))
    assert profile.trait_sources == {
        "/name": TraitSource("web", one),
        "/address/city": TraitSource("till", two),
        "/a~1b~0c/": TraitSource("till", two),
        "/empty": TraitSource("till", two),
        "/address/zip/code": TraitSource("app", three),
    }
    assert profile.traits["address"] == {"city": "Łódź", "zip": {"code": "90"}}


ODD_TRAITS: Sequence[Mapping[str, Any]] = [
    {"a.b": 1, "a": {"b": 2}, "a,b": 3, '["a"]': 4, "a\\": {"b": 5}},
    {"__proto__": {"admin": True}, "constructor": {"prototype": {"x": 1}}, "__class__": "str", "self": 1},
    {"imię": "Łucja", "名前": {"姓": "山田"}, "😀": "\U0001f600", "": {"": ""}, " ": " "},
    {"list": [{"a": None}, [], {}], "zero": 0, "no": False, "text": "", "deep": {"a": {"b": {"c": {"d": 1}}}}},
    {f"trait_{n}": {"value": n} for n in range(400)},
]


@pytest.mark.parametrize(
    "traits",
    ODD_TRAITS,
    ids=["dots", "prototypes", "unicode", "values", "hundreds"],
)
def test_any_name_and_any_value_comes_back_as_it_was_said(traits: Mapping[str, Any]) -> None:
    """Names are data: no dot, quote, emoji or name of a language's own means anything."""
    assert profile_of([said(1, traits)]).traits == traits


def test_one_call_that_says_a_trait_twice() -> None:
    """Its own traits count, not those of its context."""
    at = T0
    body = {"traits": {"plan": "gold"}, "context": {"traits": {"plan": "free", "city": "X"}}}
    event = Event(MessageId("m"), "identify", "identify", "web", at, at, (ANN,), body)
    assert profile_of([event]).traits == {"plan": "gold", "city": "X"}


def test_one_message_under_two_identifiers() -> None:
    """A retry after a login is a second event at the same moment: the members' order does not decide between them."""
    parts = {
        MAIL.node_id: fold(Projection(), [said(1, {"plan": "gold"}, MAIL)]),
        ANN.node_id: fold(Projection(), [said(1, {"plan": "free"}, ANN)]),
    }
    forth, back = join(parts), join(dict(reversed(parts.items())))
    assert forth
    assert back
    assert (forth.traits, forth.trait_sources) == (back.traits, back.trait_sources)
