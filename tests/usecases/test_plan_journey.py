"""A plan foretells what happens: law by law against the small world, where the journey is then started for real."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omnicascade.adapters.liquid_renderer import LiquidRenderer
from omnicascade.domain.errors import MalformedBodyError, NotFoundError, UnacceptableError
from omnicascade.domain.planning.report import Frame, report
from omnicascade.domain.planning.tally import Tally, from_json
from omnicascade.domain.templates import Template, Wording
from omnicascade.usecases.plan_journey import PlanDesk
from tests.usecases.segment_world import put
from tests.usecases.world import CASCADE, World

CHANNELS = ("push", "email", "sms")
PAID: dict[str, Any] = {"trait": "plan", "is": "paid"}
FORMS: tuple[dict[str, Any], ...] = (
    {},
    {"holdout": "40%"},
    {"quiet_hours": {"from": "11:00", "to": "16:30", "zone": "recipient"}},
    {"quiet_hours": {"from": "11:00", "to": "16:30", "zone": "recipient", "policy": "drop"}},
    {"cap": {"messages": 1, "per": "3d"}},
    {"class": "transactional", "cap": {"messages": 1, "per": "3d"}},
    {"deadline": "2h", "quiet_hours": {"from": "11:00", "to": "16:30"}},
)
STEPS: tuple[list[dict[str, Any]], ...] = (
    [CASCADE],
    [
        {"push": {"template": "cart"}},
        {"wait": "1d"},
        {"if": {"trait": "tier", "is": "gold"}, "sms": {"template": "hi"}},
    ],
    [
        {"split": [{"name": "A", "share": "50%", "then": [CASCADE]}, {"name": "B", "share": "50%", "then": []}]},
        {"email": {"template": "hi"}},
    ],
    [
        {"update": {"traits": {"tier": "gold"}}},
        {"wait_for": {"event": "Order Completed", "timeout": "2d"}, "then": [], "otherwise": [CASCADE]},
        {"branch": [{"if": {"trait": "tier", "is": "gold"}, "then": [{"sms": {"template": "hi"}}]}], "otherwise": []},
    ],
)


def desk(world: World) -> PlanDesk:
    """A desk of a world."""
    return PlanDesk(
        world.customers, world.events, world.runs, world.journeys, world.segments, world.journeys, LiquidRenderer()
    )


def planned(world: World, journey: str = "basket", **body: Any) -> dict[str, Any]:
    """The plan for the paying customers."""
    return desk(world).plan(journey, {"segment": "paid", **body}, world.now, lambda: False)


def join(world: World, number: int, channels: str = "pes", **traits: Any) -> str:
    """A paying customer with these addresses: p, e and s."""
    said: dict[str, Any] = {"plan": "paid", **traits}
    said |= {"email": f"p{number}@example.com"} if "e" in channels else {}
    said |= {"phone": f"+4860100{number:04}"} if "s" in channels else {}
    device = {"device": {"type": "ios", "id": f"d{number}", "token": f"t{number}"}} if "p" in channels else {}
    call = {"type": "identify", "userId": f"p{number}", "messageId": f"i{number}", "traits": said, "context": device}
    world.post(call)
    world.settle()
    return f"user_id:p{number}"


def leave(world: World, number: int, channel: str) -> None:
    """A customer unsubscribes from a channel."""
    properties = {"channel": channel, "topic": "*"}
    call = {"type": "track", "event": "Unsubscribed", "messageId": f"u{number}{channel}", "userId": f"p{number}"}
    world.post({**call, "properties": properties})
    world.settle()


def sent(world: World) -> Counter[str]:
    return Counter(world.channels())


def counts(bound: Mapping[str, Any]) -> Counter[str]:
    return Counter({line["channel"]: line["count"] for line in bound["messages"]})


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.text("pes", max_size=3), st.sampled_from(["", *CHANNELS])), min_size=1, max_size=5),
    st.sampled_from(FORMS),
    st.sampled_from(STEPS),
)
def test_a_plan_is_what_happens_if_nobody_answers(
    people: list[tuple[str, str]], form: dict[str, Any], steps: list[dict[str, Any]]
) -> None:
    """Who enters, messages per channel, their cost, who gets none, the moments: exactly those of the launch."""
    world = World()
    world.journeys.put_template(Template("hi", Wording(subject="Hi", text="Dear {{ profile.traits.plan }}, é" * 9)))
    world.put_journey("basket", *steps, **form)
    who = [join(world, number, channels) for number, (channels, _) in enumerate(people)]
    for number, (_, channel) in enumerate(people):
        if channel:
            leave(world, number, channel)
    put(world, "paid", PAID)
    told = planned(world)
    for reference in who:
        world.start_by_hand("basket", reference)
    world.advance(days=9)
    runs = [world.runs_of(reference)[0] for reference in who]
    bound = told["nobody_answers"]
    assert told["entry"]["enter"]["count"] == sum(run.outcome != "held_out" for run in runs)
    assert counts(bound) == sent(world)
    costs = [entry.cost.amount for run in runs for entry in run.ledger if entry.cost]
    assert sum((Decimal(one["amount"]) for one in bound["cost"]), Decimal()) == sum(costs, Decimal())
    assert bound["without_message"]["count"] == sum(not run.ledger and run.outcome != "held_out" for run in runs)
    moments = [entry.claimed_at for run in runs for entry in run.ledger]
    assert (bound["first_message"] is None) == (not moments)
    if moments:
        assert bound["first_message"] == min(moments).isoformat().replace("+00:00", "Z")
        assert bound["last_message"] == max(moments).isoformat().replace("+00:00", "Z")


def test_a_plan_writes_nothing() -> None:
    """Neither runs nor definitions, templates or errands; nobody is written to."""
    world = World()
    world.put_journey("basket")
    who = join(world, 1)
    put(world, "paid", PAID)
    kept = world.errands.next_moment()
    planned(world, definition={"steps": [CASCADE], "reentry": "always"}, templates={"cart": "other words"})
    planned(world, "fresh", definition={"steps": [CASCADE]})
    assert world.runs_of(who) == []
    assert [(line.name, line.version) for line in world.journeys.listing()] == [("basket", 1)]
    cart = world.journeys.template("cart")
    assert cart
    assert cart.wording.text == "Your basket waits."
    assert world.errands.next_moment() == kept
    assert world.channels() == []


def test_pages_put_together_are_the_whole() -> None:
    """However the pages are cut, whoever adds them up gets the plan of one call."""
    world = World()
    world.put_journey("basket", holdout="20%")
    for number in range(17):
        join(world, number, "pes"[: 1 + number % 3])
    put(world, "paid", PAID)
    whole = planned(world)
    tally, cursor, frame, pages = Tally(), None, None, 0
    while pages == 0 or cursor:
        page = planned(world, cursor=cursor, sample=5)
        tally.add(from_json(page["tally"]))
        frame = frame or Frame.from_json(page["frame"])
        cursor, pages = page["cursor"], pages + 1
    assert frame
    assert pages == 4
    assert report(replace(frame, complete=True), tally) | {"in_flight": whole["in_flight"]} == whole


def test_a_sample_says_how_sure_it_is() -> None:
    """Fewer than there are: scaled, between bounds that hold the truth; the whole has no such doubt."""
    world = World()
    world.put_journey("basket", holdout="30%")
    for number in range(40):
        join(world, number, "p")
    put(world, "paid", PAID)
    told, whole = planned(world, sample=20), planned(world)
    assert (told["complete"], told["looked_at"], told["members"]) == (False, 20, 40)
    enter, truth = told["entry"]["enter"], whole["entry"]["enter"]
    assert enter["low"] < enter["count"] < enter["high"]
    assert enter["low"] <= truth["count"] <= enter["high"]
    assert truth["low"] == truth["high"] == truth["count"]
    (push,) = told["nobody_answers"]["messages"]
    assert push["count"] == push["customers"]["count"] == enter["count"]


def test_no_time_left_makes_a_sample_too() -> None:
    """The call answers with whom it has seen, and says that there are more."""
    world = World()
    world.put_journey("basket")
    for number in range(120):
        join(world, number, "p")
    put(world, "paid", PAID)
    told = desk(world).plan("basket", {"segment": "paid"}, world.now, lambda: True)
    assert (told["looked_at"], told["members"], told["complete"]) == (100, 120, False)


def test_whoever_would_not_enter_is_told_by_reason() -> None:
    """A live run, an earlier entry, and one whose membership the condition itself does not confirm any more."""
    world = World()
    world.put_journey("basket", {"wait": "5d"}, reentry={"after": "30d"})
    who = [join(world, number) for number in range(3)]
    put(world, "paid", PAID)
    world.start_by_hand("basket", who[0])
    world.advance(days=6)
    world.start_by_hand("basket", who[1])
    world.settle()
    reasons = {one["reason"]: one["customers"]["count"] for one in planned(world)["entry"]["stay_out"]}
    assert reasons == {"entered too recently": 1, "a run of theirs is live": 1}


def test_reasons_for_passing_over_are_counted_with_examples() -> None:
    """No address, no consent, a cap: each channel's own, each with whom it concerns."""
    world = World()
    world.put_journey("basket", cap={"messages": 1, "per": "3d"})
    join(world, 1, "es")
    join(world, 2, "pes")
    leave(world, 1, "email")
    put(world, "paid", PAID)
    passed = planned(world)["nobody_answers"]["passed_over"]
    assert {(one["channel"], one["reason"]): one["count"] for one in passed} == {
        ("push", "no address"): 1,
        ("email", "no consent"): 1,
        ("email", "frequency cap"): 1,
        ("sms", "frequency cap"): 1,
    }
    one = next(one for one in passed if one["reason"] == "no consent")
    assert one["examples"] == [f"{world.customer('user_id:p1').profile.profile_id}: email/* denied by web"]


