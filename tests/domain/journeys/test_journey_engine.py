"""The engine on single journeys: cascades, waits, exits, goals, feedback, quiet hours, hold-out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from omnicascade.domain.deployment import Deployment, Price, Topic
from omnicascade.domain.errors import ConflictError, NotFoundError
from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.person import Person
from omnicascade.domain.journeys.run import SendOutcome
from tests.domain.journeys.journey_builders import CASCADE, START, World, customer, event, hours, journey

DAY_ONE = [(0, "cascade-1", "push"), (4 * 3600, "cascade-1", "email"), (24 * 3600, "cascade-1", "sms")]


def test_a_cascade_nobody_answers_uses_every_channel_in_turn() -> None:
    """Push at once, e-mail after its wait, SMS last; then the run is completed without another wait."""
    world = World(journey()).enter().until(timedelta(days=3))
    assert world.sent == DAY_ONE
    assert (world.run.outcome, world.run.ended_at) == ("completed", START + hours(24))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("Push Notification Tapped", {"message_id": "r-0"}),
        ("Message Link Clicked", {"message_id": "r-0"}),
        ("page", {"url": "https://shop.example.com/cart?oc=r-0"}),
        ("Product Viewed", {"context": {"campaign": {"message_id": "r-0"}}}),
        ("Order Completed", {"total": 40}),
    ],
)
def test_an_answer_ends_the_cascade_and_the_run_at_once(name: str, fields: dict[str, object]) -> None:
    """A tap, a click, a visit the message caused or the goal leaves nothing to send."""
    world = World(journey(goal={"event": "Order Completed"})).enter().until(hours(1))
    assert world.happens(name, **fields)
    world.until(timedelta(days=3))
    assert (world.channels(), world.run.outcome, world.run.ended_at) == (["push"], "completed", START + hours(1))
    assert world.run.ledger[0].answered_at == START + hours(1)


def test_a_late_answer_to_an_earlier_message_ends_the_cascade() -> None:
    """The push of this morning is tapped while the e-mail is waited for: no SMS."""
    world = World(journey()).enter().until(hours(10))
    world.happens("Push Notification Tapped", message_id="r-0")
    world.until(timedelta(days=3))
    assert world.channels() == ["push", "email"]


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("Email Opened", {"message_id": "r-1"}),
        ("Email Delivered", {"message_id": "r-1"}),
        ("Email Link Clicked", {"message_id": "r-1", "machine": True}),
        ("Push Notification Received", {"message_id": "r-0"}),
        ("page", {"url": "https://shop.example.com/cart?oc=other-0"}),
        ("page", {"url": "https://shop.example.com/cart"}),
        ("Email Delivery Delayed", {"message_id": "r-1"}),
        ("Unsubscribed", {"message_id": "r-1"}),
    ],
)
def test_opens_deliveries_machines_and_strangers_answer_nothing(name: str, fields: dict[str, object]) -> None:
    """Only the customer's own act on this run's message stops the paid channel."""
    cascade = {"cascade": {**CASCADE["cascade"], "answered_by": ["open", "click", "tap", "visit"]}}
    world = World(journey(cascade)).enter().until(hours(10))
    world.happens(name, **fields)
    assert world.until(timedelta(days=3)).channels() == ["push", "email", "sms"]


def test_a_channel_has_its_own_idea_of_an_answer() -> None:
    """`answered_by: [delivered]` on the e-mail: its delivery is enough."""
    channels = [
        {"push": {"template": "a", "wait": "1h"}},
        {"email": {"template": "a", "wait": "1h", "answered_by": ["delivered"]}},
        {"sms": {"template": "a"}},
    ]
    world = World(journey({"cascade": {"channels": channels}})).enter().until(hours(1.5))
    world.happens("Email Delivered", message_id="r-1")
    assert world.until(hours(9)).channels() == ["push", "email"]


def test_a_channel_without_address_consent_or_switch_is_passed_over_without_its_wait() -> None:
    """The next channel follows at the same moment, and the reason is on record."""
    deployment = Deployment(channels_off=frozenset({"push"}))
    world = World(journey(), customer("push", "email", "sms", consent={"email/promotions": False}), deployment).enter()
    assert world.sent == [(0, "cascade-1", "sms")]
    reasons = [d.reason for d in world.run.decisions if d.outcome == "skipped"]
    assert reasons == [
        "push: channel push is switched off in this deployment",
        "email: email/promotions denied by web",
    ]
    assert World(journey(), customer("email")).enter().until(hours(99)).channels() == ["email"]


def test_suppression_and_opt_in_topics_hold_for_transactional_journeys_too() -> None:
    """A dead address is never used again, and an opt-in topic needs a word."""
    world = World(
        journey(**{"class": "transactional"}), customer("email", suppressed=("email:ann@example.com",))
    ).enter()
    assert (world.channels(), world.run.outcome) == ([], "completed")
    asked = Deployment(topics={"news": Topic.OPT_IN})
    assert World(journey(topic="news"), customer("push"), asked).enter().channels() == []


@pytest.mark.parametrize("outcome", ["failed", "withdrawn"])
def test_a_refused_message_lets_the_next_channel_follow_at_once(outcome: SendOutcome) -> None:
    """Nothing is waited for that surely did not go out."""
    world = World(journey(), outcome=outcome).enter()
    assert world.sent == [(0, "cascade-1", "push"), (0, "cascade-1", "email"), (0, "cascade-1", "sms")]


def test_an_unknown_outcome_is_waited_for_like_a_sent_message() -> None:
    """It may have arrived, so the customer gets the time to answer it."""
    world = World(journey(), outcome="unknown").enter().until(timedelta(days=3))
    assert world.sent == DAY_ONE


def test_a_hard_bounce_ends_the_wait_and_a_soft_one_does_not() -> None:
    """The channel that cannot have arrived is not waited for."""
    world = World(journey()).enter().until(hours(5))
    world.happens("Email Bounced", message_id="r-1", permanent=False)
    assert world.channels() == ["push", "email"]
    world = World(journey()).enter().until(hours(5))
    world.happens("Email Bounced", message_id="r-1", permanent=True)
    assert world.sent[-1] == (5 * 3600, "cascade-1", "sms")


def test_a_bounce_of_an_earlier_message_does_not_shorten_the_wait_for_a_later_one() -> None:
    """Only the channel being waited for counts."""
    world = World(journey()).enter().until(hours(5))
    world.happens("Push Notification Bounced", message_id="r-0")
    assert world.channels() == ["push", "email"]


def test_a_claim_without_an_outcome_is_never_sent_again() -> None:
    """The caller crashed after the claim: the next call counts the message as possibly sent, from its claim on."""
    flow = journey()
    world = World(flow).enter()
    fresh = engine.start(flow, run_id="r", person=Person(world.profile), key=None, event=None, now=START)
    claimed = engine.advance(flow, fresh, Person(world.profile), world.deployment, START)
    again = engine.advance(flow, claimed.run, Person(world.profile), world.deployment, START + hours(1))
    assert again.send is None
    assert (again.run.ledger[0].outcome, again.run.due) == ("unknown", START + hours(4))
    late = engine.record_outcome(flow, again.run, "r-0", "sent", now=START + hours(2), provider_id="x")
    assert (late.ledger[0].outcome, late.ledger[0].provider_id, late.due) == ("sent", "x", START + hours(4))


def test_a_run_set_back_to_an_earlier_place_does_not_repeat_its_messages() -> None:
    """The ledger alone decides: whoever repairs a run by hand cannot make it send twice."""
    world = World(journey()).enter().until(hours(5))
    world.run = replace(world.run, pc=0, cascade=None, due=world.now)
    world.move()
    assert world.channels() == ["push", "email", "sms"]


def test_the_same_outcome_twice_changes_nothing_and_an_unknown_message_is_refused() -> None:
    """A provider's answer may be reported again; a message of another run may not."""
    flow = journey()
    world = World(flow).enter()
    cost = Price(Decimal("0.01"))
    assert engine.record_outcome(flow, world.run, "r-0", "failed", now=START, cost=cost) == world.run
    with pytest.raises(NotFoundError):
        engine.record_outcome(flow, world.run, "r-9", "sent", now=START)


