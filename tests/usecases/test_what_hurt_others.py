"""What users of other marketing systems complained about most, as promises of this one.

Each test's sentence says what happened elsewhere and must not happen here. Most are rehearsed with `simulate`, the way
a marketer would find out; `tests/e2e/test_journeys.py` holds those that are about the whole road. Proven elsewhere:

- a wait that never resumes: `tests/usecases/test_watch_runs.py`, `tests/stack/test_stalled_runs.py`,
  `tests/usecases/test_crash_matrix.py`;
- the same message twice: `tests/usecases/test_deliveries.py`, `tests/usecases/test_crash_matrix.py`, and laws 4 and 6
  on the real adapters in `tests/stack/test_crashes.py` and `tests/stack/test_seeded_deliveries.py`;
- an event between a send and its wait that gets lost: the "any write" tests of `tests/usecases/test_deliveries.py`;
- scanners that click and prefetch: `tests/domain/test_machines.py`; scanners that unsubscribe everybody, and one-click
  unsubscription by RFC 8058: `tests/usecases/test_follow_links.py`, `tests/e2e/test_cascade.py`;
- customers joined wrongly, and joins that cannot be undone: `tests/e2e/test_identity_scenarios.py`,
  `tests/e2e/test_undo.py`;
- erasure that leaves copies behind: `tests/e2e/test_erasure.py`, `tests/stack/test_erased_everywhere.py`;
- workers that race for the same customer: `tests/workers/test_many_workers.py`.
"""

from typing import Any

import pytest

from omnicascade.domain.journeys.definition.loading import load_definition
from omnicascade.domain.journeys.engine import held_out
from tests.domain.rehearsal.stories import ADDED, ANN, CASCADE, decided, played, reasons, sent
from tests.usecases.world import World

HOUR, DAY = 3600, 86_400
PUSH: dict[str, Any] = {"id": "p", "push": {"template": "cart"}}
MAIL: dict[str, Any] = {"id": "m", "email": {"template": "cart"}}
TEXT: dict[str, Any] = {"id": "s", "sms": {"template": "cart"}}
BASKET: dict[str, Any] = {"entry": {"event": "Product Added", "key": "properties.cart_id"}}


def order(at: str, cart: str = "c1", **more: Any) -> dict[str, Any]:
    """An order of a basket."""
    return {"at": at, "event": "Order Completed", "properties": {"cart_id": cart}, **more}


def added(at: str, cart: str = "c1") -> dict[str, Any]:
    """Something put into a basket."""
    return {**ADDED, "at": at, "properties": {"cart_id": cart, "total": 40}}


# 1. "Did they already buy?" did not work in keyed waits: the buyer was reminded of the basket that was paid for.


@pytest.mark.parametrize(
    ("cart", "expected"), [("c1", []), (1, [(DAY, "push")]), ("c2", [(DAY, "push")])], ids=["own", "number", "other"]
)
def test_a_keyed_wait_sees_the_order_of_its_own_basket_and_of_no_other(cart: Any, expected: list[Any]) -> None:
    """A wait on the order of the same basket never matched elsewhere (dittofeed 1596); here it does, within the key."""
    wait = {"wait_for": {"event": "Order Completed", "match": "properties.cart_id", "timeout": "1d"}}
    step = {**wait, "then": [{"end": {"reason": "bought"}}], "otherwise": [PUSH]}
    assert sent(played(step, journey=BASKET, events=[added("0s"), order("5h", cart)])) == expected


def test_a_question_about_this_run_does_not_see_orders_of_earlier_ones() -> None:
    """A gate that looked at all of history sent second runs astray (parcelvoy 548); `since_start` looks at this one."""
    bought = {"did": "Order Completed", "since_start": True}
    journey = {**BASKET, "reentry": "always"}
    told = played(
        {"wait": "1d"},
        {**PUSH, "if": {"not": bought}},
        journey=journey,
        events=[added("0s"), order("2h"), added("10d")],
    )
    assert [(round(after / DAY), channel) for after, channel in sent(told)] == [(11, "push")]


# 2. Waiting for an event inside a workflow was polled, minutes late, and looked at the entry event only.


def test_an_awaited_event_moves_the_run_in_the_same_second() -> None:
    """Elsewhere waits were polled every ten minutes against the entry event (posthog 14468, 45743)."""
    step = {"wait_for": {"event": "Seat Chosen", "where": {"event": "properties.row", "gte": 5}, "timeout": "3d"}}
    events = [
        {"at": "100s", "event": "Seat Chosen", "properties": {"row": 2}},
        {"at": "217s", "event": "Seat Chosen", "properties": {"row": 7}},
    ]
    assert sent(played({**step, "then": [PUSH], "otherwise": [TEXT]}, enter="0s", events=events)) == [(217, "push")]


