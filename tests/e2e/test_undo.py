"""What was joined can be taken apart, put together again and explained, over HTTP."""

from typing import Any
from urllib.parse import quote

from infra.local_client import STAFF, StackClient


def path(reference: str, call: str = "") -> str:
    return f"/v1/profiles/{quote(reference, safe='')}{call}"


def named(profile: dict[str, Any]) -> set[str]:
    return {f"{one['type']}:{one['value']}" for one in profile["identifiers"]}


def alone(profile: dict[str, Any]) -> dict[str, Any]:
    """A profile without what tells when its identifiers were named."""
    return {**profile, "identifiers": sorted(named(profile))}


def family(stack: StackClient, key: str) -> None:
    """A mother and her son, whom one call at a shared tablet joined."""
    stack.identify(
        userId=f"{key}-mum", anonymousId=f"{key}-phone", traits={"email": f"{key}-mum@example.com", "name": "Ma"}
    )
    stack.track("Order Completed", userId=f"{key}-mum", properties={"revenue": 20, "currency": "EUR"})
    stack.track("Order Completed", anonymousId=f"{key}-tablet", properties={"revenue": 5, "currency": "EUR"})
    stack.identify(anonymousId=f"{key}-tablet", traits={"email": f"{key}-son@example.com", "name": "Son"})
    stack.settle()


def test_a_split_gives_back_the_two_customers(stack: StackClient) -> None:
    """One edge joined them; split, they are what they were, counters and traits too, whatever comes later."""
    family(stack, "u1")
    mum, son = stack.profile("user_id:u1-mum"), stack.profile("email:u1-son@example.com")
    stack.advance("1m")
    link = {"userId": "u1-mum", "anonymousId": "u1-tablet", "event": "Visited", "messageId": "u1-link"}
    stack.post("/v1/track", link)
    stack.settle()
    assert stack.profile("anonymous_id:u1-tablet")["counters"]["revenue"] == {"EUR": 25}
    body = {"identifiers": ["anonymous_id:u1-tablet", "email:u1-son@example.com"], "reason": "her son's tablet"}
    answer = stack.staff("POST", path("user_id:u1-mum", "/split"), body)
    staying, left = answer["profiles"]
    assert alone(left) == alone(son)
    assert {k: v for k, v in alone(staying).items() if k not in ("counters", "last_seen", "computed")} == {
        k: v for k, v in alone(mum).items() if k not in ("counters", "last_seen", "computed")
    }
    assert staying["counters"]["revenue"] == {"EUR": 20}
    stack.settle()
    assert stack.profile("user_id:u1-mum") == staying
    assert stack.profile("anonymous_id:u1-tablet") == left
    stack.post("/v1/track", {**link, "messageId": "u1-again"})
    stack.track("Visited", anonymousId="u1-phone", context={"traits": {"email": "u1-son@example.com"}})
    stack.settle()
    assert stack.profile("user_id:u1-mum")["profile_id"] != stack.profile("email:u1-son@example.com")["profile_id"]
    assert stack.staff("POST", path("user_id:u1-mum", "/split"), body)["event"] == answer["event"]


def test_no_event_is_lost_or_doubled_by_a_split(stack: StackClient) -> None:
    """Both timelines together are the timeline of before, and each agrees with its counter."""
    family(stack, "u2")
    stack.identify(userId="u2-mum", anonymousId="u2-tablet")
    stack.settle()
    before = sorted(event["message_id"] for event in stack.events("user_id:u2-mum"))
    stack.staff(
        "POST",
        path("user_id:u2-mum", "/split"),
        {"edges": [{"from": "user_id:u2-mum", "to": "anonymous_id:u2-tablet"}]},
    )
    sides = [stack.events("user_id:u2-mum"), stack.events("anonymous_id:u2-tablet")]
    assert sorted(event["message_id"] for side in sides for event in side) == before
    counts = [stack.profile(name)["counters"]["events"] for name in ("user_id:u2-mum", "anonymous_id:u2-tablet")]
    assert counts == [len(side) for side in sides]


