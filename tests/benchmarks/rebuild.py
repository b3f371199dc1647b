"""CPU of rebuilding every profile of the reference stream from one file, beside DuckDB's for the same file.

Both are whole processes, start and imports included, run in turn; each reads the same Segment calls and prints the same
digest, or nothing is measured. DuckDB may use both cores: CPU counts, not the clock on the wall. It joins what was
named together and adds up; the rebuild spells identifiers, applies limits, trust and windows, and folds as the online
road does.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from omnicascade.usecases.rebuild_profiles import digest_of
from tests.benchmarks.figures import Figure, median, ratio
from tests.benchmarks.processes import FUNCTION_ENVIRONMENT, ROOT, BenchmarkFaultError, Progress, fresh_process
from tests.benchmarks.reference_stream import DIGEST, EVENTS, PROFILES, oracle_lines, reference_stream, write_calls

GOAL: Final = 3.0
"""As many times DuckDB's CPU; it has no rules to apply."""

_ORACLE: Final = "import sys; from tests.benchmarks.reference_stream import oracle; from pathlib import Path; \
sys.exit(oracle(Path(sys.argv[1])).digest != sys.argv[2])"


def measure(runs: int, progress: Progress) -> list[Figure]:
    """The rebuild's figures."""
    with tempfile.TemporaryDirectory() as folder:
        progress("rebuild: the reference stream")
        calls = write_calls(Path(folder) / "calls.jsonl", reference_stream())
        check_same(calls)
        progress(f"rebuild: {runs} pairs of {EVENTS} events")
        pairs = [(_ours(calls), _theirs(calls)) for _ in range(runs)]
    ours, theirs = [one for one, _ in pairs], [other for _, other in pairs]
    note = f"{PROFILES} profiles, digest {DIGEST} in both; whole processes"
    return [
        ratio("rebuild.cpu", ours, theirs, goal=GOAL, note=note),
        median("rebuild.cpu_per_event", [cpu / EVENTS * 1e6 for cpu in ours], "us/event"),
        median("rebuild.duckdb_per_event", [cpu / EVENTS * 1e6 for cpu in theirs], "us/event", note="the floor"),
    ]


def check_same(calls: Path) -> str:
    """The digest of the command, which is DuckDB's when that names an anonymous id a cookie; returns the command's.

    Raises:
        BenchmarkFaultError: the two make different profiles.
    """
    ran = subprocess.run(
        [sys.executable, *_command(calls), "--json"], cwd=ROOT, env=_environment(), capture_output=True, check=False
    )
    if ran.returncode:
        raise BenchmarkFaultError(f"the rebuild failed: {ran.stderr.decode()}")
    told = json.loads(ran.stdout)
    theirs = [_in_our_words(line) for line in oracle_lines(calls)]
    if (told["profiles"], told["digest"]) != (len(theirs), digest_of(theirs)):
        raise BenchmarkFaultError(f"{told['profiles']} profiles are not DuckDB's {len(theirs)}, or not the same ones")
    return str(told["digest"])


def _in_our_words(line: str) -> str:
    """A line of the oracle with our name of the identifier type; it sorts where `cookie` does, before all others."""
    return line.replace("cookie:", "anonymous_id:")


def _ours(calls: Path) -> float:
    return fresh_process(_command(calls), _environment()).cpu


def _theirs(calls: Path) -> float:
    return fresh_process(["-c", _ORACLE, str(calls), DIGEST], _environment()).cpu


def _command(calls: Path) -> list[str]:
    return ["-c", "from omnicascade.cli import app; app()", "rebuild", str(calls), "--digest"]


def _environment() -> dict[str, str]:
    return {**FUNCTION_ENVIRONMENT, "PATH": os.environ.get("PATH", os.defpath)}