def test_a_condition_that_is_true_already_is_not_waited_for() -> None:
    """Who had paid before the wait began waited for a second payment, or for ever; here they go on at once."""
    step = {"wait_for": {"when": {"trait": "plan", "is": "paid"}, "timeout": "3d"}, "then": [PUSH], "otherwise": [TEXT]}
    paid = {**ANN, "traits": {"plan": "paid"}}
    assert sent(played(step, enter="0s", profile=paid)) == [(0, "push")]
    becomes = [{"at": "301s", "type": "identify", "traits": {"plan": "paid"}}]
    assert sent(played(step, enter="0s", events=becomes)) == [(301, "push")]


# 3. Silent stalls: a message that could not be sent left its customer standing for ever.


def test_a_message_that_cannot_be_written_stalls_nobody() -> None:
    """A failed send stalled the journey without a word (parcelvoy 432); here it is on record and the run goes on."""
    broken = {"id": "b", "email": {"template": "broken"}}
    templates = {
        "cart": {"subject": "s", "text": "t"},
        "broken": {"subject": "s", "text": "{{ event.properties.nope }}"},
    }
    told = played(broken, PUSH, enter="0s", templates=templates)
    assert (decided(told)[0][1:], sent(told)) == (("b", "failed"), [(0, "push")])
    assert reasons(told, "failed")[0].startswith("email: template broken")


# 4. The same message twice.


def test_an_event_that_is_sent_twice_is_one_message() -> None:
    """A client that retried its call sent the mail twice (customerio-python 133); one message id is one event."""
    journey = {"entry": {"event": "Product Added"}, "reentry": "always"}
    twice = [{**added("0s"), "messageId": "m1"}, {**added("2s"), "messageId": "m1"}]
    assert sent(played(PUSH, journey=journey, events=twice)) == [(0, "push")]


# 5. Machine opens and clicks drove decisions.


def test_an_open_stops_no_cascade() -> None:
    """Mail that a scanner or a proxy opened counted as read, and the paid reminder never went (mautic 16263)."""
    told = played(CASCADE, enter="0s", events=[{"at": "4h5s", "feedback": "open", "channel": "email"}])
    assert [channel for _, channel in sent(told)] == ["push", "email", "sms"]


# 6. Mail after unsubscribing, because one path skipped the check.


AFTER_TWO_DAYS: list[dict[str, Any]] = [
    {"email": {"template": "cart"}},
    {"cascade": {"channels": [{"email": {"template": "cart"}}]}},
    {"branch": [{"if": {"reachable": "push"}, "then": [MAIL]}]},
    {"split": [{"name": "a", "share": "100%", "then": [MAIL]}]},
    {"wait_for": {"event": "Never", "timeout": "1h"}, "then": [], "otherwise": [MAIL]},
]


@pytest.mark.parametrize("step", AFTER_TWO_DAYS, ids=["message", "cascade", "branch", "split", "wait_for"])
@pytest.mark.parametrize("held", [False, True], ids=["waiting", "held overnight"])
def test_nobody_gets_mail_after_unsubscribing_by_any_path(step: dict[str, Any], *, held: bool) -> None:
    """Two days into a journey the mail went out although they had left (parcelvoy 442); every path asks at the send."""
    quiet = {"quiet_hours": {"from": "00:00", "to": "23:58", "zone": "UTC"}} if held else {}
    left = [{"at": "1d", "consent": {"email/*": "denied"}}]
    told = played({"wait": "2d"}, step, enter="0s", journey=quiet, events=left)
    assert sent(told) == []
    assert "denied" in reasons(told, "skipped")[0]
    stayed = played({"wait": "2d"}, step, enter="0s", journey=quiet)
    assert [channel for _, channel in sent(stayed)] == ["email"]


def test_what_was_held_overnight_is_not_sent_to_who_left_in_the_evening() -> None:
    """A message waiting for the morning was sent on the consent of the evening before; it is asked for again."""
    quiet = {"quiet_hours": {"from": "21:00", "to": "08:59", "zone": "recipient"}}
    left = [{"at": "12h", "consent": {"email/*": "denied"}}]
    told = played(MAIL, enter="10h", journey=quiet, events=left)
    assert [outcome for _, _, outcome in decided(told)][:2] == ["held", "skipped"]
    assert sent(told) == []


# 7. Frequency rules that did not hold, or could not be explained.


CAPPED: dict[str, Any] = {"caps": [{"messages": 1, "per": "24h"}]}


