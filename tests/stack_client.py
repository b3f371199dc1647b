"""A customer's, a shop's and a marketer's hands on a running stack: everything goes over HTTP."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

ROOT = Path(__file__).parents[1]
STAFF = {"authorization": "Bearer local-staff"}


class StackClient:
    """Calls the contract's API; every method returns the decoded answer of a call that must succeed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=60)

    def post(self, path: str, call: dict[str, Any], source: str = "local-web") -> dict[str, Any]:
        """Post to the intake with a write key."""
        answer = self.http.post(path, json=call, auth=(source, ""))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def track(self, event: str, source: str = "local-web", **call: Any) -> None:
        """Post a track call."""
        self.post("/v1/track", {"event": event, **call}, source)

    def identify(self, source: str = "local-web", **call: Any) -> None:
        """Post an identify call."""
        self.post("/v1/identify", call, source)

    def staff(self, method: str, path: str, body: Any = None, *, status: int = 200) -> dict[str, Any]:
        """Make a staff call that must answer with a status."""
        answer = self.http.request(method, path, json=body, headers=STAFF)
        assert answer.status_code == status, answer.text
        return answer.json()

    def profile(self, reference: str) -> dict[str, Any]:
        """A profile by `type:value`."""
        return self.staff("GET", f"/v1/profiles/{quote(reference, safe='')}")

    def events(self, reference: str) -> list[dict[str, Any]]:
        """A customer's whole timeline, newest first, page by page."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.staff("GET", f"/v1/profiles/{quote(reference, safe='')}/events?limit=100{cursor}")
            found += page["events"]
            if not page["cursor"]:
                return found
            cursor = f"&cursor={quote(page['cursor'])}"

    def put_journey(self, definition: dict[str, Any]) -> None:
        """Store a journey."""
        self.staff("PUT", f"/v1/journeys/{definition['name']}", definition)

    def start(self, journey: str, reference: str) -> dict[str, Any]:
        """Start a journey by hand for one customer."""
        return self.staff("POST", f"/v1/journeys/{journey}/runs", {"profile": reference}, status=202)

    def runs(self, journey: str, reference: str) -> list[dict[str, Any]]:
        """A customer's runs, newest first."""
        return self.staff("GET", f"/v1/journeys/{journey}/runs?profile={quote(reference, safe='')}")["runs"]

    def settle(self) -> None:
        """Let everything that is due happen."""
        assert self.http.post("/local/settle").status_code == 200

    def advance(self, duration: str) -> None:
        """Let virtual time pass."""
        answer = self.http.post("/local/clock", json={"advance": duration})
        assert answer.status_code == 200, answer.text

    def messages(self, reference: str, channel: str | None = None) -> list[dict[str, Any]]:
        """What was delivered to a customer, in order."""
        parameters = {"profile": reference} | ({"channel": channel} if channel else {})
        return self.http.get("/local/messages", params=parameters).json()

    def act(self, message: dict[str, Any], what: str, body: dict[str, Any] | None = None) -> None:
        """Do as the customer with a message: open, click, tap, bounce, complain, reply."""
        answer = self.http.post(f"/local/messages/{message['id']}/{what}", json=body or {})
        assert answer.status_code == 200, answer.text

    def executions(self) -> list[dict[str, Any]]:
        """Every execution of the state machine."""
        return self.http.get("/local/executions").json()

    def reset(self) -> None:
        """Forget everything."""
        assert self.http.post("/local/reset").status_code == 200


def template_path() -> Path:
    """The local stage's template; `make` synthesizes it before the tests."""
    found = sorted((ROOT / "cdk.out" / "local").glob("*.template.json"))
    if not found:
        environment = {**os.environ, "OMNICASCADE_STAGE": "local", "CDK_OUTDIR": "cdk.out/local"}
        subprocess.run([sys.executable, "-m", "infra.app"], cwd=ROOT, env=environment, check=True)
        found = sorted((ROOT / "cdk.out" / "local").glob("*.template.json"))
    return found[0]


@contextmanager
def running_stack() -> Iterator[StackClient]:
    """The embedded stack in a process of its own, as `make local` starts it, on a free port."""
    template = template_path()
    environment = {**os.environ, "PORT": "0", "SPEED": "0", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.local", "--template", str(template)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield StackClient(_announced_url(process))
    finally:
        process.terminate()
        process.wait(timeout=20)


def _announced_url(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    said: list[str] = []
    for line in process.stdout:
        said.append(line)
        found = re.search(r"http://127\.0\.0\.1:[1-9]\d+", line)
        if found:
            return found[0]
    raise AssertionError(f"the stack did not come up: {''.join(said)}")
