"""Every reason of the engine has a short name, and none that is about one customer alone."""

from datetime import timedelta
from typing import Any

import pytest

from omnicascade.domain.deployment import Cap, Channel, Deployment, Topic
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.journey import Journey
from omnicascade.domain.journeys.person import Contact, Person
from omnicascade.domain.journeys.run import Decision
from omnicascade.domain.offers import offer_over
from omnicascade.domain.planning.reasons import kind_of, told
from tests.domain.journeys.journey_builders import START, customer, journey

EMAIL: dict[str, Any] = {"email": {"template": "cart"}}
LATE = {"deadline": "1h", "quiet_hours": {"from": "11:00", "to": "14:00", "zone": "UTC"}}
FULL = (Contact(START - timedelta(hours=1), "m", Channel.EMAIL, "other"),)


def decided(flow: Journey, person: Person, deployment: Deployment) -> Decision:
    """The first thing decided about the message."""
    run = engine.start(flow, run_id="r1", person=person, key=None, event=None, now=START)
    while not any(decision.outcome == "skipped" for decision in run.decisions):
        moment = run.next_moment
        assert moment
        run = engine.advance(flow, run, person, deployment, moment).run
    return next(decision for decision in run.decisions if decision.outcome == "skipped")


@pytest.mark.parametrize(
    ("fields", "person", "deployment", "kind"),
    [
        ({}, Person(customer("push")), Deployment(), "no address"),
        ({}, Person(customer(suppressed=("email:ann@example.com",))), Deployment(), "address suppressed"),
        ({}, Person(customer()), Deployment(channels_off=frozenset({"email"})), "channel switched off"),
        ({}, Person(customer(consent={"email/*": False})), Deployment(), "no consent"),
        ({}, Person(customer()), Deployment(topics={"promotions": Topic.OPT_IN}), "no consent"),
        ({}, Person(customer(), contacts=FULL), Deployment(caps=(Cap(1, timedelta(days=1)),)), "frequency cap"),
        (LATE, Person(customer()), Deployment(), "past the deadline"),
        (
            {"quiet_hours": {"from": "11:00", "to": "14:00", "zone": "UTC", "policy": "drop"}},
            Person(customer()),
            Deployment(),
            "quiet hours",
        ),
    ],
)
def test_reasons_of_the_engine_have_names(
    fields: dict[str, Any], person: Person, deployment: Deployment, kind: str
) -> None:
    """Asked of the engine itself, so that a new wording is found here."""
    channel, reason = told(decided(journey(EMAIL, **fields), person, deployment))
    assert (channel, kind_of(reason)) == ("email", kind)


@pytest.mark.parametrize(
    ("reentry", "entries", "live", "kind"),
    [
        ("never", 1, True, "a run of theirs is live"),
        ("never", 1, False, "entered before, and re-entry is never"),
        ({"limit": 2}, 2, False, "entered as often as re-entry allows"),
        ({"after": "7d"}, 1, False, "entered too recently"),
    ],
)
def test_reasons_of_re_entry_have_names(reentry: Any, entries: int, live: bool, kind: str) -> None:
    """The same."""
    flow = journey(EMAIL, reentry=reentry)
    assert kind_of(engine.may_reenter(flow, entries, START, live, START).reason) == kind


def test_an_offer_that_is_over_has_a_name() -> None:
    """The same."""
    reason = offer_over("2020-01-01", entry=None, traits={}, now=START)
    assert reason
    assert kind_of(reason) == "offer is over"


def test_an_unknown_reason_stands_for_itself_without_its_moments() -> None:
    """So that two customers' reasons of one sort are one line."""
    one, other = (kind_of(f"waited since 2026-03-1{day}T12:00:00+00:00, strange") for day in (1, 2))
    assert one == other == "waited since …, strange"
    assert told(Decision(START, "s", "skipped", "plan is paid: no")) == ("", "plan is paid: no")
