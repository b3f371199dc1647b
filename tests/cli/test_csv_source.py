"""Reading CSVs as shops export them."""

from pathlib import Path

import pytest

from omnicascade.cli.csv_source import open_csv
from omnicascade.domain.errors import InvalidInputError


def write(folder: Path, content: bytes) -> Path:
    """A file with this content."""
    path = folder / "rows.csv"
    path.write_bytes(content)
    return path


def test_quoted_line_breaks_keep_lines_and_positions_right(tmp_path: Path) -> None:
    """A record may span lines; the next one still knows its line, and the last ends where the file ends."""
    content = b'id,note\r\n1,"two\r\nlines, ""quoted"""\r\n\r\n2, plain \r\n'
    rows = list(open_csv(write(tmp_path, content)).rows())
    assert [(r.number, r.line, r.cells) for r in rows] == [
        (1, 2, {"id": "1", "note": 'two\r\nlines, "quoted"'}),
        (2, 5, {"id": "2", "note": "plain"}),
    ]
    assert rows[-1].end_bytes == len(content)


@pytest.mark.parametrize(
    ("content", "encoding", "delimiter"),
    [
        ("\ufeffid,name\n1,Zoë\n".encode(), "utf-8", ","),
        ("id;name\n1;Zoë\n".encode("cp1252"), "cp1252", ";"),
        ("id\tname\n1\tZoë\n".encode(), "utf-8", "\t"),
        ('"id"|"name"\n"1"|"Zoë"\n'.encode(), "utf-8", "|"),
        ('"id";"name"\n"1";"Zoë"\n'.encode(), "utf-8", ";"),
    ],
)
def test_mark_encoding_and_delimiter_are_found_out(
    tmp_path: Path, content: bytes, encoding: str, delimiter: str
) -> None:
    """A file needs no options to be read as it was meant."""
    source = open_csv(write(tmp_path, content))
    assert (source.encoding, source.delimiter, source.header) == (encoding, delimiter, ("id", "name"))
    assert [row.cells for row in source.rows()] == [{"id": "1", "name": "Zoë"}]


def test_bad_records_are_told_and_the_rest_is_read(tmp_path: Path) -> None:
    """One bad line in a million does not stop the others."""
    content = b'id,name\n1,a,b\n2,"x" y\n3,\xe9\n4,good\n'
    rows = list(open_csv(write(tmp_path, content), encoding="utf-8").rows())
    assert [(r.line, r.problem and r.problem.code) for r in rows] == [
        (2, "ragged_row"),
        (3, "malformed_csv"),
        (4, "undecodable"),
        (5, None),
    ]
    assert rows[2].problem is not None
    assert "0xe9" in rows[2].problem.message


def test_an_unclosed_quote_is_told_with_the_lines_it_swallowed(tmp_path: Path) -> None:
    """Rows lost to a quote are named, never lost in silence."""
    (row,) = open_csv(write(tmp_path, b'id,name\n1,"open\n2,b\n3,c\n')).rows()
    assert row.problem is not None
    assert "lines 2 to 4" in row.problem.message


@pytest.mark.parametrize(
    ("content", "encoding", "words"),
    [
        (b"", "auto", "no header"),
        (b"id,id\n1,2\n", "auto", "the column id twice"),
        ("id,name\n".encode("utf-16"), "auto", "UTF-16"),
        (b"id\n1\n", "utf-16", "line by line"),
        (b"id\n1\n", "klingon", "no encoding"),
    ],
)
def test_files_that_cannot_be_rows_are_refused(tmp_path: Path, content: bytes, encoding: str, words: str) -> None:
    """The sentence says what to do about it."""
    with pytest.raises(InvalidInputError, match=words):
        open_csv(write(tmp_path, content), encoding=encoding)


def test_a_line_without_end_is_no_csv(tmp_path: Path) -> None:
    """A binary file is refused before it fills the memory."""
    path = write(tmp_path, b"id\n" + b"x" * (5 << 20))
    with pytest.raises(InvalidInputError, match="is this a CSV"):
        list(open_csv(path).rows())
