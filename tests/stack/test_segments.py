"""Segments on the embedded stack, over HTTP: kept in real time, by events and by time alone, to the second."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from infra.local.faults import SeededDeliveries
from tests.stack.shop import NOON, Shop, opened

LAPSED: dict[str, Any] = {"title": "Lapsed", "when": {"did": "Order Completed", "count": {"is": 0}, "within": "30d"}}


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A fresh stack."""
    with opened() as stack:
        yield stack


def put(shop: Shop, name: str, definition: dict[str, Any]) -> dict[str, Any]:
    status, body = shop.call("PUT", f"/v1/segments/{name}", definition)
    assert status == 200, body
    shop.stack.settle()
    return body


def order(shop: Shop, who: str, message_id: str) -> None:
    shop.deliver({"type": "track", "event": "Order Completed", "messageId": message_id, "userId": who})
    shop.stack.settle()


def members(shop: Shop, name: str) -> list[str]:
    return [one["profile_id"] for one in shop.call("GET", f"/v1/segments/{name}/members")[1]["members"]]


def advance_to(shop: Shop, moment: timedelta) -> None:
    """To so long after noon."""
    shop.stack.advance(NOON + moment - shop.stack.now())


def test_no_order_for_thirty_days_becomes_true_by_itself_at_the_second(shop: Shop) -> None:
    """The errand lies in the table, a schedule opens its bucket, the queue holds it back: nothing polls."""
    put(shop, "lapsed", LAPSED)
    shop.put_journey(
        {"name": "we-miss-you", "entry": {"segment": "lapsed"}, "steps": [{"email": {"template": "cart-reminder"}}]}
    )
    order(shop, "ann", "o1")
    ordered = shop.stack.now()
    shop.reachable("ann")
    ann = shop.profile("user_id:ann")["profile_id"]
    turns = ordered - NOON + timedelta(days=30)
    advance_to(shop, turns - timedelta(seconds=1))
    assert members(shop, "lapsed") == []
    advance_to(shop, turns + timedelta(seconds=2))
    assert members(shop, "lapsed") == [ann]
    assert shop.call("GET", "/v1/segments/lapsed")[1]["members"] == 1
    since = shop.call("GET", "/v1/segments/lapsed/members")[1]["members"][0]["since"]
    assert since[:19] in {(NOON + turns + timedelta(seconds=late)).isoformat()[:19] for late in (0, 1)}
    assert shop.channels("user_id:ann") == ["email"]
    order(shop, "ann", "o2")
    assert members(shop, "lapsed") == []


def test_a_segment_is_shown_with_its_status_and_its_members(shop: Shop) -> None:
    """Put, shown, listed, previewed, explained for one customer; nobody is entered by writing it down."""
    shop.reachable("ann")
    shop.reachable("bob")
    vip = {"when": {"trait": "email", "is": "ann@example.com"}}
    shop.put_journey(
        {"name": "welcome", "entry": {"when": vip["when"]}, "steps": [{"email": {"template": "cart-reminder"}}]}
    )
    shop.stack.settle()
    stored = put(shop, "vip", vip)
    assert (stored["version"], stored["status"]) == (1, "counting")
    shown = shop.call("GET", "/v1/segments/vip")[1]
    assert (shown["status"], shown["members"], shown["definition"]) == ("ready", 1, {"name": "vip", **vip})
    listed = shop.call("GET", "/v1/segments")[1]["segments"]
    assert {one["name"]: one["status"] for one in listed} == {"vip": "ready", "journey:welcome": "ready"}
    assert put(shop, "vip", vip)["version"] == 1
    preview = shop.call("POST", "/v1/segments/other/preview", {"when": vip["when"], "sample": 10})[1]
    assert (preview["sampled"], preview["matching"]) == (2, 1)
    assert {one["member"] for one in preview["examples"]} == {True, False}
    own = shop.call("GET", f"/v1/profiles/{quote('user_id:ann', safe='')}/segments")[1]["segments"]
    assert {one["segment"]: one["member"] for one in own} == {"vip": True, "journey:welcome": True}
    assert shop.runs("welcome", "user_id:ann") == []
    shop.stack.advance(timedelta(hours=1))
    assert shop.call("GET", "/v1/segments/vip")[1]["members"] == 1


def test_what_cannot_be_a_segment_is_refused_with_its_path(shop: Shop) -> None:
    """Unknown names, cycles, and who is not there."""
    put(shop, "vip", {"when": {"trait": "plan", "is": "paid"}})
    put(shop, "calm", {"when": {"segment": "vip"}})
    status, body = shop.call("PUT", "/v1/segments/vip", {"when": {"any": [{"segment": "calm"}]}})
    assert (status, body["errors"][0]["code"]) == (422, "cycle")
    status, body = shop.call("PUT", "/v1/segments/x", {"when": {"any": [{"segment": "clam"}]}})
    assert (status, body["errors"][0]["path"]) == (422, "when.any.0.segment")
    for path in ("", "/members"):
        assert shop.call("GET", f"/v1/segments/nobody{path}")[0] == 404
    assert shop.call("GET", "/v1/segments/vip/members?cursor=x")[0] == 400
    assert shop.call("GET", "/v1/segments/vip/members?limit=0")[0] == 400
    assert shop.call("POST", "/v1/segments/vip/preview", {"sample": 0})[0] == 422


def test_a_schedule_starts_one_audience_at_each_of_its_moments(shop: Shop) -> None:
    """Every day at nine, whoever is in the segment then; putting the journey again starts nothing more."""
    put(shop, "all", {"when": {"reachable": "email"}})
    shop.reachable("ann")
    daily: dict[str, Any] = {
        "name": "digest",
        "entry": {"schedule": "cron(0 9 * * ? *)", "segment": "all"},
        "reentry": "always",
        "class": "transactional",
        "steps": [{"email": {"template": "cart-reminder"}}],
    }
    for title in ("One", "One", "Two"):
        shop.put_journey({**daily, "title": title})
    shop.stack.advance(timedelta(days=2))
    assert shop.channels("user_id:ann") == ["email", "email"]
    assert [message["at"][:19] for message in shop.stack.messages()] == ["2026-03-11T09:00:00", "2026-03-12T09:00:00"]


@pytest.mark.parametrize("seed", range(2))
def test_deliveries_twice_and_in_any_order_are_counted_once(seed: int) -> None:
    """Events, errands and sweeps of six customers, duplicated and mixed by a seed: exact lists, counts and messages."""
    with opened(SeededDeliveries(seed, duplicate=0.5)) as shop:
        put(shop, "lapsed", LAPSED)
        put(shop, "buyers", {"when": {"did": "Order Completed"}})
        shop.put_journey(
            {"name": "we-miss-you", "entry": {"segment": "lapsed"}, "steps": [{"email": {"template": "cart-reminder"}}]}
        )
        for number in range(6):
            order(shop, f"u{number}", f"o{number}")
            shop.reachable(f"u{number}")
        everybody = {shop.profile(f"user_id:u{number}")["profile_id"] for number in range(6)}
        for day in (29, 31):
            advance_to(shop, timedelta(days=day))
            lapsed = members(shop, "lapsed")
            assert (len(lapsed), set(lapsed)) == ((0, set()) if day == 29 else (6, everybody))
            assert shop.call("GET", "/v1/segments/lapsed")[1]["members"] == len(lapsed)
        assert set(members(shop, "buyers")) == everybody
        assert sorted(message["profile_id"] for message in shop.stack.messages()) == sorted(everybody)
