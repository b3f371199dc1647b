"""Caps and hosts as a platform team writes them."""

from datetime import timedelta
from typing import Any

import pytest

from omnicascade.domain.deployment import Cap, Channel
from omnicascade.domain.deployment_json import deployment_from
from omnicascade.domain.errors import UnacceptableError
from omnicascade.domain.limits_json import cap_to_json


def problems(**values: Any) -> dict[str, str]:
    """What is wrong with some settings, by path."""
    with pytest.raises(UnacceptableError) as caught:
        deployment_from(values)
    return {problem.path: problem.code for problem in caught.value.problems}


def test_caps_are_read_as_they_are_written() -> None:
    """Of all channels or of one, counting transactional messages or not."""
    caps = (Cap(5, timedelta(hours=24)), Cap(2, timedelta(days=7), Channel.SMS, transactional=True))
    assert deployment_from({"caps": [cap_to_json(cap) for cap in caps]}).caps == caps
    assert deployment_from({"caps": [{"messages": 5, "per": "24h"}]}).caps == caps[:1]


def test_hosts_are_read_as_exact_names() -> None:
    """None unless listed."""
    assert deployment_from({"webhook_hosts": ["hooks.example.com"]}).webhook_hosts == {"hooks.example.com"}
    assert deployment_from({}).webhook_hosts == frozenset()
    assert deployment_from({"caps": [], "webhook_hosts": []}).caps == ()


def test_everything_wrong_with_caps_is_told_at_once() -> None:
    """Each with its path."""
    wrong = [
        {"messages": 0, "per": "24h"},
        {"messages": True, "per": "0s", "chanel": "sms"},
        {"messages": 5, "channel": "fax", "transactional": "yes"},
        "5 per day",
    ]
    assert problems(caps=wrong) == {
        "caps.0.messages": "number",
        "caps.1.chanel": "unknown_name",
        "caps.1.per": "duration",
        "caps.1.messages": "number",
        "caps.2.per": "duration",
        "caps.2.channel": "unknown_name",
        "caps.2.transactional": "type",
        "caps.3": "cap",
    }
    assert problems(caps={"messages": 5, "per": "24h"}) == {"caps": "list"}


@pytest.mark.parametrize(
    "host",
    [
        "https://hooks.example.com",
        "hooks.example.com:443",
        "*.example.com",
        "Hooks.Example.com",
        "localhost",
        "10.0.0.1",
        7,
    ],
)
def test_what_is_no_exact_public_name_is_no_host(host: object) -> None:
    """No schemes, ports, patterns, capitals or addresses."""
    assert problems(webhook_hosts=["a.example.com", host]) == {"webhook_hosts.1": "host"}
