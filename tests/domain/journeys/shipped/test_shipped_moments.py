"""The shipped journeys that wait: win-back, replenishment, return-ticket, birthday, back-in-stock, price-drop."""

from typing import Any

import pytest

from tests.domain.journeys.shipped.shipped_stage import identify, leaves, reacts, rehearse, track


def ordered(at: str, **properties: Any) -> dict[str, Any]:
    """An order."""
    return track(at, "Order Completed", **{"order_id": f"o-{at}", "total": 40, **properties})


# win-back


def test_win_back_begins_sixty_days_after_the_last_order_by_itself() -> None:
    """No event happens then; and both orders of channels are free ones."""
    played = rehearse("win-back", ordered("0s"), until="80d")
    assert sorted(played.sent) in (
        sorted(["60d push win-back", "61d email win-back"]),
        sorted(["60d email win-back", "62d push win-back"]),
    )
    assert played.runs == ["- completed"]


def test_win_back_counts_from_the_latest_order() -> None:
    """Whoever orders again has not lapsed."""
    assert rehearse("win-back", ordered("0s"), ordered("50d"), until="100d").sent == []
    assert rehearse("win-back", ordered("0s"), ordered("50d"), until="115d").sent[0].startswith("110d ")


def test_win_back_writes_a_text_to_good_customers_only() -> None:
    """Three orders or more, and no answer to what was free."""
    orders = [ordered("0s"), ordered("1d"), ordered("2d")]
    assert rehearse("win-back", *orders, until="80d").sent[-1] == "72d sms win-back-offer"
    assert "sms" not in "".join(rehearse("win-back", *orders[:2], until="80d").sent)


def test_win_back_stops_at_an_answer_and_at_an_order() -> None:
    """An order is its success."""
    orders = [ordered("0s"), ordered("1d"), ordered("2d")]
    first = rehearse("win-back", *orders, until="80d").sent[0].split()[1]
    answered = rehearse(
        "win-back", *orders, reacts("1500h", "click" if first == "email" else "tap", first), until="80d"
    )
    assert len(answered.sent) == 1
    bought = rehearse("win-back", *orders, ordered("1500h"), until="80d")
    assert (len(bought.sent), bought.runs, bought.converted) == (1, ["- exited"], [True])


def test_win_back_leaves_strangers_and_the_unreachable_alone() -> None:
    """Who never bought has nothing to be won back to; who cannot be reached is run through without a wait."""
    assert rehearse("win-back", identify("0s", first_name="Ann"), until="80d").runs == []
    nobody = rehearse("win-back", ordered("0s"), on=["sms"], until="80d")
    assert (nobody.sent, nobody.runs) == ([], ["- completed"])


def test_win_back_comes_back_after_half_a_year_at_most() -> None:
    """Lapsing again sooner starts nothing."""
    assert len(rehearse("win-back", ordered("0s"), ordered("70d"), until="140d").runs) == 1
    assert len(rehearse("win-back", ordered("0s"), ordered("190d"), until="260d").runs) == 2


# replenishment

COFFEE = {"category": "coffee", "runs_out_at": "2026-04-10T12:00:00Z", "name": "Coffee", "url": "https://s.example/c"}


def test_replenishment_reminds_five_days_before_it_runs_out() -> None:
    """In the morning; a text message is the last resort."""
    assert rehearse("replenishment", ordered("0s", **COFFEE)).sent == [
        "26d22h push replenishment",
        "27d22h email replenishment",
        "29d22h sms replenishment",
    ]


def test_replenishment_begins_anew_with_the_next_order_of_the_kind() -> None:
    """Of this kind only."""
    again = {**COFFEE, "runs_out_at": "2026-05-01T12:00:00Z"}
    played = rehearse("replenishment", ordered("0s", **COFFEE), ordered("10d", **again))
    assert played.runs == ["coffee exited", "coffee completed"]
    assert played.sent[0] == "47d22h push replenishment"
    other = {**COFFEE, "category": "lenses"}
    assert rehearse("replenishment", ordered("0s", **COFFEE), ordered("1d", **other)).runs == [
        "coffee completed",
        "lenses completed",
    ]


def test_replenishment_stops_at_an_answer_and_needs_a_date_it_can_read() -> None:
    """A wrong date ends the run and says so."""
    assert len(rehearse("replenishment", ordered("0s", **COFFEE), reacts("27d", "tap", "push")).sent) == 1
    wrong = rehearse("replenishment", ordered("0s", **{**COFFEE, "runs_out_at": "soon"}))
    assert (wrong.sent, wrong.runs) == ([], ["coffee failed"])
    assert "soon" in wrong.reasons
    assert rehearse("replenishment", ordered("0s", category="coffee")).runs == []


def test_replenishment_reaches_whom_it_can() -> None:
    """A text message where there is nothing else, nothing against their will."""
    assert rehearse("replenishment", ordered("0s", **COFFEE), on=["sms"]).sent == ["26d22h sms replenishment"]
    assert rehearse("replenishment", ordered("0s", **COFFEE), leaves("1d"), on=["email"]).sent == []


