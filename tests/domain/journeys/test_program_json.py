"""The stored form of a program: every instruction comes back as it was, through real JSON text."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnicascade.domain.conditions.condition import All, Condition, Not, Test
from omnicascade.domain.deployment import Channel, Price
from omnicascade.domain.journeys.program import (
    ANSWERS,
    Arm,
    Cascade,
    CascadeChannel,
    Check,
    Digest,
    End,
    Fork,
    Instruction,
    Jump,
    SendMessage,
    Split,
    Update,
    Wait,
    WaitFor,
    WaitLocal,
    WaitUntil,
    Webhook,
)
from omnicascade.domain.journeys.program_json import instruction_from_json, instruction_to_json

_words = st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True)
_places = st.integers(0, 200)
_lengths = st.integers(0, 31_536_000).map(lambda s: timedelta(seconds=s))
_offsets = st.integers(-31_536_000, 31_536_000).map(lambda s: timedelta(seconds=s))
_json = st.dictionaries(_words, st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
_prices = st.builds(Price, st.decimals(0, 10**6, places=2).map(Decimal), st.sampled_from(["USD", "PLN"]))


def _tests() -> st.SearchStrategy[Condition]:
    return st.builds(Test, st.just("trait"), _words, st.sampled_from(["is", "is_not"]), st.integers() | st.text())


_conditions = st.recursive(
    _tests(), lambda inner: st.builds(Not, inner) | st.builds(All, st.lists(inner, min_size=1).map(tuple)), max_leaves=5
)
_channels = st.builds(
    CascadeChannel,
    st.sampled_from(Channel),
    _words,
    _lengths,
    st.frozensets(st.sampled_from(sorted(ANSWERS)), min_size=1),
    st.none() | _prices,
    st.none() | _words,
)
_arms = st.builds(Arm, _words, st.floats(0, 100), _places)
_waits_for = st.builds(
    WaitFor, _words, _lengths, _places, event=_words, where=st.none() | _conditions, match=st.none() | _words
) | st.builds(WaitFor, _words, _lengths, _places, condition=_conditions)

INSTRUCTIONS: st.SearchStrategy[Instruction] = st.one_of(
    st.builds(Check, _words, _conditions, _places),
    st.builds(Fork, _words, _words, _conditions, _places),
    st.builds(Jump, _words, _places),
    st.builds(Split, _words, st.lists(_arms, min_size=1).map(tuple)),
    st.builds(
        SendMessage, _words, st.sampled_from(Channel), _words, st.none() | _prices, st.none() | st.just("event.x")
    ),
    st.builds(Cascade, _words, st.sampled_from(["listed", "preferred"]), st.lists(_channels, min_size=1).map(tuple)),
    st.builds(Wait, _words, _lengths),
    st.builds(WaitUntil, _words, _words, _offsets),
    st.builds(WaitLocal, _words, st.integers(0, 1439), st.frozensets(st.integers(0, 6), min_size=1), _words),
    _waits_for,
    st.builds(Digest, _words, _words, _lengths, st.none() | _words),
    st.builds(Update, _words, _json),
    st.builds(Webhook, _words, _words, _json),
    st.builds(End, _words, _words),
)


@given(INSTRUCTIONS)
def test_an_instruction_survives_its_stored_form(instruction: Instruction) -> None:
    """Through real JSON text, and the text is stable."""
    text = json.dumps(instruction_to_json(instruction))
    read = instruction_from_json(json.loads(text))
    assert read == instruction
    assert json.dumps(instruction_to_json(read)) == text


@pytest.mark.parametrize(
    "stored",
    [{"op": "teleport", "step": "x"}, {"op": "check", "step": "x", "condition": {"mood": "good"}, "otherwise": 1}],
    ids=["instruction", "condition"],
)
def test_what_a_later_version_stored_is_refused(stored: dict[str, Any]) -> None:
    """Rather than run a journey half understood."""
    with pytest.raises(ValueError, match="stored"):
        instruction_from_json(stored)
