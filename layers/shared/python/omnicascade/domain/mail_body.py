"""The two bodies of an e-mail made from each other, so that a template with only one makes a decent message."""

import re
from html import escape
from html.parser import HTMLParser
from typing import Final

_URL: Final = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")
_BLOCKS: Final = frozenset(
    {"address", "blockquote", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "p", "table", "tr", "ul"}
)
_UNSEEN: Final = frozenset({"head", "script", "style", "template", "title"})


def html_of(text: str) -> str:
    """A plain text as minimal HTML: a paragraph for each block of lines, web addresses as links, all else escaped."""
    blocks = [block for block in re.split(r"\n\s*\n", text.strip().replace("\r\n", "\n")) if block]
    paragraphs = "\n".join(f"<p>{_linked(block)}</p>" for block in blocks)
    return f'<!doctype html>\n<html><head><meta charset="utf-8"></head><body>\n{paragraphs}\n</body></html>'


def _linked(block: str) -> str:
    out, end = list[str](), 0
    for found in _URL.finditer(block):
        address = escape(found.group())
        out += [escape(block[end : found.start()]), f'<a href="{address}">{address}</a>']
        end = found.end()
    return "".join([*out, escape(block[end:])]).replace("\n", "<br>\n")


def text_of(html: str) -> str:
    """The readable text of an HTML body: blocks on lines of their own, a link's address behind its words."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = (re.sub(r"[ \t\xa0]+", " ", line).strip() for line in "".join(reader.out).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def with_way_out(html: str, text: str, unsubscribe_url: str) -> tuple[str, str]:
    """Both bodies with a visible link to unsubscribe, added where the template's author has not placed one.

    Source: Google's and Yahoo's rules for senders of more than 5,000 messages a day (2024): a visible link in the body
    beside the one-click header.
    """
    if escape(unsubscribe_url) not in html and unsubscribe_url not in html:
        footer = f'<p><a href="{escape(unsubscribe_url)}">Unsubscribe</a></p>'
        body, closing, rest = html.rpartition("</body>")
        html = f"{body}{footer}\n{closing}{rest}" if closing else f"{html}\n{footer}"
    if unsubscribe_url not in text:
        text = f"{text}\n\nUnsubscribe: {unsubscribe_url}"
    return html, text


class _Reader(HTMLParser):
    """Collects what a reader of the page would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self._unseen = 0
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag == "br":
            self.out.append("\n")
        elif tag in _BLOCKS:
            self.out.append("\n\n" if tag in {"p", "table", "ul"} or tag.startswith("h") else "\n")
        elif tag == "a":
            self._links.append((dict(attrs).get("href") or "", len(self.out)))

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag in _BLOCKS:
            self.out.append("\n")
        elif tag == "a" and self._links:
            href, start = self._links.pop()
            if href.startswith("http") and href not in "".join(self.out[start:]):
                self.out.append(f" ({href})")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.out.append(re.sub(r"\s+", " ", data))
