"""What a rehearsal plays: entries, feedback, consent, money and time, as production would."""

from datetime import timedelta
from typing import Any

import pytest

from omnicascade.domain.deployment import Cap, Deployment
from omnicascade.domain.errors import NotFoundError, UnacceptableError
from tests.domain.rehearsal.stories import ADDED, ANN, CASCADE, NOON, decided, desk, played, reasons, request, sent

ENTRY: dict[str, Any] = {"entry": {"event": "Product Added", "key": "properties.cart_id", "after": "1h"}}
PUSH: dict[str, Any] = {"id": "p", "push": {"template": "cart"}}


def test_the_documented_rehearsal_answers_as_documented() -> None:
    """Names, moments, seconds, key and cost of `journeys.md`; e-mail is not opted in to, SMS is switched off."""
    told = desk().simulate(
        "cart",
        request(
            journey=ENTRY,
            config={"topics": {"promotions": "opt_in"}, "channels": {"sms": "off"}},
            profile={**ANN, "consent": {"push/promotions": "granted", "email/promotions": "granted"}},
            events=[ADDED, {"at": "40s", "consent": {"email/promotions": "denied"}}],
        ),
        NOON,
    )
    assert told["messages"] == [
        {
            "at": "2026-03-10T13:00:00Z",
            "after": 3600,
            "channel": "push",
            "step": "cascade-1",
            "template": "cart",
            "key": "c1",
            "cost": {"amount": "0.000001", "currency": "USD"},
        }
    ]
    assert decided(told) == [
        (3600, "cascade-1", "sent"),
        (18000, "cascade-1", "skipped"),
        (18000, "cascade-1", "skipped"),
        (18000, "", "completed"),
    ]
    assert reasons(told, "skipped") == [
        "email: email/promotions denied by rehearsal",
        "sms: channel sms is switched off in this deployment",
    ]
    assert told["runs"] == [
        {
            "key": "c1",
            "started": "2026-03-10T12:00:00Z",
            "ended": "2026-03-10T17:00:00Z",
            "outcome": "completed",
            "reason": "nothing left to do",
            "converted": None,
        }
    ]


@pytest.mark.parametrize(
    ("feedback", "expected"),
    [
        ({"feedback": "tap", "channel": "push"}, ["push"]),
        ({"feedback": "click", "channel": "push"}, ["push"]),
        ({"feedback": "visit"}, ["push"]),
        ({"feedback": "open", "channel": "push"}, ["push", "email", "sms"]),
        ({"feedback": "delivered", "channel": "push"}, ["push", "email", "sms"]),
    ],
)
def test_an_answer_ends_the_cascade_and_a_glance_does_not(feedback: dict[str, Any], expected: list[str]) -> None:
    """Two hours after the entry something comes back to the push notification."""
    told = played(journey=ENTRY, events=[ADDED, {"at": "2h", **feedback}])
    assert [channel for _, channel in sent(told)] == expected


@pytest.mark.parametrize("kind", ["failed", "bounce"])
def test_a_message_that_did_not_arrive_is_not_waited_for(kind: str) -> None:
    """The next channel is used at once."""
    told = played(journey=ENTRY, events=[ADDED, {"at": "2h", "feedback": kind, "channel": "push"}])
    assert sent(told)[:2] == [(3600, "push"), (7200, "email")]


def test_a_bounce_takes_the_address_out_of_use_as_in_production() -> None:
    """A second journey's mail after a hard bounce is skipped, with the reason."""
    mail: dict[str, Any] = {"id": "m", "email": {"template": "cart"}}
    events = [{"at": "1h", "feedback": "bounce", "channel": "email"}]
    told = played(mail, {"wait": "1d"}, {**mail, "id": "n"}, enter="0s", events=events)
    assert sent(told) == [(0, "email")]
    assert "suppressed: bounced" in reasons(told, "skipped")[0]


def test_a_complaint_about_a_text_message_is_a_stop() -> None:
    """Nothing goes to that number any more."""
    text: dict[str, Any] = {"id": "s", "sms": {"template": "cart"}}
    events = [{"at": "1h", "feedback": "complaint", "channel": "sms"}]
    told = played(text, {"wait": "1d"}, {**text, "id": "t"}, enter="0s", events=events)
    assert sent(told) == [(0, "sms")]
    assert "denied" in reasons(told, "skipped")[0]