def test_messages_that_cannot_be_written_are_found_before_launch() -> None:
    """A template that names what a customer lacks fails for them, and for nobody else."""
    world = World()
    world.journeys.put_template(Template("hi", Wording(text="Dear {{ profile.traits.first_name }}")))
    world.put_journey("basket", {"push": {"template": "hi"}})
    join(world, 1, first_name="Ann")
    join(world, 2)
    put(world, "paid", PAID)
    told = planned(world)
    (failed,) = told["nobody_answers"]["failed"]
    assert (failed["count"], counts(told["nobody_answers"])) == (1, {"push": 1})
    assert "first_name" in failed["reason"]
    assert [one["text"] for one in told["texts"]] == ["Dear Ann"]


def test_runs_that_would_fail_are_found_before_launch() -> None:
    """A wait until a trait that one customer lacks ends their run; the other's goes on."""
    world = World()
    world.put_journey("basket", {"wait": {"until": "renewal"}}, {"push": {"template": "cart"}})
    join(world, 1, renewal="2026-04-01")
    join(world, 2)
    put(world, "paid", PAID)
    told = planned(world)["nobody_answers"]
    assert told["ends"] == {"completed": 1, "failed": 1}
    (failed,) = told["failed"]
    assert (failed["channel"], failed["count"]) == (None, 1)
    assert "renewal" in failed["reason"]


