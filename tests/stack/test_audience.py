"""A marketer starts a journey for a segment: one execution serves everybody in it, on the embedded stack."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from infra.local.execution import Execution
from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.segment_store import DynamoSegmentStore
from omnicascade.domain.conditions.reading import read_condition
from omnicascade.domain.segments import Segment
from tests.stack.shop import CASCADE, NOON, Shop, opened
from tests.stack.test_start_execution import started_by_hand

VIP: dict[str, Any] = {"trait": "vip", "is": True}


@pytest.fixture
def campaign() -> Iterator[Shop]:
    """A fresh stack with a segment and a journey for it."""
    with opened() as shop:
        put_segment(shop, "vip", VIP)
        shop.put_journey({"name": "spring", "steps": [CASCADE]})
        shop.stack.settle()
        yield shop


def put_segment(shop: Shop, name: str, when: dict[str, Any]) -> None:
    """Store a segment that everybody is judged by from now on."""
    condition, problems = read_condition(when)
    assert condition is not None, problems
    database = shop.stack.clients.dynamodb
    store = DynamoSegmentStore(Table(database, database.list_tables()["TableNames"][0]))
    store.put_segment(Segment(name, condition), {"name": name, "when": when})
    store.ready(name, 1)


def member(shop: Shop, name: str) -> str:
    """A customer of the segment, with app, e-mail and phone."""
    who = shop.reachable(name)
    shop.deliver({"type": "identify", "messageId": f"{name}-vip", "userId": name, "traits": {"vip": True}})
    shop.stack.settle()
    return who


def launched(shop: Shop, name: str = "spring-sale") -> Execution:
    """The audience's execution, started as the console does."""
    return started_by_hand(shop, {"journey": "spring", "segment": "vip"}, name)


def sent(shop: Shop) -> Counter[str]:
    """Messages by channel."""
    return Counter(message["channel"] for message in shop.stack.messages())


def test_journey_and_segment_are_all_it_takes(campaign: Shop) -> None:
    """Everybody gets the whole cascade at the moments that one customer would, and the report adds it up."""
    people = [member(campaign, name) for name in ("ann", "bob", "cid")]
    outsider = campaign.reachable("dan")
    execution = launched(campaign)
    assert sent(campaign) == {"push": 3}
    campaign.stack.advance("4h")
    assert sent(campaign) == {"push": 3, "email": 3}
    campaign.stack.advance("20h")
    assert sent(campaign) == {"push": 3, "email": 3, "sms": 3}
    assert (execution.status, campaign.channels(outsider)) == ("SUCCEEDED", [])
    assert all(campaign.channels(who) == ["push", "email", "sms"] for who in people)
    assert execution.output["customers"] == {"entered": 3}
    assert execution.output["messages"] == {"push": 3, "email": 3, "sms": 3}
    assert execution.output["outcomes"] == {"completed": 3}
    rounds, states = 3, 15
    assert (execution.transitions, len(execution.children)) == (states + rounds, rounds)
    runs = [campaign.runs("spring", who)[0] for who in people]
    moments = {tuple(message["at"] for message in run["messages"]) for run in runs}
    (each,) = moments
    hours = [timedelta(), timedelta(hours=4), timedelta(hours=24)]
    assert each == tuple((NOON + length).isoformat(timespec="milliseconds").replace("+00:00", "Z") for length in hours)


def test_who_has_ordered_gets_nothing_more(campaign: Shop) -> None:
    """An exit between two rounds ends one customer's run; the others go on together, and the report tells both."""
    campaign.put_journey({"name": "spring", "steps": [CASCADE], "exit": [{"event": "Order Completed"}]})
    ann, bob = member(campaign, "ann"), member(campaign, "bob")
    execution = launched(campaign)
    campaign.stack.advance("1h")
    campaign.deliver({"type": "track", "event": "Order Completed", "messageId": "order", "userId": "ann"}, "local-pos")
    campaign.stack.settle()
    campaign.stack.advance("2d")
    assert (campaign.channels(ann), campaign.channels(bob)) == (["push"], ["push", "email", "sms"])
    assert execution.output["outcomes"] == {"completed": 1, "exited": 1}


def test_whom_an_event_moves_earlier_goes_on_alone(campaign: Shop) -> None:
    """A tap ends the cascade at once: the run gets an execution of its own and does not wait for the cohort."""
    thanks: dict[str, Any] = {"email": {"template": "cart-reminder"}}
    campaign.put_journey({"name": "spring", "steps": [CASCADE, thanks]})
    ann, bob = member(campaign, "ann"), member(campaign, "bob")
    execution = launched(campaign)
    campaign.stack.advance("1h")
    message = campaign.runs("spring", ann)[0]["messages"][0]["message_id"]
    tap = {"type": "track", "event": "Push Notification Tapped", "messageId": "tap", "userId": "ann"}
    campaign.deliver({**tap, "properties": {"message_id": message}}, "local-app")
    campaign.stack.settle()
    assert campaign.channels(ann) == ["push", "email"]
    campaign.stack.advance("3d")
    assert (campaign.channels(ann), campaign.channels(bob)) == (["push", "email"], ["push", "email", "sms", "email"])
    own = [one for one in campaign.stack.executions if one.name == campaign.runs("spring", ann)[0]["run_id"]]
    assert [one.status for one in (*own, execution)] == ["SUCCEEDED", "SUCCEEDED"]


def test_starting_twice_starts_once(campaign: Shop) -> None:
    """The same name is the same execution; another finds everybody's run live and says so."""
    ann = member(campaign, "ann")
    launched(campaign)
    launched(campaign)
    again = launched(campaign, "spring-again")
    assert campaign.channels(ann) == ["push"]
    ((reason, count),) = again.output["not_entered"].items()
    assert ("still live" in reason, count) == (True, 1)


def test_the_hold_out_is_told_and_gets_nothing(campaign: Shop) -> None:
    """Everybody of it is counted."""
    campaign.put_journey({"name": "spring", "steps": [CASCADE], "holdout": "100%"})
    member(campaign, "ann")
    assert launched(campaign).output["customers"] == {"held_out": 1}
    assert not sent(campaign)


def test_an_empty_segment_is_reported_at_once(campaign: Shop) -> None:
    """No batch is started for nobody."""
    execution = launched(campaign)
    assert (execution.status, execution.children, execution.output["rounds"]) == ("SUCCEEDED", [], 0)


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"journey": "spring", "segment": "vipp"}, "there is no segment vipp (did you mean 'vip'?)"),
        ({"journey": "sprung", "segment": "vip"}, "there is no journey sprung (did you mean 'spring'?)"),
        ({"journey": "spring", "segment": "vip", "profile": "user_id:x"}, 'both "profile" and "segment"'),
        ({"journey": "spring", "segmnt": "vip"}, "unknown key \"segmnt\" (did you mean 'segment'?)"),
    ],
    ids=["segment", "journey", "both", "key"],
)
def test_bad_input_fails_in_the_first_state(campaign: Shop, given: dict[str, Any], cause: str) -> None:
    """With the nearest known name in its cause."""
    execution = started_by_hand(campaign, given, "bad")
    assert (execution.status, execution.error, execution.entered) == ("FAILED", "InvalidInput", ["SendAndAwait"])
    assert cause in (execution.cause or "")
