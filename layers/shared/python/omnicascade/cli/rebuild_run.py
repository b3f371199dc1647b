"""One rebuild from its files to its report.

Why it exists: this is the edge of the rebuild: it opens files, shows how far it is, and writes profiles.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, TextIO

from omnicascade.cli.event_lines import STANDARD_INPUT, EventLines, StoppedError, find_files
from omnicascade.cli.rebuild_report import RebuildReport
from omnicascade.cli.rebuild_settings import RebuildSettings, Sources, read_settings
from omnicascade.domain.computed.traits import ComputedTraits
from omnicascade.domain.errors import InvalidInputError
from omnicascade.usecases.rebuild_profiles import ProfileRebuild, RebuildSummary, Rebuilt, digest_of

if TYPE_CHECKING:
    from omnicascade.domain.profile import Profile
    from omnicascade.usecases.compare_profiles import Comparison

_FIRST_REPORT_S: Final = 2.0
_REPORT_EVERY_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class RebuildRequest:
    """What was asked for on the command line."""

    events: Sequence[Path]
    configuration: Path | None = None
    rules: Path | None = None
    against: Path | None = None
    dry_run: bool = False
    out: Path | None = None
    digest: bool = False
    source: str = "file"
    strict: bool = False


def run_rebuild(
    wanted: RebuildRequest,
    *,
    standard_input: BinaryIO,
    standard_output: TextIO,
    say: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> RebuildReport:
    """Rebuild every profile and tell what came of it.

    Args:
        wanted: what was asked for.
        standard_input: what `-` among the files means.
        standard_output: where profiles go when `out` is `-`.
        say: shows a line of progress in place of the one before; an empty one clears it.
        clock: seconds of any origin.

    Raises:
        InvalidInputError: a file cannot be read or a setting is not valid; or, if strict, the first bad line.
    """
    with _no_garbage_collection():
        return _rebuild(wanted, standard_input, standard_output, say, clock)  # all is let go before collecting resumes


def _rebuild(
    wanted: RebuildRequest,
    standard_input: BinaryIO,
    standard_output: TextIO,
    say: Callable[[str], None],
    clock: Callable[[], float],
) -> RebuildReport:
    began = clock()
    settings = read_settings(wanted.configuration, wanted.rules)
    shown = wanted.dry_run or wanted.out
    definitions = settings.deployment.computed if shown else ComputedTraits()  # nobody would see them
    rebuilds = [ProfileRebuild(settings.rules(wanted.rules), definitions)]
    if wanted.dry_run:
        rebuilds.append(ProfileRebuild(settings.rules(wanted.against), definitions))
    files = find_files(wanted.events)
    lines = EventLines(files, standard_input, _progress(files, say, began, clock), wanted.strict)
    sources = Sources(settings.sources)
    _read(lines, sources, wanted.source, rebuilds)
    say("")
    rebuilt = rebuilds[0].done()
    digest, comparison = None, None
    if wanted.dry_run:
        summary, comparison = _compared(rebuilds[1].done(), rebuilt)
    else:
        summary, digest = _told(rebuilt, wanted, settings, standard_output)
    return RebuildReport(
        summary=summary,
        bad=lines.bad,
        bad_count=lines.bad_count,
        unknown_sources=dict(sources.unknown),
        seconds=clock() - began,
        out=str(wanted.out) if wanted.out and not wanted.dry_run else None,
        digest=digest,
        comparison=comparison,
    )


def _read(lines: EventLines, sources: Sources, default: str, rebuilds: Sequence[ProfileRebuild]) -> None:
    for call, name, received_at in lines.calls():
        source = sources.find(name or default)
        try:
            for rebuild in rebuilds:
                rebuild.add(call, source, received_at)
        except StoppedError:
            raise
        except InvalidInputError as error:
            lines.note(error)


@contextmanager
def _no_garbage_collection() -> Generator[None]:
    """Projections hold no cycles, and looking for some among a million of them takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _progress(
    files: Sequence[Path], say: Callable[[str], None], began: float, clock: Callable[[], float]
) -> Callable[[int, int], None]:
    total = sum(path.stat().st_size for path in files if path != STANDARD_INPUT)
    told_at = began + _FIRST_REPORT_S - _REPORT_EVERY_S

    def reached(read_bytes: int, calls: int) -> None:
        nonlocal told_at
        now = clock()
        if now - told_at < _REPORT_EVERY_S:
            return
        told_at = now
        share = f"{min(100, read_bytes * 100 // total)} %  " if total else ""
        say(f"{share}{calls:,} events  {calls / (now - began):,.0f} events/s")

    return reached


def _told(
    rebuilt: Rebuilt, wanted: RebuildRequest, settings: RebuildSettings, standard_output: TextIO
) -> tuple[RebuildSummary, str | None]:
    """Go through every customer once: count, and write and digest what was asked for."""
    merges, lines = 0, list[str]()
    with _written(wanted.out, standard_output) as out:
        shown = _shown(settings) if out else None
        for component in rebuilt.components():
            line = rebuilt.digest_line(component)
            if line is None:
                continue
            lines.append(line)
            merges += component.merges
            if out and shown and (customer := rebuilt.customer(component)):
                out.write(shown(customer.profile))
    return rebuilt.summary(len(lines), merges), digest_of(lines) if wanted.digest else None


def _shown(settings: RebuildSettings) -> Callable[[Profile], str]:
    from omnicascade.usecases.read_customer import profile_response  # noqa: PLC0415 - only where profiles are written

    def line(profile: Profile) -> str:
        told = profile_response(profile, settings.deployment)
        return json.dumps(told, sort_keys=True, separators=(",", ":")) + "\n"

    return line


@contextmanager
def _written(out: Path | None, standard_output: TextIO) -> Generator[TextIO | None]:
    """Where profiles go. A file is put in its place when it is complete, so that a rebuild can stop at any time."""
    if out is None:
        yield None
    elif out == STANDARD_INPUT:
        yield standard_output
    else:
        part = out.with_name(f"{out.name}.part")
        try:
            with part.open("w", encoding="utf-8") as file:
                yield file
        except OSError as error:
            raise InvalidInputError(f"cannot write {out}: {error.strerror}") from error
        part.replace(out)


def _compared(before: Rebuilt, after: Rebuilt) -> tuple[RebuildSummary, tuple[RebuildSummary, Comparison]]:
    from omnicascade.usecases.compare_profiles import compare_profiles  # noqa: PLC0415 - of dry runs only

    return _counted(after), (_counted(before), compare_profiles(before, after))


def _counted(rebuilt: Rebuilt) -> RebuildSummary:
    merges = [customer.component.merges for customer in rebuilt.customers()]
    return rebuilt.summary(len(merges), sum(merges))