def test_words_by_hand_join_and_part_and_are_explained(stack: StackClient) -> None:
    """Include beats the limit, separate beats events, release takes back; explain names each word and its reason."""
    stack.track("A", userId="u3-1")
    stack.track("A", userId="u3-2")
    stack.settle()
    word = {"with": "user_id:u3-2", "rule": "include", "reason": "one person, two accounts"}
    explained = stack.staff("PUT", path("user_id:u3-1", "/links"), word)
    assert len(explained["members"]) == 2
    assert stack.profile("user_id:u3-2")["counters"]["events"] == 2
    stack.track("B", userId="u3-2", anonymousId="u3-browser")
    stack.settle()
    assert named(stack.profile("user_id:u3-1")) == {"user_id:u3-1", "user_id:u3-2", "anonymous_id:u3-browser"}
    stack.staff("PUT", path("user_id:u3-1", "/links"), {**word, "rule": "separate"})
    explained = stack.staff("GET", path("user_id:u3-2", "/explain"))
    assert [(w["rule"], w["reason"]) for w in explained["by_hand"]] == [("separate", "one person, two accounts")]
    assert named(stack.profile("user_id:u3-1")) == {"user_id:u3-1"}
    stack.staff("PUT", path("user_id:u3-1", "/links"), {**word, "rule": "release"})
    stack.settle()
    assert named(stack.profile("user_id:u3-1")) == {"user_id:u3-1"}
    wrong = stack.staff(
        "PUT", path("user_id:u3-1", "/links"), {"with": "user_id:u3-none", "rule": "include"}, status=422
    )
    assert wrong["errors"][0]["path"] == "with"


def test_a_split_is_refused_with_paths(stack: StackClient) -> None:
    """What this customer has not is told by its place in the request."""
    stack.identify(userId="u4", traits={"email": "u4@example.com"})
    stack.track("A", userId="u4-other")
    stack.settle()
    body = {"identifiers": ["email:u4@example.com", "user_id:u4-other", "user_id:u4-none"]}
    wrong = stack.staff("POST", path("user_id:u4", "/split"), body, status=422)
    assert [(e["path"], e["code"]) for e in wrong["errors"]] == [
        ("identifiers[1]", "not_a_member"),
        ("identifiers[2]", "unknown_identifier"),
    ]
    stack.staff("POST", path("user_id:u4-nobody", "/split"), body, status=404)


def test_changes_go_on_only_while_the_profile_is_the_one_that_was_read(stack: StackClient) -> None:
    """An entity tag spares a second reading, and keeps a change, a split and an erasure from what nobody has seen."""
    stack.identify(userId="u5", anonymousId="u5-b", traits={"plan": "free"})
    stack.settle()
    read = stack.http.get(path("user_id:u5"), headers=STAFF)
    tag = read.headers["etag"]
    again = stack.http.get(path("anonymous_id:u5-b"), headers={**STAFF, "if-none-match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    headers = {**STAFF, "if-match": tag}
    merge = {**headers, "content-type": "application/merge-patch+json"}
    stack.advance("1s")
    patched = stack.http.patch(path("user_id:u5"), json={"traits": {"plan": None, "vip": True}}, headers=merge)
    assert patched.status_code == 202
    stack.settle()
    profile = stack.profile("user_id:u5")
    assert profile["traits"] == {"vip": True}
    assert profile["trait_sources"]["/vip"]["source"] == "staff"
    split = {"identifiers": ["anonymous_id:u5-b"]}
    for refused in (
        stack.http.patch(path("user_id:u5"), json={"traits": {"plan": "gold"}}, headers=headers),
        stack.http.post(path("user_id:u5", "/split"), json=split, headers=headers),
        stack.http.delete(path("user_id:u5"), headers=headers),
    ):
        assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    fresh = {**STAFF, "if-match": stack.http.get(path("user_id:u5"), headers=STAFF).headers["etag"]}
    assert stack.http.post(path("user_id:u5", "/split"), json=split, headers=fresh).status_code == 200


def test_an_export_holds_all_that_was_sent(stack: StackClient) -> None:
    """Profile, consent, identity and every event as it was sent, oldest first."""
    stack.identify(userId="u6", traits={"email": "u6@example.com", "odd": {"żółć": ["👩‍👧", None]}}, messageId="u6-1")
    stack.track("Subscribed", userId="u6", messageId="u6-2", properties={"channel": "email", "topic": "promotions"})
    stack.settle()
    exported = stack.staff("GET", path("email:u6@example.com", "/export"))
    assert [event["message_id"] for event in sorted(exported["events"], key=lambda e: e["message_id"])] == [
        "u6-1",
        "u6-2",
    ]
    sent = next(event for event in exported["events"] if event["message_id"] == "u6-1")
    assert sent["call"]["traits"]["odd"] == {"żółć": ["👩‍👧", None]}
    assert exported["profile"] == stack.profile("user_id:u6")
    assert exported["consent"]["email/promotions"]["status"] == "granted"
    assert exported["identity"] == stack.staff("GET", path("user_id:u6", "/explain"))
    assert exported["cursor"] is None
    stack.staff("GET", path("user_id:u6", "/export?cursor=nonsense"), status=400)
