"""`omnicascade plan`: every member page by page, tables for people, JSON for scripts, and an exit code."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, override

import pytest
from typer.testing import CliRunner

from omnicascade.cli import app
from omnicascade.domain.errors import InvalidInputError
from tests.usecases.segment_world import put
from tests.usecases.test_plan_journey import PAID, desk, join
from tests.usecases.world import World

RUNNER = CliRunner()
PAGE = 3


class _Deployment(BaseHTTPRequestHandler):
    """Plans for the customers of a small world, a few at a time."""

    world: World
    asked: list[tuple[str, str, Any]]

    def do_POST(self) -> None:
        """A plan call."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append((self.path, self.headers["authorization"], body))
        wanted = {**body, "sample": PAGE} if "cursor" in body else body
        name = self.path.split("/")[3]
        try:
            status, told = 200, desk(self.world).plan(name, wanted, self.world.now, lambda: False)
        except InvalidInputError as error:
            problems = [{"path": p.path, "code": p.code, "message": p.message} for p in error.problems]
            status, told = error.status, {"code": error.code, "message": error.message, "errors": problems}
        if name == "tired":
            status, told = 503, {"message": "try again"}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def deployment() -> Iterator[str]:
    """A deployment with eight customers in a segment, one of them under way."""
    _Deployment.world, _Deployment.asked = World(), []
    _Deployment.world.put_journey("basket", reentry="never")
    who = [join(_Deployment.world, number, "pes"[: 1 + number % 3]) for number in range(8)]
    put(_Deployment.world, "paid", PAID)
    _Deployment.world.start_by_hand("basket", who[0])
    _Deployment.world.settle()
    server = HTTPServer(("127.0.0.1", 0), _Deployment)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def run(*arguments: object, code: int = 0) -> str:
    """What the command prints for people who read, or pipe, its result."""
    result = RUNNER.invoke(app, ["plan", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.stdout or result.stderr


def flat(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_plan_reads_like_a_launch(deployment: str) -> None:
    """Who, what, how much, how long, and who is under way."""
    lines = flat(run("basket", "--segment", "paid", "--api", deployment, "--token", "t"))
    assert lines[0] == "basket, version 1, for paid at Tue 10 Mar 2026 12:00 UTC"
    assert "Who (8 members)" in lines
    assert "enter 7" in lines
    assert "stay out: a run of theirs is live 1" in lines
    assert "push, customers 7 7 0.000007 USD" in lines
    assert "of the text messages: PL, 2 parts 2 0.06444 USD" in lines
    assert "all messages 14 0.065247 USD" in lines
    assert "email passed over: no address 2" in lines
    assert "from Tue 10 Mar 2026 12:00 UTC to Wed 11 Mar 2026 12:00 UTC" in lines
    assert "Under way (live runs): 1; each stays with its version unless it is migrated" in lines
    assert "version 1: 1 live; 1 can migrate" in lines


def test_every_member_is_looked_at_page_by_page(deployment: str) -> None:
    """Three pages of three make the plan of one call; each asks for the moment of the first."""
    told = json.loads(run("basket", "--segment", "paid", "--api", deployment, "--token", "t", "--json"))
    world = _Deployment.world
    assert told == desk(world).plan("basket", {"segment": "paid"}, world.now, lambda: False)
    assert [(path, token) for path, token, _ in _Deployment.asked] == [("/v1/journeys/basket/plan", "Bearer t")] * 3
    assert [body.get("at") for _, _, body in _Deployment.asked] == [None, *["2026-03-10T12:00:00Z"] * 2]


def test_a_sample_says_how_sure_it_is(deployment: str) -> None:
    """Scaled numbers carry their interval."""
    lines = flat(run("basket", "--segment", "paid", "--api", deployment, "--sample", 4))
    assert "a sample: 4 of 8 members were looked at; numbers are scaled, [95 % intervals]" in lines
    assert any(line.startswith("enter ") and "[" in line for line in lines)


def test_a_new_version_is_read_from_files_and_what_is_wrong_comes_out(deployment: str, tmp_path: Path) -> None:
    """Exit code 1: the budget does not suffice, and the run under way has no place; templates are told word by word."""
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "cart.yaml").write_text("name: cart\nsubject: Cart\ntext: It was cancelled\n")
    flow = {"steps": [{"id": "other", "sms": {"template": "cart", "budget": "0.05 USD"}}], "reentry": "always"}
    (tmp_path / "new.yaml").write_text(json.dumps(flow))
    shown = run(
        "basket", "--segment", "paid", "--api", deployment,
        "--definition", tmp_path / "new.yaml", "--templates", tmp_path / "words", code=1,
    )  # fmt: skip
    lines = flat(shown)
    assert lines[0].startswith("basket, version 2 (not stored yet), for paid")
    assert "other, sms: It was cancelled" in lines
    assert any("0.05 USD: runs out at Tue 10 Mar 2026 12:00 UTC" in line for line in lines)
    assert "cascade-1: step is gone: cascade of push, email, sms → nothing; still before it: 1" in lines
    assert any(line.startswith("template cart (cascade-1) says something else at once") for line in lines)
    assert "text: “Your basket waits.” → “It was cancelled”" in lines
    first = lines.index("LOOK AT THIS FIRST")
    assert lines[first + 1 :] == [
        "the budget for sms in 2026-03 does not suffice",
        "1 live runs of version 1 could not follow: version 2 of basket has no step cascade-1, at which the run is",
        "1 runs under way will read the new words of template cart",
    ]


def test_mistakes_are_explained(deployment: str, tmp_path: Path) -> None:
    """Exit code 2: an unknown segment with its neighbour, a definition with the place, a file that is not there."""
    common = ("--api", deployment)
    assert "did you mean 'paid'" in run("basket", "--segment", "piad", *common, code=2)
    assert "there is no journey none" in run("none", "--segment", "paid", *common, code=2)
    (tmp_path / "bad.yaml").write_text(json.dumps({"steps": [{"sms": {"template": "crat"}}]}))
    shown = run("basket", "--segment", "paid", "--definition", tmp_path / "bad.yaml", *common, code=2)
    assert "definition.steps.0.sms.template" in shown
    missing = run("basket", "--segment", "paid", "--definition", tmp_path / "no.yaml", *common, code=2)
    assert "no.yaml: No such file" in missing


def test_a_deployment_that_cannot_answer_is_named() -> None:
    """Neither there nor able to."""
    assert "http://127.0.0.1:1" in run("basket", "--segment", "paid", "--api", "http://127.0.0.1:1", code=2)


def test_a_deployment_that_is_overloaded_says_so(deployment: str) -> None:
    """Its own words are shown."""
    assert "cannot answer: try again" in run("tired", "--segment", "paid", "--api", deployment, code=2)


def test_the_help_shows_what_to_type() -> None:
    """With an example to copy, and what the exit code means."""
    shown = run("--help")
    assert "omnicascade plan win-back --segment lapsed --api https://api.example.com" in shown
    assert "Exit code: 0 planned" in " ".join(shown.split())
