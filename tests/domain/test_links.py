"""What links mean."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.links import ClickLink, UnsubscribeLink, clicked, location_of, one_click_headers, unsubscribed

ANN = Identifier("email", "ann@example.com")
AT = datetime(2026, 3, 10, 12, 0, 5, tzinfo=UTC)
WAY_OUT = UnsubscribeLink("run-1", ANN, "email", "promotions")


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://shop.example/a?b=c%20d#e", "https://shop.example/a?b=c%20d#e"),
        ("http://shop.example", "http://shop.example"),
        ("https://shop.example/ścieżka", "https://shop.example/%C5%9Bcie%C5%BCka"),
        ("https://żółw.example/x", "https://xn--w-uga1v8h.example/x"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("//evil.example", None),
        ("/relative", None),
        ("https://", None),
        ("https://a.example/\r\nSet-Cookie: x=1", None),
        ("https:\\\\evil.example", None),
        ("https://[::1", None),
        ("", None),
    ],
)
def test_only_web_addresses_are_led_to(url: str, location: str | None) -> None:
    """A redirect goes to http and https only, in ASCII, and can carry no second header."""
    assert location_of(url) == location


@given(
    st.text(max_size=60)
    | st.text(max_size=60).map("https://{}".format)
    | st.text(max_size=40).map("http://a.example/{}".format)
)
def test_a_location_is_always_a_plain_web_address(url: str) -> None:
    """Any text is refused or becomes one ASCII line that begins with http."""
    location = location_of(url)
    assert location is None or (re.fullmatch(r"[!-~]+", location) and urlsplit(location).scheme in {"http", "https"})


def test_a_click_names_the_message_and_the_customer() -> None:
    """The click's event has all that the journey engine looks for; a person's click carries no machine mark."""
    link = ClickLink("run-1", ANN, "https://shop.example/")
    call = clicked(link, click_id="r1", at=AT, machine=False)
    assert call["event"] == "Message Link Clicked"
    assert call["messageId"] == "click-r1"
    assert call["properties"] == {"message_id": "run-1", "url": "https://shop.example/"}
    assert call["context"] == {"traits": {"email": "ann@example.com"}}
    assert clicked(link, click_id="r1", at=AT, machine=True)["properties"]["machine"] is True


def test_leaving_twice_in_a_moment_is_one_event() -> None:
    """A provider's retry or an impatient customer does not make a second event."""
    first = unsubscribed(WAY_OUT, everything=False, at=AT, how="POST")
    again = unsubscribed(WAY_OUT, everything=False, at=AT + timedelta(seconds=20), how="POST")
    assert first["messageId"] == again["messageId"]


def test_leaving_again_after_coming_back_is_another_event() -> None:
    """An old link still works for somebody who subscribed again in between."""
    first = unsubscribed(WAY_OUT, everything=False, at=AT, how="POST")
    later = unsubscribed(WAY_OUT, everything=False, at=AT + timedelta(days=40), how="POST")
    assert first["messageId"] != later["messageId"]


def test_leaving_says_what_and_proves_it() -> None:
    """Channel, topic, purpose and proof are those of the link; everything means every topic."""
    properties = unsubscribed(WAY_OUT, everything=False, at=AT, how="POST")["properties"]
    assert properties == {
        "channel": "email",
        "topic": "promotions",
        "purpose": "promotions",
        "proof": "POST of the link in message run-1",
        "message_id": "run-1",
    }
    everything = unsubscribed(WAY_OUT, everything=True, at=AT, how="POST")
    assert everything["properties"]["topic"] == "*"
    assert everything["messageId"] != unsubscribed(WAY_OUT, everything=False, at=AT, how="POST")["messageId"]


def test_one_click_headers_are_those_of_the_rfc() -> None:
    """The URL stands in angle brackets and the second header says One-Click."""
    assert one_click_headers("https://x.example/u/t") == {
        "List-Unsubscribe": "<https://x.example/u/t>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