# the return ticket

OUT = {
    "category": "flight",
    "trip": "one_way",
    "origin": "WAW",
    "destination": "LIS",
    "departure_at": "2026-03-20T12:00:00Z",
    "arrival_at": "2026-03-20T16:00:00Z",
}
BACK = {"category": "flight", "trip": "one_way", "origin": "LIS", "destination": "WAW"}


def test_return_ticket_speaks_after_booking_before_departure_and_there() -> None:
    """On the cheapest channel that works each time; nothing at night."""
    assert rehearse("return-ticket", ordered("0s", **OUT)).sent == [
        "1d push return-ticket",
        "2d email return-ticket",
        "8d3h push return-ticket",
        "11d7h push return-ticket-there",
        "11d22h sms return-ticket-there",
    ]


@pytest.mark.parametrize("trip", ["one_way", "return"])
def test_return_ticket_ends_with_any_flight_that_begins_there(trip: str) -> None:
    """However it was booked; a flight from elsewhere is none."""
    played = rehearse("return-ticket", ordered("0s", **OUT), ordered("3d", **{**BACK, "trip": trip}))
    assert (played.runs[0], played.converted[0], len(played.sent[:2])) == ("LIS exited", True, 2)
    assert rehearse("return-ticket", ordered("0s", **OUT), ordered("3d", **{**BACK, "origin": "OPO"})).runs[0] == (
        "LIS completed"
    )


def test_return_ticket_is_for_flights_one_way() -> None:
    """Neither for returns nor for hotels; a cancelled flight needs no way back."""
    assert rehearse("return-ticket", ordered("0s", **{**OUT, "trip": "return"})).runs == []
    assert rehearse("return-ticket", ordered("0s", **{**OUT, "category": "hotel"})).runs == []
    cancelled = track("2h", "Order Cancelled", destination="LIS")
    assert rehearse("return-ticket", ordered("0s", **OUT), cancelled).runs == ["LIS exited"]


def test_return_ticket_does_not_repeat_itself_to_who_answered_or_books_late() -> None:
    """Booked on the eve, the offer of before the flight is over or would be too much."""
    answered = rehearse("return-ticket", ordered("0s", **OUT), reacts("25h", "tap", "push")).sent
    assert answered == ["1d push return-ticket", "11d7h push return-ticket-there", "11d22h sms return-ticket-there"]
    eve = {**OUT, "departure_at": "2026-03-11T12:00:00Z", "arrival_at": "2026-03-11T16:00:00Z"}
    late = rehearse("return-ticket", ordered("0s", **eve)).sent
    assert [line for line in late if line.endswith("push return-ticket")] == ["1d push return-ticket"]


def test_return_ticket_flies_again_and_reaches_whom_it_can() -> None:
    """Every booking is a new one."""
    later = {**OUT, "departure_at": "2026-05-01T12:00:00Z", "arrival_at": "2026-05-01T16:00:00Z"}
    played = rehearse("return-ticket", ordered("0s", **OUT), ordered("30d", **later), until="90d")
    assert played.runs == ["LIS completed", "LIS completed"]
    assert rehearse("return-ticket", ordered("0s", **OUT), on=["email"]).sent == ["1d email return-ticket"]


# birthday

GIFT = {"next_birthday": "2026-03-15", "birthday_gift_until": "2026-03-22"}


def test_birthday_is_greeted_in_the_morning_on_one_channel() -> None:
    """The favourite one among the free ones; once."""
    assert rehearse("birthday", identify("0s", **GIFT)).sent == ["4d23h push birthday"]


def test_birthday_is_greeted_where_the_customer_lives() -> None:
    """Nine in the morning of that day in New York and in Auckland as well."""
    assert rehearse("birthday", identify("0s", **GIFT, timezone="America/New_York")).sent == ["5d4h push birthday"]
    assert rehearse("birthday", identify("0s", **GIFT, timezone="Pacific/Auckland")).sent == ["4d11h push birthday"]


def test_birthday_goes_on_to_the_next_channel_where_one_fails() -> None:
    """What was not delivered does not count."""
    assert rehearse("birthday", identify("0s", **GIFT), on=["email", "sms"]).sent == ["4d23h email birthday"]
    assert rehearse("birthday", identify("0s", **GIFT), on=["sms"]).sent == ["4d23h sms birthday"]
    assert rehearse("birthday", identify("0s", **GIFT), leaves("1d"), on=["email"]).sent == []


def test_birthday_is_once_a_year_however_often_it_is_said() -> None:
    """And again with the next year's date."""
    again = [identify(f"{n}d", **GIFT) for n in (0, 1, 6)]
    assert len(rehearse("birthday", *again).sent) == 1
    corrected = identify("10d", next_birthday="2026-03-25", birthday_gift_until="2026-04-01")
    assert len(rehearse("birthday", *again, corrected).sent) == 1
    next_year = identify("20d", next_birthday="2027-03-05", birthday_gift_until="2027-03-12")
    assert len(rehearse("birthday", *again, next_year, until="365d").sent) == 2


