"""A CSV of any size as a stream of rows.

Why it exists: an import must say on which line of which file something is wrong, must never hold a file in memory, and
must read what shops really export: UTF-8 with or without a mark, Windows' cp1252, semicolons, line breaks in quotes.
"""

import codecs
import csv
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from omnicascade.cli.import_options import AUTO
from omnicascade.domain.errors import InvalidInputError, Problem

_FALLBACK: Final = "cp1252"
_DELIMITERS: Final = ",;\t|"
_LINE_LIMIT_BYTES: Final = 4 * 1024 * 1024
"""A longer line is no line of a CSV; without a limit, a binary file would be read into memory whole."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What one pass over a file tells: its SHA-256 (hex), its size, and whether all of it is UTF-8."""

    sha256: str
    size_bytes: int
    is_utf8: bool


def examine(path: Path) -> FileFacts:
    """Read a file once, without keeping it.

    Raises:
        InvalidInputError: it cannot be read, or it is UTF-16.
    """
    digest, decoder, size, is_utf8 = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")(), 0, True
    try:
        with path.open("rb") as stream:
            while piece := stream.read(1 << 20):
                if size == 0 and piece.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                    raise InvalidInputError(f"{path.name} is UTF-16; save it as UTF-8", code="unreadable_file")
                size += len(piece)
                digest.update(piece)
                is_utf8 = is_utf8 and _decodes(decoder, piece)
    except OSError as error:
        raise InvalidInputError(f"{path}: {error.strerror}", code="unreadable_file") from error
    return FileFacts(digest.hexdigest(), size, is_utf8 and _decodes(decoder, b"", final=True))


def _decodes(decoder: codecs.IncrementalDecoder, piece: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Row:
    """One record below the header.

    Attributes:
        number: 1 for the first record.
        line: the line of the file it begins on (the header is line 1).
        end_bytes: where in the file it ends.
        cells: column to text without outer blanks; empty when there is a problem.
        problem: why it cannot be read, or None.
    """

    number: int
    line: int
    end_bytes: int
    cells: Mapping[str, str]
    problem: Problem | None = None


class _Lines:
    """The decoded lines of a file, counted; remembers whether any since `undecodable` was cleared is not text."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream, self._encoding = stream, encoding
        self.line = self.position_bytes = 0
        self.undecodable: str | None = None

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        raw = self._stream.readline(_LINE_LIMIT_BYTES)
        if not raw:
            raise StopIteration
        self.line += 1
        self.position_bytes += len(raw)
        if len(raw) == _LINE_LIMIT_BYTES:
            message = f"line {self.line} is longer than {_LINE_LIMIT_BYTES >> 20} MB; is this a CSV?"
            raise InvalidInputError(message, code="unreadable_file")
        if self.line == 1:
            raw = raw.removeprefix(codecs.BOM_UTF8)
        try:
            return raw.decode(self._encoding)
        except UnicodeDecodeError as error:
            self.undecodable = (
                f"line {self.line}: byte 0x{raw[error.start]:02x} is not {self._encoding}; try --encoding"
            )
            return raw.decode(self._encoding, "replace")


@dataclass(frozen=True, slots=True)
class CsvSource:
    """An opened CSV: how it is read, and its columns."""

    path: Path
    facts: FileFacts
    encoding: str
    delimiter: str
    header: tuple[str, ...]

    @property
    def guessed_encoding(self) -> bool:
        """Whether the file is not UTF-8 and is read as cp1252 for want of a better word."""
        return self.encoding == _FALLBACK and not self.facts.is_utf8

    def rows(self) -> Iterator[Row]:
        """Every record in order; blank lines are passed over, records that cannot be read carry their problem."""
        with self.path.open("rb") as stream:
            lines = _Lines(stream, self.encoding)
            reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
            next(reader)
            number = 0
            while True:
                line, lines.undecodable, problem = lines.line + 1, None, None
                cells: list[str] = []
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    problem = Problem(
                        "", "malformed_csv", f"{error} (lines {line} to {lines.line}); an unclosed quote?"
                    )
                if not cells and not problem:
                    continue
                number += 1
                problem = problem or self._problem_of(cells, lines)
                named = {} if problem else {n: c.strip() for n, c in zip(self.header, cells, strict=True) if n}
                yield Row(number, line, lines.position_bytes, named, problem)

    def _problem_of(self, cells: list[str], lines: _Lines) -> Problem | None:
        if lines.undecodable:
            return Problem("", "undecodable", lines.undecodable)
        if len(cells) != len(self.header):
            return Problem("", "ragged_row", f"the row has {len(cells)} cells, the header has {len(self.header)}")
        return None


def open_csv(path: Path, *, encoding: str = AUTO, delimiter: str | None = None) -> CsvSource:
    """Read a file's facts and header.

    Args:
        path: the file.
        encoding: any in which a line ends in the byte 0x0A; `auto` is UTF-8, else cp1252.
        delimiter: one character; None: the one of `, ; tab |` which cuts the header into most columns.

    Raises:
        InvalidInputError: unreadable, empty, a doubled column, or an encoding that cannot be read line by line.
    """
    chosen = encoding if encoding == AUTO else _known_encoding(encoding)
    facts = examine(path)
    if chosen == AUTO:
        chosen = "utf-8" if facts.is_utf8 else _FALLBACK
    # The header decides, not csv.Sniffer: the latter guesses from all rows, and fails on one column or on free text.
    candidates = [delimiter] if delimiter else list(_DELIMITERS)
    headers = [(_header(path, chosen, candidate), candidate) for candidate in candidates]
    header, found = max(headers, key=lambda pair: len(pair[0]))
    doubled = sorted({name for name in header if name and header.count(name) > 1})
    if doubled:
        raise InvalidInputError(f"{path.name} has the column {', '.join(doubled)} twice", code="unreadable_file")
    if not any(header):
        raise InvalidInputError(f"{path.name} has no header line", code="unreadable_file")
    return CsvSource(path, facts, chosen, found, header)


def _known_encoding(name: str) -> str:
    try:
        known = codecs.lookup(name).name
        by_line = "a\n".encode(known) == b"a\n"
    except (LookupError, UnicodeError):
        raise InvalidInputError(f'no encoding "{name}"; try utf-8, cp1252 or latin-1', code="encoding") from None
    if known == "utf-8-sig":
        return "utf-8"
    if not by_line:
        raise InvalidInputError(f"{name} cannot be read line by line; save the file as UTF-8", code="encoding")
    return known


def _header(path: Path, encoding: str, delimiter: str) -> tuple[str, ...]:
    with path.open("rb") as stream:
        try:
            reader = csv.reader(_Lines(stream, encoding), delimiter=delimiter, strict=True)
            return tuple(name.strip() for name in next(reader, list[str]()))
        except csv.Error:
            return ()  # not this delimiter: quotes stand where it allows none
