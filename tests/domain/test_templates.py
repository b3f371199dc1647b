"""Templates as values."""

from omnicascade.domain.deployment import Channel
from omnicascade.domain.templates import Template, Wording, from_json, to_json

TEMPLATE = Template(
    "cart", Wording(text="T", title="Title"), {Channel.SMS: Wording(text="S"), Channel.EMAIL: Wording(html="H")}
)


def test_a_channels_own_words_come_first() -> None:
    """What a channel says itself wins; what it does not say is common."""
    assert TEMPLATE.source(Channel.SMS, "text") == "S"
    assert TEMPLATE.source(Channel.PUSH, "text") == "T"
    assert TEMPLATE.source(Channel.SMS, "title") == "Title"
    assert TEMPLATE.source(Channel.SMS, "url") is None


def test_json_and_back_is_the_same_template() -> None:
    """A stored template is the template, in the shape of its file."""
    assert to_json(TEMPLATE) == {
        "name": "cart",
        "text": "T",
        "title": "Title",
        "sms": {"text": "S"},
        "email": {"html": "H"},
    }
    assert from_json(to_json(TEMPLATE)) == TEMPLATE


def test_serves_tells_which_channels_have_something_to_say() -> None:
    """HTML is enough for an e-mail, and only for an e-mail."""
    only_html = Template("x", channels={Channel.EMAIL: Wording(html="H")})
    assert [channel for channel in Channel if only_html.serves(channel)] == [Channel.EMAIL]


def test_sources_name_every_field_by_path() -> None:
    """Every Liquid source is found once, with its place."""
    assert dict(TEMPLATE.sources()) == {"text": "T", "title": "Title", "sms.text": "S", "email.html": "H"}