def test_an_exit_between_claim_and_outcome_keeps_the_ledger_honest() -> None:
    """The run is over, and yet the message that was on its way is on record as sent."""
    flow = journey(exit=[{"event": "Order Completed"}])
    profile, deployment = customer(), Deployment()
    run = engine.start(flow, run_id="r", person=Person(profile), key=None, event=None, now=START)
    claimed = engine.advance(flow, run, Person(profile), deployment, START).run
    over = engine.apply(flow, claimed, event("Order Completed", event_id="o"), START)
    assert over is not None
    settled = engine.record_outcome(flow, over, "r-0", "sent", now=START)
    assert (settled.outcome, settled.ledger[0].outcome, settled.due) == ("exited", "sent", None)
    assert engine.advance(flow, settled, Person(profile), deployment, START + hours(9)).send is None


KEYED = {"entry": {"event": "Product Added", "key": "properties.cart_id", "after": "1h"}}


def test_an_exit_event_ends_only_the_run_of_its_own_key_even_inside_a_wait() -> None:
    """Another cart's order changes nothing; this cart's ends the run there and then, numbers and text alike."""
    flow = journey(**KEYED, exit=[{"event": "Order Completed", "match": "properties.cart_id"}])
    world = World(flow).enter(event("Product Added", cart_id=7)).until(hours(2))
    assert not world.happens("Order Completed", cart_id="8")
    assert world.happens("Order Completed", cart_id="7")
    assert (world.run.outcome, world.run.reason, world.run.ended_at) == (
        "exited",
        "Order Completed (e1)",
        START + hours(2),
    )
    assert world.until(timedelta(days=3)).channels() == ["push"]


