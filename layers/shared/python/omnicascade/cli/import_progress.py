"""What a person sees while an import runs: a bar on a terminal, a line per tenth elsewhere, on standard error always.

Why it exists: standard output belongs to the summary, so that `--json` can be piped.
"""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from omnicascade.cli.import_journal import Checkpoint


class ImportProgress(AbstractContextManager["ImportProgress"], Protocol):
    """Shows how far an import is."""

    def reached(self, checkpoint: Checkpoint, seconds: float) -> None:
        """Show a confirmed checkpoint, so long after the start of this run."""
        ...

    def notice(self, text: str) -> None:
        """Say something worth knowing, without spoiling the bar."""
        ...


def _rate(rows: int, seconds: float) -> str:
    return f"{rows / seconds:,.0f} rows/s" if seconds > 0 else ""


class TerminalProgress(ImportProgress):
    """A bar over the bytes of the file, with the rate and the time left."""

    def __init__(self, console: Console, total_bytes: int, start: Checkpoint) -> None:
        self._first_row = start.rows
        self._progress = Progress(
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.description}"),
            TextColumn("ETA"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
        )
        self._task = self._progress.add_task("", total=total_bytes, completed=start.position_bytes)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def reached(self, checkpoint: Checkpoint, seconds: float) -> None:
        """Move the bar."""
        text = f"{checkpoint.rows:,} rows  {_rate(checkpoint.rows - self._first_row, seconds)}"
        if checkpoint.rejected:
            text += f"  {checkpoint.rejected:,} rejected"
        self._progress.update(self._task, completed=checkpoint.position_bytes, description=text)

    def notice(self, text: str) -> None:
        """Print above the bar."""
        self._progress.console.print(text, markup=False, highlight=False)


class PlainProgress(ImportProgress):
    """A line whenever another tenth of the file is done: for logs and pipes."""

    def __init__(self, console: Console, total_bytes: int, start: Checkpoint) -> None:
        self._console, self._total_bytes, self._first_row = console, total_bytes, start.rows
        self._tenths = self._tenth(start)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to take down."""

    def reached(self, checkpoint: Checkpoint, seconds: float) -> None:
        """Print a line if another tenth is done."""
        if self._tenth(checkpoint) > self._tenths:
            self._tenths = self._tenth(checkpoint)
            rate = _rate(checkpoint.rows - self._first_row, seconds)
            self.notice(f"{self._tenths * 10} %  {checkpoint.rows} rows  {checkpoint.rejected} rejected  {rate}")

    def notice(self, text: str) -> None:
        """Print the line."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _tenth(self, checkpoint: Checkpoint) -> int:
        return checkpoint.position_bytes * 10 // max(1, self._total_bytes)


def progress_on(console: Console, total_bytes: int, start: Checkpoint, *, plain: bool) -> ImportProgress:
    """The bar where the console is a terminal, lines otherwise."""
    shape = PlainProgress if plain or not console.is_terminal else TerminalProgress
    return shape(console, total_bytes, start)
