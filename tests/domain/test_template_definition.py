"""Templates as people write them."""

from typing import Any

import pytest

from omnicascade.domain.deployment import Channel
from omnicascade.domain.errors import UnacceptableError
from omnicascade.domain.template_definition import load_template
from omnicascade.domain.templates import Template, Wording


def test_a_good_definition_is_a_template() -> None:
    """Common words and a channel's own both arrive."""
    given = {"name": "cart-reminder", "text": "T", "url": "https://shop.example", "push": {"title": "P"}}
    expected = Template(
        "cart-reminder", Wording(text="T", url="https://shop.example"), {Channel.PUSH: Wording(title="P")}
    )
    assert load_template(given) == expected


def test_every_mistake_is_listed_with_its_path_and_the_nearest_name() -> None:
    """One round trip shows all that is wrong."""
    given: dict[str, Any] = {
        "name": "Cart!",
        "txt": "T",
        "emial": {},
        "push": {"titel": "P"},
        "sms": "hello",
        "subject": 7,
    }
    with pytest.raises(UnacceptableError) as caught:
        load_template(given)
    problems = {p.path: (p.code, p.message) for p in caught.value.problems}
    assert problems["txt"] == ("unknown_key", "unknown key `txt`; did you mean `text`?")
    assert problems["emial"] == ("unknown_key", "unknown key `emial`; did you mean `email`?")
    assert problems["push.titel"] == ("unknown_key", "unknown key `titel`; did you mean `title`?")
    assert problems["sms"][1].startswith("expected a mapping")
    assert problems["name"][1].startswith("expected a name of a-z")
    assert problems["subject"][0] == "invalid"


@pytest.mark.parametrize("given", [{}, {"text": "T"}, {"name": "x", "text": ""}])
def test_a_name_and_words_are_needed(given: dict[str, Any]) -> None:
    """No name, or empty words, make no template."""
    with pytest.raises(UnacceptableError):
        load_template(given)


def test_a_template_that_says_nothing_is_refused() -> None:
    """A title alone is no message on any channel."""
    with pytest.raises(UnacceptableError) as caught:
        load_template({"name": "x", "title": "T", "sms": {}})
    assert [problem.path for problem in caught.value.problems] == ["text"]
