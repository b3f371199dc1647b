"""The cheapest message first, stopped by an answer or an order: over HTTP, on virtual time."""

from typing import Any

from infra.local_client import StackClient

CASCADE: dict[str, Any] = {
    "cascade": {
        "channels": [
            {"push": {"template": "cart-reminder", "wait": "4h"}},
            {"email": {"template": "cart-reminder", "wait": "20h"}},
            {"sms": {"template": "cart-reminder"}},
        ]
    }
}


def journey(name: str, **more: Any) -> dict[str, Any]:
    """A cascade of three steps that ends on an order of the same cart."""
    exits = [{"event": "Order Completed", "match": "properties.cart_id"}]
    return {"name": name, "exit": exits, "reentry": "always", "steps": [CASCADE]} | more


def reachable(stack: StackClient, name: str, number: int) -> str:
    """A customer with a push token, an e-mail address and a phone number."""
    stack.identify(
        userId=name,
        traits={"email": f"{name}@example.com", "phone": f"+4860100{number:04d}", "first_name": name.title()},
        context={"device": {"type": "ios", "id": f"{name}-device", "token": f"{name}-token"}},
    )
    stack.settle()
    return f"user_id:{name}"


def channels(stack: StackClient, who: str) -> list[str]:
    """The channels of the messages a customer got, in order."""
    return [message["channel"] for message in stack.messages(who)]


