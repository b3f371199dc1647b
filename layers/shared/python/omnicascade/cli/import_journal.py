"""What an import leaves on disk: how far it came, and which rows were refused.

Why it exists: an import of hours will be interrupted. The state file is written after each confirmed batch; together
with deterministic messageIds it makes Ctrl-C, crashes and lost connections harmless.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final, Self

from omnicascade.domain.errors import InvalidInputError

_VERSION: Final = 1
_REJECTED_HEADER: Final = ("line", "call", "code", "message")


@dataclass(frozen=True, slots=True)
class Rejected:
    """One line of the rejected file; `call` is empty when the row never became a call."""

    line: int
    call: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far an import has come, everything before it confirmed.

    Attributes:
        rows: rows done with (sent, skipped or rejected).
        line: line of the file the last of them begins on.
        position_bytes: where in the file the last of them ends.
        accepted: calls the intake took, by label.
        rejected: lines of the rejected file.
        skipped: rows the map leaves out.
        rejected_bytes: size of the rejected file.
    """

    rows: int = 0
    line: int = 1
    position_bytes: int = 0
    accepted: Mapping[str, int] = field(default_factory=dict[str, int])
    rejected: int = 0
    skipped: int = 0
    rejected_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ImportJournal:
    """The state file and the rejected file of one import.

    Attributes:
        state: path of the state file.
        rejected: path of the rejected file.
        fingerprint: name to digest of everything an import depends on (file, map, joined files, URL …).
    """

    state: Path
    rejected: Path
    fingerprint: Mapping[str, str]

    def resume(self) -> tuple[Checkpoint, tuple[str, ...]]:
        """Where to go on, and what has changed since (then it starts over, from the beginning).

        The rejected file is cut to what the state knows, so that a crash between the two writes doubles no line.

        Raises:
            InvalidInputError: the state file is not readable as one.
        """
        try:
            stored = json.loads(self.state.read_text("utf-8"))
            known, checkpoint = stored["fingerprint"], Checkpoint(**stored["checkpoint"])
        except FileNotFoundError:
            return self.start_over(), ()
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"{self.state} is not a state file of omnicascade import; use --restart, or another --state"
            raise InvalidInputError(message, code="state_file") from error
        names = sorted({*known, *self.fingerprint})
        changed = tuple(name for name in names if known.get(name) != self.fingerprint.get(name))
        if changed or stored["version"] != _VERSION:
            return self.start_over(), changed
        if self.rejected.exists():
            with self.rejected.open("r+b") as stream:
                stream.truncate(checkpoint.rejected_bytes)
        return checkpoint, ()

    def start_over(self) -> Checkpoint:
        """Forget an earlier import of this file."""
        self.state.unlink(missing_ok=True)
        self.rejected.unlink(missing_ok=True)
        return Checkpoint()

    def commit(self, checkpoint: Checkpoint, rejected: Sequence[Rejected]) -> Checkpoint:
        """Write down a confirmed batch: the refused rows first, then the state, in one move.

        Raises:
            InvalidInputError: the folder cannot be written to.
        """
        try:
            done = replace(checkpoint, rejected_bytes=self._append(rejected) or checkpoint.rejected_bytes)
            text = json.dumps({"version": _VERSION, "fingerprint": dict(self.fingerprint), "checkpoint": asdict(done)})
            fresh = self.state.with_name(self.state.name + ".new")
            fresh.write_text(text, "utf-8")
            fresh.replace(self.state)
        except OSError as error:
            message = f"cannot write {error.filename}: {error.strerror}; give --state and --rejected a writable folder"
            raise InvalidInputError(message, code="state_file") from error
        return done

    def finish(self) -> None:
        """The import is complete: there is nothing to go on from."""
        self.state.unlink(missing_ok=True)

    def _append(self, rejected: Sequence[Rejected]) -> int:
        """The size of the rejected file after these lines, or 0 when there are none."""
        if not rejected:
            return 0
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        if not self.rejected.exists() or self.rejected.stat().st_size == 0:
            writer.writerow(_REJECTED_HEADER)
        writer.writerows((r.line, r.call, r.code, r.message) for r in rejected)
        with self.rejected.open("ab") as stream:
            stream.write(text.getvalue().encode())
            return stream.tell()

    @classmethod
    def beside(
        cls, file: Path, fingerprint: Mapping[str, str], *, state: Path | None = None, rejected: Path | None = None
    ) -> Self:
        """The journal of a file, in its own folder unless told otherwise."""
        return cls(
            state or file.with_name(f"{file.name}.import-state.json"),
            rejected or file.with_name(f"{file.name}.rejected.csv"),
            fingerprint,
        )
