"""What a benchmark reports: one figure beside its floor and its goal, and the medians of paired runs."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the report and of bench-results.json.

    Attributes:
        name: `<benchmark>.<what>`, stable from run to run.
        floor: the same unit, for the least that any program of this kind pays; None where there is none.
        goal: the largest acceptable value; None for a figure that only informs.
        runs: how many runs (or pairs of runs) the value is the median of.
        low, high: the smallest and the largest of the runs.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    goal: float | None = None
    runs: int = 1
    low: float | None = None
    high: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is kept, or None without one."""
        return None if self.goal is None else self.value <= self.goal

    def as_json(self) -> dict[str, Any]:
        """The plain form, for bench-results.json."""
        return asdict(self) | {"met": self.met}

    def line(self, width: int) -> str:
        """The figure in words, its name padded to `width`."""
        verdict = {True: "met", False: "MISSED", None: ""}[self.met]
        floor = "" if self.floor is None else f"floor {_short(self.floor)}"
        goal = "" if self.goal is None else f"goal ≤ {_short(self.goal)}"
        spread = "" if self.low is None or self.high is None else f"{_short(self.low)}-{_short(self.high)}"
        columns = (
            f"{self.name:<{width}}  {_short(self.value):>9} {self.unit:<12}  {floor:<12}  {goal:<12}  {verdict:<6}"
        )
        return f"{columns}  {spread:<15}  {self.note}".rstrip()


def ratio(
    name: str, ours: Sequence[float], floors: Sequence[float], *, goal: float | None = None, note: str = ""
) -> Figure:
    """The median of paired ratios: each run against the floor measured next to it."""
    ratios = [own / floor for own, floor in zip(ours, floors, strict=True)]
    return Figure(
        name=name,
        value=statistics.median(ratios),
        unit="x floor",
        floor=1.0,
        goal=goal,
        runs=len(ratios),
        low=min(ratios),
        high=max(ratios),
        note=note,
    )


def median(name: str, values: Sequence[float], unit: str, *, goal: float | None = None, note: str = "") -> Figure:
    """The median of runs in a unit of its own."""
    return Figure(
        name=name,
        value=statistics.median(values),
        unit=unit,
        goal=goal,
        runs=len(values),
        low=min(values),
        high=max(values),
        note=note,
    )


def _short(value: float) -> str:
    return f"{value:.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.3g}"
