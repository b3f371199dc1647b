"""The shipped journeys around a visit and an order: welcome, abandoned-cart, browse-abandonment, post-purchase."""

from typing import Any

import pytest

from omnicascade.domain.journeys.definition.loading import load_definition
from tests.domain.journeys.shipped.shipped_stage import JOURNEYS, identify, leaves, reacts, rehearse, track


def added(at: str, cart: str = "c1") -> dict[str, Any]:
    """Something is put into a basket."""
    return track(at, "Product Added", cart_id=cart, product_id="p1")


def viewed(at: str, product: str = "p1") -> dict[str, Any]:
    """A look at a product."""
    return track(at, "Product Viewed", product_id=product, name="Desk lamp", url="https://shop.example.com/p1")


def ordered(at: str, **properties: Any) -> dict[str, Any]:
    """An order."""
    return track(at, "Order Completed", **{"order_id": "o1", "total": 40, **properties})


def test_only_what_every_shop_can_use_at_once_is_switched_on() -> None:
    """The others need events of the shop's own, and say so in their first line."""
    active = {path.stem for path in JOURNEYS.glob("*.yaml") if load_definition(path.read_text(encoding="utf-8")).active}
    assert active == {"abandoned-cart", "welcome"}
    assert len(list(JOURNEYS.glob("*.yaml"))) == 10
    for path in JOURNEYS.glob("*.yaml"):
        assert path.read_text(encoding="utf-8").startswith("# Switched off as shipped") is (path.stem not in active)


# welcome


def test_welcome_greets_and_nudges_who_did_nothing() -> None:
    """By e-mail at once, by push two days later."""
    assert rehearse("welcome", track("0s", "Signed Up")).sent == ["0s email welcome", "2d push welcome"]


def test_welcome_does_not_nudge_who_answered() -> None:
    """A click is an answer, an open is none."""
    assert rehearse("welcome", track("0s", "Signed Up"), reacts("1h", "click", "email")).sent == ["0s email welcome"]
    assert len(rehearse("welcome", track("0s", "Signed Up"), reacts("1h", "open", "email")).sent) == 2


def test_welcome_counts_an_order_as_its_success() -> None:
    """Within two weeks."""
    assert rehearse("welcome", track("0s", "Signed Up"), ordered("1d")).converted == [True]
    assert rehearse("welcome", track("0s", "Signed Up"), ordered("15d")).converted == [False]


def test_welcome_reaches_whom_it_can_and_greets_once() -> None:
    """Without an e-mail address only the push; never twice."""
    assert rehearse("welcome", track("0s", "Signed Up"), on=["push"]).sent == ["2d push welcome"]
    assert len(rehearse("welcome", track("0s", "Signed Up"), track("30d", "Signed Up")).sent) == 2


# abandoned-cart


def test_abandoned_cart_goes_down_the_channels_by_price() -> None:
    """Push, e-mail, and a text message only for those who ignored both."""
    assert rehearse("abandoned-cart", added("0s")).sent == [
        "1h push cart-reminder",
        "5h email cart-reminder",
        "1d1h sms cart-reminder",
    ]


@pytest.mark.parametrize(
    ("happening", "runs"),
    [(reacts("2h", "tap", "push"), "c1 completed"), (ordered("2h", cart_id="c1"), "c1 exited")],
    ids=["answered", "ordered"],
)
def test_abandoned_cart_stops_at_an_answer_or_the_order(happening: dict[str, Any], runs: str) -> None:
    """Whichever comes first."""
    played = rehearse("abandoned-cart", added("0s"), happening)
    assert (played.sent, played.runs) == (["1h push cart-reminder"], [runs])


def test_abandoned_cart_goes_on_where_another_basket_was_ordered() -> None:
    """The order of one basket is not the order of the other."""
    played = rehearse("abandoned-cart", added("0s"), added("1m", "c2"), ordered("2h", cart_id="c2"))
    assert played.runs == ["c1 completed", "c2 exited"]


def test_abandoned_cart_passes_over_whom_it_cannot_reach_and_comes_back_after_a_week() -> None:
    """No address, no wait for an answer; the same basket again only after seven days."""
    assert rehearse("abandoned-cart", added("0s"), on=["email"]).sent == ["1h email cart-reminder"]
    assert rehearse("abandoned-cart", added("0s"), leaves("2h"), on=["email", "sms"]).sent[:1] == [
        "1h email cart-reminder"
    ]
    assert len(rehearse("abandoned-cart", added("0s"), added("3d"), on=["push"]).runs) == 1
    assert len(rehearse("abandoned-cart", added("0s"), added("8d"), on=["push"]).runs) == 2


