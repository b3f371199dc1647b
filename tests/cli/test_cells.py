"""What the text of a cell means."""

from typing import Any

import pytest

from omnicascade.cli.cells import read_timestamp, resolve
from omnicascade.cli.map_model import Column, Moment
from omnicascade.domain.errors import InvalidInputError


@pytest.mark.parametrize(
    ("cell", "rule", "value"),
    [
        ("00123", {}, "00123"),
        ("1000", {"type": "number", "scale": 0.01}, 10),
        ("3310", {"type": "number", "scale": 0.01}, 33.1),
        ("-0.5", {"type": "number"}, -0.5),
        ("1.234.567,89", {"type": "number", "decimal": ","}, 1234567.89),
        ("42", {"type": "integer"}, 42),
        ("Yes", {"type": "boolean"}, True),
        ("0", {"type": "boolean"}, False),
        ('[{"sku": "a"}]', {"type": "json"}, [{"sku": "a"}]),
        ("2018-07-01", {"type": "timestamp", "zone": "Europe/Warsaw"}, "2018-06-30T22:00:00.000Z"),
    ],
)
def test_cells_become_json_values(cell: str, rule: dict[str, Any], value: object) -> None:
    """Each type reads what shops export, and money stays exact."""
    found = resolve(Column.model_validate({"column": "c", **rule}), {"c": cell})
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("abc", "number"),
        ("NaN", "number"),
        ("1,5", "number"),
        ("1.5", "integer"),
        ("maybe", "boolean"),
        ("{", "json"),
        ("[NaN]", "json"),
        ("soon", "timestamp"),
    ],
)
def test_a_cell_of_another_type_is_refused(cell: str, kind: str) -> None:
    """The code names the type, the message the cell, the path the column."""
    with pytest.raises(InvalidInputError) as caught:
        resolve(Column.model_validate({"column": "c", "type": kind}), {"c": cell})
    assert (caught.value.code, caught.value.path) == (f"not_a_{kind}", "c")
    assert cell in caught.value.message


def test_empty_cells_leave_no_trace() -> None:
    """Neither the value nor the object or list around it is sent."""
    gone = Column(column="gone")
    cells = {"gone": "", "here": "x"}
    assert resolve({"a": gone, "b": {"c": gone}, "d": [gone]}, cells) is None
    assert resolve({"a": gone, "b": [gone, Column(column="here")]}, cells) == {"b": ["x"]}


@pytest.mark.parametrize(
    ("cell", "pattern", "text"),
    [
        ("03.01.2018 14:05", "%d.%m.%Y %H:%M", "2018-01-03T13:05:00.000Z"),
        ("2018-01-03T14:05:00+02:00", "iso", "2018-01-03T12:05:00.000Z"),
        ("1514988300", "unix", "2018-01-03T14:05:00.000Z"),
        ("1514988300123", "unix_ms", "2018-01-03T14:05:00.123Z"),
    ],
)
def test_times_are_read_in_their_zone(cell: str, pattern: str, text: str) -> None:
    """A zone in the cell wins over the map's; Unix time needs none."""
    assert read_timestamp(cell, Moment(column="c", format=pattern, zone="Europe/Warsaw")) == text