def test_a_cap_is_a_window_to_the_second_and_says_why() -> None:
    """A cap per calendar day let 23:00 and 00:00 pass (Braze); nobody knew whether a message was queued or lost."""
    later = {"reentry": "always"}
    told = played(PUSH, journey=later, enter=["11h", "12h", "34h59m59s", "35h"], config=CAPPED)
    assert sent(told) == [(11 * HOUR, "push"), (35 * HOUR, "push")]
    assert len(reasons(told, "skipped")) == 2
    assert all("24h" in reason or "1d" in reason for reason in reasons(told, "skipped"))


def test_a_message_that_failed_does_not_count() -> None:
    """Elsewhere (Synerise) a failed send used up the customer's cap, and the working channel stayed silent."""
    broken = {"id": "b", "email": {"template": "broken"}}
    templates = {"cart": "t", "broken": {"subject": "s", "text": "{{ event.properties.nope }}"}}
    assert sent(played(broken, PUSH, enter="0s", config=CAPPED, templates=templates)) == [(0, "push")]


def test_a_receipt_knows_no_cap() -> None:
    """Transactional messages were dropped by marketing's cap; their class frees them of it."""
    receipt = {"class": "transactional"}
    told = played(PUSH, {**PUSH, "id": "q"}, enter="0s", config=CAPPED, journey=receipt)
    assert len(sent(told)) == 2


# 8. Local business hours.


@pytest.mark.parametrize("zone", ["Mars/Phobos", "", "../../etc/passwd", 7, "europe/nowhere"])
def test_a_bad_time_zone_stops_nobody(zone: Any) -> None:
    """One invalid zone among 600,000 stopped a whole campaign (parcelvoy 610); here the phone's country answers."""
    quiet = {"quiet_hours": {"from": "21:00", "to": "08:59", "zone": "recipient"}}
    odd = {**ANN, "traits": {"timezone": zone}}
    told = played(PUSH, enter="9h", journey=quiet, profile=odd)
    assert [message["at"] for message in told["messages"]] == ["2026-03-11T08:00:00Z"]


def test_local_hours_are_the_customers_and_summer_time_counts() -> None:
    """Local hours took ten years elsewhere and then knew one offset and no summer time (mautic 539, Laudspeaker)."""
    step = {"wait": {"until": "09:00", "zone": "recipient"}}
    before = played(step, PUSH, enter="0s", start="2026-03-27T12:00:00Z")
    after = played(step, PUSH, enter="0s", start="2026-03-28T12:00:00Z")
    assert [told["messages"][0]["at"] for told in (before, after)] == ["2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z"]


# 9. Leaving on the goal, and coming back later.


def test_the_goal_is_left_by_at_once_even_from_a_long_wait() -> None:
    """Who bought on day one of a 30-day delay stayed in it for 29 more (Braze); an exit ends the wait itself."""
    journey = {**BASKET, "exit": [{"event": "Order Completed", "match": "properties.cart_id"}]}
    told = played(PUSH, {"wait": "30d"}, MAIL, journey=journey, events=[added("0s"), order("1d")], until="60d")
    [run] = told["runs"]
    assert (run["outcome"], run["ended"], sent(told)) == ("exited", "2026-03-11T12:00:00Z", [(0, "push")])


def test_who_left_may_come_back_when_the_journey_says_so_and_not_before() -> None:
    """Restarting was broken in both directions for years (mautic 7338, 16075): never, or twice at once."""
    journey = {**BASKET, "reentry": {"after": "7d"}, "exit": [{"event": "Order Completed"}]}
    events = [added("0s"), order("1h"), added("3d"), added("8d"), added("8d1h")]
    told = played(PUSH, {"wait": "1d"}, journey=journey, events=events)
    assert [round(after / DAY) for after, _ in sent(told)] == [0, 8]
    assert len(reasons(told, "not_entered")) == 2


def test_a_conversion_pulls_no_other_wait_forward() -> None:
    """A goal event woke every wait: a delay of 30 minutes collapsed and the next mail left at once (posthog 63211)."""
    journey = {**BASKET, "goal": {"event": "Order Completed", "within": "7d"}}
    told = played(PUSH, {"wait": "30m"}, MAIL, journey=journey, events=[added("0s"), order("10m")])
    assert sent(told) == [(0, "push"), (1800, "email")]
    assert told["runs"][0]["converted"] == "2026-03-10T12:10:00Z"


def test_a_conversion_after_a_run_without_waits_counts() -> None:
    """Journeys without a delay showed 0 % (posthog 81288): the order came after the end. The window stays open."""
    journey = {**BASKET, "goal": {"event": "Order Completed", "within": "7d"}}
    told = played(PUSH, journey=journey, events=[added("0s"), order("6d")])
    assert (told["runs"][0]["outcome"], told["runs"][0]["converted"]) == ("completed", "2026-03-16T12:00:00Z")


