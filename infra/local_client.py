"""Starts the embedded stack in a process of its own and drives it over HTTP, for the demo and the end-to-end tests.

Knows the contract's API and the stack's own controls, and nothing of the product's code.
"""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx

ROOT: Final = Path(__file__).resolve().parents[1]
STAFF: Final = {"authorization": "Bearer local-staff"}
OUT_DIR: Final = Path("cdk.out") / "local"
TIMEOUT_S: Final = 60
STOP_WITHIN_S: Final = 20
_ANNOUNCED: Final = re.compile(r"http://127\.0\.0\.1:[1-9]\d+")


class UnexpectedAnswerError(Exception):
    """A call that had to succeed did not; the message holds the request, the status and the answer."""


class StackNotUpError(Exception):
    """The stack's process ended, or said nothing, before it listened; the message holds what it said."""


class StackClient:
    """Calls the contract's API; every method returns the decoded answer of a call that must succeed.

    Raises:
        UnexpectedAnswerError: from any method, when the answer has another status than expected.
    """

    def __init__(self, url: str) -> None:
        """Talk to the stack at `url`."""
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=TIMEOUT_S)

    def post(self, path: str, call: dict[str, Any], source: str = "local-web") -> dict[str, Any]:
        """Post to the intake with a write key."""
        return _decoded(self.http.post(path, json=call, auth=(source, "")))

    def track(self, event: str, source: str = "local-web", **call: Any) -> None:
        """Post a track call."""
        self.post("/v1/track", {"event": event, **call}, source)

    def identify(self, source: str = "local-web", **call: Any) -> None:
        """Post an identify call."""
        self.post("/v1/identify", call, source)

    def staff(self, method: str, path: str, body: Any = None, *, status: int = 200) -> dict[str, Any]:
        """Make a staff call that must answer with a status."""
        return _decoded(self.http.request(method, path, json=body, headers=STAFF), status)

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
        _decoded(self.http.post("/local/settle"))

    def now(self) -> str:
        """The virtual moment, ISO 8601 in UTC."""
        return _decoded(self.http.get("/local/clock"))["now"]

    def advance(self, duration: str) -> None:
        """Let virtual time pass."""
        _decoded(self.http.post("/local/clock", json={"advance": duration}))

    def messages(self, reference: str | None = None, channel: str | None = None) -> list[dict[str, Any]]:
        """What was delivered, to one customer or to all, in order."""
        given = {"profile": reference, "channel": channel}
        return _decoded(self.http.get("/local/messages", params={key: text for key, text in given.items() if text}))

    def act(self, message: dict[str, Any], what: str, body: dict[str, Any] | None = None) -> None:
        """Do as the customer with a message: open, click, tap, bounce, complain, reply."""
        _decoded(self.http.post(f"/local/messages/{message['id']}/{what}", json=body or {}))

    def executions(self) -> list[dict[str, Any]]:
        """Every execution of the state machine."""
        return _decoded(self.http.get("/local/executions"))

    def step_functions(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Call AWS Step Functions by its own protocol (AWS JSON 1.0), as its console does."""
        headers = {"x-amz-target": f"AWSStepFunctions.{operation}", "content-type": "application/x-amz-json-1.0"}
        return _decoded(self.http.post("/", json=request, headers=headers))

    def reset(self) -> None:
        """Forget everything."""
        _decoded(self.http.post("/local/reset"))


def _decoded(answer: httpx.Response, status: int = 200) -> Any:
    if answer.status_code != status:
        request = answer.request
        msg = f"{request.method} {request.url.path} answered {answer.status_code} instead of {status}: {answer.text}"
        raise UnexpectedAnswerError(msg)
    return answer.json()


def template_path() -> Path:
    """The local stage's template, synthesized first where there is none."""
    found = sorted((ROOT / OUT_DIR).glob("*.template.json"))
    if not found:
        environment = {**os.environ, "OMNICASCADE_STAGE": "local", "CDK_OUTDIR": str(OUT_DIR)}
        subprocess.run([sys.executable, "-m", "infra.app"], cwd=ROOT, env=environment, check=True)
        found = sorted((ROOT / OUT_DIR).glob("*.template.json"))
    return found[0]


@contextmanager
def running_stack(template: Path | None = None) -> Generator[StackClient]:
    """The embedded stack in a process of its own, as `make local` starts it, on a free port, its clock standing still.

    Raises:
        StackNotUpError: it did not come up.
    """
    process = subprocess.Popen(  # noqa: S603 - this interpreter and our own module
        [sys.executable, "-m", "infra.local", "--template", str(template or template_path())],
        cwd=ROOT,
        env={**os.environ, "PORT": "0", "SPEED": "0", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        client = StackClient(_announced_url(process))
        # A pipe that nobody reads fills up, and then whoever writes into it stands still.
        threading.Thread(target=_read_on, args=(process,), daemon=True).start()
        with client.http:
            yield client
    finally:
        _stop(process)


def _announced_url(process: subprocess.Popen[str]) -> str:
    said: list[str] = []
    for line in process.stdout or ():
        said.append(line)
        if found := _ANNOUNCED.search(line):
            return found[0]
    raise StackNotUpError(f"the stack did not come up: {''.join(said)}")


def _read_on(process: subprocess.Popen[str]) -> None:
    for _line in process.stdout or ():
        pass


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(timeout=STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
