"""CPU of a fresh process until a function is ready, in units of one that makes a bare boto3 DynamoDB client.

A process of its own each time, each case next to a floor of its own, compiled files in place (a first round writes
them), the environment Lambda would give. What a function loads later, at the first message of a kind, is not hidden:
the whole first invocation of the sender, with one e-mail written and handed over, is a line of its own.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from omnicascade.contracts import Function
from tests.benchmarks.figures import Figure, median, ratio
from tests.benchmarks.processes import FUNCTION_ENVIRONMENT, Progress, apart, become_a_function, fresh_process

LEAST_RUNS: Final = 7
FLOOR: Final = "import boto3; boto3.client('dynamodb')"
GOALS: Final[Mapping[Function, float]] = {
    Function.INGEST_EVENTS: 1.3,
    Function.RECORD_EVENTS: 1.3,
    Function.PROJECT_PROFILES: 1.3,
    Function.ARCHIVE_EVENTS: 1.3,
    Function.SEND_NEXT_MESSAGE: 1.5,
    Function.RUN_AUDIENCE: 1.5,
    Function.RUN_ERRANDS: 1.3,
    Function.WATCH_RUNS: 1.3,
}
"""The functions on an event's road and in a journey; the others are called by people or by a deployment. Two write
messages, and for these the goal leaves room."""

_ITEMS: Final = "BENCH_ITEMS"


def measure(runs: int, progress: Progress) -> list[Figure]:
    """The cold start of every function, and the sender's first message."""
    runs = max(runs, LEAST_RUNS)
    cases = {function.value: ["-c", f"import functions.{function.value}.handler"] for function in Function}
    cases["first_message"] = ["-m", "tests.benchmarks.first_message"]
    with tempfile.TemporaryDirectory() as folder:
        items = Path(folder) / "items.json"
        apart(_write_table, items)
        spent = _rounds(cases, {**FUNCTION_ENVIRONMENT, _ITEMS: str(items)}, runs, progress)
    every_floor = [pair.floor * 1000 for pairs in spent.values() for pair in pairs]
    figures = [median("cold_start.floor", every_floor, "ms", note=FLOOR)]
    for name, pairs in spent.items():
        goal = next((goal for function, goal in GOALS.items() if function.value == name), None)
        note = "cold start and one e-mail rendered and sent" if name == "first_message" else ""
        ours, floors = [pair.ours for pair in pairs], [pair.floor for pair in pairs]
        figures.append(ratio(f"cold_start.{name}", ours, floors, goal=goal, note=note))
    return figures


@dataclass(frozen=True, slots=True)
class _Pair:
    """CPU seconds of a function, and of the floor just before it."""

    floor: float
    ours: float


def _rounds(
    cases: Mapping[str, Sequence[str]], environment: Mapping[str, str], runs: int, progress: Progress
) -> dict[str, list[_Pair]]:
    """Every case next to a floor of its own; the first round only compiles and is thrown away."""
    spent: dict[str, list[_Pair]] = {name: [] for name in cases}
    for number in range(runs + 1):
        progress(f"cold_start: round {number} of {runs}")
        for name, arguments in cases.items():
            floor = fresh_process(["-c", FLOOR], environment)
            ours = fresh_process(arguments, environment)
            if number:
                spent[name].append(_Pair(floor.cpu, ours.cpu))
    return spent


def _write_table(path: Path) -> None:
    become_a_function()
    from tests.benchmarks.configured_table import configured_table

    path.write_text(json.dumps(configured_table().items), encoding="utf-8")