def test_an_exit_event_that_happened_earlier_and_arrives_later_still_ends_the_run() -> None:
    """The till was offline: the order is older than the run's entry, but the customer has bought."""
    flow = journey(**KEYED, exit=[{"event": "Order Completed"}], goal={"event": "Order Completed", "within": "7d"})
    world = World(flow).enter(event("Product Added", cart_id=7)).until(hours(2))
    assert world.happens("Order Completed", happened=START - hours(3))
    assert (world.run.outcome, world.run.converted_at) == ("exited", None)


def test_exit_rules_look_at_the_event() -> None:
    """`where` on an exit judges the arriving event."""
    flow = journey(exit=[{"event": "Order Completed", "where": {"event": "properties.total", "gte": 20}}])
    world = World(flow).enter()
    assert not world.happens("Order Completed", total=19)
    assert not world.happens("Order Completed", total="20")
    assert world.happens("Order Completed", total=20)


def test_the_goal_converts_within_its_window_also_after_the_end_and_once() -> None:
    """A conversion after the run counts; a second one and one past the window do not."""
    flow = journey({"email": {"template": "a"}}, goal={"event": "Order Completed", "within": "7d"})
    world = World(flow).enter().until(timedelta(days=2))
    assert world.run.outcome == "completed"
    assert world.happens("Order Completed")
    assert world.run.converted_at == START + timedelta(days=2)
    assert not world.happens("Order Completed")
    late = World(flow).enter().until(timedelta(days=8))
    assert not late.happens("Order Completed")


def test_a_goal_that_is_also_an_exit_exits_and_converts() -> None:
    """The run's outcome says why it ended."""
    flow = journey(goal={"event": "Order Completed"}, exit=[{"event": "Order Completed"}])
    world = World(flow).enter().until(hours(1))
    world.happens("Order Completed")
    assert (world.run.outcome, world.run.converted_at) == ("exited", START + hours(1))
    assert world.run.ledger[0].answered_at == START + hours(1)


def test_a_goal_does_not_push_other_waits_forward() -> None:
    """A conversion during a plain wait leaves the next step where it was."""
    flow = journey({"email": {"template": "a"}}, {"wait": "2d"}, {"push": {"template": "a"}}, goal={"event": "Bought"})
    world = World(flow).enter().until(hours(1))
    world.happens("Bought")
    assert world.until(timedelta(days=3)).sent == [(0, "email-1", "email"), (2 * 86400, "push-3", "push")]


def test_an_event_applied_twice_is_a_no_op() -> None:
    """Feedback, goal and exit are idempotent, and the entry event itself never counts as any of them."""
    flow = journey(
        goal={"event": "Order Completed"}, exit=[{"event": "Product Added"}], entry={"event": "Product Added"}
    )
    entry = event("Product Added", event_id="entry")
    world = World(flow).enter(entry)
    assert engine.apply(flow, world.run, entry, START) is None
    for name in ("Email Delivered", "Order Completed", "Product Added"):
        arrived = event(name, event_id=name, message_id="r-0")
        once = engine.apply(flow, world.run, arrived, START)
        world.run = once or world.run
        assert engine.apply(flow, world.run, arrived, START) is None