def test_birthday_is_not_greeted_late_or_against_the_customers_will() -> None:
    """A date in the past, and one that was taken back."""
    past = rehearse("birthday", identify("0s", next_birthday="2026-02-01", birthday_gift_until="2026-02-08"))
    assert (past.sent, "the offer ended" in past.reasons) == ([], True)
    back = rehearse("birthday", identify("0s", **GIFT), identify("1d", next_birthday=None))
    assert (back.sent, back.runs) == ([], ["2026-03-15 exited"])


# back-in-stock


def wished(at: str, product: str = "p1", *, in_stock: bool = False) -> dict[str, Any]:
    """Somebody wishes for something."""
    return track(at, "Product Added to Wishlist", product_id=product, in_stock=in_stock, name="Desk lamp")


def test_back_in_stock_tells_at_once_on_the_fastest_channel() -> None:
    """And within hours on the next ones."""
    assert rehearse("back-in-stock", wished("0s"), track("2d", "Product Restocked", product_id="p1")).sent == [
        "2d push back-in-stock",
        "2d1h email back-in-stock",
        "2d4h sms back-in-stock",
    ]


def test_back_in_stock_waits_for_this_product_and_not_for_ever() -> None:
    """Another one is no news; after ninety days it is over."""
    assert rehearse("back-in-stock", wished("0s"), track("2d", "Product Restocked", product_id="p2")).runs == [
        "p1 live"
    ]
    over = rehearse("back-in-stock", wished("0s"), until="100d")
    assert (over.sent, over.runs) == ([], ["p1 completed"])
    assert "not in stock again within 90 days" in over.reasons
    assert rehearse("back-in-stock", wished("0s", in_stock=True)).runs == []


@pytest.mark.parametrize("event", ["Product Removed from Wishlist", "Product Added"])
def test_back_in_stock_ends_when_the_wish_does(event: str) -> None:
    """Taken off the list, or in the basket."""
    restocked = track("2d", "Product Restocked", product_id="p1")
    assert rehearse("back-in-stock", wished("0s"), track("1d", event, product_id="p1"), restocked).sent == []
    moved = rehearse("back-in-stock", wished("0s"), restocked, track("49h", event, product_id="p1"))
    assert moved.runs == ["p1 exited"]


def test_back_in_stock_stops_at_an_answer_keeps_quiet_at_night_and_hears_the_next_wish() -> None:
    """Held until eight; whom nothing reaches, nothing holds up."""
    restocked = track("2d", "Product Restocked", product_id="p1")
    tapped = rehearse("back-in-stock", wished("0s"), restocked, reacts("2d30m", "tap", "push"))
    assert tapped.sent == ["2d push back-in-stock"]
    night = rehearse("back-in-stock", wished("0s"), track("38h", "Product Restocked", product_id="p1"), on=["push"])
    assert night.sent == ["1d22h push back-in-stock"]
    again = rehearse("back-in-stock", wished("0s"), restocked, wished("10d"), on=["email"])
    assert again.runs == ["p1 completed", "p1 live"]


# price-drop


def viewed(at: str) -> dict[str, Any]:
    """A look at something."""
    return track(at, "Product Viewed", product_id="p1")


def dropped(at: str, product: str = "p1", percent: int = 20) -> dict[str, Any]:
    """Something costs less."""
    return track(
        at, "Product Price Dropped", product_id=product, name=f"Lamp {product}", price=30, drop_percent=percent
    )


def test_price_drop_makes_one_message_of_many_drops() -> None:
    """All of four hours, on the favourite free channel first."""
    drops = [dropped("1d"), dropped("25h", "p2"), dropped("26h", "p3")]
    played = rehearse("price-drop", viewed("0s"), *drops)
    assert played.sent == ["1d4h push price-drop", "2d4h email price-drop"]
    assert "3 Product Price Dropped" in played.reasons


def test_price_drop_is_for_real_drops_of_what_they_know() -> None:
    """Ten percent at least, and a look within sixty days."""
    assert rehearse("price-drop", viewed("0s"), dropped("1d", percent=9)).runs == []
    assert rehearse("price-drop", dropped("1d")).runs == []
    assert rehearse("price-drop", viewed("0s"), dropped("61d"), until="90d").runs == []


def test_price_drop_stops_at_an_answer_and_at_an_order() -> None:
    """An order while the drops are collected as well."""
    assert len(rehearse("price-drop", viewed("0s"), dropped("1d"), reacts("30h", "tap", "push")).sent) == 1
    played = rehearse("price-drop", viewed("0s"), dropped("1d"), ordered("26h"))
    assert (played.sent, played.runs, played.converted) == ([], ["- exited"], [True])


def test_price_drop_is_no_storm() -> None:
    """Three days between two messages; nobody without a free channel."""
    assert len(rehearse("price-drop", viewed("0s"), dropped("1d"), dropped("3d"), on=["push"]).sent) == 1
    assert len(rehearse("price-drop", viewed("0s"), dropped("1d"), dropped("5d"), on=["push"]).sent) == 2
    assert rehearse("price-drop", viewed("0s"), dropped("1d"), on=["sms"]).sent == []
