"""Journeys over HTTP as staff and marketers meet them: every kind of step, audiences, a hand on the wheel, mistakes.

What hurt users of other systems and is about the whole road stands here too; the rest in
`tests/usecases/test_what_hurt_others.py`.
"""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from infra.local_client import STAFF, StackClient, UnexpectedAnswerError

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:omnicascade-local-journeys"
MAIL: dict[str, Any] = {"id": "mail", "email": {"template": "cart-reminder"}}
PUSH: dict[str, Any] = {"id": "push", "push": {"template": "cart-reminder"}}


def known(stack: StackClient, name: str, **traits: Any) -> str:
    """A customer with an app and an e-mail address, in Warsaw unless said otherwise."""
    stack.identify(
        userId=name,
        traits={"email": f"{name}@example.com", "first_name": name.title(), "timezone": "Europe/Warsaw", **traits},
        context={"device": {"type": "ios", "id": f"{name}-device", "token": f"{name}-token"}},
    )
    stack.settle()
    return f"user_id:{name}"


def put(stack: StackClient, name: str, *steps: dict[str, Any], **more: Any) -> None:
    """Store a journey that everybody may enter again."""
    stack.put_journey({"name": name, "reentry": "always", "steps": list(steps), **more})


def put_segment(stack: StackClient, name: str, when: dict[str, Any]) -> None:
    """Store a segment and wait until its members are known."""
    stack.staff("PUT", f"/v1/segments/{name}", {"when": when})
    stack.settle()


def sent(stack: StackClient, who: str) -> list[str]:
    """The channels of the messages a customer got, in order."""
    return [message["channel"] for message in stack.messages(who)]


def outcomes(stack: StackClient, journey: str, who: str) -> list[tuple[str, str]]:
    """Step and outcome of every decision about a customer's latest run."""
    return [(decision["step"], decision["outcome"]) for decision in stack.runs(journey, who)[0]["decisions"]]


def execution(stack: StackClient, name: str) -> dict[str, Any]:
    """An execution as Step Functions describes it."""
    arn = f"{MACHINE.replace(':stateMachine:', ':execution:')}:{name}"
    return stack.step_functions("DescribeExecution", {"executionArn": arn})


def started(stack: StackClient, name: str, given: Any) -> dict[str, Any]:
    """Start an execution as the console does, and see what it has come to."""
    request = {"stateMachineArn": MACHINE, "name": name, "input": json.dumps(given)}
    stack.step_functions("StartExecution", request)
    stack.settle()
    return execution(stack, name)


def test_every_kind_of_step_does_what_it_says(stack: StackClient) -> None:
    """One run through waits, an awaited event, a branch, a split, an update, a webhook, a digest and the end."""
    who = known(stack, "everything")
    departs = datetime.fromisoformat(stack.now()) + timedelta(days=2)
    put(
        stack,
        "every-step",
        {"id": "first", "wait": "90s"},
        {"id": "eve", "wait": {"until": "event.properties.departs", "offset": "-24h"}},
        {"id": "morning", "wait": {"until": "09:00", "zone": "recipient"}},
        {
            "id": "seat",
            "wait_for": {"event": "Seat Chosen", "match": "properties.trip", "timeout": "1d"},
            "then": [{"id": "note", "update": {"traits": {"has_seat": True}}}],
        },
        {
            "id": "fork",
            "branch": [{"if": {"trait": "has_seat", "is": True}, "then": [MAIL]}],
            "otherwise": [{"end": {"reason": "no seat"}}],
        },
        {"id": "test", "split": [{"name": "all", "share": "100%", "then": [PUSH]}]},
        {"id": "told", "webhook": {"url": "https://hooks.example.com/seats", "body": {"trip": "t1"}}},
        {"id": "news", "digest": {"event": "Gate Changed", "window": "10m"}},
        {"end": {"reason": "on board"}},
        entry={"event": "Trip Booked", "key": "properties.trip"},
    )
    stack.track("Trip Booked", userId="everything", properties={"trip": "t1", "departs": departs.isoformat()})
    stack.settle()
    stack.advance("2d")
    stack.track("Seat Chosen", userId="everything", properties={"trip": "another"})
    stack.track("Seat Chosen", userId="everything", properties={"trip": "t1"})
    stack.settle()
    for gate in ("A1", "A2"):
        stack.track("Gate Changed", userId="everything", properties={"gate": gate})
    stack.settle()
    stack.advance("601s")  # an execution waits whole seconds
    assert sent(stack, who) == ["email", "push"]
    run = stack.runs("every-step", who)[0]
    assert (run["outcome"], run["reason"]) == ("completed", "on board")
    told = outcomes(stack, "every-step", who)
    assert {step for step, _ in told} >= {"first", "eve", "morning", "seat", "note", "fork", "mail", "test", "news"}
    assert ("told", "called") in told
    assert stack.profile(who)["traits"]["has_seat"] is True
    collected = [decision["reason"] for decision in run["decisions"] if decision["outcome"] == "collected"]
    assert collected[0].startswith("2 Gate Changed")


