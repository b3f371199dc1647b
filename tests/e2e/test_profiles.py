"""One customer out of every channel's events, seen through the staff API."""

from typing import Any
from urllib.parse import quote

from infra.local_client import STAFF, StackClient


def test_anonymous_and_known_are_one_customer(stack: StackClient) -> None:
    """A visit before login, an app, a till purchase by phone and an order by e-mail are one customer."""
    stack.post("/v1/page", {"anonymousId": "p-anon", "properties": {"url": "https://shop/x"}})
    stack.identify(userId="p-42", anonymousId="p-anon", traits={"email": "P42@Example.COM", "phone": "512 000 042"})
    device = {"type": "android", "id": "p-dev", "token": "p-token"}
    stack.track("Application Opened", "local-app", userId="p-42", context={"device": device})
    till = {"traits": {"phone": "+48 512-000-042"}}
    order = {"order_id": "p-1", "total": 12.5, "currency": "USD"}
    stack.track("Order Completed", "local-pos", context=till, properties=order)
    stack.settle()
    found = [
        stack.profile(reference)
        for reference in (
            "user_id:p-42",
            "email:p42@example.com",
            "anonymous_id:p-anon",
            "phone:+48512000042",
            "android.push_token:p-token",
            "android.id:p-dev",
        )
    ]
    assert len({profile["profile_id"] for profile in found}) == 1
    profile = found[0]
    assert profile["counters"]["events"] == 4
    assert profile["counters"]["orders"] == 1
    assert profile["counters"]["revenue"] == {"USD": 12.5}
    assert profile["traits"]["email"] == "P42@Example.COM"
    assert all(channel["reachable"] for channel in profile["channels"].values())
    assert stack.profile(f"profile_id:{profile['profile_id']}") == profile


def test_ids_given_before_a_merge_find_the_survivor(stack: StackClient) -> None:
    """Two customers' ids both find the one they became."""
    stack.track("A", userId="m-1")
    stack.track("B", anonymousId="m-2")
    stack.settle()
    before = {stack.profile("user_id:m-1")["profile_id"], stack.profile("anonymous_id:m-2")["profile_id"]}
    assert len(before) == 2
    stack.identify(userId="m-1", anonymousId="m-2")
    stack.settle()
    after = {stack.profile(f"profile_id:{profile_id}")["profile_id"] for profile_id in before}
    assert len(after) == 1
    assert stack.profile("user_id:m-1")["counters"]["events"] == 3
    explained = stack.staff("GET", "/v1/profiles/user_id%3Am-1/explain")
    assert [(e["from"], e["to"]) for e in explained["edges"]] == [("user_id:m-1", "anonymous_id:m-2")]


def test_two_users_on_one_browser_stay_two(stack: StackClient) -> None:
    """A second login in the same browser does not join two users."""
    stack.identify(userId="two-1", anonymousId="two-shared")
    stack.identify(userId="two-2", anonymousId="two-shared")
    stack.settle()
    assert stack.profile("user_id:two-1")["profile_id"] != stack.profile("user_id:two-2")["profile_id"]
    refused = stack.staff("GET", "/v1/profiles/user_id%3Atwo-1/explain")["refused"]
    assert refused[0]["reason"] == "a customer has at most 1 user_id"


def test_a_shared_device_joins_nobody(stack: StackClient) -> None:
    """Customers of one kiosk stay apart although the kiosk sends one anonymous id for all."""
    for number in range(5):
        email = f"kiosk-{number}@example.com"
        stack.track("Looked Up", "local-kiosk", anonymousId="kiosk-7", context={"traits": {"email": email}})
    stack.settle()
    ids = {stack.profile(f"email:kiosk-{number}@example.com")["profile_id"] for number in range(5)}
    assert len(ids) == 5