def test_feedback_on_nothing_is_a_warning() -> None:
    """Nobody taps a notification that has not gone out, and nobody is told that a text message was read."""
    events = [
        ADDED,
        {"at": "30s", "feedback": "tap", "channel": "push"},
        {"at": "2d", "feedback": "open", "channel": "sms"},
    ]
    told = played(journey=ENTRY, events=events)
    assert len(sent(told)) == 3
    assert ["no push message" in told["warnings"][0], "no sms message brings" in told["warnings"][1]] == [True, True]


def test_an_order_ends_the_run_and_counts_as_the_goal() -> None:
    """The exit's match compares with the run's key; the conversion is told."""
    journey = {
        **ENTRY,
        "exit": [{"event": "Order Completed", "match": "properties.cart_id"}],
        "goal": {"event": "Order Completed"},
    }
    other = {"at": "2h", "event": "Order Completed", "properties": {"cart_id": "c2"}}
    own = {"at": "6h", "event": "Order Completed", "properties": {"cart_id": "c1"}}
    told = played(
        {"id": "p", "push": {"template": "cart"}},
        {"wait": "1d"},
        PUSH | {"id": "q"},
        journey=journey,
        events=[ADDED, other, own],
    )
    assert sent(told) == [(3600, "push")]
    [run] = told["runs"]
    assert (run["outcome"], run["ended"]) == ("exited", "2026-03-10T18:00:00Z")
    assert run["converted"] == "2026-03-10T14:00:00Z"


def test_two_baskets_are_two_runs() -> None:
    """Each key has a run of its own; the same key's repetition starts none, and says so."""
    events = [ADDED, {**ADDED, "at": "10m", "properties": {"cart_id": "c2"}}, {**ADDED, "at": "20m"}]
    told = played(PUSH, journey=ENTRY, events=events)
    assert [(m["after"], m["key"]) for m in told["messages"]] == [(3600, "c1"), (4200, "c2")]
    assert reasons(told, "not_entered") == ["a run of the same key is still live"]


def test_a_repeated_event_counts_the_delay_again() -> None:
    """With `restart` the message is an hour after the last addition; that is no refused entry."""
    journey = {"entry": {**ENTRY["entry"], "restart": True}}
    told = played(PUSH, journey=journey, events=[ADDED, {**ADDED, "at": "30m"}])
    assert sent(told) == [(5400, "push")]
    assert reasons(told, "not_entered") == []


def test_an_event_that_is_delivered_twice_happened_once() -> None:
    """The message id alone decides; with another one it is another event."""
    journey = {"entry": {"event": "Product Added"}, "reentry": "always"}
    events = [
        {**ADDED, "messageId": "m1"},
        {**ADDED, "at": "1h", "messageId": "m1"},
        {**ADDED, "at": "2h", "messageId": "m2"},
    ]
    assert sent(played(PUSH, journey=journey, events=events)) == [(0, "push"), (7200, "push")]


def test_what_does_not_fulfil_the_entry_says_why() -> None:
    """The condition's own reason is on record."""
    journey = {"entry": {"event": "Product Added", "where": {"event": "properties.total", "gte": 50}}}
    told = played(PUSH, journey=journey, events=[ADDED])
    assert told["runs"] == []
    assert "properties.total" in reasons(told, "not_entered")[0]


def test_entering_by_hand_follows_the_rule_of_reentry() -> None:
    """Twice within an hour: once, unless the journey lets everybody in again."""
    assert sent(played(PUSH, enter=["0s", "1h"])) == [(0, "push")]
    assert sent(played(PUSH, enter=["0s", "1h"], journey={"reentry": "always"})) == [(0, "push"), (3600, "push")]


def test_becoming_a_member_enters_and_being_one_does_not() -> None:
    """A trait said after the start enters; the same trait known before does not."""
    journey = {"entry": {"when": {"trait": "plan", "is": "paid"}}}
    paid = {"at": "2h", "type": "identify", "traits": {"plan": "paid"}}
    assert sent(played(PUSH, journey=journey, events=[paid])) == [(7200, "push")]
    known = {**ANN, "traits": {"plan": "paid"}}
    assert sent(played(PUSH, journey=journey, profile=known, events=[paid])) == []


