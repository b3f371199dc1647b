"""`omnicascade import`: a CSV of customers, orders or events into any deployment.

Why it exists: this is the edge. It opens files and the connection, and turns errors into sentences and exit codes;
everything it calls takes these as arguments. What can be typed stands in `import_options`.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from omnicascade.cli.csv_source import CsvSource, open_csv
from omnicascade.cli.import_journal import Checkpoint, ImportJournal, Rejected
from omnicascade.cli.import_options import AUTO, BATCH_LIMIT_CALLS
from omnicascade.cli.import_progress import progress_on
from omnicascade.cli.import_run import Commit, Deliver, import_rows
from omnicascade.cli.import_summary import ImportSummary
from omnicascade.cli.intake_client import IntakeClient, Rejection
from omnicascade.cli.joins import Joins, open_joined
from omnicascade.cli.map_file import check_columns, parse_map
from omnicascade.cli.row_calls import RowMapper
from omnicascade.cli.scratch_tables import open_tables
from omnicascade.domain.errors import InvalidInputError, OmnicascadeError

_SHOWN: Final = 3
"""Calls a dry run prints, and refused rows it explains at most tenfold."""


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What was asked for on the command line; `url` None is a dry run."""

    file: Path
    map_file: Path
    url: str | None
    write_key: str
    batch_size: int = BATCH_LIMIT_CALLS
    encoding: str = AUTO
    delimiter: str | None = None
    state: Path | None = None
    rejected: Path | None = None
    restart: bool = False
    quiet: bool = False


def run_import(
    wanted: ImportRequest, console: Console, *, sleep: Callable[[float], None], print_call: Callable[[str], None]
) -> ImportSummary:
    """Import a file and tell how it ended; errors are explained on the console, never raised."""
    run = _Run(wanted, console, sleep, print_call)
    try:
        run.go()
    except KeyboardInterrupt:
        return run.stopped("interrupted", "interrupted")
    except InvalidInputError as error:
        return run.stopped(error.code, error.message, [f"{p.path}: {p.message}".lstrip(": ") for p in error.problems])
    except OmnicascadeError as error:
        return run.stopped("unavailable", str(error))
    return run.summary()