def test_the_second_bound_is_that_everybody_answers() -> None:
    """Only the first message of the cascade then goes out; a step behind it follows all the same."""
    world = World()
    world.put_journey("basket", CASCADE, {"email": {"template": "cart"}})
    join(world, 1)
    join(world, 2, "s")
    put(world, "paid", PAID)
    told = planned(world)
    assert counts(told["everybody_answers"]) == {"push": 1, "sms": 1, "email": 1}
    assert counts(told["nobody_answers"]) == {"push": 1, "email": 2, "sms": 2}


def test_text_messages_are_told_by_country_with_their_parts() -> None:
    """From the words of each customer's copy: 200 characters are two parts."""
    world = World()
    world.journeys.put_template(Template("long", Wording(text="x" * 200)))
    world.put_journey("basket", {"sms": {"template": "long"}})
    join(world, 1, "s")
    join(world, 2, "", phone="+12025550123")
    put(world, "paid", PAID)
    told = planned(world)["nobody_answers"]["sms"]
    assert [(one["country"], one["count"], one["parts"], one["cost"]) for one in told] == [
        ("PL", 1, 2, [{"amount": "0.06444", "currency": "USD"}]),
        ("US", 1, 2, [{"amount": "0.0239", "currency": "USD"}]),
    ]


@pytest.mark.parametrize(("budget", "sufficient"), [("0.0644 USD", False), ("0.06444 USD", True)])
def test_a_budget_is_held_against_the_worst_case(budget: str, sufficient: bool) -> None:
    """To the last fraction; where it does not suffice, the hour in which it ends."""
    world = World()
    world.put_journey("basket", {"wait": "5h"}, {"sms": {"template": "cart", "budget": budget}})
    join(world, 1, "s")
    join(world, 2, "s")
    put(world, "paid", PAID)
    (told,) = planned(world)["budgets"]
    assert (told["sufficient"], told["wanted"]["amount"]) == (sufficient, "0.06444")
    assert told["runs_out"] == (None if sufficient else "2026-03-10T17:00:00Z")


