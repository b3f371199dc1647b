"""A customer is erased over HTTP, as staff do it."""

from typing import Any
from urllib.parse import quote

from infra.local_client import STAFF, StackClient

CASCADE = {
    "cascade": {
        "channels": [
            {"push": {"template": "cart-reminder", "wait": "4h"}},
            {"email": {"template": "cart-reminder", "wait": "20h"}},
            {"sms": {"template": "cart-reminder"}},
        ]
    }
}
ENTRY = {"event": "Basket Filled", "key": "properties.cart_id", "after": "1h"}


def under_way(stack: StackClient, name: str) -> list[str]:
    """A customer with every identifier, whom a journey is writing to; the identifiers."""
    stack.put_journey({"name": "erased-cart", "entry": ENTRY, "steps": [CASCADE]})
    device = {"type": "android", "id": f"{name}-device", "token": f"{name}-token"}
    email = f"{name}@example.com"
    stack.identify(userId=name, anonymousId=f"{name}-web", traits={"email": email}, context={"device": device})
    stack.track("Basket Filled", userId=name, messageId=f"{name}-cart", properties={"cart_id": name})
    stack.track("Unsubscribed", userId=name, properties={"channel": "sms"})
    stack.settle()
    stack.advance("2h")
    assert [message["channel"] for message in stack.messages(f"user_id:{name}")] == ["push"]
    kinds = {"user_id": name, "email": email, "anonymous_id": f"{name}-web", "android.id": f"{name}-device"}
    return [f"{kind}:{value}" for kind, value in kinds.items()] + [f"android.push_token:{name}-token"]


def erase(stack: StackClient, reference: str, status: int = 202) -> dict[str, Any]:
    """Erase as staff do."""
    return stack.staff("DELETE", f"/v1/profiles/{quote(reference, safe='')}", status=status)


def test_an_erased_customer_is_not_found_and_the_receipt_tells_when_all_is_done(stack: StackClient) -> None:
    """404 by every identifier at once, for each call about the customer; the receipt ends as done and names nobody."""
    names = under_way(stack, "erazm")
    profile_id = stack.profile("user_id:erazm")["profile_id"]
    ordered = erase(stack, "email:erazm@example.com")
    assert ordered["status"] == "accepted"
    assert ordered["receipt"] == f"/v1/erasures/{ordered['erasure_id']}"
    for name in [*names, f"profile_id:{profile_id}"]:
        for call in ("", "/events", "/explain", "/consent", "/export"):
            stack.staff("GET", f"/v1/profiles/{quote(name, safe='')}{call}", status=404)
        erase(stack, name, status=404)
    stack.settle()
    receipt = stack.staff("GET", ordered["receipt"])
    assert receipt["status"] == "done"
    assert receipt["requested_at"] <= receipt["completed_at"]
    assert receipt["counts"]["identifiers"] == 5
    assert receipt["counts"]["runs"] == 1
    assert "erazm" not in str(receipt)
    stack.staff("GET", "/v1/erasures/no-such-erasure", status=404)


def test_a_live_journey_stops_without_a_failure(stack: StackClient) -> None:
    """Its execution ends well, and neither e-mail nor SMS follows."""
    under_way(stack, "emeryk")
    run_id = stack.runs("erased-cart", "user_id:emeryk")[0]["run_id"]
    before = len(stack.messages())
    erase(stack, "user_id:emeryk")
    stack.settle()
    stack.advance("4d")
    assert len(stack.messages()) == before
    assert [e["status"] for e in stack.executions() if e["name"] == run_id] == ["SUCCEEDED"]
    stack.staff("GET", f"/v1/runs/{run_id}", status=404)


def test_whoever_comes_back_is_nobody_known(stack: StackClient) -> None:
    """A new event starts an empty profile: no other identifier, no trait, no consent, no order counted."""
    under_way(stack, "eustachy")
    stack.track("Order Completed", userId="eustachy", properties={"total": 10, "currency": "PLN"})
    stack.settle()
    erase(stack, "user_id:eustachy")
    stack.settle()
    stack.advance("1h")
    stack.identify(userId="eustachy", traits={"city": "Toruń"})
    stack.settle()
    profile = stack.profile("user_id:eustachy")
    assert [i["type"] for i in profile["identifiers"]] == ["user_id"]
    assert profile["traits"] == {"city": "Toruń"}
    assert (profile["counters"]["events"], profile["counters"]["orders"]) == (1, 0)
    assert stack.staff("GET", "/v1/profiles/user_id%3Aeustachy/consent")["consent"] == {}
    assert len(stack.events("user_id:eustachy")) == 1
    stack.staff("GET", "/v1/profiles/email%3Aeustachy%40example.com", status=404)


def test_who_read_an_older_profile_does_not_erase_the_present_one(stack: StackClient) -> None:
    """`If-Match` of another version is refused, and nothing happens."""
    under_way(stack, "edgar")
    stale = stack.http.delete("/v1/profiles/user_id%3Aedgar", headers={**STAFF, "if-match": '"another"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert stack.profile("user_id:edgar")["counters"]["events"] >= 3
    tag = stack.http.get("/v1/profiles/user_id%3Aedgar", headers=STAFF).headers["etag"]
    assert stack.http.delete("/v1/profiles/user_id%3Aedgar", headers={**STAFF, "if-match": tag}).status_code == 202


def test_nobody_else_can_erase(stack: StackClient) -> None:
    """A write key, or nothing, is not enough."""
    under_way(stack, "ernest")
    assert stack.http.delete("/v1/profiles/user_id%3Aernest").status_code == 401
    assert stack.http.delete("/v1/profiles/user_id%3Aernest", auth=("local-web", "")).status_code == 401
    assert stack.profile("user_id:ernest")["traits"]["email"] == "ernest@example.com"


def test_another_user_of_the_same_browser_stays(stack: StackClient) -> None:
    """Whoever logged in on the erased customer's browser keeps profile and history."""
    under_way(stack, "eryk")
    stack.identify(userId="elwira", anonymousId="eryk-web", traits={"name": "Elwira"})
    stack.settle()
    before = stack.profile("user_id:elwira")
    erase(stack, "user_id:eryk")
    stack.settle()
    after = stack.profile("user_id:elwira")
    assert {key: after[key] for key in ("profile_id", "traits", "counters")} == {
        key: before[key] for key in ("profile_id", "traits", "counters")
    }
    assert [str(event) for event in stack.events("user_id:elwira") if "eryk" in str(event)] == []
    assert "eryk" not in str(after)
    stack.staff("GET", "/v1/profiles/anonymous_id%3Aeryk-web", status=404)
