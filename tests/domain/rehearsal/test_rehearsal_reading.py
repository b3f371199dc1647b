"""How a scenario may be written, and what is said of one that cannot be understood."""

from datetime import timedelta
from typing import Any, Final

import pytest

from omnicascade.domain.rehearsal.reading import read_scenario
from omnicascade.domain.rehearsal.scenario import Arrives, Enters, Reacts
from tests.domain.rehearsal.stories import ADDED, NOON, problems, request

MISTAKES: Final[list[tuple[dict[str, Any], str, str]]] = [
    ({"evnts": []}, "evnts", "did you mean 'events'"),
    ({"until": "soon"}, "until", "expected a duration"),
    ({"until": "2026-03-09T12:00:00Z"}, "until", "before the start"),
    ({"until": "2036-03-09T12:00:00Z"}, "until", "at most"),
    ({"start": "noon"}, "start", "ISO 8601"),
    ({"enter": ["0s", "later"]}, "enter.1", "expected a duration"),
    ({"profile": []}, "profile", "expected a mapping"),
    ({"profile": {"trait": {}}}, "profile.trait", "did you mean 'traits'"),
    ({"profile": {"identifiers": [{"type": "email", "value": "ann"}]}}, "profile.identifiers.0.value", "email"),
    ({"profile": {"consent": {"fax/x": "granted"}}}, "profile.consent.fax/x", "channel/topic"),
    ({"profile": {"consent": {"email/x": "maybe"}}}, "profile.consent.email/x", "granted or denied"),
    ({"profile": {"suppressed": ["ann"]}}, "profile.suppressed.0", "email:ann@example.com"),
    ({"events": {}}, "events", "expected a list"),
    ({"events": ["x"]}, "events.0", "expected a mapping"),
    ({"events": [{}]}, "events.0", "something that happens"),
    ({"events": [{"at": "1x", "event": "A"}]}, "events.0.at", "expected a duration"),
    ({"events": [{"type": "trak", "event": "A"}]}, "events.0.type", "did you mean 'track'"),
    ({"events": [{"type": "track"}]}, "events.0.event", "needs `event`"),
    ({"events": [{"event": "A", "propertes": {}}]}, "events.0.propertes", "did you mean 'properties'"),
    ({"events": [{"event": "A", "properties": []}]}, "events.0.properties", "expected a mapping"),
    ({"events": [{"feedback": "tapped"}]}, "events.0.feedback", "did you mean 'tap'"),
    ({"events": [{"feedback": "tap", "channel": "psh"}]}, "events.0.channel", "did you mean 'push'"),
    ({"events": [{"feedback": "tap", "chanel": "push"}]}, "events.0.chanel", "did you mean 'channel'"),
    ({"config": {"topics": {"promotions": "opt"}}}, "config.topics.promotions", "is no default"),
    ({"config": {"channels": {"fax": "off"}}}, "config.channels.fax", "is no channel"),
    ({"config": {"channels": {"sms": "perhaps"}}}, "config.channels.sms", "on or off"),
    ({"config": {"chanels": {}}}, "config.chanels", "did you mean 'channels'"),
    ({"config": {"segments": {"vip": {"trait": "x"}}}}, "config.segments.vip", "operator"),
    ({"config": {"prices": 3}}, "config.prices", "not understood"),
    ({"templates": {"cart": {"txt": "x"}}}, "templates.cart.txt", "did you mean `text`"),
    ({"templates": {"cart": 3}}, "templates.cart", "expected a mapping"),
    ({"definition": 3}, "definition", "expected a mapping"),
    ({"definition": {"steps": [{"wait": "soon"}]}}, "definition.steps.0.wait", "duration"),
]


def read(**body: Any) -> Any:
    """A scenario that begins at noon."""
    return read_scenario({"start": NOON.isoformat(), **body}, NOON)