def test_the_event_that_makes_a_member_is_the_entry_event() -> None:
    """Steps may ask for its properties, as where the event itself is the entry."""
    journey = {"entry": {"when": {"did": "Product Added", "count": {"gte": 2}}}}
    step = {**PUSH, "if": {"event": "properties.total", "gte": 50}}
    second = {**ADDED, "at": "1h", "properties": {"total": 60}}
    assert sent(played(step, journey=journey, events=[ADDED, second])) == [(3600, "push")]
    assert sent(played(step, journey=journey, events=[ADDED, {**ADDED, "at": "1h"}])) == []


def test_a_segment_is_entered_and_left_as_time_passes() -> None:
    """A member without an order for a day becomes one by the clock alone; an order makes them leave."""
    lapsed = {"all": [{"did": "Order Completed"}, {"not": {"did": "Order Completed", "within": "1d"}}]}
    config = {"segments": {"lapsed": lapsed}}
    events = [{"at": "1h", "event": "Order Completed"}, {"at": "3d", "event": "Order Completed"}]
    came = played(PUSH, journey={"entry": {"segment": "lapsed"}}, config=config, events=events)
    assert [round(after / 3600) for after, _ in sent(came)] == [25]
    left = played(PUSH, journey={"entry": {"segment": "lapsed", "on": "leave"}}, config=config, events=events)
    assert sent(left) == [(3 * 86400, "push")]


def test_a_schedule_starts_those_who_are_of_the_segment() -> None:
    """On the second Monday the customer is a member; on the first they were not, and that is on record."""
    journey = {"entry": {"schedule": "cron(0 9 ? * MON *)", "segment": "paid"}}
    config = {"segments": {"paid": {"trait": "plan", "is": "paid"}}}
    events = [{"at": "7d", "type": "identify", "traits": {"plan": "paid"}}]
    told = played(PUSH, journey=journey, config=config, events=events, until="14d")
    assert [message["at"] for message in told["messages"]] == ["2026-03-23T09:00:00Z"]
    assert "not in the segment" in reasons(told, "not_entered")[0]


def test_history_before_the_start_starts_nothing() -> None:
    """An event of last week is remembered, and no more."""
    past = {**ADDED, "at": "-7d"}
    journey = {"entry": {"event": "Went", "where": {"did": "Product Added", "within": "8d"}}}
    assert sent(played(PUSH, journey=journey, events=[past, {"at": "1h", "event": "Went"}])) == [(3600, "push")]
    assert played(PUSH, journey=ENTRY, events=[past])["runs"] == []


def test_computed_traits_are_known_while_it_plays() -> None:
    """What the events add up to can be asked like any trait."""
    order = {"event": "Order Completed", "properties": {"total": 10}}
    step = {**PUSH, "if": {"trait": "orders", "gte": 2}}
    events = [{"at": "1h", **order}, {"at": "2h", **order}]
    assert sent(played({"wait": "90m"}, step, enter="0s", events=events)) == []
    assert sent(played({"wait": "150m"}, step, enter="0s", events=events)) == [(9000, "push")]


def test_an_update_is_known_to_the_steps_behind_it() -> None:
    """Traits that the journey says count at once, and may start it for others of its kind."""
    steps = [{"update": {"traits": {"asked": True}}}, {**PUSH, "if": {"trait": "asked", "is": True}}]
    told = played(*steps, enter="0s")
    assert sent(told) == [(0, "push")]


def test_a_webhook_is_called_only_where_it_may_be() -> None:
    """Nobody is called; a host that is not allowed is on record, and the run goes on either way."""
    step: dict[str, Any] = {"webhook": {"url": "https://hooks.example.com/x", "body": {"a": 1}}}
    refused = played(step, PUSH, enter="0s")
    assert ("hooks.example.com is none of" in reasons(refused, "failed")[0], sent(refused)) == (True, [(0, "push")])
    called = played(step, PUSH, enter="0s", config={"webhook_hosts": ["hooks.example.com"]})
    assert (reasons(called, "called"), sent(called)) == (["rehearsed: nothing was called"], [(0, "push")])