class _Run:
    """One import from its files to its last checkpoint."""

    def __init__(
        self,
        wanted: ImportRequest,
        console: Console,
        sleep: Callable[[float], None],
        print_call: Callable[[str], None],
    ) -> None:
        self._wanted, self._console, self._sleep, self._print_call = wanted, console, sleep, print_call
        self._began = time.monotonic()
        self._start = self._reached = Checkpoint()
        self._name = wanted.map_file.stem
        self._journal: ImportJournal | None = None
        self._notice: Callable[[str], None] = self._print

    def go(self) -> None:
        """Import every row that is left."""
        wanted = self._wanted
        _check_target(wanted)
        map_text = _read_map(wanted.map_file)
        import_map = parse_map(map_text)
        self._name = import_map.name
        source = open_csv(wanted.file, encoding=wanted.encoding, delimiter=wanted.delimiter)
        if wanted.encoding == AUTO and source.guessed_encoding:
            self._notice(f"{wanted.file.name} is not UTF-8: read as cp1252; --encoding can say otherwise")
        check_columns(import_map, source.header, wanted.file.name)
        joined = open_joined(import_map.join, wanted.file.parent)
        if wanted.url:
            self._journal = ImportJournal.beside(
                wanted.file,
                _fingerprint(wanted, map_text, source, joined),
                state=wanted.state,
                rejected=wanted.rejected,
            )
            self._start = self._reached = self._find_start(self._journal)
        with open_tables() as tables, ExitStack() as stack:
            joins = Joins(import_map.join, joined, tables)
            shown = progress_on(self._console, source.facts.size_bytes, self._start, plain=wanted.quiet)
            progress = stack.enter_context(shown)
            self._notice = progress.notice
            deliver, commit = self._rehearsed()
            if wanted.url and self._journal:
                deliver, commit = self._online(stack, wanted.url, self._journal)

            def commit_and_show(checkpoint: Checkpoint, rejected: Sequence[Rejected]) -> Checkpoint:
                self._reached = commit(checkpoint, rejected)
                progress.reached(self._reached, time.monotonic() - self._began)
                return self._reached

            import_rows(
                source.rows(),
                RowMapper(import_map, tables),
                joins,
                self._start,
                deliver=deliver,
                commit=commit_and_show,
                batch_size=wanted.batch_size,
            )
        self._notice = self._print
        if self._journal:
            self._journal.finish()

    def summary(self, error: Mapping[str, Any] | None = None) -> ImportSummary:
        """What has been done by now."""
        rejected = str(self._journal.rejected) if self._journal and self._reached.rejected else None
        return ImportSummary(
            name=self._name,
            file=str(self._wanted.file),
            url=self._wanted.url,
            end=self._reached,
            start=self._start,
            seconds=time.monotonic() - self._began,
            rejected_file=rejected,
            error=error,
        )

    def stopped(self, code: str, message: str, problems: Sequence[str] = ()) -> ImportSummary:
        """Explain why it stopped, and how to go on."""
        self._print(f"{self._wanted.file.name}: {message}")
        for problem in problems:
            self._print(f"  {problem}")
        if self._journal:
            done = f"row {self._reached.rows} (line {self._reached.line})" if self._reached.rows else "nothing"
            self._print(f"Confirmed up to: {done}. Run the same command again to go on from there; nothing is lost.")
        return self.summary({"code": code, "message": message, "problems": list(problems)})

    def _find_start(self, journal: ImportJournal) -> Checkpoint:
        if self._wanted.restart:
            return journal.start_over()
        start, changed = journal.resume()
        if changed:
            names = " and ".join(changed)
            self._notice(
                f"changed since the interrupted import: {names}. Starting over; rows already stored count once."
            )
        if start.rows:
            self._notice(f"going on after row {start.rows} (line {start.line}); --restart begins again")
        return start

    def _online(self, stack: ExitStack, url: str, journal: ImportJournal) -> tuple[Deliver, Commit]:
        client = IntakeClient(url, self._wanted.write_key, sleep=self._sleep, notice=self._say)
        return stack.enter_context(client).deliver, journal.commit

    def _rehearsed(self) -> tuple[Deliver, Commit]:
        """Print the first calls and the first refusals instead of sending and writing."""
        left = {"calls": _SHOWN, "rejected": 10 * _SHOWN}

        def deliver(calls: Sequence[bytes]) -> Sequence[Rejection]:
            for body in calls[: left["calls"]]:
                self._print_call(body.decode())
            left["calls"] -= len(calls[: left["calls"]])
            return ()

        def commit(checkpoint: Checkpoint, rejected: Sequence[Rejected]) -> Checkpoint:
            for row in rejected[: left["rejected"]]:
                self._say(f"line {row.line}: {row.code}: {row.message}")
            left["rejected"] -= len(rejected[: left["rejected"]])
            return checkpoint

        return deliver, commit

    def _say(self, text: str) -> None:
        self._notice(text)

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _check_target(wanted: ImportRequest) -> None:
    if wanted.url is None:
        return
    if not wanted.url.startswith(("https://", "http://")):
        message = "give --url https://… (or OMNICASCADE_URL), or --dry-run"
        raise InvalidInputError(message, code="usage")
    if not wanted.write_key:
        raise InvalidInputError("give --write-key (or OMNICASCADE_WRITE_KEY)", code="usage")


def _read_map(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"cannot read the map {path}: {error}", code="usage") from error


def _fingerprint(
    wanted: ImportRequest, map_text: str, source: CsvSource, joined: Sequence[CsvSource]
) -> Mapping[str, str]:
    """Everything whose change makes an earlier position meaningless, by the name a person knows it by."""
    return {
        wanted.file.name: source.facts.sha256,
        "the map": hashlib.sha256(map_text.encode()).hexdigest(),
        "--url": wanted.url or "",
        "--encoding or --delimiter": f"{source.encoding} {source.delimiter}",
        **{other.path.name: other.facts.sha256 for other in joined},
    }