def test_what_the_month_has_spent_counts() -> None:
    """Each month's budget is its own."""
    world = World()
    world.put_journey("basket", {"sms": {"template": "cart", "budget": "0.05 USD"}}, reentry="always")
    who = join(world, 1, "s")
    put(world, "paid", PAID)
    world.start_by_hand("basket", who)
    world.settle()
    (told,) = planned(world)["budgets"]
    assert (told["spent"]["amount"], told["sufficient"]) == ("0.03222", False)
    (later,) = planned(world, at=(world.now + timedelta(days=30)).isoformat())["budgets"]
    assert (later["month"], later["spent"]["amount"], later["sufficient"]) == ("2026-04", "0", True)


def test_who_is_listed_twice_after_a_merge_counts_once() -> None:
    """Two customers turned out to be one while the list has both still."""
    world = World()
    world.put_journey("basket")
    join(world, 1)
    join(world, 2)
    put(world, "paid", PAID)
    told = planned(world)
    assert told["entry"]["enter"]["count"] == 2
    both = {"type": "alias", "userId": "p1", "previousId": "p2", "messageId": "a1"}
    world.post(both)
    world.settle()
    after = planned(world)
    assert after["entry"]["enter"]["count"] == len(
        {world.customer(f"user_id:p{number}").profile.profile_id for number in (1, 2)}
    )


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"segment": "paid", "segmnet": 1}, "segmnet"),
        ({}, "segment"),
        ({"segment": "paid", "at": "soon"}, "at"),
        ({"segment": "paid", "at": "2020-01-01"}, "at"),
        ({"segment": "paid", "sample": 0}, "sample"),
        ({"segment": "paid", "cursor": 7}, "cursor"),
        ({"segment": "paid", "definition": {"steps": []}}, "definition.steps"),
        ({"segment": "paid", "definition": {"name": "other", "steps": [CASCADE]}}, "definition.name"),
        ({"segment": "paid", "templates": {"cart": {"txt": "x"}}}, "templates.cart.txt"),
        ([], ""),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(body: Any, path: str) -> None:
    """Every mistake by path, as everywhere."""
    world = World()
    world.put_journey("basket")
    put(world, "paid", PAID)
    with pytest.raises(UnacceptableError) as refused:
        desk(world).plan("basket", body, world.now, lambda: False)
    assert path in [problem.path for problem in refused.value.problems]


def test_what_is_not_there_is_named_with_its_neighbour() -> None:
    """Journeys, segments, cursors."""
    world = World()
    world.put_journey("basket")
    put(world, "paid", PAID)
    with pytest.raises(NotFoundError, match="definition"):
        planned(world, "none")
    with pytest.raises(NotFoundError, match="paid"):
        desk(world).plan("basket", {"segment": "piad"}, world.now, lambda: False)
    with pytest.raises(MalformedBodyError):
        planned(world, cursor="nonsense")


def test_a_plan_warns_of_doors_that_are_shut() -> None:
    """Inactive, paused, and a segment that is not counted to its end."""
    world = World()
    world.put_journey("basket", active=False)
    world.journeys.set_paused("basket", paused=True)
    join(world, 1)
    put(world, "paid", PAID, settle=False)
    told = planned(world)
    assert [warning.split(":")[0] for warning in told["warnings"]] == [
        "journey basket is paused",
        "journey basket is not active",
        "segment paid is still being counted",
    ]
