"""The model of DynamoDB's answers and units, against DynamoDB Local: every call of the road compared.

Needs DynamoDB Local in the cache (`make soak` fetches it); skipped without.
"""

from __future__ import annotations

import pytest

from tests.benchmarks.capacity import compared_calls
from tests.benchmarks.processes import apart
from tests.benchmarks.request_units import index_units, item_bytes, read_units, write_units
from tests.dynamodb_local import available

PLACE = {"pk": {"S": "n"}, "sk": {"S": "E#1"}}


def test_the_road_is_answered_as_dynamodb_local_answers_it() -> None:
    """Outcomes of statements, items read and the units that DynamoDB Local tells are those of the model."""
    if not available():
        pytest.skip("DynamoDB Local is not in the cache; `make soak` fetches it")
    assert apart(compared_calls, 200) > 30


def test_a_write_costs_a_unit_per_started_kilobyte_of_the_larger_version() -> None:
    """A failed condition and a small item cost one; the larger of before and after counts."""
    item = {**PLACE, "body": {"S": "x" * (1024 - item_bytes(PLACE) - len("body"))}}
    assert item_bytes(item) == 1024
    assert write_units(item) == 1
    assert write_units({**item, "b": {"BOOL": True}}) == 2
    assert write_units({**item, "more": {"S": "ż" * 512}}, PLACE) == 3
    assert write_units(None) == 1


def test_an_index_is_written_only_when_its_entry_changes() -> None:
    """A new entry costs, an unchanged one does not, a removed one does; of a changed one both keys count."""
    entry, other = {**PLACE, "at": {"S": "1"}}, {**PLACE, "at": {"S": "1"}, "rx": {"N": "123"}}
    assert [index_units(None, entry), index_units(entry, entry), index_units(entry, None)] == [1, 0, 1]
    assert index_units(entry, other) == 2


def test_a_read_costs_by_four_kilobytes_and_half_when_it_may_be_late() -> None:
    """What is not there costs as much as the least that is."""
    assert [read_units(size, consistent=True) for size in (0, 4096, 4097)] == [1, 1, 2]
    assert read_units(0, consistent=False) == 0.5
