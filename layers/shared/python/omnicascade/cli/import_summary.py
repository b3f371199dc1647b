"""The last word of an import: for people a few lines, for machines one JSON object; and the exit code.

Why it exists: what a script relies on (names, exit codes) is kept in one place.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from omnicascade.cli.import_journal import Checkpoint


class ExitCode(IntEnum):
    """What the exit code of `omnicascade import` tells."""

    ACCEPTED = 0
    SOME_REJECTED = 1
    STOPPED = 2
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import did, the interrupted runs before it included.

    Attributes:
        name: the map's name.
        file: the imported file.
        url: the deployment, or None for a dry run.
        end: the last confirmed checkpoint.
        start: where this run began.
        seconds: how long this run took.
        rejected_file: where the refused rows are, or None.
        error: why it stopped early, `{code, message, problems}`, or None.
    """

    name: str
    file: str
    url: str | None
    end: Checkpoint
    start: Checkpoint
    seconds: float
    rejected_file: str | None
    error: Mapping[str, Any] | None = None

    @property
    def exit_code(self) -> ExitCode:
        """0 all accepted, 1 some rejected, 2 stopped."""
        if self.error:
            return ExitCode.INTERRUPTED if self.error["code"] == "interrupted" else ExitCode.STOPPED
        return ExitCode.SOME_REJECTED if self.end.rejected else ExitCode.ACCEPTED

    def as_json(self) -> str:
        """One line: every figure by name."""
        return json.dumps(
            {
                "map": self.name,
                "file": self.file,
                "url": self.url,
                "dry_run": self.url is None,
                "complete": self.error is None,
                "rows": self.end.rows,
                "accepted": sum(self.end.accepted.values()),
                "accepted_by_call": dict(self.end.accepted),
                "rejected": self.end.rejected,
                "skipped": self.end.skipped,
                "resumed_after_row": self.start.rows,
                "seconds": round(self.seconds, 3),
                "rejected_file": self.rejected_file,
                "error": self.error,
            },
            ensure_ascii=False,
        )

    def as_text(self) -> str:
        """The same for people."""
        calls = ", ".join(f"{count} {label}" for label, count in self.end.accepted.items()) or "nothing"
        verb = "would send" if self.url is None else "sent"
        lines = [
            f"{self.name}: {self.end.rows} rows, {verb} {calls}; "
            f"{self.end.rejected} rejected, {self.end.skipped} skipped, {self.seconds:.1f} s"
        ]
        if self.start.rows:
            lines.append(f"rows 1 to {self.start.rows} were sent by an earlier run")
        if self.rejected_file:
            lines.append(f"the rejected rows are in {self.rejected_file}")
        return "\n".join(lines)