def test_a_repeated_entry_event_restarts_the_delay_once_per_event() -> None:
    """The basket changed again: an hour from its last change, however often that event is delivered."""
    flow = journey(entry={**KEYED["entry"], "restart": True})
    world = World(flow).enter(event("Product Added", cart_id=7)).until(hours(0.5))
    again = event("Product Added", world.now, event_id="m2", cart_id="7")
    run = engine.apply(flow, world.run, again, world.now)
    assert run is not None
    assert run.due == START + hours(1.5)
    assert engine.apply(flow, run, again, world.now + hours(0.2)) is None
    other = event("Product Added", world.now, event_id="m3", cart_id="8")
    assert engine.apply(flow, run, other, world.now) is None
    world.run = run
    assert world.until(hours(2)).sent == [(5400, "cascade-1", "push")]


def test_entry_needs_the_event_its_condition_its_key_and_freshness() -> None:
    """Each refusal says why."""
    flow = journey(
        entry={"event": "Product Added", "where": {"event": "properties.total", "gte": 20}, "key": "properties.cart_id"}
    )
    profile, deployment = customer(), Deployment()

    def verdict(**fields: object) -> engine.Verdict:
        happened = fields.pop("happened", None)
        name = str(fields.pop("name", "Product Added"))
        return engine.admits(flow, event(name, happened=happened, **fields), Person(profile), deployment)  # pyright: ignore[reportArgumentType]

    assert verdict(total=40, cart_id="c1").ok
    assert not verdict(total=4, cart_id="c1").ok
    assert (
        verdict(total="40", cart_id="c1").reason == "event properties.total is '40', which cannot be ordered against 20"
    )
    assert not verdict(name="Product Viewed", total=40, cart_id="c1").ok
    assert "key" in verdict(total=40).reason
    assert "too late" in verdict(total=40, cart_id="c1", happened=START - timedelta(days=8)).reason
    assert not engine.admits(
        replace(flow, active=False), event("Product Added", total=40, cart_id="c"), Person(profile), deployment
    ).ok
    assert not engine.admits(journey(), event("Product Added"), Person(profile), deployment).ok


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (7, "7"),
        ("7", "7"),
        (7.0, "7"),
        (Decimal("7.0"), "7"),
        (" 7 ", "7"),
        (7.5, "7.5"),
        (True, None),
        ("", None),
        (None, None),
        ([7], None),
    ],
)
def test_business_keys_are_text(value: object, key: str | None) -> None:
    """Numbers and strings that look the same are the same key; what is no value is no key."""
    assert engine.key_of(journey(**KEYED), event("Product Added", cart_id=value)) == key


@pytest.mark.parametrize(
    ("reentry", "entries", "age", "live", "ok"),
    [
        ("never", 0, None, False, True),
        ("never", 1, 999, False, False),
        ("always", 9, 0, False, True),
        ("always", 1, 0, True, False),
        ({"after": "7d"}, 1, 6, False, False),
        ({"after": "7d"}, 1, 7, False, True),
        ({"after": "7d", "limit": 3}, 3, 99, False, False),
        ({"limit": 3}, 2, 0, False, True),
    ],
)
def test_reentry(reentry: object, entries: int, age: int | None, live: bool, ok: bool) -> None:
    """Never by default; a live run is never doubled; an interval and a limit when given."""
    last = START - timedelta(days=age) if age is not None else None
    assert engine.may_reenter(journey(reentry=reentry), entries, last, live, START).ok is ok


def test_steps_may_be_left_out_by_a_condition_on_earlier_steps() -> None:
    """Who answered the greeting is not nudged; the reason is on record."""
    steps = (
        {"id": "hi", "email": {"template": "a"}},
        {"wait": "2d"},
        {"push": {"template": "a"}, "if": {"step": "hi", "is_not": "answered"}},
    )
    assert World(journey(*steps)).enter().until(timedelta(days=3)).channels() == ["email", "push"]
    world = World(journey(*steps)).enter().until(hours(1))
    world.happens("Email Link Clicked", message_id="r-0")
    world.until(timedelta(days=3))
    assert world.channels() == ["email"]
    assert ("push-3", "skipped") in world.outcomes()