def test_a_buyer_who_fills_a_new_basket_is_reminded_of_the_new_one_only() -> None:
    """In a funnel, who bought and then added an item was "abandoned" again with the old basket (Segment)."""
    journey = {
        "entry": {**BASKET["entry"], "after": "1h"},
        "exit": [{"event": "Order Completed", "match": "properties.cart_id"}],
    }
    told = played(PUSH, journey=journey, events=[added("0s"), order("30m"), added("40m", "c2")])
    assert [(message["after"], message["key"]) for message in told["messages"]] == [(6000, "c2")]


# 10. No simulator: a delay hid a wrong edit until hundreds had the mail.


def test_a_year_of_delays_is_seen_in_a_moment() -> None:
    """A wrong cancellation mail was hidden by a 12-hour delay until 410 had it (posthog meta 248): rehearse it."""
    told = played({"wait": "12h"}, MAIL, {"wait": "300d"}, PUSH, enter="0s", until="365d")
    assert [(round(after / HOUR), channel) for after, channel in sent(told)] == [(12, "email"), (7212, "push")]


# 14. A channel that failed, or that the customer does not have, was the end of it.


@pytest.mark.parametrize("missing", ["ios.push_token", "email", "phone"])
def test_whom_a_channel_does_not_reach_the_next_one_does_at_once(missing: str) -> None:
    """Pushes to people without the app were dropped and nobody was told: 13 of 15 missed (open-bank-oss 4363)."""
    channel = {"ios.push_token": "push", "email": "email", "phone": "sms"}[missing]
    few = {**ANN, "identifiers": [one for one in ANN["identifiers"] if one["type"] != missing]}
    waits = {"push": 4 * HOUR, "email": 20 * HOUR, "sms": 0}
    expected: list[tuple[float, str]] = []
    moment = 0
    for name, wait in waits.items():
        if name != channel:
            expected.append((moment, name))
            moment += wait
    told = played(CASCADE, enter="0s", profile=few)
    assert sent(told) == expected
    assert any(reason.startswith(f"{channel}: no {channel} address") for reason in reasons(told, "skipped"))


# 15. Tests of whole paths, and hold-outs that survive.


def test_an_arm_is_kept_over_entries() -> None:
    """Whole paths could not be compared (mautic 7486), since who came back might be drawn into the other one."""
    arms = [{"name": name, "share": "50%", "then": [{"id": name, "push": {"template": "cart"}}]} for name in "ab"]
    journey = {**BASKET, "reentry": "always"}
    drawn: set[str] = set()
    for number in range(12):
        person = {**ANN, "identifiers": [{"type": "ios.push_token", "value": f"t{number}"}]}
        told = played({"split": arms}, journey=journey, profile=person, events=[added("0s"), added("9d"), added("12d")])
        steps = [message["step"] for message in told["messages"]]
        assert len(steps) == 3
        assert len(set(steps)) == 1
        drawn |= set(steps)
    assert drawn == {"a", "b"}


def test_a_hold_out_is_close_to_its_share_and_never_drawn_anew() -> None:
    """A random share at each entry (Pinpoint) made control groups leak; here a hash of the first entry decides."""
    journey = load_definition({"name": "j", "holdout": "10%", "steps": [PUSH]})
    first = [held_out(journey, f"customer-{number}") for number in range(5_000)]
    assert first == [held_out(journey, f"customer-{number}") for number in range(5_000)]
    assert 0.08 < sum(first) / len(first) < 0.12


# Who turns out to be somebody we write to already.


def joined_visitor() -> World:
    """A visitor's basket in the browser and, an hour later, the same person's in the app, before either is known."""
    world = World()
    world.put_journey(
        "cart", PUSH | {"if": {"reachable": "push"}}, {"wait": "4h"}, MAIL, entry={"event": "Product Added"}
    )
    world.post({"type": "identify", "userId": "ann", "messageId": "i", "traits": {"email": "ann@example.com"}})
    world.advance(seconds=1)
    world.post({"type": "track", "event": "Product Added", "messageId": "a", "userId": "ann"})
    world.advance(hours=1)
    world.post({"type": "track", "event": "Product Added", "messageId": "b", "anonymousId": "browser"})
    world.advance(hours=1)
    world.post({"type": "identify", "messageId": "j", "userId": "ann", "anonymousId": "browser"})
    world.advance(days=2)
    return world


def test_two_runs_of_one_person_become_one() -> None:
    """Customers that were joined got both runs' messages, or lost the live one; the earliest goes on, alone."""
    world = joined_visitor()
    outcomes = sorted(str(run.outcome) for run in world.runs_of("user_id:ann", "cart"))
    assert outcomes == ["completed", "merged"]
    assert [message.to for message in world.email.sent] == ["ann@example.com"]
