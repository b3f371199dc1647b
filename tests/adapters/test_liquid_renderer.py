"""Templates rendered."""

from typing import Any

import pytest

from omnicascade.adapters.liquid_renderer import LiquidRenderer
from omnicascade.domain.deployment import Channel
from omnicascade.domain.errors import RenderError, UnacceptableError
from omnicascade.domain.templates import RenderedMessage, Template, Wording

RENDERER = LiquidRenderer()
CONTEXT: dict[str, Any] = {
    "profile": {"traits": {"first_name": "Ann <b>", "plan": None, "since": "2026-03-10T12:00:00Z"}},
    "entry": {"properties": {"cart_id": "c1", "items": ["hat", "cap"]}},
    "journey": {"name": "cart"},
    "step": {"id": "cascade-1"},
    "message": {"id": "run-1-0", "url": "https://x.example/l/tok"},
    "links": {"unsubscribe": "https://x.example/u/tok"},
}
BARE = {key: value for key, value in CONTEXT.items() if key not in ("message", "links")}


def of(channel: Channel, context: dict[str, Any] = CONTEXT, **words: str) -> RenderedMessage:
    return RENDERER.render(Template("cart", Wording(**words)), channel, context)


def test_push_takes_its_title_from_the_subject() -> None:
    """A template written for e-mail still has a push title, in one line."""
    message = of(Channel.PUSH, subject="Your\n basket", text="Hi {{ profile.traits.first_name }}")
    assert message == RenderedMessage("", "Your basket", "Hi Ann <b>", "", "https://x.example/l/tok")
    assert of(Channel.PUSH, text="Hi").title == ""


def test_sms_ends_with_the_address_unless_it_has_it() -> None:
    """The tracked address is appended once."""
    assert of(Channel.SMS, text="Hi").text == "Hi https://x.example/l/tok"
    assert of(Channel.SMS, text="See {{ message.url }} now").text == "See https://x.example/l/tok now"
    assert of(Channel.SMS, BARE, text="Hi").text == "Hi"


def test_an_email_is_made_of_a_text_alone() -> None:
    """Subject from the first line, HTML from the escaped text, and a way out in both bodies."""
    message = of(Channel.EMAIL, text="Hi {{ profile.traits.first_name }}\n\nYour basket waits.")
    assert message.subject == "Hi Ann <b>"
    assert "<p>Hi Ann &lt;b&gt;</p>" in message.html
    assert 'href="https://x.example/l/tok"' in message.html
    assert 'href="https://x.example/u/tok"' in message.html
    assert message.text.endswith(
        "Your basket waits.\n\nhttps://x.example/l/tok\n\nUnsubscribe: https://x.example/u/tok"
    )


def test_without_a_footer_only_the_template_shows_the_way_out() -> None:
    """An e-mail that is no advertisement has a way out where its author placed one, and is otherwise left alone."""
    plain = Template("receipt", Wording(text="Paid."))
    assert "x.example/u/" not in str(RENDERER.render(plain, Channel.EMAIL, CONTEXT, footer=False))
    placed = Template("receipt", Wording(text="Paid. {{ links.unsubscribe }}"))
    message = RENDERER.render(placed, Channel.EMAIL, CONTEXT, footer=False)
    assert message.text.count("https://x.example/u/tok") == 1


def test_an_email_is_made_of_html_alone() -> None:
    """The text part is what the HTML says."""
    message = of(Channel.EMAIL, BARE, title="Sale", html="<h1>Sale</h1><p>Hi {{ profile.traits.first_name }}</p>")
    assert message.subject == "Sale"
    assert message.text == "Sale\n\nHi Ann <b>"


def test_html_escapes_every_value_and_cannot_be_talked_out_of_it() -> None:
    """A customer's trait is never markup, and there is no filter that makes it so."""
    html = "<p>{{ profile.traits.first_name }} {{ 'x<y' }}</p>"
    assert of(Channel.EMAIL, BARE, subject="s", html=html).html == "<p>Ann &lt;b&gt; x<y</p>"
    with pytest.raises(UnacceptableError) as caught:
        RENDERER.check(Template("x", Wording(html="{{ profile.traits.first_name | safe }}")))
    assert [p.code for p in caught.value.problems] == ["unknown_filter"]


def test_a_subject_is_one_line_whatever_the_data() -> None:
    """A line break in a trait forges no header."""
    context = {**BARE, "profile": {"traits": {"first_name": "Ann\r\nBcc: x@example.com"}}}
    message = of(Channel.EMAIL, context, subject="Hi {{ profile.traits.first_name }}", text="t")
    assert message.subject == "Hi Ann Bcc: x@example.com"


@pytest.mark.parametrize("trait", ["missing", "plan"])
def test_a_value_that_is_not_there_is_an_error_that_names_all(trait: str) -> None:
    """Absent and null alike stop the message; the error names template, field and variable."""
    words = rf"^template cart, field sms\.text: profile\.traits\.{trait} is undefined$"
    with pytest.raises(RenderError, match=words) as caught:
        of(Channel.SMS, text=f"Hi {{{{ profile.traits.{trait} }}}}")
    assert (caught.value.template, caught.value.field) == ("cart", "sms.text")


