"""`omnicascade simulate`: a timeline for people, JSON for scripts, and every mistake with its place."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, override

import pytest
from typer.testing import CliRunner

from omnicascade.cli import app
from omnicascade.cli.simulate_text import as_text
from omnicascade.domain.zones import zone_named

RUNNER = CliRunner()
JOURNEY = """
name: cart
entry: {event: Product Added, key: properties.cart_id, after: 1h}
exit: [{event: Order Completed}]
steps:
  - cascade:
      channels:
        - push: {template: cart, wait: 4h}
        - email: {template: cart, wait: 20h}
        - sms: {template: cart}
"""
SCENARIO = """
start: 2026-03-10T12:00:00Z
profile:
  identifiers: {email: ann@example.com, phone: "+48601234567", ios.push_token: t}
  traits: {timezone: Europe/Warsaw}
events:
  - {at: 0s, event: Product Added, properties: {cart_id: c1}}
  - {at: 6h, event: Order Completed}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A journey with its template beside it, and a scenario."""
    (tmp_path / "cart.yaml").write_text(JOURNEY)
    (tmp_path / "scenario.yaml").write_text(SCENARIO)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "cart.yaml").write_text("name: cart\nsubject: Cart\ntext: Your basket waits\n")
    return tmp_path


def run(*arguments: object, code: int = 0, given: str | None = None) -> str:
    """The command's whole output."""
    result = RUNNER.invoke(app, ["simulate", *map(str, arguments)], input=given)
    assert result.exit_code == code, result.output
    return result.output


def test_the_timeline_is_in_the_customers_own_time(folder: Path) -> None:
    """Who enters when, each message with its price, why it ends, and what it costs in all."""
    lines = run(folder / "cart.yaml", folder / "scenario.yaml").splitlines()
    assert [" ".join(line.split()) for line in lines if line] == [
        "cart, version 1; times in Europe/Warsaw",
        "Tue 10 Mar 13:00:00 +0s enters the journey begins for c1",
        "Tue 10 Mar 14:00:00 +1h push template cart, 0.000001 USD (cascade-1)",
        "Tue 10 Mar 18:00:00 +5h email template cart, 0.00016 USD (cascade-1)",
        "Tue 10 Mar 19:00:00 +6h ends exited: Order Completed (rehearsal-000001) (cascade-1)",
        "2 messages (1 push, 1 email), cost 0.000161 USD",
    ]


def test_json_is_the_apis_own_answer(folder: Path) -> None:
    """The same names as `POST /v1/journeys/{name}/simulate`; the scenario may come from standard input."""
    told = json.loads(run(folder / "cart.yaml", "-", "--json", given=SCENARIO))
    assert [message["after"] for message in told["messages"]] == [3600, 18000]
    assert told.keys() == {"journey", "version", "messages", "decisions", "runs"}


def test_nothing_that_happens_is_said_as_well(folder: Path) -> None:
    """A scenario without an entry tells what is missing."""
    shown = run(folder / "cart.yaml", "-", given="start: 2026-03-10T12:00:00Z\nprofile: {}\n")
    assert "nobody enters" in shown
    assert "0 messages, cost nothing" in shown


def test_templates_are_taken_from_the_folder_that_is_named(folder: Path) -> None:
    """Else a template that the journey names is missing, and is named with its place."""
    (folder / "templates").rename(folder / "words")
    missing = run(folder / "cart.yaml", folder / "scenario.yaml", code=2)
    assert "definition.steps.0.cascade.channels.0.push.template" in missing
    run(folder / "cart.yaml", folder / "scenario.yaml", "--templates", folder / "words")
    assert "no folder" in run(folder / "cart.yaml", "-", "--templates", folder / "none", code=2, given=SCENARIO)


