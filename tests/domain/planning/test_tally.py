"""Tallies add up whatever the order and the cut, and survive the road."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from omnicascade.domain.planning.tally import MOST_EXAMPLES, Tally, from_json, to_json

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
NAMES = st.lists(st.sampled_from(["a", "b", "", "c d"]), min_size=1, max_size=3).map(tuple)
ENTRIES = st.lists(st.tuples(NAMES, st.integers(0, 5), st.text(max_size=4)), max_size=20)

type Entries = Sequence[tuple[tuple[str, ...], int, str]]


def tally_of(entries: Entries) -> Tally:
    tally = Tally()
    for name, number, word in entries:
        tally.count(*name, number=number)
        tally.pay(Decimal(number) / 10, *name, "USD")
        tally.happens(START + timedelta(hours=number), *name)
        tally.show(word, *name)
    return tally


def sums(tally: Tally) -> tuple[object, ...]:
    return dict(+tally.counts), dict(tally.money), tally.moments


@given(ENTRIES, ENTRIES)
def test_parts_add_up_to_the_whole(one: Entries, other: Entries) -> None:
    """Counted together or apart, in either order: the same sums and moments, and never too many examples."""
    whole, there, back = tally_of([*one, *other]), tally_of(one), tally_of(other)
    there.add(tally_of(other))
    back.add(tally_of(one))
    assert sums(there) == sums(back) == sums(whole)
    assert there.examples == whole.examples
    assert all(len(kept) <= MOST_EXAMPLES for kept in back.examples.values())


@given(ENTRIES)
def test_a_tally_survives_json(entries: Entries) -> None:
    """Names, exact money, moments and examples, as text in between."""
    tally = tally_of(entries)
    again = from_json(json.loads(json.dumps(to_json(tally))))
    assert sums(again) == sums(tally)
    assert again.examples == tally.examples


def test_what_is_under_a_name_is_greatest_first() -> None:
    """For tables: by number, then by name."""
    tally = Tally()
    for name, number in (("x", 2), ("a", 2), ("z", 9)):
        tally.count("why", name, number=number)
    assert list(tally.under("why")) == [("z",), ("a",), ("x",)]
    assert tally.number("why", "none") == 0