@pytest.mark.parametrize(
    "at", ["1h", "3600s", "PT1H", 3600, 3600.0, "3600", "2026-03-10T13:00:00Z", "2026-03-10T14:00:00+01:00"]
)
def test_a_moment_may_be_written_in_many_ways(at: Any) -> None:
    """A duration, seconds or an ISO time: all of these are an hour after the start."""
    [happening] = read(events=[{"at": at, "event": "Order Completed"}]).happenings
    assert happening.at == NOON + timedelta(hours=1)


def test_what_is_left_out_has_a_sensible_value() -> None:
    """It starts now, lasts thirty days, and longer where something happens later."""
    assert read_scenario({}, NOON).start == NOON
    assert read().until == NOON + timedelta(days=30)
    assert read(events=[{"at": "40d", "event": "A"}]).until == NOON + timedelta(days=40)
    assert read(until="2h").until == NOON + timedelta(hours=2)
    assert read(until="2026-03-11T12:00:00Z").until == NOON + timedelta(days=1)


@pytest.mark.parametrize(("enter", "hours"), [("1h", [1]), (["1h", "3h"], [1, 3]), (0, [0]), (True, [0]), (False, [])])
def test_entries_by_hand_are_one_or_several(enter: Any, hours: list[int]) -> None:
    """`enter` is a moment or a list of them."""
    assert [h.at for h in read(enter=enter).happenings] == [NOON + timedelta(hours=hour) for hour in hours]


def test_of_one_moment_entries_come_after_events_and_before_feedback() -> None:
    """What is said of the customer is known when they enter, and feedback finds the message they were sent."""
    events = [{"at": 0, "type": "identify", "traits": {"a": 1}}, {"at": 0, "feedback": "tap", "channel": "push"}]
    kinds: list[object] = [type(happening) for happening in read(events=events, enter=0).happenings]
    assert kinds == [Arrives, Enters, Reacts]


@pytest.mark.parametrize(
    "identifiers",
    [
        [{"type": "email", "value": "Ann@Example.com"}, {"type": "phone", "value": "+48 601 234 567"}],
        ["email:ann@example.com", "phone:+48601234567"],
        {"email": "ann@example.com", "phone": ["+48601234567"]},
    ],
)
def test_identifiers_may_be_written_in_many_ways(identifiers: Any) -> None:
    """They are spelt the one way in which they are stored, strongest first."""
    opening = read(profile={"identifiers": identifiers}).opening
    assert [str(identifier) for identifier in opening[0].identifiers] == ["email:ann@example.com", "phone:+48601234567"]


def test_an_address_among_the_traits_is_an_identifier() -> None:
    """As an identify call of production names whom it tells of."""
    opening = read(profile={"traits": {"email": "Ann@example.com"}}).opening
    assert [str(identifier) for identifier in opening[0].identifiers] == ["email:ann@example.com"]


def test_a_call_names_whom_it_names_else_the_customer() -> None:
    """An event without any name is about the rehearsal's customer; a new address is learnt."""
    events = [{"at": 0, "event": "A"}, {"at": 1, "event": "B", "context": {"device": {"type": "ios", "token": "new"}}}]
    found = read(profile={"identifiers": ["email:ann@example.com"]}, events=events).happenings
    assert [str(happening.event.identifiers[0]) for happening in found] == [
        "email:ann@example.com",
        "ios.push_token:new",
    ]


@pytest.mark.parametrize(("wrong", "path", "said"), MISTAKES)
def test_what_is_not_understood_is_named_with_a_remedy(wrong: dict[str, Any], path: str, said: str) -> None:
    """Each mistake has its path, and says what was expected."""
    found = problems({**request(events=[ADDED]), **wrong})
    assert path in found
    assert said in found[path]


def test_every_mistake_is_told_at_once() -> None:
    """An author mends all of them before the next attempt."""
    events = [{"at": "x", "event": "A"}, {"feedback": "tapp"}]
    assert set(problems(request(enter="y", events=events))) == {"enter", "events.0.at", "events.1.feedback"}


@pytest.mark.parametrize("body", [None, [], "x", 3])
def test_a_body_that_is_no_mapping_is_refused(body: Any) -> None:
    """Whatever else was posted."""
    assert "expected a mapping" in problems(body)[""]