def test_a_segment_is_started_over_the_api_and_in_step_functions_alike(stack: StackClient) -> None:
    """Everybody in it, each once, also where it is started twice; the execution's output is the campaign's report."""
    people = [known(stack, name, club="gold") for name in ("gina", "gus", "gwen")]
    outsider = known(stack, "igor")
    put_segment(stack, "gold", {"trait": "club", "is": "gold"})
    put(stack, "spring", MAIL, reentry="never")
    first = stack.staff("POST", "/v1/journeys/spring/runs", {"segment": "gold"}, status=202)
    assert stack.staff("POST", "/v1/journeys/spring/runs", {"segment": "gold"}, status=202) == first
    stack.settle()
    by_hand = started(stack, "spring-by-hand", {"journey": "spring", "segment": "gold"})
    assert [sent(stack, who) for who in [*people, outsider]] == [["email"], ["email"], ["email"], []]
    report = json.loads(execution(stack, first["execution_arn"].rpartition(":")[2])["output"])
    assert (report["customers"], report["messages"]) == ({"entered": 3}, {"email": 3})
    again = json.loads(by_hand["output"])
    assert "messages" not in again
    assert again["not_entered"] == {"entered before, and re-entry is never": 3}


def test_one_odd_customer_holds_up_nobody_else(stack: StackClient) -> None:
    """One bad address had the rest mailed for ever (mautic 7226), one bad zone stopped all (parcelvoy 610)."""
    people = [known(stack, name, town="odd") for name in ("olga", "oleg", "otto")]
    odd = known(stack, "oscar", town="odd", timezone="Mars/Phobos")
    stack.identify(userId="bounced", traits={"town": "odd", "email": "bounced@example.com"})
    put_segment(stack, "odd", {"trait": "town", "is": "odd"})
    quiet = {"from": "21:00", "to": "08:59", "zone": "recipient"}
    put(stack, "town", MAIL, {"wait": "1d"}, {**MAIL, "id": "again"}, quiet_hours=quiet)
    stack.staff("POST", "/v1/journeys/town/runs", {"segment": "odd"}, status=202)
    stack.advance("1d")
    stack.act(stack.messages("user_id:bounced")[0], "bounce")
    stack.advance("3d")
    assert [sent(stack, who) for who in [*people, odd]] == [["email", "email"]] * 4
    assert sent(stack, "user_id:bounced") == ["email"]


def test_an_awaited_event_moves_the_run_without_anybody_asking(stack: StackClient) -> None:
    """Waits were polled (posthog 45743): here three days cost no transition, and the event moves the run at once."""
    who = known(stack, "waiter")
    wait = {"wait_for": {"event": "Ticket Closed", "timeout": "7d"}, "then": [MAIL], "otherwise": [PUSH]}
    put(stack, "patient", wait)
    name = stack.start("patient", who)["execution_arn"].rpartition(":")[2]
    stack.advance("3d")
    assert next(e for e in stack.executions() if e["name"] == name)["transitions"] == 1
    stack.track("Ticket Closed", userId="waiter")
    stack.settle()
    assert sent(stack, who) == ["email"]
    assert execution(stack, name)["status"] == "SUCCEEDED"


