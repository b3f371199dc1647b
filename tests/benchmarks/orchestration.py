"""What one customer's journey costs in state transitions, and what one event costs in AWS calls.

Counted on the embedded stack, which runs the synthesized template: these are counts, so one run is exact.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from botocore.awsrequest import AWSResponse

from infra.local.faults import NoFaults
from infra.local.stack import Stack
from omnicascade.domain import aws_prices
from tests.benchmarks import audience_cost
from tests.benchmarks.figures import Figure
from tests.benchmarks.processes import ROOT, BenchmarkFaultError, Progress, apart, fresh_process

TRANSITION_USD: Final = float(aws_prices.TRANSITION_USD)

GOAL_TRANSITIONS: Final = 4
CUSTOMERS: Final = 20
_NOON: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)
_CHANNELS: Final[list[dict[str, Any]]] = [
    {"push": {"template": "cart-reminder", "wait": "4h"}},
    {"email": {"template": "cart-reminder", "wait": "20h"}},
    {"sms": {"template": "cart-reminder"}},
]
_CASCADE: Final[dict[str, Any]] = {"name": "bench", "steps": [{"cascade": {"channels": _CHANNELS}}]}


@dataclass
class _Calls(NoFaults):
    """Lets every AWS call of a handler through, and counts it."""

    seen: Counter[str] = field(default_factory=Counter[str])

    def around_call(
        self, service: str, operation: str, proceed: Callable[[], AWSResponse | None]
    ) -> AWSResponse | None:
        """Count one call."""
        self.seen[f"{service}:{operation}"] += 1
        return proceed()


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted: transitions of one run, and AWS calls per event of a first page, a later page and an order."""

    transitions: int
    calls: dict[str, dict[str, float]]


def measure(runs: int, progress: Progress) -> list[Figure]:
    """The orchestration's figures; `runs` changes nothing, a count is a count."""
    del runs
    progress("orchestration: an unanswered cascade on the embedded stack")
    counts = apart(_count)
    dollars = counts.transitions * TRANSITION_USD * 1_000_000
    floor = float(len(_CHANNELS))
    figures = [
        Figure(
            name="orchestration.transitions",
            value=counts.transitions,
            unit="transitions",
            floor=floor,
            goal=GOAL_TRANSITIONS,
            note="three steps, nobody answers; the floor is one per step",
        ),
        Figure(
            name="orchestration.usd_per_million",
            value=dollars,
            unit="USD",
            floor=floor * TRANSITION_USD * 1_000_000,
            goal=GOAL_TRANSITIONS * TRANSITION_USD * 1_000_000,
            note="Step Functions alone, per million such cascades",
        ),
    ]
    for kind, calls in counts.calls.items():
        note = ", ".join(f"{value:g} {name}" for name, value in sorted(calls.items()))
        figures.append(
            Figure(name=f"orchestration.calls_{kind}", value=sum(calls.values()), unit="AWS calls", note=note)
        )
    progress(f"orchestration: an audience of {audience_cost.CUSTOMERS} that does not answer")
    return figures + audience_cost.figures(apart(_audience))


def _audience() -> audience_cost.Counted:
    with _template() as template:
        return audience_cost.count(template)


def _count() -> Counts:
    calls = _Calls()
    with _stack(calls) as stack:
        return Counts(_transitions(stack), _calls_per_event(stack, calls))


@contextmanager
def _stack(calls: _Calls) -> Generator[Stack]:
    with _template() as template, Stack.start(template, start=_NOON, faults=calls) as stack:
        yield stack


@contextmanager
def _template() -> Generator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "OMNICASCADE_STAGE": "local", "CDK_OUTDIR": folder}
        environment["PYTHONPATH"] = f"{ROOT}:{ROOT / 'layers' / 'shared' / 'python'}"
        fresh_process(["-m", "infra.app"], environment)
        yield next(Path(folder).glob("*.template.json"))


def _transitions(stack: Stack) -> int:
    """Of one run whose three messages nobody answers."""
    traits = {"email": "anna@example.com", "phone": "+48601000001", "first_name": "Anna"}
    device = {"type": "ios", "id": "d", "token": "t"}
    _post(stack, {"type": "identify", "userId": "anna", "traits": traits, "context": {"device": device}})
    _staff(stack, "PUT", "/v1/journeys/bench", _CASCADE)
    _staff(stack, "POST", "/v1/journeys/bench/runs", {"profile": "user_id:anna"})
    stack.settle()
    stack.advance("3d")
    sent = [message["channel"] for message in stack.messages(profile="user_id:anna")]
    if sent != ["push", "email", "sms"]:
        raise BenchmarkFaultError(f"the cascade sent {sent}, so its transitions mean nothing")
    return stack.executions[-1].transitions


def _calls_per_event(stack: Stack, calls: _Calls) -> dict[str, dict[str, float]]:
    """AWS calls that handlers make for one event from the intake to the archive, each event in requests of its own."""
    page: dict[str, Any] = {"type": "page", "name": "Home"}
    order: dict[str, Any] = {
        "type": "track",
        "event": "Order Completed",
        "properties": {"total": 10, "currency": "PLN"},
    }
    kinds = {"first_page": page, "later_page": page, "order_of_known": order}
    counted: dict[str, dict[str, float]] = {}
    for kind, call in kinds.items():
        calls.seen.clear()
        for number in range(CUSTOMERS):
            _post(stack, call | {"anonymousId": f"visitor-{number}", "messageId": f"{kind}-{number}"})
        stack.settle()
        counted[kind] = {name: count / CUSTOMERS for name, count in calls.seen.items()}
    return counted


def _post(stack: Stack, call: dict[str, Any]) -> None:
    _accepted(stack.request("POST", f"/v1/{call['type']}", headers=[Stack.write_key("local-web")], body=call))
    stack.settle()


def _staff(stack: Stack, method: str, path: str, body: dict[str, Any]) -> None:
    _accepted(stack.request(method, path, headers=[Stack.staff()], body=body))


def _accepted(answer: Any) -> None:
    if answer.status >= 300:
        raise BenchmarkFaultError(f"the embedded stack answered {answer.status}: {answer.body[:300]!r}")
