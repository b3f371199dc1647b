"""What a deployment is made of: the layer's size, and how long a synth takes.

The layer is built as a deployment builds it (arm64 wheels from uv's cache, or from the package index the first time).
The synth runs with that layer already in the cloud assembly, as every synth but the first does.
"""

import os
import tempfile
from pathlib import Path
from typing import Final

from tests.benchmarks.figures import Figure, median, ratio
from tests.benchmarks.processes import ROOT, Progress, Spent, fresh_process

LAYER_GOAL_MB: Final = 20.0
SYNTH_GOAL_S: Final = 10.0
MOST_RUNS: Final = 5
"""A synth takes seconds; more runs than this tell nothing new."""

_EMPTY: Final = "import infra, aws_cdk as c; a = c.App(outdir={outdir!r}); c.Stack(a, 'Empty'); a.synth()"
"""The least synth: CDK itself, one stack, nothing in it; `infra` chooses the same Node."""


def measure(runs: int, progress: Progress) -> list[Figure]:
    """The layer's and the synth's figures."""
    with tempfile.TemporaryDirectory() as folder:
        assembly = Path(folder) / "cdk.out"
        progress("deployment: building the layer")
        _synth(assembly)
        layer = _layer_of(assembly)
        ours: list[Spent] = []
        floors: list[Spent] = []
        for number in range(1, min(runs, MOST_RUNS) + 1):
            progress(f"deployment: synth {number} of {min(runs, MOST_RUNS)}")
            floors.append(_run(["-c", _EMPTY.format(outdir=str(Path(folder) / "empty"))]))
            ours.append(_synth(assembly))
        return [
            Figure(
                name="deployment.layer_size",
                value=_megabytes(layer),
                unit="MB",
                goal=LAYER_GOAL_MB,
                note="unzipped, arm64",
            ),
            median(
                "deployment.synth_wall",
                [one.wall for one in ours],
                "s",
                goal=SYNTH_GOAL_S,
                note="stage prod, cdk-nag on",
            ),
            median(
                "deployment.synth_floor_wall", [one.wall for one in floors], "s", note="import aws_cdk, empty stack"
            ),
            median("deployment.synth_cpu_s", [one.cpu for one in ours], "s CPU", note="Node included"),
            ratio("deployment.synth_cpu", [one.cpu for one in ours], [one.cpu for one in floors], note="Node included"),
        ]


def _synth(assembly: Path) -> Spent:
    return _run(["-m", "infra.app"], OMNICASCADE_STAGE="prod", CDK_OUTDIR=str(assembly))


def _run(arguments: list[str], **more: str) -> Spent:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'layers' / 'shared' / 'python'}", **more}
    return fresh_process(arguments, environment)


def _layer_of(assembly: Path) -> Path:
    """The asset that is laid out as a layer."""
    return next(package.parents[1] for package in assembly.glob("asset.*/python/omnicascade"))


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