def test_traits_follow_event_time_not_arrival(stack: StackClient) -> None:
    """The later word wins even when it arrives first; null deletes; nested traits merge by path."""
    late, early = "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"
    stack.identify(userId="t-1", timestamp=late, traits={"plan": "pro", "address": {"city": "Łódź"}})
    stack.identify(userId="t-1", timestamp=early, traits={"plan": "free", "old": 1, "address": {"zip": "90-001"}})
    stack.identify(userId="t-1", timestamp="2026-01-03T00:00:00Z", traits={"old": None})
    stack.settle()
    assert stack.profile("user_id:t-1")["traits"] == {"plan": "pro", "address": {"city": "Łódź", "zip": "90-001"}}


def test_a_message_id_counts_once_for_ever(stack: StackClient) -> None:
    """The same message id, with another timestamp a year later, changes nothing."""
    order: dict[str, Any] = {"userId": "o-1", "messageId": "o-m", "properties": {"revenue": 10, "currency": "EUR"}}
    stack.track("Order Completed", **order)
    stack.settle()
    stack.advance("1h")
    stack.track("Order Completed", **order, timestamp="2027-05-05T00:00:00Z")
    stack.settle()
    assert stack.profile("user_id:o-1")["counters"]["revenue"] == {"EUR": 10}
    assert len(stack.events("user_id:o-1")) == 1


def test_timeline_pages_newest_first(stack: StackClient) -> None:
    """Pages of a customer with two identifiers follow each other without a gap, newest first."""
    stack.identify(userId="tl", anonymousId="tl-anon", timestamp="2026-02-01T00:00:00Z")
    for day in range(2, 12):
        who = {"userId": "tl"} if day % 2 else {"anonymousId": "tl-anon"}
        stack.track("Viewed", **who, timestamp=f"2026-02-{day:02d}T00:00:00Z", properties={"day": day})
    stack.settle()
    first = stack.staff("GET", "/v1/profiles/user_id%3Atl/events?limit=4")
    assert [e["properties"]["day"] for e in first["events"]] == [11, 10, 9, 8]
    assert [e["properties"].get("day") for e in stack.events("user_id:tl")] == [*range(11, 1, -1), None]


def test_staff_calls_need_a_credential_and_say_what_is_missing(stack: StackClient) -> None:
    """No credential: 401; nobody by that name: 404; both with code and message."""
    for headers, status in (({}, 401), ({"authorization": "Bearer wrong"}, 401), (STAFF, 404)):
        answer = stack.http.get("/v1/profiles/user_id%3Anobody-here", headers=headers)
        assert answer.status_code == status
        assert {"code", "message"} <= answer.json().keys()


def test_consent_is_an_event_that_holds_everywhere(stack: StackClient) -> None:
    """A refusal heard by staff holds for every identifier of the customer, and can be taken back."""
    stack.identify(userId="c-1", traits={"email": "c1@example.com"})
    stack.settle()
    path = "/v1/profiles/email%3Ac1%40example.com/consent"
    stack.staff("PUT", path, {"email/promotions": {"status": "denied", "purpose": "marketing"}}, status=202)
    stack.settle()
    stack.advance("1s")
    said = stack.staff("GET", path)["consent"]["email/promotions"]
    assert (said["status"], said["purpose"], said["source"]) == ("denied", "marketing", "staff")
    assert stack.profile("user_id:c-1")["channels"]["email"]["consent"] == "denied"
    stack.staff("PUT", path, {"consent": {"email/promotions": "granted"}}, status=202)
    stack.settle()
    assert stack.profile("user_id:c-1")["channels"]["email"]["consent"] == "granted"
    wrong = stack.staff("PUT", path, {"fax/all": "granted", "email/x": "maybe"}, status=422)
    assert [error["path"] for error in wrong["errors"]] == ["fax/all", "email/x"]


