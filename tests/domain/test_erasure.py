"""What an erasure leaves of data that name the person: nothing of the person, and everything else."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnicascade.domain.erasure import (
    Erasure,
    bereft,
    entombed,
    erased_until,
    hour_of,
    line_without,
    redacted,
    without,
)
from omnicascade.domain.event import Event, MessageId
from omnicascade.domain.folding import fold
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.moments import epoch_ms
from omnicascade.domain.projection import Projection

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ANN = Identifier("email", "annika@example.com")
PHONE = Identifier("phone", "+48601234567")
BROWSER = Identifier("anonymous_id", "b7f3")
BOB = Identifier("user_id", "bob")
ORDER = Erasure("1-a", tuple(sorted((ANN.node_id, PHONE.node_id, BROWSER.node_id))), NOON)


def event(*who: Identifier, at: datetime = NOON, **call: Any) -> Event:
    body = {"messageId": "m", "type": "track", "event": "Seen", **call}
    return Event(MessageId("m"), "track", "Seen", "web", at, at, who, body)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("annika@example.com", False),
        (" Annika@Example.COM ", False),
        ("mailto:annika@example.com?subject=x", False),
        ("https://s.example/?e=annika@example.com", False),
        ("email:annika@example.com", False),
        ("601 234 567", False),
        ("0048 601-234-567", False),
        (601234567, False),
        ("b7f3", False),
        ("B7F3", False),
        ("b7f3a", True),
        ("anna@example.com", True),
        ("601 234 568", True),
        (567, True),
        ("", True),
        (True, True),
        (None, True),
        (12.5, True),
    ],
)
def test_a_value_that_repeats_an_identifier_is_taken_out(value: object, kept: bool) -> None:
    """In any spelling, wherever it stands; short identifiers only where they stand alone."""
    call = {"messageId": "m", "properties": {"list": [{"deep": value}, "other"]}}
    expected = {"messageId": "m", "properties": {"list": [{"deep": value if kept else None}, "other"]}}
    assert redacted(call, [ANN, PHONE, BROWSER]) == expected


def test_what_makes_a_call_that_call_stays() -> None:
    """Message id, type, name and time of somebody else's event are theirs, whatever they look like."""
    call = {"messageId": "b7f3", "type": "track", "event": "b7f3", "timestamp": "b7f3", "userId": "b7f3"}
    assert redacted(call, [BROWSER]) == call | {"userId": None}


def test_a_field_named_after_the_person_goes() -> None:
    """An address can be a key, too."""
    assert redacted({"properties": {"x": 1, "annika@example.com": 2}}, [ANN]) == {"properties": {"x": 1}}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(ANN.value),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    )
)
def test_no_value_survives(value: object) -> None:
    """Whatever the shape of a call, the address is in it no more, and it keeps its shape."""
    left = redacted({"properties": value}, [ANN])
    assert ANN.value not in json.dumps(left["properties"])
    assert redacted(left, [ANN]) == left
    if ANN.value not in json.dumps(value):
        assert left == {"properties": value}


def test_others_events_lose_the_name_and_nothing_else() -> None:
    """Time decides: what was received after the erasure stays as it is."""
    shared = event(BOB, ANN, userId="bob", context={"traits": {"email": "Annika@example.com", "city": "Łódź"}})
    left = bereft(shared, ORDER)
    assert left is not None
    assert left.identifiers == (BOB,)
    assert left.body == dict(shared.body) | {"context": {"traits": {"email": None, "city": "Łódź"}}}
    assert bereft(left, ORDER) is None
    assert bereft(event(BOB), ORDER) is None
    assert bereft(replace(shared, received_at=NOON + timedelta(milliseconds=1)), ORDER) is None


def test_staffs_words_lose_the_name() -> None:
    """A judgement about the person and somebody else no longer says of whom it was."""
    pairs = [{"from": "user_id:bob", "to": str(ANN), "rule": "exclude"}]
    left = bereft(event(BOB, properties={"pairs": pairs}), ORDER)
    assert left is not None
    assert left.properties == {"pairs": [{"from": "user_id:bob", "to": None, "rule": "exclude"}]}


def line(*who: Identifier, at: datetime = NOON, **call: Any) -> dict[str, Any]:
    return {"source": "web", "received_at": at.isoformat(), "identifiers": [str(i) for i in who], "call": call}


def test_archived_lines() -> None:
    """The person's own go, others' lose the name, all others are the very same."""
    erased = erased_until([ORDER, replace(ORDER, at=NOON - timedelta(days=1))])
    other, anonymous = line(BOB, userId="bob"), line(userId="null")
    later = line(ANN, at=NOON + timedelta(seconds=1))
    assert line_without(line(ANN, BOB), erased) is None
    assert line_without(other, erased) is other
    assert line_without(anonymous, erased) is anonymous
    assert line_without(later, erased) is later
    assert line_without(line(BOB, ANN, e="annika@example.com"), erased) == line(BOB, e=None)
    assert line_without(line(ANN), {}) == line(ANN)


def test_a_tombstone_is_set_once() -> None:
    """A repetition of the order, or an older one, leaves what has grown since."""
    projection = fold(Projection(), [event(ANN, traits={"x": 1})])
    tombstone = entombed(projection, ORDER)
    assert tombstone == Projection(erased_ms=epoch_ms(NOON))
    grown = fold(tombstone, [event(ANN, at=NOON + timedelta(seconds=1))])
    assert entombed(grown, ORDER) is grown
    assert entombed(grown, replace(ORDER, at=NOON - timedelta(days=1))) is grown
    assert entombed(grown, replace(ORDER, at=NOON + timedelta(days=1))).counters.events == 0


def test_others_projections_forget_the_person() -> None:
    """Sightings, remembered edges, traits that repeat a name, words on an address; all else stays."""
    said = Event(
        MessageId("s"),
        "track",
        "Email Marked as Spam",
        "web",
        NOON,
        NOON,
        (BOB, ANN),
        {"messageId": "s", "context": {"traits": {"email": "annika@example.com", "city": "Łódź"}}},
    )
    linked = {f"{ANN.node_id}#same call.1": 1, f"{BOB.node_id}#same call.1": 1}
    projection = replace(fold(Projection(), [said]), linked=linked)
    left = without(projection, [], ORDER.nodes)
    assert set(left.seen) == {BOB.node_id}
    assert set(left.traits) == {'["city"]'}
    assert left.blocked == {}
    assert set(left.linked) == {f"{BOB.node_id}#same call.1"}
    assert left.counters == projection.counters
    assert without(left, [ANN], ORDER.nodes) == left


def test_hours_begin_on_the_hour() -> None:
    """The last millisecond of an hour is in it, the next is not."""
    assert hour_of(NOON - timedelta(milliseconds=1)) + 1 == hour_of(NOON) == hour_of(NOON + timedelta(minutes=59))
