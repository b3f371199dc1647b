"""Frequency caps: what counts, for how long, and whom they hold back."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from omnicascade.domain.deployment import Cap, Channel, Deployment
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.person import Contact, JourneyClass
from omnicascade.domain.journeys.run import SendOutcome
from tests.domain.journeys.journey_builders import START, World, journey

DAY = timedelta(days=1)
PUSH, EMAIL, SMS = ({channel: {"template": "cart"}} for channel in ("push", "email", "sms"))


def contact(
    at: datetime, name: str = "a", channel: Channel = Channel.EMAIL, of: str = "other", kind: JourneyClass = "marketing"
) -> Contact:
    """A message of another run."""
    return Contact(at, f"{name}-0", channel, of, kind)


def sent_with(*caps: Cap, contacts: tuple[Contact, ...] = (), **fields: Any) -> list[str]:
    """What a push and a mail become under these caps, after these contacts."""
    flow = journey(PUSH, EMAIL, **fields)
    return World(flow, deployment=Deployment(caps=caps), contacts=contacts).enter().channels()


@pytest.mark.parametrize(
    ("ago", "sent"), [(DAY - timedelta(seconds=1), []), (DAY, ["push"]), (timedelta(0), []), (-timedelta(hours=1), [])]
)
def test_a_window_rolls_to_the_second(ago: timedelta, sent: list[str]) -> None:
    """A contact counts while it is younger than the window; at exactly a day it is over, and one slot is free."""
    contacts = (contact(START - ago), contact(START - timedelta(hours=2), "b"))
    assert sent_with(Cap(2, DAY), contacts=contacts) == sent


def test_a_cap_over_all_channels_counts_every_channel_and_this_runs_own_messages() -> None:
    """The push that went out a moment ago is one of the two."""
    assert sent_with(Cap(1, DAY)) == ["push"]
    assert sent_with(Cap(2, DAY)) == ["push", "email"]
    assert sent_with(Cap(2, DAY), contacts=(contact(START, channel=Channel.SMS),)) == ["push"]


def test_a_cap_on_a_channel_counts_and_holds_that_channel_only() -> None:
    """Mails of today hold a mail back and not the push."""
    mails = (contact(START, "a"), contact(START, "b"))
    assert sent_with(Cap(2, DAY, Channel.EMAIL), contacts=mails) == ["push"]
    pushes = (contact(START, "a", Channel.PUSH), contact(START, "b", Channel.PUSH))
    assert sent_with(Cap(2, DAY, Channel.EMAIL), contacts=pushes) == ["push", "email"]


def test_each_of_several_caps_holds() -> None:
    """The tightest decides, and the reason names it."""
    flow = journey(PUSH, EMAIL)
    deployment = Deployment(caps=(Cap(9, DAY), Cap(1, timedelta(hours=1), Channel.EMAIL), Cap(5, timedelta(days=7))))
    world = World(flow, deployment=deployment, contacts=(contact(START - timedelta(minutes=59)),)).enter()
    assert world.channels() == ["push"]
    assert world.reasons("skipped") == ["email: 1 email messages within 1h, the last at 2026-03-10T11:01:00+00:00"]


def test_a_journeys_own_cap_counts_its_messages_over_all_its_runs() -> None:
    """Two of this journey yesterday evening leave room for one; those of other journeys do not matter."""
    evening = START - timedelta(hours=14)
    own = (contact(evening, "r1", of="j"), contact(evening, "r2", of="j"), contact(evening, "x"), contact(evening, "y"))
    assert sent_with(contacts=own, cap={"messages": 3, "per": "24h"}) == ["push"]
    assert sent_with(contacts=own, cap={"messages": 2, "per": "24h"}) == []
    assert sent_with(contacts=own, cap={"messages": 2, "per": "14h"}) == ["push", "email"]


@pytest.mark.parametrize(("outcome", "sent"), [("failed", 3), ("withdrawn", 3), ("sent", 1), ("unknown", 1)])
def test_what_surely_did_not_go_out_does_not_count(outcome: SendOutcome, sent: int) -> None:
    """A failed message leaves its place to the next; one that may have gone out does not."""
    world = World(journey(PUSH, EMAIL, SMS), deployment=Deployment(caps=(Cap(1, DAY),)), outcome=outcome).enter()
    assert len(world.sent) == sent


def test_the_runs_own_ledger_outranks_the_log() -> None:
    """A message both in the log and in the ledger counts once; one taken back does not, though the log still has it."""
    cap = Deployment(caps=(Cap(2, DAY),))
    logged = (Contact(START, "r-0", Channel.PUSH, "j"),)
    assert World(journey(PUSH, EMAIL, SMS), deployment=cap, contacts=logged).enter().channels() == ["push", "email"]
    failing = World(journey(PUSH, EMAIL, SMS), deployment=cap, contacts=logged, outcome="failed").enter()
    assert failing.channels() == ["push", "email", "sms"]


def test_transactional_messages_are_neither_held_nor_counted_unless_said() -> None:
    """A receipt goes out over every cap; a cap may count it against marketing."""
    receipts = (contact(START, "a", kind="transactional"), contact(START, "b", kind="transactional"))
    assert sent_with(Cap(1, DAY), contacts=(contact(START),), **{"class": "transactional"}) == ["push", "email"]
    assert sent_with(Cap(2, DAY), contacts=receipts) == ["push", "email"]
    assert sent_with(Cap(2, DAY, transactional=True), contacts=receipts) == []


def test_a_capped_channel_of_a_cascade_is_passed_over_without_its_wait() -> None:
    """Not queued, not waited for: the next channel goes at once."""
    deployment = Deployment(caps=(Cap(1, DAY, Channel.PUSH),))
    world = World(journey(), deployment=deployment, contacts=(contact(START, channel=Channel.PUSH),)).enter()
    assert world.sent == [(0, "cascade-1", "email")]
    assert world.outcomes()[0] == ("cascade-1", "skipped")


def test_how_far_back_contacts_matter() -> None:
    """The longest window of any cap that applies; none for a journey that knows no caps."""
    deployment = Deployment(caps=(Cap(1, DAY), Cap(5, timedelta(days=7), Channel.SMS)))
    assert engine.longest_cap(journey(PUSH), deployment) == timedelta(days=7)
    assert engine.longest_cap(journey(PUSH, cap={"messages": 1, "per": "30d"}), deployment) == timedelta(days=30)
    assert engine.longest_cap(journey(PUSH), Deployment()) == timedelta()
    assert engine.longest_cap(journey(PUSH, **{"class": "transactional"}), deployment) == timedelta()