def test_staff_find_a_phone_number_as_it_is_spoken(stack: StackClient) -> None:
    """A number without a country code is read in the sources' region, as the till that took it read it."""
    stack.track("Visited", "local-pos", context={"traits": {"phone": "512 999 001"}})
    stack.settle()
    found = [stack.profile(f"phone:{spoken}")["profile_id"] for spoken in ("+48512999001", "512999001", "512-999-001")]
    assert len(set(found)) == 1
    stack.staff("GET", "/v1/profiles/phone%3A512999002", status=404)


def test_customers_are_searched_by_any_identifier(stack: StackClient) -> None:
    """Each parameter finds its customer, once; nobody is an empty list; no parameter is a mistake."""
    stack.identify(userId="s-1", traits={"email": "s1@example.com", "phone": "+48512000777"})
    stack.track("A", anonymousId="s-2")
    stack.settle()
    found = stack.staff("GET", "/v1/profiles?email=S1%40example.com&anonymous_id=s-2&user_id=s-1&user_id=nobody")
    assert [profile["profile_id"] for profile in found["profiles"]] == [
        stack.profile("user_id:s-1")["profile_id"],
        stack.profile("anonymous_id:s-2")["profile_id"],
    ]
    assert stack.staff("GET", "/v1/profiles?phone=+48512000777")["profiles"] == [stack.profile("user_id:s-1")]
    assert stack.staff("GET", "/v1/profiles?email=nobody%40example.com") == {"profiles": []}
    assert stack.staff("GET", "/v1/profiles", status=400)["code"] == "missing_identifier"


def test_odd_identifiers_travel_in_a_path(stack: StackClient) -> None:
    """Slashes, colons, percent signs and other alphabets find their customer when they are encoded as URLs ask."""
    odd = ["o/1", "o:2", "o%2F3", "100%", "o?x=1#y", "żółć", "👩‍👧", "o 4", "o+5", "'o\"<6>", "..%2f.."]
    for number, value in enumerate(odd):
        stack.track("A", userId=value, messageId=f"odd-{number}")
    stack.settle()
    for number, value in enumerate(odd):
        assert [event["message_id"] for event in stack.events(f"user_id:{value}")] == [f"odd-{number}"]


def test_hostile_references_find_nobody(stack: StackClient) -> None:
    """Keys of the table, empty and endless names are 404 with the remedy, whatever the call."""
    for reference in (
        "profile_id:CONFIG",
        "profile_id: ",
        "M#1",
        "user_id:null",
        "profile_id:" + "x" * 3000,
        "\x00:\x00",
    ):
        for call in ("", "/events", "/explain", "/export", "/consent"):
            answer = stack.http.get(f"/v1/profiles/{quote(reference, safe='')}{call}", headers=STAFF)
            assert answer.status_code == 404, (reference, call, answer.text)
            assert "write type:value" in answer.json()["message"]


def test_a_long_timeline_is_paged_exactly(stack: StackClient) -> None:
    """Hundreds of events, many in one millisecond and under two identifiers, each come once, oldest last."""
    calls = [
        {
            "type": "track",
            "event": "Viewed",
            "messageId": f"lt-{number}",
            "timestamp": f"2026-02-01T00:00:00.{number // 30:03d}Z",
            **({"userId": "lt"} if number % 2 else {"anonymousId": "lt-anon"}),
        }
        for number in range(450)
    ]
    stack.identify(userId="lt", anonymousId="lt-anon", messageId="lt-first")
    stack.post("/v1/batch", {"batch": calls})
    stack.settle()
    found = stack.events("user_id:lt")
    assert sorted(event["message_id"] for event in found) == sorted(["lt-first", *(str(c["messageId"]) for c in calls)])
    times = [event["timestamp"] for event in found]
    assert times == sorted(times, reverse=True)
    assert stack.profile("user_id:lt")["counters"]["events"] == 451
    for query, code in (("limit=0", "bad_limit"), ("limit=x", "bad_limit"), ("cursor=x", "bad_cursor")):
        assert stack.staff("GET", f"/v1/profiles/user_id%3Alt/events?{query}", status=400)["code"] == code
