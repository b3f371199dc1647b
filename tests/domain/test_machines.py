"""Machines told from people."""

import pytest

from omnicascade.domain.machines import is_machine


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (compatible; Barracuda Sentinel (EE))",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "facebookexternalhit/1.1",
        "WhatsApp/2.23.20.0",
    ],
)
def test_scanners_and_previews_are_machines(agent: str) -> None:
    """Products that fetch links on their own are known by name."""
    assert is_machine(agent)


@pytest.mark.parametrize(
    "agent",
    [
        "",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1",
        "python-httpx/0.28",
    ],
)
def test_browsers_and_plain_clients_are_people(agent: str) -> None:
    """What does not name itself a machine counts as the customer."""
    assert not is_machine(agent)


def test_a_prefetch_is_a_machine_whatever_the_browser() -> None:
    """A browser that fetches ahead has not been asked by anybody."""
    assert is_machine("Mozilla/5.0", "prefetch;prerender")
