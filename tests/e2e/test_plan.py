"""Before launch and while it runs, over HTTP: the plan foretells what happens, and staff's hand reaches every run."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.local_client import StackClient
from omnicascade.cli import app

PEOPLE = 12


def steps(budget: str = "10 USD") -> list[dict[str, Any]]:
    """A cascade whose text messages may cost so much."""
    channels = [
        {"push": {"template": "cart-reminder", "wait": "4h"}},
        {"email": {"template": "cart-reminder", "wait": "20h"}},
        {"sms": {"template": "cart-reminder", "budget": budget}},
    ]
    return [{"cascade": {"channels": channels}}]


@pytest.fixture(scope="module")
def lapsed(stack: StackClient) -> StackClient:
    """Twelve customers of a segment: every second has a phone, every third a push token, the last nothing at all."""
    for number in range(PEOPLE):
        traits: dict[str, Any] = {"plan": "lapsed", "first_name": f"P{number}"}
        traits |= {"email": f"p{number}@example.com"} if number < PEOPLE - 1 else {}
        traits |= {"phone": f"+4860100{number:04d}"} if number % 2 == 0 else {}
        device = {"type": "ios", "id": f"d{number}", "token": f"t{number}"}
        stack.identify(userId=f"p{number}", traits=traits, context={"device": device} if number % 3 == 0 else {})
    stack.settle()
    stack.staff("PUT", "/v1/segments/lapsed", {"when": {"trait": "plan", "is": "lapsed"}})
    stack.settle()
    return stack


def plan(stack: StackClient, journey: str, **more: Any) -> dict[str, Any]:
    return stack.staff("POST", f"/v1/journeys/{journey}/plan", {"segment": "lapsed", **more})


def start_all(stack: StackClient, journey: str) -> None:
    """Start everybody by hand."""
    everybody = {"profiles": [f"user_id:p{number}" for number in range(PEOPLE)]}
    stack.staff("POST", f"/v1/journeys/{journey}/runs", everybody, status=202)
    stack.settle()


def sent(stack: StackClient, journey: str) -> list[dict[str, Any]]:
    return [message for message in stack.messages() if message["journey"] == journey]


def test_what_was_planned_is_what_happens(lapsed: StackClient) -> None:
    """Nobody answers: as many messages per channel, at the cost, from the first moment to the last; nothing was stored
    by the plan, of a journey that did not exist."""
    definition = {"name": "comeback", "steps": steps()}
    told = plan(lapsed, "comeback", definition=definition)
    assert (told["members"], told["complete"], told["stored"], told["version"]) == (PEOPLE, True, False, 1)
    assert lapsed.http.get("/v1/journeys/comeback", headers={"authorization": "Bearer local-staff"}).status_code == 404
    lapsed.put_journey(definition)
    start_all(lapsed, "comeback")
    lapsed.advance("3d")
    happened = sent(lapsed, "comeback")
    bound = told["nobody_answers"]
    planned = {line["channel"]: line["count"] for line in bound["messages"]}
    assert Counter(message["channel"] for message in happened) == planned
    assert sum(Decimal(m["cost"]["amount"]) for m in happened) == Decimal(bound["cost"][0]["amount"])
    assert bound["without_message"]["count"] == 1
    assert min(message["at"] for message in happened)[:19] == bound["first_message"][:19]
    assert max(message["at"] for message in happened)[:19] == bound["last_message"][:19]
    assert [(one["spent"]["amount"], one["sufficient"]) for one in told["budgets"]] == [("0", True)]


def test_a_budget_that_is_partly_spent_says_so(lapsed: StackClient) -> None:
    """The same journey again: what its first launch spent is counted, and who entered before stays out."""
    told = plan(lapsed, "comeback")
    assert told["entry"]["enter"]["count"] == 0
    assert [one["reason"] for one in told["entry"]["stay_out"]] == ["entered before, and re-entry is never"]
    again = plan(lapsed, "comeback", definition={"steps": steps("0.30 USD"), "reentry": "always"})
    (budget,) = again["budgets"]
    assert budget["spent"] == {"amount": "0.19332", "currency": "USD"}
    assert (budget["sufficient"], budget["wanted"]["amount"]) == (False, "0.19332")
    assert budget["runs_out"]


def test_the_command_looks_at_everybody_and_says_what_is_wrong(lapsed: StackClient, tmp_path: Path) -> None:
    """The same numbers as the API's, put together from pages; exit code 1 where the budget does not suffice."""
    file = tmp_path / "comeback.yaml"
    file.write_text(json.dumps({"steps": steps("0.30 USD"), "reentry": "always"}))
    arguments = ["plan", "comeback", "--segment", "lapsed", "--api", lapsed.url, "--token", "local-staff"]
    short = CliRunner().invoke(app, [*arguments, "--definition", str(file), "--json"])
    assert short.exit_code == 1
    told, direct = json.loads(short.stdout), plan(lapsed, "comeback", definition=file.read_text())
    timed = {"at", "nobody_answers", "everybody_answers", "budgets"}
    assert {name: told[name] for name in told if name not in timed} == {
        name: direct[name] for name in told if name not in timed
    }
    assert told["nobody_answers"]["messages"] == direct["nobody_answers"]["messages"]
    sampled = CliRunner().invoke(app, [*arguments, "--sample", "4"])
    assert sampled.exit_code == 0
    assert "a sample: 4 of 12 members" in sampled.stdout


