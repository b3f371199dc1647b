"""A deployment's rules as they are written: strict, complete, and with every mistake told at once."""

from datetime import timedelta
from typing import Any

import pytest

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.deployment_json import deployment_from
from omnicascade.domain.errors import UnacceptableError
from omnicascade.domain.identifiers import normalise
from omnicascade.domain.identity_rules import DEFAULT_RULES, Limit, Trust
from omnicascade.domain.identity_rules_json import rules_from, with_trust


def test_nothing_said_is_the_default() -> None:
    """One user id for ever, five of most types, ten push tokens, a hundred anonymous ids."""
    assert rules_from({}) == DEFAULT_RULES
    assert deployment_from({}) == Deployment()
    most = {kind: rules_from({}).limit_of(kind) for kind in ("user_id", "email", "phone", "card", "ios.push_token")}
    assert most == {
        "user_id": Limit(1),
        "email": Limit(5),
        "phone": Limit(5),
        "card": Limit(5),
        "ios.push_token": Limit(10),
    }
    assert rules_from({}).limit_of("anonymous_id") == Limit(100)


def test_every_rule_can_be_set() -> None:
    """Priorities, limits, windows, blocked values, caps and trust reach the rules; what is left out stays."""
    rules = deployment_from(
        {
            "identity": {
                "types": {
                    "loyalty_card": {"priority": 2, "limit": 1},
                    "email": {"priority": 3},
                    "phone": {"priority": 4},
                    "anonymous_id": {"limit": 5, "window": "7d"},
                },
                "default_limit": {"limit": 3, "window": "365d"},
                "blocked_values": ["Test@Example.com"],
                "blocked_patterns": ["qa-.*"],
                "max_merges": 10,
                "max_identifiers": 50,
                "trust": {"crm": "high", "desk": "low"},
            }
        }
    ).identity
    assert rules.priorities == ("user_id", "loyalty_card", "email", "phone")
    assert sorted(("phone", "loyalty_card", "user_id", "anonymous_id", "email"), key=rules.strength) == [
        *rules.priorities,
        "anonymous_id",
    ]
    assert rules.limit_of("loyalty_card") == Limit(1)
    assert rules.limit_of("anonymous_id") == Limit(5, timedelta(days=7))
    assert rules.limit_of("email") == Limit(3, timedelta(days=365))
    assert rules.limit_of("user_id") == Limit(1)
    assert (rules.max_merges, rules.max_identifiers) == (10, 50)
    assert [rules.trust_of(source) for source in ("crm", "web", "desk")] == [Trust.HIGH, Trust.NORMAL, Trust.LOW]
    assert [rules.blocks(value) for value in ("test@example.com", "QA-7", "null", "ann")] == [True, True, True, False]


@pytest.mark.parametrize(
    ("values", "path", "remedy"),
    [
        ({"type": {}}, "type", "`types`"),
        ({"types": {"email": {"limt": 1}}}, "types.email.limt", "`limit`"),
        ({"types": {"a:b": {}}}, "types.a:b", "without a colon"),
        ({"types": {"card": 3}}, "types.card", "mapping"),
        ({"types": {"email": {"limit": 0}}}, "types.email.limit", "from 1 to 1000"),
        ({"types": {"email": {"limit": True}}}, "types.email.limit", "whole number"),
        ({"types": {"email": {"limit": 5, "window": "5m"}}}, "types.email.window", "1d to 365d"),
        ({"types": {"email": {"limit": 5, "window": 7}}}, "types.email.window", "such as 7d"),
        ({"types": {"email": {"window": "7d"}}}, "types.email.limit", "a limit beside it"),
        ({"types": {"card": {"priority": 2}}}, "types.card.priority", "email has priority 2 too"),
        ({"types": {"card": {"priority": 0}}}, "types.card.priority", "from 1"),
        ({"types": {"anonymous_id": {"priority": 4}}}, "types.anonymous_id.priority", "names a device"),
        ({"default_limit": 5}, "default_limit", "mapping"),
        ({"default_limit": {"limit": -1}}, "default_limit.limit", "from 1"),
        ({"blocked_values": "test"}, "blocked_values", "list"),
        ({"blocked_values": [0]}, "blocked_values", "numbers in quotes"),
        ({"blocked_patterns": ["(a+)+"]}, "blocked_patterns", "`(a+)+`"),
        ({"blocked_patterns": ["["]}, "blocked_patterns", "`[`"),
        ({"blocked_patterns": ["x.*y"] * 20}, "blocked_patterns", "together"),
        ({"max_merges": 0}, "max_merges", "from 1"),
        ({"max_identifiers": 1_001}, "max_identifiers", "to 1000"),
        ({"trust": {"desk": "lo"}}, "trust.desk", "`low`"),
        ({"trust": []}, "trust", "mapping"),
    ],
)
def test_a_slip_is_told_with_its_path_and_a_remedy(values: dict[str, Any], path: str, remedy: str) -> None:
    """No rule is silently ignored or bent."""
    with pytest.raises(UnacceptableError) as refused:
        rules_from(values)
    assert [problem.path for problem in refused.value.problems] == [path]
    assert remedy in refused.value.problems[0].message


def test_all_slips_are_told_at_once() -> None:
    """Whoever writes rules mends them in one go."""
    with pytest.raises(UnacceptableError) as refused:
        rules_from({"max_merges": 0, "trust": {"desk": "none"}, "blocked_patterns": ["(a*)*", "ok.*", "(b*)*"]})
    assert len(refused.value.problems) == 4


def test_trust_is_what_sources_say_of_themselves() -> None:
    """Only words that differ from `normal` are written; of two sources of one name the later counts."""
    sources = [{"name": "desk"}, {"name": "crm", "trust": "high"}, {"name": "desk", "trust": "low"}]
    assert with_trust({"max_merges": 9}, sources) == {"max_merges": 9, "trust": {"crm": "high", "desk": "low"}}


@pytest.mark.parametrize(
    ("kind", "written"),
    [("email", "mailto:Test@Example.com"), ("email", "test@example.com."), ("phone", "600 100 200")],
)
def test_a_blocked_value_is_blocked_in_every_spelling(kind: str, written: str) -> None:
    """It is compared as it was sent and as it would be stored."""
    rules = rules_from({"blocked_values": ["test@example.com", "+48600100200"]})
    assert normalise(kind, written, "PL") is not None
    assert normalise(kind, written, "PL", rules) is None
