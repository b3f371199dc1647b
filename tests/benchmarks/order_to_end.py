"""What it takes, once an order is stored, until the run that it ends has ended; and what is done while nothing happens.

Counted on the embedded stack, which runs the synthesized template: every AWS call that a function makes is seen where
botocore sends it. Counts, so one run is exact; functions are warm, as they are for all orders but the first.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from botocore.awsrequest import AWSResponse

from infra.local.faults import NoFaults
from infra.local.stack import Stack
from omnicascade.contracts import Function
from tests.benchmarks.figures import Figure
from tests.benchmarks.processes import ROOT, BenchmarkFaultError, Progress, apart, fresh_process

GOAL_CALLS: Final = 3
_FLOOR_CALLS: Final = 3
"""A read of the customer with their runs, a write of the run, and a word to the task that waits."""

_FOLDING: Final = frozenset({"dynamodb:BatchGetItem", "dynamodb:BatchExecuteStatement"})
"""What every event costs that is folded into its projection, whether a run waits for it or not."""

_BESIDE: Final = frozenset({Function.INGEST_EVENTS.value, Function.RECORD_EVENTS.value, Function.ARCHIVE_EVENTS.value})
"""Functions before the event is stored, and the archive, which no run waits for."""

_NOON: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)
_QUIET_HOURS: Final = 20
_JOURNEY: Final[dict[str, Any]] = {
    "name": "ends-by-order",
    "entry": {"event": "Product Added", "key": "properties.cart_id"},
    "exit": [{"event": "Order Completed", "match": "properties.cart_id"}],
    "steps": [
        {
            "cascade": {
                "channels": [
                    {"email": {"template": "cart-reminder", "wait": "2d"}},
                    {"sms": {"template": "cart-reminder"}},
                ]
            }
        },
        {"wait": "2d"},
    ],
}
_TRAITS: Final[Mapping[str, Mapping[str, str]]] = {
    "one_identifier": {},
    "three_identifiers": {"email": "{}@example.com", "phone": "+4860100000{}"},
}


@dataclass
class _Calls(NoFaults):
    """Lets every AWS call of a handler through, and notes by whom and what it was, in order."""

    seen: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def around_call(
        self, service: str, operation: str, proceed: Callable[[], AWSResponse | None]
    ) -> AWSResponse | None:
        """Note one call."""
        self.seen.append((os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "").rpartition("-")[2], f"{service}:{operation}"))
        return proceed()


def measure(runs: int, progress: Progress) -> list[Figure]:
    """Calls between an order and the end of its run; `runs` changes nothing, a count is a count."""
    del runs
    progress("order_to_end: an order ends a run on the embedded stack")
    counted = apart(_count)
    quiet = counted.pop("while_nothing_happens")
    figures = [figure for kind, calls in counted.items() for figure in _figures(kind, calls)]
    looks = Counter(quiet)
    note = ", ".join(f"{count} {call}" for call, count in looks.items()) or "none"
    return [
        *figures,
        Figure(
            name="order_to_end.calls_while_waiting",
            value=sum(count for call, count in looks.items() if not call.startswith("watch_runs")),
            unit="AWS calls",
            floor=0,
            goal=0,
            note=f"two runs waiting for {_QUIET_HOURS} h, the watchdog's hourly look aside: {note}",
        ),
    ]


def _figures(kind: str, calls: Sequence[str]) -> list[Figure]:
    """All calls against the goal, and those that are there because of the run."""
    own = [call for call in calls if call.partition(" ")[2] not in _FOLDING]
    return [
        Figure(
            name=f"order_to_end.calls_{kind}",
            value=len(calls),
            unit="AWS calls",
            floor=_FLOOR_CALLS,
            goal=GOAL_CALLS,
            note=", ".join(calls),
        ),
        Figure(
            name=f"order_to_end.calls_{kind}_behind_the_fold",
            value=len(own),
            unit="AWS calls",
            floor=_FLOOR_CALLS,
            note="of them, those that the run is the reason for",
        ),
    ]


def _count() -> dict[str, list[str]]:
    calls, counted = _Calls(), dict[str, list[str]]()
    with _stack(calls) as stack:
        _alone(stack)
        _lived(stack, calls, "one_identifier", 1)  # what is loaded late is loaded now
        for number, kind in enumerate(_TRAITS, 2):
            counted[kind] = _lived(stack, calls, kind, number)
        for number, kind in enumerate(_TRAITS, 6):
            _waiting(stack, kind, number)
        calls.seen.clear()
        stack.advance(f"{_QUIET_HOURS}h")
        counted["while_nothing_happens"] = [f"{function} {call}" for function, call in calls.seen]
    return counted


def _alone(stack: Stack) -> None:
    """One journey under way; those that are shipped do nothing meanwhile."""
    listed = stack.request("GET", "/v1/journeys", headers=[Stack.staff()])
    _accepted(listed)
    for journey in listed.json()["journeys"]:
        _accepted(stack.request("POST", f"/v1/journeys/{journey['name']}/pause", headers=[Stack.staff()], body={}))
    _accepted(stack.request("PUT", "/v1/journeys/ends-by-order", headers=[Stack.staff()], body=_JOURNEY))
    stack.advance("2h")  # pausing walks the runs there are


def _lived(stack: Stack, calls: _Calls, kind: str, number: int) -> list[str]:
    """The calls of the order's way, from the stream to the end of the execution."""
    execution = _waiting(stack, kind, number)
    order = {"type": "track", "event": "Order Completed", "userId": f"customer-{number}"}
    calls.seen.clear()
    _post(stack, order | {"properties": {"cart_id": f"cart-{number}", "total": 10, "currency": "PLN"}})
    if execution.status != "SUCCEEDED":
        raise BenchmarkFaultError(f"the order did not end its run, which is {execution.status}")
    return [f"{function} {call}" for function, call in calls.seen if function not in _BESIDE]


def _waiting(stack: Stack, kind: str, number: int) -> Any:
    """The execution of a customer's run that waits."""
    who = {"userId": f"customer-{number}"}
    traits = {name: form.format(number) for name, form in _TRAITS[kind].items()}
    if traits:
        _post(stack, {"type": "identify", "traits": traits} | who)
    _post(stack, {"type": "track", "event": "Product Added", "properties": {"cart_id": f"cart-{number}"}} | who)
    execution = stack.executions[-1]
    if execution.status != "RUNNING":
        raise BenchmarkFaultError(f"no run waits for the order: its execution is {execution.status}")
    return execution


@contextmanager
def _stack(calls: _Calls) -> Generator[Stack]:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "OMNICASCADE_STAGE": "local", "CDK_OUTDIR": folder}
        environment["PYTHONPATH"] = f"{ROOT}:{ROOT / 'layers' / 'shared' / 'python'}"
        fresh_process(["-m", "infra.app"], environment)
        template = next(Path(folder).glob("*.template.json"))
        with Stack.start(template, start=_NOON, faults=calls) as stack:
            yield stack


def _post(stack: Stack, call: dict[str, Any]) -> None:
    _accepted(stack.request("POST", f"/v1/{call['type']}", headers=[Stack.write_key("local-web")], body=call))
    stack.settle()


def _accepted(answer: Any) -> None:
    if answer.status >= 300:
        raise BenchmarkFaultError(f"the embedded stack answered {answer.status}: {answer.body[:300]!r}")