def test_an_order_is_told_from_another_basket_while_it_is_waited_for(stack: StackClient) -> None:
    """A wait for the order of the same basket never matched (dittofeed 1596): the headline case, on the real road."""
    who = known(stack, "shopper")
    wait = {"wait_for": {"event": "Order Completed", "match": "properties.cart_id", "timeout": "1d"}}
    step = {**wait, "then": [{"end": {"reason": "bought"}}], "otherwise": [MAIL]}
    put(stack, "keyed", step, entry={"event": "Cart Kept", "key": "properties.cart_id"})
    for cart in ("k1", "k2"):
        stack.track("Cart Kept", userId="shopper", properties={"cart_id": cart})
    stack.track("Order Completed", userId="shopper", properties={"cart_id": "k1", "total": 3})
    stack.settle()
    stack.advance("2d")
    reasons = {run["key"]: run["reason"] for run in stack.runs("keyed", who)}
    assert (reasons["k1"], sent(stack, who)) == ("bought", ["email"])


def test_the_same_call_twice_is_one_message(stack: StackClient) -> None:
    """Retried calls sent mails twice (novu 11752, customerio-python 133): a message id is one event for ever."""
    who = known(stack, "retried")
    put(stack, "once-only", MAIL, entry={"event": "Retry Asked"})
    for _ in range(2):
        stack.track("Retry Asked", userId="retried", messageId="retried-1")
        stack.settle()
    stack.advance("2d")
    stack.track("Retry Asked", userId="retried", messageId="retried-1")
    stack.settle()
    assert sent(stack, who) == ["email"]