# browse-abandonment


def test_browse_abandonment_reminds_who_looked_twice() -> None:
    """Four hours after the last look, free channels only."""
    assert rehearse("browse-abandonment", viewed("0s"), viewed("1h")).sent == [
        "5h push browse-reminder",
        "1d5h email browse-reminder",
    ]


def test_browse_abandonment_leaves_a_single_glance_alone() -> None:
    """And says so; looks at another product do not count."""
    played = rehearse("browse-abandonment", viewed("0s"), viewed("1h", "p2"))
    assert (played.sent, played.runs) == ([], ["p1 completed", "p2 completed"])
    assert "one look is not an interest" in played.reasons


@pytest.mark.parametrize(
    ("happening", "sent"),
    [
        (track("2h", "Product Added", product_id="p1"), 0),
        (track("6h", "Product Added", product_id="p1"), 1),
        (track("2h", "Product Added", product_id="p2"), 2),
        (ordered("2h"), 0),
        (reacts("6h", "tap", "push"), 1),
    ],
    ids=["basket", "basket later", "another product", "order", "answered"],
)
def test_browse_abandonment_ends_with_the_basket_or_an_answer(happening: dict[str, Any], sent: int) -> None:
    """From then on others take over."""
    assert len(rehearse("browse-abandonment", viewed("0s"), viewed("1h"), happening).sent) == sent


def test_browse_abandonment_is_no_flood() -> None:
    """Two messages a week over all products; the same product again after a month; nobody without a free channel."""
    products = ("p1", "p2", "p3")
    looks = [viewed(f"{n}m", product) for n in range(2) for product in products]
    played = rehearse("browse-abandonment", *looks)
    assert len(played.runs) == 3
    assert len(played.sent) == 2
    twice = [viewed("0s"), viewed("1h")]
    assert len(rehearse("browse-abandonment", *twice, viewed("10d"), viewed("11d")).runs) == 1
    assert len(rehearse("browse-abandonment", *twice, viewed("31d"), viewed("32d")).runs) == 2
    assert rehearse("browse-abandonment", *twice, on=["sms"]).sent == []


def test_browse_abandonment_does_not_follow_who_just_bought() -> None:
    """Whoever bought within a day is only looking around."""
    assert rehearse("browse-abandonment", ordered("0s"), viewed("1h"), viewed("2h")).runs == []


# post-purchase


def test_post_purchase_helps_first_and_asks_later() -> None:
    """Tips on the third morning, a word about it two weeks after the order."""
    assert rehearse("post-purchase", ordered("0s")).sent == [
        "3d email order-tips",
        "14d push order-review",
        "16d email order-review",
    ]


def test_post_purchase_does_not_ask_who_has_spoken() -> None:
    """And remembers it."""
    played = rehearse("post-purchase", ordered("0s"), track("5d", "Product Reviewed", product_id="p1", rating=5))
    assert (played.sent, played.runs, played.converted) == (["3d email order-tips"], ["o1 completed"], [True])
    assert "reviewed without being asked" in played.reasons


@pytest.mark.parametrize("event", ["Order Cancelled", "Order Refunded"])
def test_post_purchase_ends_with_the_order(event: str) -> None:
    """Of this order only."""
    assert rehearse("post-purchase", ordered("0s"), track("1d", event, order_id="o1")).runs == ["o1 exited"]
    assert rehearse("post-purchase", ordered("0s"), track("1d", event, order_id="o2")).runs == ["o1 completed"]


def test_post_purchase_waits_for_the_morning_where_the_customer_is() -> None:
    """An order late in the evening is not followed by mail at night."""
    assert rehearse("post-purchase", ordered("14h")).sent[0] == "4d email order-tips"


def test_post_purchase_is_once_per_order_and_not_a_flood() -> None:
    """The same order posted twice, three orders in one week, nobody reachable, consent withdrawn."""
    assert len(rehearse("post-purchase", ordered("0s"), ordered("20d")).runs) == 1
    three = [ordered(f"{n}h", order_id=f"o{n}") for n in range(3)]
    tips = [line for line in rehearse("post-purchase", *three).sent if "order-tips" in line]
    assert len(tips) == 2
    assert rehearse("post-purchase", ordered("0s"), on=["sms"]).sent == []
    assert rehearse("post-purchase", ordered("0s"), leaves("1h"), on=["email"]).sent == []
    assert rehearse("post-purchase", ordered("0s"), identify("1h", timezone="Nowhere/Land")).sent