def test_an_end_step_completes_with_its_reason() -> None:
    """What the author wrote is the run's reason, and steps behind a conditional end still run."""
    steps = ({"end": {"reason": "vip"}, "if": {"trait": "plan", "is": "vip"}}, {"email": {"template": "a"}})
    world = World(journey(*steps), customer(traits={"plan": "vip"})).enter()
    assert (world.channels(), world.run.reason) == ([], "vip")
    assert World(journey(*steps)).enter().channels() == ["email"]


NIGHT = {"from": "21:00", "to": "09:00", "zone": "recipient"}


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("traits", "channels", "release"),
    [
        ({"timezone": "Europe/Warsaw"}, ("email",), "2026-03-11T08:01"),
        ({"timezone": "America/New_York"}, ("email",), None),
        ({"timezone": "Mars/Base"}, ("email", "sms"), "2026-03-11T08:01"),
        ({}, ("email", "sms"), "2026-03-11T08:01"),
        ({"address": {"country": "JP"}}, ("email",), "2026-03-11T00:01"),
        ({}, ("email",), "2026-03-11T09:01"),
    ],
)
def test_quiet_hours_follow_the_recipients_clock(
    traits: dict[str, object], channels: tuple[str, ...], release: str | None
) -> None:
    """Their own zone, else the phone's or address's country, else the deployment's; held to the first minute after."""
    world = World(journey({"email": {"template": "a"}}, quiet_hours=NIGHT), customer(*channels, traits=traits))
    world.now = at("2026-03-10T22:30")
    world.enter()
    assert world.run.due == (at(release) if release else None)
    assert ("email-1", "held" if release else "sent") in world.outcomes()


def test_both_ends_of_quiet_hours_are_inclusive_and_a_hold_survives_a_clock_change() -> None:
    """21:00 and 09:00 are quiet, 20:59 and 09:01 are not; after a clock change too, release is 09:01 local."""
    flow = journey({"email": {"template": "a"}}, quiet_hours={**NIGHT, "zone": "America/New_York", "policy": "drop"})

    def quiet(moment: str) -> bool:
        world = World(flow)
        world.now = at(moment)
        return world.enter().channels() == []

    assert [quiet(f"2026-03-10T{clock}") for clock in ("00:59", "01:00", "13:00", "13:01")] == [
        False,
        True,
        True,
        False,
    ]
    held = World(journey({"email": {"template": "a"}}, quiet_hours={**NIGHT, "zone": "America/New_York"}))
    held.now = at("2026-03-08T05:00")
    assert held.enter().run.due == at("2026-03-08T13:01")


def test_quiet_days_belong_to_the_evening_they_begin_on() -> None:
    """Friday's night lasts into Saturday morning; Saturday's evening is free."""
    flow = journey(
        {"email": {"template": "a"}}, quiet_hours={**NIGHT, "zone": "UTC", "days": ["fri"], "policy": "drop"}
    )
    for moment, expected in (
        ("2026-03-14T08:00", []),
        ("2026-03-14T22:00", ["email"]),
        ("2026-03-13T08:00", ["email"]),
    ):
        world = World(flow)
        world.now = at(moment)
        assert world.enter().channels() == expected


def test_recipient_only_quiet_hours_do_not_apply_where_the_zone_is_unknown() -> None:
    """The message goes out; a deployment's default zone is not used."""
    world = World(
        journey({"email": {"template": "a"}}, quiet_hours={**NIGHT, "zone": "recipient-only"}), customer("email")
    )
    world.now = at("2026-03-10T22:30")
    assert world.enter().channels() == ["email"]


def test_a_held_message_is_judged_again_at_its_release() -> None:
    """Consent withdrawn overnight, or a deadline passed, stops what was held; an exit does so at once."""
    flow = journey({"email": {"template": "a"}}, quiet_hours={**NIGHT, "zone": "UTC"}, exit=[{"event": "Bought"}])
    held = World(flow, now=at("2026-03-10T22:30")).enter()
    held.profile = customer(consent={"email/*": False})
    held.until(hours(48))
    assert (held.channels(), held.outcomes()[-2:]) == ([], [("email-1", "skipped"), ("", "completed")])
    late = World(replace(flow, deadline=hours(6)), now=at("2026-03-10T22:30")).enter().until(hours(48))
    assert late.channels() == []
    assert "deadline" in late.run.decisions[-2].reason
    bought = World(flow, now=at("2026-03-10T22:30")).enter()
    bought.happens("Bought")
    assert bought.run.outcome == "exited"


