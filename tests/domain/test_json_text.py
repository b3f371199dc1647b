"""Reading JSON of strangers."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnicascade.domain.errors import MalformedBodyError
from omnicascade.domain.json_text import depth, items, json_bytes, mapping, parse_json

SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
ANY_TEXT = st.text(st.characters(), max_size=12)


@given(JSON)
def test_what_json_writes_is_read_back(value: Any) -> None:
    """Reading undoes writing, escaped or not, as bytes or text, with a byte order mark or without."""
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode("utf-8-sig")) == value


@given(st.dictionaries(ANY_TEXT, st.lists(ANY_TEXT, max_size=3), max_size=3))
def test_whatever_is_read_can_be_stored(value: dict[str, list[str]]) -> None:
    """Lone surrogates become U+FFFD, everything else stays: no text is read that UTF-8 cannot write."""
    read = parse_json(json.dumps(value))
    json.dumps(read, ensure_ascii=False).encode()
    as_utf8 = json.dumps(value, ensure_ascii=False)
    if as_utf8.isascii() or _encodes(as_utf8):
        assert read == value
    else:
        assert "�" in json.dumps(read, ensure_ascii=False)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def test_only_the_broken_half_is_mended() -> None:
    """A pair stays an emoji, a half becomes U+FFFD, and its neighbours are not eaten."""
    text = r'{"a": "\ud83d\ude00", "b": "\ud83dy", "c\uDC00": "\ud800"}'
    assert parse_json(text) == {"a": "😀", "b": "�y", "c�": "�"}


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """No byte sequence makes the parser fail in another way than the documented one."""
    with suppress(MalformedBodyError):
        json.dumps(parse_json(body), allow_nan=False).encode()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed_body"),
        (b"{", "malformed_body"),
        (b'{"a": 1,}', "malformed_body"),
        (b"{} {}", "malformed_body"),
        (b'{"a": NaN}', "malformed_body"),
        (b'{"a": Infinity}', "malformed_body"),
        (b'{"a": -Infinity}', "malformed_body"),
        (b'{"a": 1e400}', "malformed_body"),
        (b'{"a": -1e400}', "malformed_body"),
        (b"1" * 5_000, "malformed_body"),
        (b'{"a": "\x00"}', "malformed_body"),
        (b"\xff\xfe{}", "malformed_body"),
        ("{}".encode("utf-16"), "malformed_body"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 100_000, "too_deep"),
    ],
)
def test_what_is_not_json_is_refused(body: bytes, code: str) -> None:
    """Each is a 400 with its code, numbers that no store can hold included."""
    with pytest.raises(MalformedBodyError) as caught:
        parse_json(body)
    assert caught.value.code == code


@pytest.mark.parametrize("levels", [9_000, 9_900, 9_990, 9_995, 9_999, 10_000, 10_001])
@pytest.mark.parametrize("core", ["1", r'"\ud800"'])
def test_nesting_at_the_parsers_limit_is_read_or_refused(levels: int, core: str) -> None:
    """Around the depth where the parser gives up, mending included, there is nothing but an answer or a 400."""
    with suppress(MalformedBodyError):
        assert parse_json("[" * levels + core + "]" * levels)


@given(JSON)
def test_size_is_what_compact_utf8_weighs(value: Any) -> None:
    """Near the limit the size is exact; under it, it never hides an excess."""
    exact = len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
    assert json_bytes(value, 0) == exact
    assert (json_bytes(value, 100) > 100) == (exact > 100)


@pytest.mark.parametrize(
    ("value", "levels"),
    [(1, 0), ({}, 0), ([], 0), ([1], 1), ({"a": [1]}, 2), ({"a": 1, "b": {"c": {"d": 1}}}, 3), ([[[[1]]]], 4)],
)
def test_depth_counts_levels(value: object, levels: int) -> None:
    """Every object or list that holds something is a level."""
    assert depth(value, 10) == levels


def test_counting_depth_stops_past_the_limit() -> None:
    """A value of any depth is measured without recursion, and no further than needed."""
    deep: list[Any] = [1]
    for _ in range(50_000):
        deep = [deep]
    assert depth(deep, 64) == 65


def test_only_objects_are_mappings_and_only_lists_are_items() -> None:
    """Other values read as empty, so that reading a hostile call needs no case of its own."""
    assert mapping({"a": 1}) == {"a": 1}
    assert items([1]) == [1]
    assert [mapping(value) for value in (None, "a", 1, [1])] == [{}, {}, {}, {}]
    assert [list(items(value)) for value in (None, "a", 1, {"a": 1})] == [[], [], [], []]
