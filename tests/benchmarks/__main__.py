"""`python -m tests.benchmarks`: every figure beside its floor and its goal, and bench-results.json.

CPU time, and ratios of runs taken in turn, so that a busy or slow machine changes little; only the synth is also timed
by the clock on the wall. A missed goal is reported, not an error: 0 when all of it was measured, 2 when some was not.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.benchmarks import (
    capacity,
    cold_start,
    decisions,
    deployment,
    erasure,
    event_road,
    orchestration,
    order_to_end,
    population,
    rebuild,
    rehearsal,
    same_profiles,
)
from tests.benchmarks.figures import Figure
from tests.benchmarks.processes import ROOT

LEAST_RUNS: Final = 5
RESULTS: Final = "bench-results.json"
BENCHMARKS: Final = {
    "event_road": event_road.measure,
    "cold_start": cold_start.measure,
    "erasure": erasure.measure,
    "deployment": deployment.measure,
    "decisions": decisions.measure,
    "rehearsal": rehearsal.measure,
    "population": population.measure,
    "orchestration": orchestration.measure,
    "order_to_end": order_to_end.measure,
    "same_profiles": same_profiles.measure,
    "rebuild": rebuild.measure,
    "capacity": capacity.measure,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write the results; the exit code."""
    asked = _parser().parse_args(arguments)
    wanted = {name: BENCHMARKS[name] for name in BENCHMARKS if not asked.only or name in asked.only}
    figures: list[Figure] = []
    faults: dict[str, str] = {}
    for name, measure in wanted.items():
        try:
            figures += measure(max(asked.runs, LEAST_RUNS), _say)
        except Exception as error:  # noqa: BLE001 - whatever stops one benchmark must not cost the others' figures
            faults[name] = f"{type(error).__name__}: {error}"
    Path(asked.output).write_text(_as_json(figures), encoding="utf-8")
    sys.stdout.write(_as_json(figures) if asked.json else _table(figures))
    for name, fault in faults.items():
        sys.stderr.write(f"{name} could not be measured: {fault}\n")
    return 2 if faults else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(BENCHMARKS), help="measure only this; may be repeated")
    parser.add_argument(
        "--runs", type=int, default=LEAST_RUNS, help=f"pairs of runs, at least {LEAST_RUNS} (cold starts: at least 7)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--output", default=str(ROOT / RESULTS), help=f"where the results go (default: {RESULTS})")
    return parser


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _table(figures: Sequence[Figure]) -> str:
    width = max((len(figure.name) for figure in figures), default=0)
    return "".join(f"{figure.line(width)}\n" for figure in figures)


def _as_json(figures: Sequence[Figure]) -> str:
    return json.dumps([figure.as_json() for figure in figures], indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