def test_a_text_message_is_priced_by_parts_and_country() -> None:
    """171 characters are two parts, each at Poland's price."""
    text: dict[str, Any] = {"id": "s", "sms": {"template": "long"}}
    told = played(text, enter="0s", templates={"long": "a" * 171})
    assert told["messages"][0]["cost"] == {"amount": "0.06444", "currency": "USD"}


def test_a_spent_budget_passes_the_channel_over() -> None:
    """The first text message takes the month's budget; the second run's is refused, in the next month it goes."""
    text: dict[str, Any] = {"id": "s", "sms": {"template": "cart", "budget": "0.05 USD"}}
    told = played(text, journey={"reentry": "always"}, enter=["0s", "1d", "25d"])
    assert sent(told) == [(0, "sms"), (25 * 86400, "sms")]
    assert "budget" in reasons(told, "skipped")[0]


def test_what_cannot_be_written_fails_with_the_templates_reason() -> None:
    """A variable that this customer does not have."""
    told = played(PUSH, enter="0s", templates={"cart": "Hello {{ profile.traits.first_name }}"})
    assert sent(told) == []
    assert "first_name" in reasons(told, "failed")[0]


def test_quiet_hours_hold_on_the_customers_clock() -> None:
    """At 21:30 in Warsaw it is too late; nine in the morning is the time."""
    quiet = {"quiet_hours": {"from": "21:00", "to": "08:59", "zone": "recipient"}}
    told = played(PUSH, journey=quiet, enter="8h30m")
    assert [message["at"] for message in told["messages"]] == ["2026-03-11T08:00:00Z"]
    assert decided(told)[0][2] == "held"


def test_the_deployments_own_caps_do_not_apply() -> None:
    """A rehearsal counts only what it sends itself, under the caps it is given."""
    strict = Deployment(caps=(Cap(1, timedelta(days=1)),))
    body = request(PUSH, {**PUSH, "id": "q"}, enter="0s")
    assert len(desk(strict).simulate("cart", body, NOON)["messages"]) == 2


def test_a_hold_out_is_told_as_a_run_that_ended() -> None:
    """Everybody is held out: no message, one run, and why."""
    told = played(PUSH, journey={"holdout": "100%"}, enter="0s")
    assert (sent(told), told["runs"][0]["outcome"]) == ([], "held_out")


def test_a_journey_that_is_not_active_is_rehearsed_with_a_warning() -> None:
    """A draft can be tried before it is switched on."""
    told = played(PUSH, journey={"active": False}, enter="0s")
    assert (sent(told), "not active" in told["warnings"][0]) == ([(0, "push")], True)


def test_the_same_rehearsal_always_plays_alike() -> None:
    """Nothing depends on the machine, its clock or chance."""
    body = request(journey=ENTRY, events=[ADDED, {"at": "2h", "feedback": "open"}])
    assert desk().simulate("cart", body, NOON) == desk().simulate("cart", body, NOON)


def test_a_stored_journey_is_rehearsed_by_name() -> None:
    """Its version is told; one that is not stored needs a definition."""
    place = desk()
    with pytest.raises(NotFoundError, match="definition"):
        place.simulate("cart", {"enter": "0s"}, NOON)
    told = place.simulate("cart", request(CASCADE, enter="0s"), NOON)
    assert (told["journey"], told["version"]) == ("cart", 1)


def test_what_lies_behind_the_end_is_not_played() -> None:
    """A run under way at the end has no end yet."""
    told = played(journey=ENTRY, until="2h", events=[ADDED, {"at": "3h", "event": "Order Completed"}])
    assert sent(told) == [(3600, "push")]
    assert (told["runs"][0]["ended"], told["runs"][0]["outcome"]) == (None, None)


def test_a_rehearsal_that_never_rests_is_given_up() -> None:
    """A schedule by the minute over a year would be half a million starts."""
    journey = {"entry": {"schedule": "rate(1 minute)", "segment": "all"}, "reentry": "always"}
    config = {"segments": {"all": {"not": {"trait": "x", "is": 1}}}}
    with pytest.raises(UnacceptableError, match="never comes to rest"):
        played(PUSH, journey=journey, config=config, until="365d")