def test_mail_after_unsubscribing_never_goes_out(stack: StackClient) -> None:
    """It did two days later (parcelvoy 442): the one-click POST during the wait is enough, and the run says so."""
    who = known(stack, "leaving")
    put(stack, "two-mails", MAIL, {"wait": "2d"}, {**MAIL, "id": "second"})
    stack.start("two-mails", who)
    stack.settle()
    link = stack.messages(who)[0]["headers"]["List-Unsubscribe"].strip("<>")
    assert stack.http.post(link, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    stack.advance("3d")
    assert sent(stack, who) == ["email"]
    assert ("second", "skipped") in outcomes(stack, "two-mails", who)


def test_a_rehearsal_leaves_no_trace_and_says_what_will_happen(stack: StackClient) -> None:
    """The dry run of mautic 2307: nothing is sent or stored, and the stack then does to the second what it said."""
    who = known(stack, "rehearsed")
    put(stack, "played", PUSH, {"wait": "5h"}, MAIL)
    start = stack.now()
    scenario = {
        "start": start,
        "enter": "0s",
        "profile": {
            "identifiers": {"email": "rehearsed@example.com", "ios.push_token": "x"},
            "traits": {"first_name": "Rehearsed"},
        },
    }
    told = stack.staff("POST", "/v1/journeys/played/simulate", scenario)
    assert (stack.messages(who), stack.runs("played", who)) == ([], [])
    stack.start("played", who)
    stack.advance("1d")
    real = [
        (round((datetime.fromisoformat(m["at"]) - datetime.fromisoformat(start)).total_seconds()), m)
        for m in stack.messages(who)
    ]
    assert [(after, m["channel"]) for after, m in real] == [(m["after"], m["channel"]) for m in told["messages"]]


def test_a_plan_counts_before_anybody_is_written_to(stack: StackClient) -> None:
    """An edit sent a wrong mail to hundreds (posthog meta 248): who enters, what goes out and the cost, beforehand."""
    known(stack, "pia", plan_of="p")
    stack.identify(userId="pom", traits={"plan_of": "p"})
    put_segment(stack, "planned", {"trait": "plan_of", "is": "p"})
    put(stack, "planned", MAIL)
    told = stack.staff("POST", "/v1/journeys/planned/plan", {"segment": "planned"})
    assert told["entry"]["enter"]["count"] == 2
    [mail] = told["nobody_answers"]["messages"]
    assert (mail["channel"], mail["count"]) == ("email", 1)
    assert told["nobody_answers"]["passed_over"][0]["reason"] == "no address"
    assert stack.messages("user_id:pia") == []


def test_a_paused_journey_is_still_until_it_is_resumed_and_over_when_it_is_stopped(stack: StackClient) -> None:
    """Nothing goes out in between, what was due then goes out after, and each step is on record with its reason."""
    who = known(stack, "paused")
    put(stack, "held-back", PUSH, {"wait": "1h"}, MAIL, {"wait": "1d"}, {**PUSH, "id": "late"})
    stack.start("held-back", who)
    stack.settle()
    stack.staff("POST", "/v1/journeys/held-back/pause", {"reason": "wrong price"}, status=202)
    stack.settle()
    refused = stack.staff("POST", "/v1/journeys/held-back/runs", {"profile": who}, status=409)
    assert "paused" in refused["message"]
    stack.advance("5h")
    assert sent(stack, who) == ["push"]
    stack.staff("POST", "/v1/journeys/held-back/resume", status=202)
    stack.settle()
    assert sent(stack, who) == ["push", "email"]
    stack.staff("POST", "/v1/journeys/held-back/stop", status=202)
    stack.advance("3d")
    assert sent(stack, who) == ["push", "email"]
    run = stack.runs("held-back", who)[0]
    assert run["outcome"] == "stopped"
    assert "wrong price" in next(d["reason"] for d in run["decisions"] if d["outcome"] == "paused")


def test_who_is_under_way_keeps_their_version_until_they_are_migrated(stack: StackClient) -> None:
    """Edited steps hit customers in the middle of a journey (Braze); here a version is pinned, moved by a word."""
    pinned, moved = known(stack, "pinned"), known(stack, "moved")
    put(stack, "edited", {"wait": "1d"}, {**MAIL, "id": "news"})
    for who in (pinned, moved):
        stack.start("edited", who)
    stack.settle()
    put(stack, "edited", {"wait": "1d"}, {**PUSH, "id": "news"})
    run_id = stack.runs("edited", moved)[0]["run_id"]
    assert stack.staff("POST", "/v1/journeys/edited/migrate")["move"] == 2
    stack.staff("POST", f"/v1/runs/{run_id}/migrate", {"to": 2})
    stack.advance("2d")
    assert (sent(stack, pinned), sent(stack, moved)) == (["email"], ["push"])


WRONG_STARTS: list[tuple[Any, str]] = [
    ([], '"journey"'),
    ("welcome", '"journey"'),
    ({"jurney": "welcome", "profile": "user_id:x"}, "did you mean 'journey'"),
    ({"journey": "welcom", "profile": "user_id:x"}, "did you mean 'welcome'"),
    ({"journey": "welcome"}, '"profile"'),
    ({"journey": "welcome", "profile": "ann@example.com"}, "type:value"),
    ({"journey": "welcome", "profile": "email:stranger@example.com"}, "no customer"),
    ({"journey": "welcome", "segment": "nobody-knows"}, "there is no segment"),
    ({"journey": "welcome", "segment": "s", "profile": "user_id:x"}, "one of them"),
    ({"journey": "win-back", "profile": "user_id:x"}, "not active"),
]


@pytest.mark.parametrize(("number", "given", "remedy"), [(n, *wrong) for n, wrong in enumerate(WRONG_STARTS)])
def test_a_mistyped_start_fails_at_once_and_says_what_to_change(
    stack: StackClient, number: int, given: Any, remedy: str
) -> None:
    """In the first state, without a retry, in words a marketer can act on."""
    ended = started(stack, f"wrong-{number}", given)
    assert (ended["status"], ended["error"]) == ("FAILED", "InvalidInput")
    assert remedy in ended["cause"]


STEP = {"push": {"template": "welcome"}}
MISTAKES: list[tuple[str, str, str, int, str]] = [
    ("PUT", "/v1/journeys/m", "", 422, "mapping"),
    ("PUT", "/v1/journeys/m", "steps: [", 422, "line 1"),
    ("PUT", "/v1/journeys/m", "steps: []", 422, "at least one"),
    ("PUT", "/v1/journeys/m", "name: other\nsteps: [{push: {template: welcome}}]", 422, "/v1/journeys/other"),
    ("PUT", "/v1/journeys/m", "stepps: []", 422, "did you mean 'steps'"),
    ("PUT", "/v1/journeys/m", "steps: [{push: {template: wellcome}}]", 422, "did you mean 'welcome'"),
    ("PUT", "/v1/journeys/m", "steps: [{wait: 5x}]", 422, "such as 90s"),
    ("PUT", "/v1/journeys/m", "entry: {segment: nope}\nsteps: [{push: {template: welcome}}]", 422, "no segment"),
    ("PUT", "/v1/journeys/m", "steps: [{webhook: {url: 'https://evil.example.com/'}}]", 422, "may not call"),
    ("PUT", "/v1/journeys/m", "x: " + "a" * 100_001, 422, "100000 bytes"),
    ("PUT", "/v1/journeys/m", '{"steps": ' + "[" * 200 + "]" * 200 + "}", 422, "60 deep"),
    ("PUT", "/v1/journeys/Bad%20Name", "steps: [{push: {template: welcome}}]", 422, "a-z"),
    ("PUT", "/v1/segments/m", "when: {segment: m}", 422, "asks for itself"),
    ("PUT", "/v1/segments/m", "when: {trait: a, iss: 1}", 422, "did you mean 'is'"),
    ("PUT", "/v1/segments/m", '{"when": {"trait": "a", "is": "\\ud800"}}', 422, "half of a character"),
    ("PUT", "/v1/segments/m", "if: {trait: a, is: 1}", 422, "'if'"),
    ("GET", "/v1/segments/nope", "", 404, "no segment nope"),
    ("POST", "/v1/segments/m/preview", '{"when": {"trait": "a", "is": 1}, "sample": 0}', 422, "from 1 to"),
    ("POST", "/v1/segments/m/preview", "when: {traits: a, is: 1}", 422, "did you mean 'trait'"),
    ("POST", "/v1/journeys/welcome/runs", "", 400, "JSON"),
    ("POST", "/v1/journeys/welcome/runs", "{}", 422, '{"segment": "vip"}'),
    ("POST", "/v1/journeys/welcome/runs", '{"segmnt": "x"}', 422, "did you mean 'segment'"),
    ("POST", "/v1/journeys/welcome/runs", '{"segment": "nope"}', 422, "no segment nope"),
    ("POST", "/v1/journeys/welcome/runs", '{"segment": "x", "profile": "email:a@b.example"}', 422, "one of them"),
    ("POST", "/v1/journeys/welcome/runs", '{"profile": "email:stranger@example.com"}', 404, "no customer"),
    ("POST", "/v1/journeys/welcom/runs", '{"profile": "email:stranger@example.com"}', 404, "did you mean 'welcome'"),
    ("GET", "/v1/journeys/welcom/runs?profile=user_id:x", "", 404, "did you mean 'welcome'"),
    ("GET", "/v1/journeys/welcome/runs?limit=0", "", 400, "limit"),
    ("GET", "/v1/runs/nope", "", 404, "no run nope"),
    ("POST", "/v1/runs/nope/pause", "", 404, "no run nope"),
    ("POST", "/v1/journeys/nope/pause", "", 404, "no journey nope"),
    ("POST", "/v1/journeys/welcome/migrate", '{"too": 2}', 422, "did you mean 'to'"),
    ("POST", "/v1/journeys/welcome/migrate", '{"to": 99}', 404, "no version 99"),
    ("POST", "/v1/journeys/welcome/plan", "{}", 422, "segment"),
    ("POST", "/v1/journeys/welcome/plan", '{"segment": "nope"}', 404, "no segment nope"),
    ("POST", "/v1/journeys/welcome/simulate", '{"enter": "soon"}', 422, "soon"),
    ("POST", "/v1/journeys/welcome/simulate", '{"profil": {}}', 422, "did you mean 'profile'"),
    ("POST", "/v1/journeys/nope/simulate", '{"enter": "0s"}', 404, "definition"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "remedy"), MISTAKES)
def test_every_mistake_is_answered_with_its_remedy(
    stack: StackClient, method: str, path: str, body: str, status: int, remedy: str
) -> None:
    """A code, a message that says what was expected or the nearest name, and never a fault of the server."""
    answer = stack.http.request(method, path, content=body or None, headers=STAFF)
    told = answer.json()
    assert (answer.status_code, bool(told["code"])) == (status, True)
    assert remedy in told["message"]


def test_a_live_run_may_not_be_doubled_by_any_door(stack: StackClient) -> None:
    """Two schedules for one contact (mautic 9797): by hand, by event and by audience, one run of a key at a time."""
    who = known(stack, "single", lone=True)
    put_segment(stack, "lone", {"trait": "lone", "is": True})
    put(stack, "doors", PUSH, {"wait": "1d"})
    stack.start("doors", who)
    stack.settle()
    with pytest.raises(UnexpectedAnswerError, match="still live"):
        stack.start("doors", who)
    started(stack, "doors-again", {"journey": "doors", "profile": who})
    started(stack, "doors-for-all", {"journey": "doors", "segment": "lone"})
    assert (len(stack.runs("doors", who)), sent(stack, who)) == (1, ["push"])
