"""The tests see bugs: each planted one makes a named test file fail, and a survivor is an error."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.mutation.planted_bugs import PLANTED, PlantedBug
from tests.mutation.planted_journey_bugs import PLANTED_IN_JOURNEYS

EVERY_ONE = (*PLANTED, *PLANTED_IN_JOURNEYS)
ROOT = Path(__file__).parents[2]
COPIED = ("layers", "tests", "infra", "functions", "pyproject.toml")
PRODUCT = Path("layers") / "shared" / "python"
FAILED = 1
"""pytest's exit code when tests ran and some failed; every other one but 0 means that they could not run."""
WITHIN_S = 600


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the product and its tests, in which every named test file passes."""
    place = tmp_path_factory.mktemp("planted")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("cdk.out", "node_modules"))
        else:
            shutil.copy2(source, place / name)
    yield place
    shutil.rmtree(place, ignore_errors=True)


def run_tests(place: Path, files: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run test files of a copy until one test fails."""
    environment = {**os.environ, "PYTHONPATH": f"{place}:{place / PRODUCT}", "PYTHONDONTWRITEBYTECODE": "1"}
    options = ["-q", "-x", "--tb=line", "-p", "no:cacheprovider", "-p", "tests.mutation.first_failure"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--hypothesis-profile=first-failure", *files],
        cwd=place,
        env={key: value for key, value in environment.items() if not key.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )


def survives(place: Path, bug: PlantedBug) -> str:
    """Plant a bug, run the tests that must see it, take it out again; what went wrong, or nothing."""
    module = place / PRODUCT / "omnicascade" / bug.module
    right = module.read_text()
    if right.count(bug.old) != 1:
        return f"{bug.name}: the text to change is found {right.count(bug.old)} times in {bug.module}; plant it anew"
    module.write_text(right.replace(bug.old, bug.new))
    try:
        answer = run_tests(place, bug.seen_by)
    finally:
        module.write_text(right)
    if answer.returncode == FAILED:
        return ""
    return f"{bug.name}: not seen by {', '.join(bug.seen_by)} (exit {answer.returncode})\n{answer.stdout[-800:]}"


def check_all(place: Path, bugs: Sequence[PlantedBug]) -> None:
    """Every bug is seen, and without any bug nothing is."""
    files = sorted({file for bug in bugs for file in bug.seen_by})
    healthy = run_tests(place, files)
    assert healthy.returncode == 0, healthy.stdout[-3000:]
    lived = [told for bug in bugs if (told := survives(place, bug))]
    assert not lived, "\n\n".join(lived)


def test_a_handful_of_planted_bugs_is_seen(copy: Path) -> None:
    """Those that the fastest tests must see."""
    check_all(copy, [bug for bug in EVERY_ONE if bug.quick])


@pytest.mark.soak
def test_every_planted_bug_is_seen(copy: Path) -> None:
    """All of them."""
    check_all(copy, EVERY_ONE)


def test_every_planted_bug_still_has_its_place() -> None:
    """A bug whose place was rewritten is planted anew, not forgotten."""
    lost = [
        bug.name for bug in EVERY_ONE if (ROOT / PRODUCT / "omnicascade" / bug.module).read_text().count(bug.old) != 1
    ]
    assert not lost
    assert len(PLANTED) >= 20
    assert len(PLANTED_IN_JOURNEYS) >= 12
