"""E-mail bodies made from each other."""

from omnicascade.domain.mail_body import html_of, text_of, with_way_out


def test_text_becomes_escaped_paragraphs_with_links() -> None:
    """Markup in a text stays words; blocks become paragraphs; an address becomes a link without its full stop."""
    html = html_of("Hi <b>Ann</b>\nyou & me\n\nSee https://shop.example/c?a=1&b=2.")
    assert "<p>Hi &lt;b&gt;Ann&lt;/b&gt;<br>\nyou &amp; me</p>" in html
    assert '<a href="https://shop.example/c?a=1&amp;b=2">https://shop.example/c?a=1&amp;b=2</a>.</p>' in html


def test_html_becomes_readable_text() -> None:
    """What nobody sees is dropped, blocks keep their lines, links keep their addresses."""
    html = """<html><head><title>T</title><style>p{}</style></head><body><h1>Sale</h1>
      <p>Hi   Ann,<br>look: <a href="https://shop.example/x">here</a></p><script>bad()</script>
      <p>a &amp; b <a href="https://y.example">https://y.example</a></p></body></html>"""
    assert text_of(html) == "Sale\n\nHi Ann,\nlook: here (https://shop.example/x)\n\na & b https://y.example"


def test_text_survives_the_way_there_and_back() -> None:
    """The plain part made from a generated HTML part says the same."""
    text = "First line\nsecond\n\nSecond block <3 & https://shop.example/"
    assert text_of(html_of(text)) == text


def test_a_way_out_is_added_inside_the_body() -> None:
    """A body without the unsubscribe link gets it, before the body ends."""
    html, text = with_way_out("<html><body><p>Hi</p></body></html>", "Hi", "https://x.example/u/1?a=1&b=2")
    assert html.endswith('<a href="https://x.example/u/1?a=1&amp;b=2">Unsubscribe</a></p>\n</body></html>')
    assert text == "Hi\n\nUnsubscribe: https://x.example/u/1?a=1&b=2"


def test_a_way_out_that_is_there_is_not_doubled() -> None:
    """The author's own placing is respected, part by part."""
    url = "https://x.example/u/1"
    html = f'<a href="{url}">Leave</a>'
    assert with_way_out(html, f"Leave: {url}", url) == (html, f"Leave: {url}")
    assert with_way_out("<p>no body tag</p>", url, url)[0].count(url) == 1
