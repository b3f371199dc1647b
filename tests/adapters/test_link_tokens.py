"""Signed links."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnicascade.adapters.link_tokens import LinkTokens, secret_of
from omnicascade.domain.errors import NotFoundError, UnavailableError
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.links import ClickLink, UnsubscribeLink
from tests.fakes.aws_wire import wire

CLICK = ClickLink("run-1-2", Identifier("email", "ann@example.com"), "https://s.example/c?a=1#b")
WAY_OUT = UnsubscribeLink("run-1-2", Identifier("ios.push_token", "a:b"), "push", "promotions")


def tokens(secret: str = "k1") -> LinkTokens:
    return LinkTokens("https://x.example/", lambda: secret)


def token_of(url: str) -> str:
    return url.rpartition("/")[2]


def test_what_is_written_is_read() -> None:
    """Both kinds of links survive the way through a URL, whatever is in the identifier."""
    links = tokens()
    assert links.click_url(CLICK).startswith("https://x.example/l/")
    assert links.unsubscribe_url(WAY_OUT).startswith("https://x.example/u/")
    assert links.read_click(token_of(links.click_url(CLICK))) == CLICK
    assert links.read_unsubscribe(token_of(links.unsubscribe_url(WAY_OUT))) == WAY_OUT


def test_tokens_need_no_escaping_in_a_path() -> None:
    """A token is one path segment of plain characters, so no mail program can break it."""
    token = token_of(tokens().click_url(CLICK))
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


@pytest.mark.parametrize("forged", ["", "x", "x.y", "a" * 5000, "é", "WzFd.AAAA", "eyJtIjoxfQ.xxxx"])
def test_forgeries_are_not_found(forged: str) -> None:
    """Whatever comes in a path is at worst unknown, never an error of ours."""
    for read in (tokens().read_click, tokens().read_unsubscribe):
        with pytest.raises(NotFoundError):
            read(forged)


@given(st.text(max_size=80))
def test_any_text_is_at_worst_not_found(text: str) -> None:
    """A path segment of any characters is no link of ours."""
    with pytest.raises(NotFoundError):
        tokens().read_click(text)


def test_a_changed_token_is_not_found() -> None:
    """One changed character breaks the signature."""
    token = token_of(tokens().click_url(CLICK))
    for position in range(0, len(token), 7):
        changed = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
        with pytest.raises(NotFoundError):
            tokens().read_click(changed)


def test_a_token_of_one_kind_is_none_of_the_other() -> None:
    """A click link cannot be turned into an unsubscription, nor the other way round."""
    with pytest.raises(NotFoundError):
        tokens().read_unsubscribe(token_of(tokens().click_url(CLICK)))
    with pytest.raises(NotFoundError):
        tokens().read_click(token_of(tokens().unsubscribe_url(WAY_OUT)))


def test_another_key_reads_nothing() -> None:
    """Links of one deployment mean nothing to another."""
    with pytest.raises(NotFoundError):
        tokens("k2").read_click(token_of(tokens("k1").click_url(CLICK)))


def test_old_links_outlive_a_rotation() -> None:
    """With the old key kept in front, links in old e-mails still work, and new ones are signed with the new key."""
    old = token_of(tokens("k1").click_url(CLICK))
    new = token_of(tokens("k1 k2").click_url(CLICK))
    assert tokens("k1 k2").read_click(old) == CLICK
    assert tokens("k2").read_click(new) == CLICK


def test_even_a_signed_link_leads_to_the_web_only() -> None:
    """A scheme that runs code is refused although we signed it."""
    bad = ClickLink("m", CLICK.customer, "javascript:alert(1)")
    with pytest.raises(NotFoundError):
        tokens().read_click(token_of(tokens().click_url(bad)))


def test_the_key_is_asked_for_once_per_kind() -> None:
    """Warm calls cost no request."""
    asked = list[int]()
    links = LinkTokens("https://x.example", lambda: asked.append(1) or "k1")
    for _ in range(3):
        links.click_url(CLICK)
        links.unsubscribe_url(WAY_OUT)
    assert len(asked) == 2


def test_the_secret_comes_from_secrets_manager() -> None:
    """One call by ARN; a failure can be tried again."""
    made = wire("secretsmanager")
    made.json(200, {"SecretString": "k1"})
    assert secret_of(made.client, "arn:x") == "k1"
    assert made.body() == {"SecretId": "arn:x"}
    made.json(400, {"message": "no"}, "ResourceNotFoundException")
    with pytest.raises(UnavailableError):
        secret_of(made.client, "arn:x")
