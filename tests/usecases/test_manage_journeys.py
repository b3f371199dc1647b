"""The workshop: what marketers put is checked against everything it names, and shown again by version."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from omnicascade.adapters.memory_configuration import MemoryConfigurationStore
from omnicascade.domain.conditions.condition import Test
from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import MalformedBodyError, NotFoundError, UnacceptableError
from omnicascade.domain.journeys.journey import Journey, SegmentEntry
from omnicascade.domain.segments import Segment
from omnicascade.usecases.manage_journeys import Workshop

MAIL = "steps: [{email: {template: hello}}]"
PAID = Test("trait", "plan", "is", "paid")


@dataclass
class Place:
    """A workshop with a template, a segment and a host, and the journeys whose segments it followed."""

    followed: list[Journey] = field(default_factory=list[Journey])

    def __post_init__(self) -> None:
        segments = {name: Segment(name, PAID) for name in ("vip", "journey:other")}
        deployment = Deployment(
            default_currency="PLN", webhook_hosts=frozenset({"hooks.example.com"}), segments=segments
        )
        self.store = MemoryConfigurationStore(deployment)
        self.workshop = Workshop(self.store, self.store, lambda _template: None, self.followed.append)
        self.workshop.put_template("hello", "text: Hello")

    def problems(self, text: str) -> dict[str, str]:
        """What is wrong with a definition of the journey `j`, by path."""
        with pytest.raises(UnacceptableError) as caught:
            self.workshop.put_journey("j", text)
        return {problem.path: problem.code for problem in caught.value.problems}


def test_a_definition_is_checked_against_the_deployment() -> None:
    """Its templates, segments, hosts and currency are the deployment's."""
    place = Place()
    wrong = """
entry: {segment: vipp}
steps:
  - email: {template: helo}
  - sms: {template: hello, budget: 5 USD}
  - webhook: {url: "https://elsewhere.example.com"}
"""
    assert place.problems(wrong) == {
        "entry.segment": "unknown_segment",
        "steps.0.email.template": "unknown_template",
        "steps.1.sms.budget": "currency",
        "steps.2.webhook.url": "unknown_host",
    }
    right = """
entry: {segment: vip}
steps:
  - email: {template: hello}
  - sms: {template: hello, budget: 5 PLN}
  - webhook: {url: "https://hooks.example.com/in"}
"""
    assert place.workshop.put_journey("j", right) == {"name": "j", "version": 1, "active": True}


def test_a_segment_of_a_journeys_own_entry_is_nobody_elses() -> None:
    """It comes and goes with its journey, so that no other may name it."""
    assert "entry.segment" in Place().problems("entry: {segment: 'journey:other'}\n" + MAIL)


def test_an_entry_by_condition_brings_a_segment_along() -> None:
    """Which is kept as soon as the journey is stored, and again when it is put again."""
    place = Place()
    text = "entry: {when: {trait: plan, is: paid}}\n" + MAIL
    place.workshop.put_journey("j", text)
    place.workshop.put_journey("j", text)
    assert [(j.version, j.entry, j.own_segment) for j in place.followed] == [
        (1, SegmentEntry("journey:j", "enter"), PAID)
    ] * 2


def test_nothing_is_stored_or_followed_of_what_is_refused() -> None:
    """All or nothing."""
    place = Place()
    place.problems("stepz: []")
    assert place.followed == []
    assert place.workshop.list_journeys() == {"journeys": []}


def test_every_version_is_shown_as_it_was_put() -> None:
    """The current one unless another is asked for."""
    place = Place()
    place.workshop.put_journey("j", MAIL)
    place.workshop.put_journey("j", "title: Better\n" + MAIL)
    shown: list[dict[str, Any]] = [place.workshop.show_journey("j", version) for version in (None, "1", "2")]
    assert [one["version"] for one in shown] == [2, 1, 2]
    assert [one["definition"].get("title") for one in shown] == ["Better", None, "Better"]
    with pytest.raises(NotFoundError, match="no journey j of version 3"):
        place.workshop.show_journey("j", "3")
    with pytest.raises(NotFoundError, match="no journey k"):
        place.workshop.show_journey("k")
    for version in ("two", "-1", "", "9999999999"):
        with pytest.raises(MalformedBodyError):
            place.workshop.show_journey("j", version)


def test_a_definition_put_under_another_name_is_refused() -> None:
    """With the address it belongs to."""
    assert Place().problems("name: k\n" + MAIL) == {"name": "wrong_name"}