@pytest.mark.parametrize("trait", ["missing", "plan", "deeper.still"])
def test_a_default_or_an_if_says_what_to_do_without(trait: str) -> None:
    """`default` and `if` are the author's words for a customer of whom little is known."""
    text = 'Hi {{ profile.traits.X | default: "there" }}{% if profile.traits.X %} friend{% endif %}'.replace("X", trait)
    assert of(Channel.SMS, BARE, text=text).text == "Hi there"


def test_a_channels_own_words_are_used() -> None:
    """An override is rendered instead of the common field."""
    short = Wording(text="short {{ entry.properties.cart_id }}")
    template = Template("cart", Wording(text="common"), {Channel.SMS: short})
    assert RENDERER.render(template, Channel.SMS, BARE).text == "short c1"
    assert RENDERER.render(template, Channel.PUSH, BARE).text == "common"


def test_the_target_is_rendered_before_any_tracking() -> None:
    """The caller learns where a message leads, to track it; without tracking `message.url` is the target."""
    url = "https://s.example/{{ entry.properties.cart_id }}"
    template = Template("cart", Wording(text="Go {{ message.url }}", url=url))
    assert RENDERER.target(template, Channel.SMS, BARE) == "https://s.example/c1"
    assert RENDERER.render(template, Channel.SMS, BARE).text == "Go https://s.example/c1"
    assert RENDERER.render(template, Channel.SMS, CONTEXT).text == "Go https://x.example/l/tok"
    assert RENDERER.target(Template("x", Wording(text="t")), Channel.SMS, BARE) is None


def test_an_empty_text_is_no_message() -> None:
    """Nothing to say is an error before anybody is charged, and so is a channel the template has no words for."""
    with pytest.raises(RenderError, match="there is no text to send"):
        of(Channel.SMS, BARE, text="{% if profile.traits.missing %}x{% endif %}")
    with pytest.raises(RenderError, match=r"push\.text: there is no text to send"):
        of(Channel.PUSH, html="<p>only e-mail</p>")
    with pytest.raises(RenderError, match="neither a subject"):
        of(Channel.EMAIL, BARE, html="<img src='https://s.example/i.png'>")


def test_an_sms_over_the_limit_is_refused() -> None:
    """A text that no carrier takes is found before it is paid for."""
    with pytest.raises(RenderError, match="1601 characters"):
        of(Channel.SMS, BARE, text="a" * 1601)


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in (1..1000000000) %}x{% endfor %}",
        "{% assign a = 'xxxxxxxxxx' %}{% for i in (1..500) %}{% assign a = a | append: a %}{% endfor %}",
        "{{ 'now' | date: '%Y' }}",
        "{{ profile.traits.missing | date: '%Y' }}",
        "{{ 1 | divided_by: 0 }}",
        "{{ entry.properties.items | map: 'price' }}",
    ],
)
def test_runaway_and_unlucky_templates_are_render_errors(text: str) -> None:
    """Limits, the clock and odd data end in the one error the sender knows, never in a crash or a hang."""
    with pytest.raises(RenderError):
        of(Channel.SMS, BARE, text=text)


def test_dates_of_the_data_are_formatted() -> None:
    """The clock is fenced off, the customer's dates are not."""
    assert of(Channel.SMS, BARE, text="{{ profile.traits.since | date: '%d.%m.%Y' }}").text == "10.03.2026"


def test_check_lists_every_problem_by_field() -> None:
    """Syntax, filters, variables and forbidden tags are found when the template is stored, with the nearest name."""
    template = Template(
        "cart",
        Wording(text="{{ prfile.traits.x }}", title="{{ profile.x | upcas }}", url="{{ entry.properties.id }}"),
        {Channel.EMAIL: Wording(subject="{% if %}", html="{% include 'secrets' %}")},
    )
    with pytest.raises(UnacceptableError) as caught:
        RENDERER.check(template)
    problems = {p.path: (p.code, p.message) for p in caught.value.problems}
    assert problems["text"] == ("unknown_variable", "unknown variable `prfile`; did you mean `profile`?")
    assert problems["title"] == ("unknown_filter", "unknown filter `upcas`; did you mean `upcase`?")
    assert problems["email.subject"][0] == "liquid_syntax"
    assert problems["email.html"][0] == "liquid_syntax"
    assert "url" not in problems


def test_check_is_silent_about_a_good_template() -> None:
    """Loops, assignments and every part of the context are fine."""
    RENDERER.check(
        Template(
            "ok",
            Wording(
                text="{% assign n = profile.traits.n %}{{ n }}{% for i in entry.properties.items %}{{ i }}{% endfor %}"
                "{{ journey.name }}{{ step.id }}{{ message.url }}{{ links.unsubscribe }}"
            ),
        )
    )
