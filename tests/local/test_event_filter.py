"""Lambda's filter patterns, as far as the embedded stack knows them."""

from typing import Any

import pytest

from infra.local.event_filter import FilterError, check, wanted_by

RECORD = {"eventName": "INSERT", "dynamodb": {"Keys": {"sk": {"S": "E#1"}}, "NewImage": {"n": {"N": "5"}}}}


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ({"eventName": ["INSERT"]}, True),
        ({"eventName": ["MODIFY", "REMOVE"]}, False),
        ({"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "E#"}]}}}}, True),
        ({"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "P#"}]}}}}, False),
        ({"dynamodb": {"Keys": {"sk": {"S": [{"suffix": "1"}]}}}}, True),
        ({"dynamodb": {"OldImage": [{"exists": False}]}}, True),
        ({"dynamodb": {"NewImage": [{"exists": False}]}}, False),
        ({"eventName": [{"anything-but": ["REMOVE"]}]}, True),
        ({"eventName": [{"anything-but": "INSERT"}]}, False),
        ({"nothing": ["INSERT"]}, False),
        ({}, True),
    ],
)
def test_patterns_match_as_lambdas_do(pattern: dict[str, Any], *, wanted: bool) -> None:
    """All keys must pass, one value of a list is enough."""
    check(pattern)
    assert wanted_by([pattern], RECORD) is wanted


def test_any_pattern_is_enough_and_none_wants_all() -> None:
    """Filters are alternatives; a mapping without filters takes everything."""
    assert wanted_by([{"eventName": ["REMOVE"]}, {"eventName": ["INSERT"]}], RECORD)
    assert wanted_by([], RECORD)


@pytest.mark.parametrize("pattern", [{"a": [{"numeric": [">", 1]}]}, {"a": "INSERT"}, {"a": {"b": [{"cidr": "x"}]}}])
def test_unknown_tests_are_refused(pattern: dict[str, Any]) -> None:
    """A filter that cannot be honoured is an error, not a guess."""
    with pytest.raises(FilterError):
        check(pattern)
