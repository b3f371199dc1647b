"""Checks, branches and splits: which arm, why, and what follows behind it."""

from typing import Any

import pytest

from omnicascade.domain.journeys import engine
from omnicascade.domain.journeys.program import Split
from tests.domain.journeys.journey_builders import START, World, customer, hours, journey

PUSH, EMAIL, SMS = ({channel: {"template": "cart"}} for channel in ("push", "email", "sms"))
PAID, FREE = {"trait": "plan", "is": "paid"}, {"trait": "plan", "is": "free"}
ANYBODY = {"trait": "plan", "exists": True}


def branch(*arms: tuple[dict[str, Any], list[dict[str, Any]]], otherwise: list[Any] | None = None) -> dict[str, Any]:
    """A branch with these arms."""
    step: dict[str, Any] = {"branch": [{"if": condition, "then": then} for condition, then in arms]}
    return step | ({"otherwise": otherwise} if otherwise is not None else {})


def of(plan: object) -> dict[str, Any]:
    """Traits of a customer of this plan."""
    return {"plan": plan} if plan is not None else {}


@pytest.mark.parametrize(
    ("plan", "channels"),
    [
        ("paid", ["push", "sms"]),
        ("free", ["email", "sms"]),
        ("other", ["sms"]),
        (None, ["sms"]),
        (["paid"], ["sms"]),
        (True, ["sms"]),
    ],
)
def test_the_first_arm_that_holds_is_taken_and_falls_through(plan: object, channels: list[str]) -> None:
    """Only one arm, only the first, and then what follows the branch; a wrong value is no plan."""
    flow = journey(branch((PAID, [PUSH]), (FREE, [EMAIL]), (PAID, [SMS])), SMS)
    assert World(flow, customer(traits=of(plan))).enter().channels() == channels


def test_of_two_arms_that_hold_the_first_is_taken() -> None:
    """The author's order decides, not what holds besides."""
    world = World(journey(branch((ANYBODY, [PUSH]), (PAID, [EMAIL]))), customer(traits=of("paid"))).enter()
    assert (world.channels(), world.run.arms) == (["push"], {"branch-1": "1"})


def test_otherwise_is_for_who_is_in_no_arm_with_every_reason() -> None:
    """Each refused arm's reason is in the decision."""
    flow = journey(branch((PAID, [PUSH]), (FREE, [EMAIL]), otherwise=[SMS]))
    world = World(flow, customer(traits=of("other"))).enter()
    assert (world.channels(), world.run.arms) == (["sms"], {"branch-1": "otherwise"})
    reason = world.reasons("branched")[0]
    assert reason.startswith("otherwise: not 1: trait plan")
    assert "; not 2: trait plan" in reason


def test_nested_arms_fall_through_to_the_outer_list() -> None:
    """An inner branch's end, an inner wait_for's side, and the outer arm's end all lead on."""
    inner = branch((FREE, [EMAIL]), otherwise=[{"wait_for": {"event": "Paid", "timeout": "1h"}, "otherwise": [PUSH]}])
    flow = journey(branch((ANYBODY, [inner, {"wait": "1h"}]), otherwise=[EMAIL]), SMS)
    world = World(flow, customer(traits=of("paid"))).enter().until(hours(3))
    assert [(after, channel) for after, _, channel in world.sent] == [(3600, "push"), (7200, "sms")]
    assert world.run.outcome == "completed"


def test_a_branch_judges_the_customer_as_they_are_when_the_run_comes_to_it() -> None:
    """What changed during the wait before counts."""
    world = World(
        journey({"wait": "1h"}, branch((PAID, [PUSH]), otherwise=[EMAIL])), customer(traits=of("free"))
    ).enter()
    world.profile = customer(traits=of("paid"))
    assert world.until(hours(2)).channels() == ["push"]


def test_two_branches_in_a_row_are_two_decisions() -> None:
    """The last arm of the first is not taken for the first arm of the second."""
    flow = journey(branch((PAID, [PUSH])), branch((PAID, [EMAIL]), (FREE, [SMS])))
    free = World(flow, customer(traits=of("free"))).enter()
    assert (free.channels(), free.run.arms) == (["sms"], {"branch-1": "otherwise", "branch-2": "2"})
    assert len(free.reasons("branched")) == 2


def split(*shares: int, then: bool = True) -> Split:
    """A compiled split of arms a, b, c … with these shares."""
    arms: list[dict[str, Any]] = [
        {"name": name, "share": f"{share}%", **({"then": [PUSH]} if then else {})}
        for name, share in zip("abcdef", shares, strict=False)
    ]
    return next(step for step in journey({"split": arms}).program if isinstance(step, Split))


def test_shares_come_out_over_many_customers() -> None:
    """20,000 customers: each arm within four standard deviations of its share."""
    at, number = split(50, 30, 20), 20_000
    counts = dict.fromkeys("abc", 0)
    for n in range(number):
        counts[engine.arm_of(at, "j", f"customer-{n}").name] += 1
    for name, share in zip("abc", (0.5, 0.3, 0.2), strict=True):
        deviation = (number * share * (1 - share)) ** 0.5
        assert abs(counts[name] - number * share) < 4 * deviation


def test_nothing_and_everything_are_exact() -> None:
    """0 % gets nobody and 100 % everybody, wherever they stand."""
    for at, only in ((split(0, 100), "b"), (split(100, 0), "a"), (split(0, 100, 0), "b")):
        assert {engine.arm_of(at, "j", f"customer-{n}").name for n in range(2000)} == {only}


def test_splits_and_hold_outs_are_independent_of_each_other() -> None:
    """Another journey or another step draws anew: among those of one arm, the other split is half and half."""
    flow = journey(
        {"id": "one", "split": [{"name": "a", "share": "50%"}, {"name": "b", "share": "50%"}]},
        {"id": "two", "split": [{"name": "a", "share": "50%"}, {"name": "b", "share": "50%"}]},
        holdout="50%",
    )
    one, two = (step for step in flow.program if isinstance(step, Split))
    of_a = [f"c{n}" for n in range(4000) if engine.arm_of(one, "j", f"c{n}").name == "a"]
    for rate in (
        sum(engine.arm_of(two, "j", anchor).name == "a" for anchor in of_a),
        sum(engine.arm_of(one, "other", anchor).name == "a" for anchor in of_a),
        sum(engine.held_out(flow, anchor) for anchor in of_a),
    ):
        assert 0.45 < rate / len(of_a) < 0.55


def test_the_arm_sticks_through_re_entry_and_merge() -> None:
    """The anchor decides, not the profile id of the day; a run without one is decided by its profile id."""
    flow = journey(
        {"split": [{"name": "a", "share": "50%", "then": [PUSH]}, {"name": "b", "share": "50%", "then": [EMAIL]}]}
    )
    at = next(step for step in flow.program if isinstance(step, Split))
    for n in range(20):
        expected = engine.arm_of(at, "j", f"first-{n}").name
        for profile_id in (f"first-{n}", "survivor"):
            world = World(flow, customer(profile_id=profile_id))
            run = engine.start(
                flow, run_id="r", person=world.person, key=None, event=None, now=START, anchor=f"first-{n}"
            )
            world.run = run
            assert world.move().run.arms == {at.step: expected}


def test_an_arm_without_steps_does_nothing_and_goes_on() -> None:
    """The control arm of an experiment: decided, recorded, and behind it."""
    world = World(journey({"split": [{"name": "a", "share": "100%"}]}, PUSH)).enter()
    assert (world.channels(), world.run.arms) == (["push"], {"split-1": "a"})
    assert world.reasons("branched") == ["a: 100 % of all customers, by their id"]
