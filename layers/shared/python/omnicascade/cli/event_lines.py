"""Events from files: archive objects, Segment calls and batches of them, one JSON object a line.

Why it exists: history comes from the archive, from another product's export, or from a script, gzipped or not. What
says when and where an event happened is read here, so that whoever folds events sees one shape.

An archived call is taken as it stands: the intake has corrected its time already. So is a plain call whose only time is
`timestamp`; any other (with `sentAt`, `originalTimestamp`, or without a `messageId`) is completed as the intake would
have done. A call without a `messageId` gets one made of its line, so that reading it again is the same event.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, cast

import orjson

from omnicascade.contracts import INTAKE_CALLS
from omnicascade.domain.errors import InvalidInputError
from omnicascade.domain.intake import accept, read_time
from omnicascade.domain.json_text import items, mapping

STANDARD_INPUT: Final = Path("-")

MOST_LISTED: Final = 20
"""Bad lines that are explained one by one; more are only counted."""

_GZIP: Final = b"\x1f\x8b"
_ENDINGS: Final = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
_EVERY: Final = 5_000
"""Lines between two reports of progress."""

_KINDS: Final = frozenset(INTAKE_CALLS)
_OBJECTS: Final = ("context", "traits", "properties")
_OWN_TIME: Final = frozenset({"sentAt", "originalTimestamp", "user_id", "anonymous_id", "action"})
"""Names in a plain call that only the intake's own reading does justice to."""


class RecordedCall(NamedTuple):
    """A call, where it came from (None: the file does not say), and when it was received (None: when it happened)."""

    call: Mapping[str, object]
    source: str | None
    received_at: datetime | None


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that holds no event, and why."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        """As compilers write it: `file:line: message`."""
        return f"{self.file}:{self.line}: {self.message}"


class StoppedError(InvalidInputError):
    """A bad line, where every line was to be good."""

    code = "bad_line"


@dataclass(slots=True)
class EventLines:
    """The calls of some files, read once, a line at a time.

    Attributes:
        files: as `find_files` gives them.
        standard_input: what `-` means.
        reached: told every few thousand lines: bytes read so far, calls so far.
        strict: whether the first bad line stops the reading.
        bad: the first bad lines.
        bad_count: how many there are.
    """

    files: Sequence[Path]
    standard_input: BinaryIO
    reached: Callable[[int, int], None]
    strict: bool = False
    bad: list[BadLine] = field(default_factory=list[BadLine])
    bad_count: int = 0
    _place: tuple[str, int] = ("", 0)

    def calls(self) -> Iterator[RecordedCall]:
        """Every call; bad lines are noted and passed over.

        Raises:
            InvalidInputError: a file cannot be opened; or, if `strict`, the first bad line.
        """
        read_bytes = calls = 0
        for path in self.files:
            with _opened(path, self.standard_input) as (raw, file):
                for number, line in self._numbered(str(path), file):
                    self._place = (str(path), number)
                    try:
                        for call in _calls_of(line):
                            calls += 1
                            yield call
                    except StoppedError:
                        raise
                    except InvalidInputError as error:
                        self.note(error)
                    if number % _EVERY == 0:
                        self.reached(read_bytes + _position(raw), calls)
                read_bytes += _position(raw)
                self.reached(read_bytes, calls)

    def note(self, error: InvalidInputError) -> None:
        """Count the line that is being read as a bad one.

        Raises:
            InvalidInputError: always, if `strict`.
        """
        bad = BadLine(*self._place, f"{error.path}: {error.message}" if error.path else error.message)
        self.bad_count += 1
        if len(self.bad) < MOST_LISTED:
            self.bad.append(bad)
        if self.strict:
            raise StoppedError(str(bad))

    def _numbered(self, name: str, file: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
        number = 0
        try:
            for number, line in enumerate(file, start=1):
                yield number, line
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            self._place = (name, number + 1)
            self.note(InvalidInputError(f"the compressed file is damaged from here on: {error}"))


def find_files(paths: Iterable[Path]) -> list[Path]:
    """The files that some paths mean, in a stable order: a folder means all it holds, however deep.

    Raises:
        InvalidInputError: there is no such file, or a folder holds none.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.is_file() and each.name.endswith(_ENDINGS))
            if not inside:
                raise InvalidInputError(f"the folder {path} holds no file that ends in {', '.join(_ENDINGS)}")
            found += inside
        elif path == STANDARD_INPUT or path.exists():
            found.append(path)
        else:
            raise InvalidInputError(f"there is no file {path}")
    return found