def test_every_mistake_is_listed_with_its_path(folder: Path) -> None:
    """Two slips in a scenario are two lines; an unreadable file is named."""
    wrong = SCENARIO.replace("at: 0s", "at: soon").replace("profile:", "profil:")
    shown = run(folder / "cart.yaml", "-", code=2, given=wrong)
    assert "profil: unknown key 'profil' (did you mean 'profile'?)" in shown
    wrong = SCENARIO.replace("at: 0s", "at: soon").replace("at: 6h", "at: later")
    shown = run(folder / "cart.yaml", "-", code=2, given=wrong)
    assert ["2 mistakes:" in shown, "  events.0.at: " in shown, "  events.1.at: " in shown] == [True] * 3
    assert "nowhere.yaml: No such file" in run(folder / "nowhere.yaml", folder / "scenario.yaml", code=2)
    assert "cannot be read" in run(folder / "cart.yaml", folder, code=2)
    (folder / "templates" / "cart.yaml").write_text("name: cart\ntxt: x\n")
    assert "templates/cart.yaml: txt" in run(folder / "cart.yaml", folder / "scenario.yaml", code=2)
    (folder / "cart.yaml").write_text("steps: [")
    assert "cart.yaml" in run(folder / "cart.yaml", folder / "scenario.yaml", code=2)


def test_the_help_shows_a_whole_scenario() -> None:
    """Whoever copies it has something to start from."""
    shown = run("--help")
    assert "events:" in shown
    assert "- {at: 2h, feedback: tap, channel: push}" in shown


class _Deployment(BaseHTTPRequestHandler):
    """Answers one path, and remembers what it was asked."""

    asked: list[tuple[str, str, Any]]

    def do_POST(self) -> None:
        """A simulate call."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append((self.path, self.headers["authorization"], body))
        known = "stored" in self.path
        wrong = {"message": "two", "errors": [{"path": "a", "message": "x"}, {"path": "b", "message": "y"}]}
        told: dict[str, Any] = {"journey": "stored", "version": 7, "messages": [], "decisions": [], "runs": []}
        self.send_response(200 if known else 422)
        self.end_headers()
        self.wfile.write(json.dumps(told if known else wrong).encode())

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def deployment() -> Iterator[str]:
    """A deployment's address."""
    _Deployment.asked = []
    server = HTTPServer(("127.0.0.1", 0), _Deployment)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_deployment_rehearses_its_own_journey(deployment: str, folder: Path) -> None:
    """By name, with the staff's token; its refusal is explained like one of ours."""
    assert "stored, version 7" in run("stored", folder / "scenario.yaml", "--api", deployment, "--token", "t")
    [(path, authorization, body)] = _Deployment.asked
    assert (path, authorization) == ("/v1/journeys/stored/simulate", "Bearer t")
    assert body["events"][1]["at"] == "6h"
    assert "  b: y" in run(folder / "cart.yaml", folder / "scenario.yaml", "--api", deployment, code=2)
    assert _Deployment.asked[1][2]["definition"]["name"] == "cart"


def test_a_deployment_that_does_not_answer_is_named(folder: Path) -> None:
    """The address stands in the message."""
    shown = run("stored", folder / "scenario.yaml", "--api", "http://127.0.0.1:1", code=2)
    assert "http://127.0.0.1:1" in shown


def test_several_baskets_are_told_apart() -> None:
    """Each line of one of them begins with its key; the goal and runs under way are told."""
    run_of = {"started": "2026-03-10T12:00:00Z", "ended": None, "outcome": None, "reason": ""}
    told: dict[str, Any] = {
        "messages": [],
        "decisions": [
            {"at": "2026-03-10T12:00:00Z", "after": 0, "step": "w", "outcome": "waited", "reason": "1d", "key": "a"}
        ],
        "runs": [
            {"key": "a", "converted": None, **run_of},
            {"key": "b", "converted": "2026-03-10T13:00:00Z", **run_of},
        ],
        "warnings": ["careful"],
    }
    zone = zone_named("UTC")
    assert zone is not None
    shown = " ".join(as_text(told, zone).split())
    assert "waited [a] 1d (w)" in shown
    assert "goal reached for b" in shown
    assert "2 runs still under way warning: careful" in shown