def test_a_deadline_counts_from_when_the_message_was_first_due() -> None:
    """A timer that comes late into the quiet hours gives the message no more time: due 18:00, 09:01 is too late."""
    flow = journey({"wait": "6h"}, {"email": {"template": "a"}}, quiet_hours={**NIGHT, "zone": "UTC"}, deadline="12h")
    world = World(flow).enter()
    world.now = at("2026-03-10T22:30")
    world.move().until(hours(48))
    assert world.channels() == []
    assert "was due at 2026-03-10T18:00" in world.run.decisions[-2].reason


def test_quiet_hours_that_never_end_drop_instead_of_holding_for_ever() -> None:
    """A run is never stuck."""
    world = World(
        journey({"email": {"template": "a"}}, quiet_hours={"from": "00:00", "to": "23:59", "zone": "UTC"})
    ).enter()
    assert (world.channels(), world.run.outcome) == ([], "completed")


def test_transactional_journeys_know_no_quiet_hours_and_no_hold_out() -> None:
    """A receipt goes out at night, to everybody."""
    world = World(
        journey({"email": {"template": "a"}}, quiet_hours=NIGHT, holdout="100%", **{"class": "transactional"})
    )
    world.now = at("2026-03-10T22:30")
    assert world.enter().channels() == ["email"]


def test_the_hold_out_is_stable_close_to_its_share_and_still_converts() -> None:
    """The same customers every time; about one in ten; their orders count for the comparison."""
    flow = journey(holdout="10%", goal={"event": "Order Completed"})
    people = [customer(profile_id=f"p{n}") for n in range(2000)]
    held = [person.profile_id for person in people if engine.held_out(flow, person.profile_id)]
    assert 140 < len(held) < 260
    assert held == [person.profile_id for person in people if engine.held_out(flow, person.profile_id)]
    world = World(flow, customer(profile_id=held[0])).enter()
    assert (world.run.outcome, world.channels(), world.run.due) == ("held_out", [], None)
    assert world.happens("Order Completed")
    assert world.run.converted_at == START


def test_the_foreseen_waits_are_the_cascades_own() -> None:
    """First the wait behind what happens now, at last room for the call that ends the run."""
    flow, profile, deployment = journey(), customer(), Deployment()
    run = engine.start(flow, run_id="r", person=Person(profile), key=None, event=None, now=START)
    assert engine.foresee(flow, run, Person(profile), deployment, START) == (14400, 72000, 60)
    keyed = journey(**KEYED)
    delayed = engine.start(
        keyed, run_id="r", person=Person(profile), key="7", event=event("Product Added", cart_id=7), now=START
    )
    assert engine.foresee(keyed, delayed, Person(profile), deployment, START) == (3600, 14400, 72000, 60)
    assert engine.foresee(flow, run, Person(customer("email")), deployment, START) == (72000, 60)
    over = World(flow, customer("sms")).enter().run
    assert engine.foresee(flow, over, Person(profile), deployment, START) == (60,)


def test_a_run_is_moved_only_by_the_version_it_is_pinned_to() -> None:
    """Another version is a fault of the caller, and nothing is changed."""
    flow = journey()
    run = World(flow).enter().run
    with pytest.raises(ConflictError):
        engine.advance(replace(flow, version=2), run, Person(customer()), Deployment(), START)


def test_a_run_started_by_hand_has_no_key_to_match_and_any_exit_event_ends_it() -> None:
    """Rather no message than one to a customer who has acted."""
    flow = journey(**KEYED, exit=[{"event": "Order Completed", "match": "properties.cart_id"}])
    world = World(flow).enter()
    assert world.channels() == ["push"]
    assert world.happens("Order Completed", cart_id="c9")
    assert world.run.outcome == "exited"


def test_a_conversion_delivered_again_does_not_answer_the_next_cascade() -> None:
    """It ended the first cascade; the second opened at the same moment and goes its own way."""
    flow = journey(CASCADE, CASCADE, goal={"event": "Order Completed"})
    world = World(flow).enter()
    bought = event("Order Completed", START, event_id="o")
    world.run = engine.apply(flow, world.run, bought, START) or world.run
    world.move()
    assert world.sent == [(0, "cascade-1", "push"), (0, "cascade-2", "push")]
    assert engine.apply(flow, world.run, bought, START) is None