class _opened:  # noqa: N801 - a context manager, used like a function
    """A file to read, unpacked where it is gzipped, beside the raw one that tells how far it is."""

    def __init__(self, path: Path, standard_input: BinaryIO) -> None:
        self._path, self._own = path, path != STANDARD_INPUT
        try:
            self._raw = path.open("rb") if self._own else standard_input
        except OSError as error:
            raise InvalidInputError(f"cannot read {path}: {error.strerror}") from error

    def __enter__(self) -> tuple[BinaryIO, Iterable[bytes]]:
        buffered = cast("BufferedReader", self._raw)
        if not hasattr(buffered, "peek"):
            buffered = BufferedReader(cast("RawIOBase", self._raw))
        packed = buffered.peek(2)[:2] == _GZIP
        return self._raw, cast("Iterable[bytes]", gzip.open(buffered)) if packed else buffered

    def __exit__(self, *_: object) -> None:
        if self._own:
            self._raw.close()


def _position(raw: BinaryIO) -> int:
    try:
        return raw.tell()
    except OSError:  # a pipe
        return 0


def _calls_of(line: bytes) -> Iterable[RecordedCall]:
    """The calls of one line.

    Raises:
        InvalidInputError: it holds none; or a batch holds a bad one, which is told after the good ones.
    """
    try:
        record: object = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        text = line.strip().removeprefix(b"\xef\xbb\xbf")
        if not text:
            return ()
        if text != line.strip():
            return _calls_of(text)
        raise InvalidInputError(f"not JSON: {error.msg} (column {error.colno})") from error
    if type(record) is not dict:
        raise InvalidInputError("expected a JSON object: an archived event, a call, or a batch of calls")
    read = cast("Mapping[str, object]", record)
    if "call" in read:
        return (_archived(read),)
    if "batch" not in read and _complete(read):
        return (RecordedCall(read, None, _moment(read.get("receivedAt"))),)
    return _as_the_intake_would(read, line)


def _archived(record: Mapping[str, object]) -> RecordedCall:
    call, source = mapping(record["call"]), record.get("source")
    fault = _fault(call)
    if fault:
        raise InvalidInputError(fault, path="call")
    received_at = _moment(record.get("received_at"))
    return RecordedCall(call, source if isinstance(source, str) else None, received_at)


def _moment(value: object) -> datetime | None:
    return None if value is None else read_time(value)


def _complete(call: Mapping[str, object]) -> bool:
    """Whether a plain call needs nothing of the intake."""
    return isinstance(call.get("timestamp"), str) and _OWN_TIME.isdisjoint(call) and _fault(call) is None


def _fault(call: Mapping[str, object]) -> str | None:
    """What keeps a call from being read as an event."""
    kind = call.get("type")
    if kind not in _KINDS:
        return f"`type` must be one of {', '.join(INTAKE_CALLS)}"
    message_id = call.get("messageId")
    if type(message_id) is not str or not message_id:
        return "`messageId` must be a text that is not empty"
    for name in _OBJECTS:
        if name in call and type(call[name]) is not dict and call[name] is not None:
            return f"`{name}` must be an object"
    if kind == "track" and type(call.get("event")) is not str:
        return "a track call needs `event`"
    return None


def _as_the_intake_would(record: Mapping[str, object], line: bytes) -> Iterator[RecordedCall]:
    """Complete a call, or a batch of them, whose `receivedAt` is when the intake is taken to have read it."""
    times = [read_time(record.get(name)) for name in ("receivedAt", "sentAt", "originalTimestamp", "timestamp")]
    first = mapping(next(iter(items(record.get("batch"))), None))
    times += [read_time(first.get(name)) for name in ("receivedAt", "sentAt", "originalTimestamp", "timestamp")]
    received_at = next(filter(None, times), None)
    if received_at is None:
        raise InvalidInputError("nothing says when it happened", path="timestamp")
    made = hashlib.sha256(line.strip()).hexdigest()[:32]
    counted = iter(range(1 << 30))
    kind = "batch" if "batch" in record else str(record.get("type", record.get("action")))
    accepted = accept(kind, record, received_at=received_at, new_id=lambda: f"line-{made}-{next(counted)}")
    for call in accepted.calls:
        yield RecordedCall(call, None, received_at)
    if accepted.rejected:
        index, problem = accepted.rejected[0].index, accepted.rejected[0].problem
        more = f" (and {len(accepted.rejected) - 1} more)" if len(accepted.rejected) > 1 else ""
        raise InvalidInputError(problem.message + more, path=f"batch.{index}")
