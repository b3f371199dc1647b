"""The few pages customers see of us: plain HTML that needs nothing from elsewhere and no script."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from typing import Final

from omnicascade.domain.links import ALL_TOPICS, UnsubscribeLink

_STYLE: Final = (
    "body{font:1.125rem/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color:#1a1a1a;"
    "background:#fff}"
    "button{font:inherit;display:block;width:100%;margin:1rem 0;padding:.75rem;border:2px solid #1a1a1a;"
    "border-radius:.5rem;background:#fff;color:#1a1a1a;cursor:pointer}"
    "button:first-of-type{background:#1a1a1a;color:#fff}"
    "button:focus-visible{outline:3px solid #0b57d0;outline-offset:2px}"
)

_STYLE_HASH: Final = b64encode(sha256(_STYLE.encode()).digest()).decode()

_HEADERS: Final[Mapping[str, str]] = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}

_CHANNELS: Final = {"email": "e-mails", "sms": "text messages", "push": "push notifications"}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; `trouble` is what the operator should read in the log, empty when all is well."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str = ""
    trouble: str = ""


def redirect(location: str, trouble: str = "") -> Answer:
    """On to a web address; never cached, so that every click is seen."""
    headers = {"location": location, "cache-control": "no-store", "referrer-policy": "no-referrer"}
    return Answer(302, {**headers, "x-robots-tag": "noindex"}, trouble=trouble)


def unknown_link() -> Answer:
    """The answer to a token that is none of ours."""
    words = (
        "This link is not valid. It may have been cut off when it was copied; please open it from the message itself."
    )
    return _page(404, "Link not found", f"<p>{words}</p>")


def busy(trouble: str) -> Answer:
    """We could not take it now: said plainly, with the time to try again in seconds."""
    answer = _page(503, "Please try again", "<p>We could not save this just now. Please try again in a minute.</p>")
    return Answer(503, {**answer.headers, "retry-after": "60"}, answer.body, trouble)


def ask(link: UnsubscribeLink) -> Answer:
    """The page behind a way out: it changes nothing until a button is pressed."""
    everything = f'<button name="scope" value="all">Stop all {_kind(link)}</button>'
    one = f'<button name="scope" value="topic">Stop {_kind(link)} about {escape(link.topic)}</button>'
    buttons = everything if link.topic == ALL_TOPICS else one + everything
    return _page(
        200,
        "Unsubscribe",
        "<p>Choose what you no longer want to receive.</p>"
        f'<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">{buttons}</form>',
    )


def gone(link: UnsubscribeLink, *, everything: bool) -> Answer:
    """The confirmation."""
    what = _kind(link) if everything or link.topic == ALL_TOPICS else f"{_kind(link)} about {escape(link.topic)}"
    return _page(200, "You are unsubscribed", f"<p>We will send you no more {what}.</p>")


def _kind(link: UnsubscribeLink) -> str:
    return _CHANNELS.get(link.channel, escape(link.channel))


def _page(status: int, title: str, content: str) -> Answer:
    viewport = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    head = f'<meta charset="utf-8">{viewport}<title>{title}</title>'
    body = f"<main><h1>{title}</h1>{content}</main>"
    html = f'<!doctype html>\n<html lang="en"><head>{head}<style>{_STYLE}</style></head><body>{body}</body></html>\n'
    return Answer(status, _HEADERS, html)
