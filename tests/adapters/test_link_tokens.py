"""What the secret makes of links: codes of clicks, and signed ways out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnicascade.adapters.link_tokens import LinkTokens, secret_of
from omnicascade.domain.errors import NotFoundError, UnavailableError
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.links import UnsubscribeLink, is_code
from tests.fakes.aws_wire import wire

WAY_OUT = UnsubscribeLink("run-1-2", Identifier("ios.push_token", "a:b"), "push", "promotions")


def tokens(secret: str = "k1") -> LinkTokens:
    return LinkTokens("https://x.example/", lambda: secret)


def token_of(url: str) -> str:
    return url.rpartition("/")[2]


def way_out(secret: str = "k1") -> str:
    return token_of(tokens(secret).unsubscribe_url(WAY_OUT))


def test_what_is_written_is_read() -> None:
    """A way out survives its journey through a URL, whatever is in the identifier."""
    assert tokens().unsubscribe_url(WAY_OUT).startswith("https://x.example/u/")
    assert tokens().read_unsubscribe(way_out()) == WAY_OUT


def test_a_click_is_short_and_says_nothing() -> None:
    """The whole path is fifteen plain characters, none of which comes from the message or its customer."""
    code = tokens().click_code("run-1-2")
    assert is_code(code)
    assert tokens().click_url(code) == f"https://x.example/l/{code}"
    assert "run-1-2" not in code


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_message_has_one_code_of_its_own(one: str, other: str) -> None:
    """A retry makes the same code, another message another one, and every code has the shape of codes."""
    assert is_code(tokens().click_code(one))
    assert (tokens().click_code(one) == tokens().click_code(other)) == (one == other)


def test_only_the_secret_makes_codes() -> None:
    """Who knows a message id but not the newest word of the secret cannot tell its code."""
    code = tokens("k1").click_code("run-1-2")
    assert tokens("k2").click_code("run-1-2") != code
    assert tokens("k2 k1").click_code("run-1-2") == code


def test_tokens_need_no_escaping_in_a_path() -> None:
    """A token is one path segment of plain characters, so no mail program can break it."""
    assert set(way_out()) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


@pytest.mark.parametrize("forged", ["", "x", "x.y", "a" * 5000, "é", "WzFd.AAAA", "eyJtIjoxfQ.xxxx"])
def test_forgeries_are_not_found(forged: str) -> None:
    """Whatever comes in a path is at worst unknown, never an error of ours."""
    with pytest.raises(NotFoundError):
        tokens().read_unsubscribe(forged)


@given(st.text(max_size=80))
def test_any_text_is_at_worst_not_found(text: str) -> None:
    """A path segment of any characters is no link of ours."""
    with pytest.raises(NotFoundError):
        tokens().read_unsubscribe(text)


def test_a_changed_token_is_not_found() -> None:
    """One changed character breaks the signature."""
    token = way_out()
    for position in range(0, len(token), 7):
        changed = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
        with pytest.raises(NotFoundError):
            tokens().read_unsubscribe(changed)


def test_another_key_reads_nothing() -> None:
    """Links of one deployment mean nothing to another."""
    with pytest.raises(NotFoundError):
        tokens("k2").read_unsubscribe(way_out("k1"))


def test_old_ways_out_outlive_a_rotation() -> None:
    """With the old key kept in front, links in old e-mails still work, and new ones are signed with the new key."""
    assert tokens("k1 k2").read_unsubscribe(way_out("k1")) == WAY_OUT
    assert tokens("k2").read_unsubscribe(way_out("k1 k2")) == WAY_OUT


def test_the_key_is_asked_for_once() -> None:
    """Links of both kinds cost one request per process."""
    asked = list[int]()
    links = LinkTokens("https://x.example", lambda: asked.append(1) or "k1")
    for _ in range(3):
        links.click_code("run-1-2")
        links.unsubscribe_url(WAY_OUT)
    assert len(asked) == 1


def test_the_secret_comes_from_secrets_manager() -> None:
    """One call by ARN; a failure can be tried again."""
    made = wire("secretsmanager")
    made.json(200, {"SecretString": "k1"})
    assert secret_of(made.client, "arn:x") == "k1"
    assert made.body() == {"SecretId": "arn:x"}
    made.json(400, {"message": "no"}, "ResourceNotFoundException")
    with pytest.raises(UnavailableError):
        secret_of(made.client, "arn:x")
