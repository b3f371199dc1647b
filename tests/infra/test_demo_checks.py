"""The demo's own checks fail when the stack misbehaves, and its sums are right: proved on results made by hand."""

from collections import Counter
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from infra.demo.checks import checks_of
from infra.demo.costs import Bill, bill_of
from infra.demo.crowd import drawn
from infra.demo.people import ZONE, Person, RunPromise
from infra.demo.play import Outcome, Performance
from infra.demo.shop import StoryError

COSTS = {"push": "0.000001", "email": "0.00016", "sms": "0.03222"}
OPENED = datetime(2026, 3, 10, 10, tzinfo=ZONE)
ADA = Person(
    key="ada",
    name="Ada",
    moral="answers nothing",
    acts=(),
    runs=(RunPromise(("push", "email", "sms")),),
    email="ada@example.com",
    phone="+48601200001",
    device="ios",
    identifiers=("email", "phone"),
)


def message(channel: str, hour: int) -> dict[str, Any]:
    """A message as a run's ledger and the outbox both show it."""
    to = {"push": ADA.token, "email": ADA.email, "sms": ADA.phone}[channel]
    cost = {"amount": COSTS[channel], "currency": "USD"}
    at = f"2026-03-10T{hour:02}:00:00.000Z"
    return {"id": channel, "provider_id": channel, "channel": channel, "to": to, "at": at, "cost": cost} | {
        "answered_at": None
    }


def run(*messages: dict[str, Any]) -> dict[str, Any]:
    """A run that sent these and then had nothing left to do."""
    ending = {"run_id": "r", "outcome": "completed", "ended_at": "2026-03-10T18:00:00.000Z", "converted_at": None}
    return ending | {"messages": list(messages), "decisions": []}


def performance(*messages: dict[str, Any], reach: tuple[str, ...] = ("push", "email", "sms")) -> Performance:
    """Ada's run of these messages, and nobody else's."""
    identifiers = [{"type": "email", "value": ADA.email}, {"type": "phone", "value": ADA.phone}]
    profile: dict[str, Any] = {"profile_id": "p", "identifiers": identifiers, "counters": {"orders": 0, "revenue": {}}}
    outcome = Outcome(
        person=ADA,
        profile=profile,
        sources=Counter(),
        runs=(run(*messages),),
        messages=messages,
        reach=(reach,),
        profile_ids={"email:ada@example.com": "p", "phone:+48601200001": "p"},
    )
    return Performance(OPENED, {}, "", (outcome,), len(messages), {"r": 5})


def broken(story: Performance) -> list[str]:
    """The promises that were not kept; the bill is left out of it."""
    return [check.promise for check in checks_of(story, Bill(())) if not check.kept and "cheaper" not in check.promise]


WHOLE = (message("push", 10), message("email", 14), message("sms", 17))


def test_a_story_as_promised_breaks_nothing() -> None:
    """Three messages in order, at daytime, each delivered once: nothing to complain of."""
    assert broken(performance(*WHOLE)) == []


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        (WHOLE[::-1], "cheapest channel first"),
        (WHOLE[:2], "push then email then sms is sent"),
        ((*WHOLE, WHOLE[2]), "none twice in a run"),
        ((*WHOLE[:2], message("sms", 21)), "between 21:00 and 09:00"),
        ((*WHOLE[:2], message("sms", 19)), "after a run has ended"),
    ],
)
def test_a_wrong_message_is_noticed(messages: tuple[dict[str, Any], ...], complaint: str) -> None:
    """A message out of order, missing, doubled, at night or after the end fails the demo."""
    assert any(complaint in promise for promise in broken(performance(*messages)))


def test_a_message_to_a_stranger_is_noticed() -> None:
    """Something delivered that no customer of the story should have got fails the demo."""
    assert broken(replace(performance(*WHOLE), delivered=4)) == ["nobody else was sent anything"]


def test_a_customer_in_two_pieces_is_noticed() -> None:
    """An identifier that finds another profile fails the demo."""
    story = performance(*WHOLE)
    torn = replace(story.outcomes[0], profile_ids={"email:ada@example.com": "p", "phone:+48601200001": "q"})
    assert broken(replace(story, outcomes=(torn,))) == ["Ada: every identifier finds the one profile"]


def test_the_blast_is_priced_by_reach() -> None:
    """A blast sends on each channel in reach, at the price seen there; what is out of reach costs nothing."""
    bill = bill_of(performance(WHOLE[0], WHOLE[2], reach=("push", "sms")).outcomes)
    assert [(channel.sent, channel.blast_sent) for channel in bill.channels] == [(1, 1), (0, 0), (1, 1)]
    assert bill.total.saved == 0
    stopped = performance(WHOLE[0], reach=("push",)).outcomes
    other = replace(performance(*WHOLE[1:]).outcomes[0], reach=(("push", "email", "sms"),))
    both = bill_of((*stopped, other)).total
    assert (both.sent, both.blast_sent) == (3, 4)
    assert both.saved == Decimal(COSTS["push"])


def test_a_channel_without_a_price_is_no_guess() -> None:
    """Where nothing went out on a channel, a blast on it cannot be priced, and the demo says so."""
    with pytest.raises(StoryError, match="by sms"):
        bill_of(performance(WHOLE[0], reach=("push", "sms")).outcomes)


def test_the_drawn_are_the_same_for_a_seed() -> None:
    """One seed, one crowd; another seed, another; everybody can be reached somehow."""
    one, same, other = (
        [(person.email, person.phone, person.device, person.moral) for person in drawn(50, seed)] for seed in (1, 1, 2)
    )
    assert one == same != other
    assert all(email or phone or device for email, phone, device, _ in one)