def test_a_paused_journey_sends_nothing_until_it_is_resumed(lapsed: StackClient) -> None:
    """Nobody enters meanwhile; what was due goes out once it goes on; who and why is in every run."""
    lapsed.put_journey({"name": "held", "reentry": "always", "steps": steps()})
    start_all(lapsed, "held")
    before = len(sent(lapsed, "held"))
    lapsed.staff("POST", "/v1/journeys/held/pause", {"reason": "wrong price"}, status=202)
    lapsed.settle()
    lapsed.advance("30h")
    assert len(sent(lapsed, "held")) == before
    lapsed.staff("POST", "/v1/journeys/held/runs", {"profile": "user_id:p1"}, status=409)
    assert plan(lapsed, "held")["warnings"] == ["journey held is paused: nobody enters until it is resumed"]
    (run,) = lapsed.runs("held", "user_id:p0")
    assert run["paused_at"]
    assert any("wrong price (by " in one["reason"] for one in run["decisions"])
    lapsed.staff("POST", f"/v1/runs/{run['run_id']}/resume", {}, status=409)
    lapsed.staff("POST", "/v1/journeys/held/resume", status=202)
    lapsed.settle()
    assert len(sent(lapsed, "held")) > before
    lapsed.advance("3d")
    assert {lapsed.runs("held", f"user_id:p{n}")[0]["outcome"] for n in range(PEOPLE)} == {"completed"}


def test_an_audience_rests_and_goes_on_customer_by_customer(lapsed: StackClient) -> None:
    """One execution for the segment, paused between two rounds: it ends, and resumed runs go on in their own."""
    lapsed.put_journey({"name": "crowd", "steps": steps()})
    lapsed.settle()
    machine = lapsed.step_functions("ListStateMachines", {})["stateMachines"][0]["stateMachineArn"]
    given = json.dumps({"journey": "crowd", "segment": "lapsed"})
    told = plan(lapsed, "crowd")
    lapsed.step_functions("StartExecution", {"stateMachineArn": machine, "name": "crowd-1", "input": given})
    lapsed.settle()
    pushed = len(sent(lapsed, "crowd"))
    lapsed.staff("POST", "/v1/journeys/crowd/pause", status=202)
    lapsed.settle()
    lapsed.advance("2d")
    live = {n: lapsed.runs("crowd", f"user_id:p{n}")[0] for n in range(PEOPLE)}
    assert len(sent(lapsed, "crowd")) == pushed
    assert all(run["paused_at"] for run in live.values() if run["status"] == "live")
    lapsed.staff("POST", "/v1/journeys/crowd/resume", status=202)
    lapsed.settle()
    lapsed.advance("3d")
    assert {lapsed.runs("crowd", f"user_id:p{n}")[0]["outcome"] for n in range(PEOPLE)} == {"completed"}
    assert Counter(message["channel"] for message in sent(lapsed, "crowd")) == {
        line["channel"]: line["count"] for line in told["nobody_answers"]["messages"]
    }


def test_a_new_version_is_shown_before_it_reaches_anybody_and_moves_who_can_be_moved(lapsed: StackClient) -> None:
    """Whose message changes is counted; a migration is tried first; then every run stands in the new version."""
    wait = {"id": "rest", "wait": "2d"}
    old = {"name": "edit", "steps": [wait, {"id": "mail", "email": {"template": "cart-reminder"}}]}
    new = {"name": "edit", "steps": [wait, {"id": "mail", "push": {"template": "cart-reminder"}}]}
    lapsed.put_journey(old)
    start_all(lapsed, "edit")
    told = plan(lapsed, "edit", definition=new, templates={"cart-reminder": "Your booking was cancelled"})
    (version,) = told["in_flight"]["versions"]
    assert (version["runs"], version["can_migrate"]) == (PEOPLE, PEOPLE)
    assert {change["step"]: change["runs_before_it"] for change in version["changes"]} == {"mail": PEOPLE}
    assert told["in_flight"]["templates"][0]["runs_before_it"] == PEOPLE
    lapsed.put_journey(new)
    tried = lapsed.staff("POST", "/v1/journeys/edit/migrate", {})
    assert (tried["to"], tried["move"], tried["dry_run"]) == (2, PEOPLE, True)
    assert lapsed.runs("edit", "user_id:p0")[0]["version"] == 1
    lapsed.staff("POST", "/v1/journeys/edit/migrate", {"from": 1, "dry_run": False}, status=202)
    lapsed.settle()
    after = lapsed.staff("POST", "/v1/journeys/edit/migrate", {})
    assert (after["there"], after["move"], after["stay"]) == (PEOPLE, 0, [])
    lapsed.advance("3d")
    assert {message["channel"] for message in sent(lapsed, "edit")} == {"push"}


def test_a_stopped_journey_ends_every_run_and_its_execution(lapsed: StackClient) -> None:
    """Nobody enters either, until it is resumed."""
    lapsed.put_journey({"name": "halt", "reentry": "always", "steps": [{"wait": "2d"}, *steps()]})
    start_all(lapsed, "halt")
    lapsed.staff("POST", "/v1/journeys/halt/stop", {"reason": "over"}, status=202)
    lapsed.settle()
    lapsed.advance("3d")
    ends = {(run["outcome"], run["reason"]) for n in range(PEOPLE) for run in lapsed.runs("halt", f"user_id:p{n}")}
    assert ends == {("stopped", "over (by staff)")}
    assert sent(lapsed, "halt") == []
    lapsed.staff("POST", "/v1/journeys/halt/runs", {"profile": "user_id:p1"}, status=409)
    lapsed.staff("POST", "/v1/journeys/halt/resume", status=202)
    lapsed.staff("POST", "/v1/journeys/halt/runs", {"profile": "user_id:p1"}, status=202)