def test_unanswered_cascade_takes_four_transitions(stack: StackClient) -> None:
    """Push, e-mail after 4 h, SMS after 20 h more; four transitions; every message whole, with its cost."""
    who = reachable(stack, "nobody", 1)
    stack.put_journey(journey("unanswered"))
    arn = stack.start("unanswered", who)["execution_arn"]
    stack.settle()
    assert channels(stack, who) == ["push"]
    stack.advance("14399s")
    assert channels(stack, who) == ["push"]
    stack.advance("1s")
    assert channels(stack, who) == ["push", "email"]
    stack.advance("20h")
    sent = stack.messages(who)
    assert [m["channel"] for m in sent] == ["push", "email", "sms"]
    execution = next(e for e in stack.executions() if e["arn"] == arn)
    assert (execution["status"], execution["transitions"]) == ("SUCCEEDED", 4)
    run = stack.runs("unanswered", who)[0]
    assert (run["status"], run["outcome"]) == ("ended", "completed")
    mail = sent[1]
    assert mail["to"] == "nobody@example.com"
    assert "Nobody" in mail["body"]
    assert mail["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert {m["run_id"] for m in sent} == {run["run_id"]}
    assert [m["cost"]["currency"] for m in sent] == ["USD"] * 3
    assert float(sent[2]["cost"]["amount"]) > float(mail["cost"]["amount"]) > float(sent[0]["cost"]["amount"]) > 0


def test_event_starts_a_run_and_an_order_stops_it(stack: StackClient) -> None:
    """The entry event starts after its delay; an order of another cart changes nothing, the own one ends at once."""
    who = reachable(stack, "buyer", 2)
    entry = {"event": "Basket Filled", "key": "properties.cart_id", "after": "1h"}
    stack.put_journey(journey("by-event", entry=entry))
    stack.track("Basket Filled", userId="buyer", properties={"cart_id": 7})
    stack.settle()
    stack.advance("1h")
    assert channels(stack, who) == ["push"]
    stack.track(
        "Order Completed", "local-pos", context={"traits": {"phone": "+48601000002"}}, properties={"cart_id": "8"}
    )
    stack.settle()
    assert stack.runs("by-event", who)[0]["status"] == "live"
    stack.track(
        "Order Completed", "local-pos", context={"traits": {"phone": "+48601000002"}}, properties={"cart_id": "7"}
    )
    stack.settle()
    run = stack.runs("by-event", who)[0]
    assert (run["status"], run["outcome"]) == ("ended", "exited")
    stack.advance("3d")
    assert channels(stack, who) == ["push"]
    assert next(e for e in stack.executions() if e["name"] == run["run_id"])["status"] == "SUCCEEDED"


def test_order_within_the_entry_delay_sends_nothing(stack: StackClient) -> None:
    """Whoever buys before the first message is due never hears of the cart."""
    who = reachable(stack, "quick", 3)
    stack.put_journey(journey("delayed", entry={"event": "Cart Updated", "key": "properties.cart_id", "after": "1h"}))
    stack.track("Cart Updated", userId="quick", properties={"cart_id": "q"})
    stack.track("Order Completed", userId="quick", properties={"cart_id": "q", "total": 5})
    stack.settle()
    stack.advance("2d")
    assert channels(stack, who) == []


def test_a_tap_answers_the_push(stack: StackClient) -> None:
    """A tap ends the cascade; nothing dearer is sent."""
    who = reachable(stack, "tapper", 4)
    stack.put_journey(journey("tapped"))
    stack.start("tapped", who)
    stack.settle()
    stack.advance("1h")
    stack.act(stack.messages(who)[0], "tap")
    stack.settle()
    run = stack.runs("tapped", who)[0]
    assert run["outcome"] == "completed"
    assert run["messages"][0]["answered_at"] is not None
    stack.advance("3d")
    assert channels(stack, who) == ["push"]


def test_an_open_is_no_answer_but_a_click_is(stack: StackClient) -> None:
    """An opened e-mail does not stop the SMS; a clicked one does."""
    opener, clicker = reachable(stack, "opener", 5), reachable(stack, "clicker", 6)
    stack.put_journey(journey("mailed"))
    for who in (opener, clicker):
        stack.start("mailed", who)
    stack.settle()
    stack.advance("5h")
    stack.act(stack.messages(opener, "email")[0], "open")
    stack.act(stack.messages(clicker, "email")[0], "click")
    stack.settle()
    stack.advance("3d")
    assert channels(stack, opener) == ["push", "email", "sms"]
    assert channels(stack, clicker) == ["push", "email"]


def test_unreachable_channels_are_passed_over_at_once(stack: StackClient) -> None:
    """Without an app and an e-mail address the SMS goes out at once, and the run says why."""
    stack.track("Visited", "local-pos", context={"traits": {"phone": "+48601000007"}})
    stack.settle()
    who = "phone:+48601000007"
    stack.put_journey(journey("phone-only"))
    stack.start("phone-only", who)
    stack.settle()
    assert channels(stack, who) == ["sms"]
    run = stack.runs("phone-only", who)[0]
    skipped = [d["reason"] for d in run["decisions"] if d["outcome"] == "skipped"]
    assert len(skipped) == 2
    assert "no push address known" in skipped[0]


def test_a_hard_bounce_goes_on_at_once_and_suppresses(stack: StackClient) -> None:
    """An address that bounced is not waited for and never used again."""
    who = reachable(stack, "bouncer", 8)
    stack.put_journey(journey("bouncing"))
    stack.start("bouncing", who)
    stack.settle()
    stack.advance("4h")
    stack.act(stack.messages(who, "email")[0], "bounce")
    stack.settle()
    assert channels(stack, who) == ["push", "email", "sms"]
    assert not stack.profile(who)["channels"]["email"]["reachable"]
    stack.start("bouncing", who)
    stack.settle()
    stack.advance("2d")
    assert channels(stack, who) == ["push", "email", "sms", "push", "sms"]


def test_unsubscribing_with_one_click_stops_the_mail(stack: StackClient) -> None:
    """GET shows a page and changes nothing; the mailbox provider's POST unsubscribes; the next run sends no mail."""
    who = reachable(stack, "leaver", 9)
    stack.put_journey(journey("leaving"))
    stack.start("leaving", who)
    stack.settle()
    stack.advance("4h")
    link = stack.messages(who, "email")[0]["headers"]["List-Unsubscribe"].strip("<>")
    assert stack.http.get(link).status_code == 200
    stack.settle()
    assert stack.profile(who)["channels"]["email"]["consent"] == "unknown"
    answer = stack.http.post(link, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    stack.settle()
    assert stack.profile(who)["channels"]["email"]["consent"] == "denied"
    stack.advance("2d")
    stack.start("leaving", who)
    stack.settle()
    stack.advance("2d")
    assert channels(stack, who) == ["push", "email", "sms", "push", "sms"]


def test_starting_twice_never_doubles_a_live_run(stack: StackClient) -> None:
    """A second start at the same moment is the same run; once it is under way, it is refused with its reason."""
    who = reachable(stack, "twice", 10)
    stack.put_journey(journey("once"))
    first = stack.start("once", who)
    assert stack.start("once", who)["execution_arn"] == first["execution_arn"]
    stack.settle()
    refused = stack.staff("POST", "/v1/journeys/once/runs", {"profile": who}, status=409)
    assert "still live" in refused["message"]
    stack.settle()
    assert channels(stack, who) == ["push"]


def test_every_error_of_a_definition_is_listed(stack: StackClient) -> None:
    """A refused definition names each fault by its path, with the nearest known name."""
    wrong = {"name": "wrong", "steps": [{"cascade": {"channels": [{"pusch": {"template": "x"}}]}}], "exits": []}
    errors = stack.staff("PUT", "/v1/journeys/wrong", wrong, status=422)["errors"]
    paths = {error["path"] for error in errors}
    assert any("exits" in path for path in paths)
    assert any("pusch" in path or "channels" in path for path in paths)
    unknown = journey("unknown-template")
    unknown["steps"] = [{"push": {"template": "cart-remindr"}}]
    problem = stack.staff("PUT", "/v1/journeys/unknown-template", unknown, status=422)["errors"][0]
    assert "cart-reminder" in problem["message"]
