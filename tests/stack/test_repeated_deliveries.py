"""Queues and streams deliver at least once: the customer and the marketer never notice."""

from tests.stack.fault_plan import FaultPlan
from tests.stack.shop import CASCADE, Shop
from tests.stack.test_crashes import ENTRY, EXIT, EXPECTED, outcome, story


def test_every_message_delivered_twice(shop: Shop, plan: FaultPlan) -> None:
    """Each queue message and each stream batch arrives twice; everything is as if it came once."""
    shop.put_journey({"name": "crash", "entry": ENTRY, "exit": EXIT, "steps": [CASCADE]})
    plan.begin(twice=True)
    story(shop, "twice")
    assert outcome(shop, "twice") == EXPECTED
    heard = ["Email Delivered", "Order Completed", "Basket Filled", "identify"]
    timeline = shop.call("GET", "/v1/profiles/user_id%3Atwice/events")[1]["events"]
    assert sorted(event["event"] or event["type"] for event in timeline) == sorted(heard)
    assert shop.profile("user_id:twice")["counters"]["events"] == len(heard)
