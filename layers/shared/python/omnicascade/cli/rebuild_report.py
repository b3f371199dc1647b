"""The last word of a rebuild: for people some lines, for machines one JSON object; and the exit code.

Why it exists: what a script relies on (names, exit codes) is kept in one place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from omnicascade.cli.event_lines import BadLine
    from omnicascade.usecases.compare_profiles import Comparison
    from omnicascade.usecases.rebuild_profiles import RebuildSummary

EXAMPLES: Final = 10
"""Customers that a comparison shows to people, of each kind; the JSON names all."""


class ExitCode(IntEnum):
    """What the exit code of `omnicascade rebuild` tells."""

    DONE = 0
    SOME_BAD = 1
    STOPPED = 2
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """How a rebuild ended.

    Attributes:
        summary: the figures under the rules asked for.
        bad, bad_count: lines that held no event: the first of them, and how many.
        unknown_sources: how many calls came from each source that is not configured.
        seconds: how long it took.
        out: where the profiles are, or None.
        digest: see `digest_of`; None when it was not asked for.
        comparison: of a dry run, with the figures under the other rules; None otherwise.
    """

    summary: RebuildSummary
    bad: Sequence[BadLine]
    bad_count: int
    unknown_sources: Mapping[str, int]
    seconds: float
    out: str | None = None
    digest: str | None = None
    comparison: tuple[RebuildSummary, Comparison] | None = None

    @property
    def exit_code(self) -> ExitCode:
        """0 all read, 1 some lines were bad."""
        return ExitCode.SOME_BAD if self.bad_count else ExitCode.DONE

    def as_json(self) -> str:
        """One line: every figure by name."""
        told: dict[str, Any] = {
            **asdict(self.summary),
            "bad_lines": self.bad_count,
            "bad": [asdict(line) for line in self.bad],
            "unknown_sources": dict(self.unknown_sources),
            "seconds": round(self.seconds, 3),
            "out": self.out,
            "digest": self.digest,
        }
        if self.comparison:
            before, comparison = self.comparison
            told |= {"before": asdict(before), "comparison": asdict(comparison)}
        return json.dumps(told, ensure_ascii=False)

    def as_text(self) -> str:
        """The same for people."""
        lines = [f"{_figures(self.summary)}, {self.seconds:.1f} s"]
        if self.bad_count:
            listed = [f"  {line}" for line in self.bad]
            more = [f"  … and {self.bad_count - len(listed)} more"] if self.bad_count > len(listed) else []
            lines += [f"{self.bad_count} bad lines left out:", *listed, *more]
        for name, calls in sorted(self.unknown_sources.items()):
            lines.append(
                f"source {name!r} is not configured: {calls} calls read without region, as of no shared device"
            )
        if self.digest:
            lines.append(f"digest {self.digest}")
        if self.out:
            lines.append(f"the profiles are in {self.out}")
        return "\n".join([*lines, *(_compared(*self.comparison) if self.comparison else ())])


def _figures(summary: RebuildSummary) -> str:
    refused = ", ".join(f"{count} {code}" for code, count in summary.refused.items()) or "none"
    nobody = f" ({summary.nobody} name nobody)" if summary.nobody else ""
    return (
        f"{summary.events} events{nobody}, {summary.duplicates} duplicates; {summary.profiles} profiles, "
        f"{summary.merges} merges; refused: {refused}"
    )


def _compared(before: RebuildSummary, comparison: Comparison) -> list[str]:
    joins = [f"{', '.join(one.before)} → {', '.join(one.after)}: {_some(one.identifiers)}" for one in comparison.joined]
    splits = [f"{', '.join(one.before)} → {', '.join(one.after)}: {_some(one.identifiers)}" for one in comparison.split]
    changes = [f"{one.before}: {', '.join(one.what)}" for one in comparison.changed]
    return [
        f"under the other rules: {_figures(before)}",
        f"{comparison.same} customers stay as they are",
        *_examples("would join", joins),
        *_examples("would split", splits),
        *_examples("would change", changes),
        *_examples("would be found no more", comparison.gone),
        *_examples("would be new", comparison.appeared),
    ]


def _some(identifiers: Sequence[str]) -> str:
    shown = " ".join(identifiers[:EXAMPLES])
    return f"{shown} …" if len(identifiers) > EXAMPLES else shown


def _examples(what: str, told: Sequence[str]) -> list[str]:
    more = [f"  … and {len(told) - EXAMPLES} more"] if len(told) > EXAMPLES else []
    return [f"{len(told)} {what}", *(f"  {each}" for each in told[:EXAMPLES]), *more]
