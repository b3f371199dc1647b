"""The nouns of an import map: how one row of a CSV becomes intake calls.

Why it exists: the map is what a person writes by hand, so it is small, and whatever is unknown in it is refused
with the nearest known name. Checked while loading only; nothing of this is imported by a Lambda function.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

type CallType = Literal["identify", "track", "page", "screen", "group", "alias"]
type CellType = Literal["text", "number", "integer", "boolean", "json", "timestamp"]

ISO: Final = "iso"
UNIX_FORMATS: Final = {"unix": 1, "unix_ms": 1000}
"""Formats that are counts since 1970, and how many of them make a second."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A remedy for a mistyped name: `; did you mean "amount"?`, or nothing when no known name is near."""
    close = get_close_matches(name, list(known), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


class _Strict(BaseModel):
    """A part of the map: unknown keys are refused, beside every other problem of the same part."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)

    @model_validator(mode="wrap")
    @classmethod
    def _name_the_nearest(cls, data: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            known = [field.alias or name for name, field in cls.model_fields.items()]
            details = [_detail(dict(found), known) for found in error.errors(include_url=False)]
            raise ValidationError.from_exception_data(cls.__name__, details) from None


def _detail(found: Mapping[str, Any], known: list[str]) -> InitErrorDetails:
    """The same error, with a remedy when it is an unknown key."""
    text = str(found["msg"])
    if found["type"] == "extra_forbidden" and len(found["loc"]) == 1:
        text = f"unknown key{nearest(str(found['loc'][0]), known)} (known: {', '.join(known)})"
    kind = "unknown_key" if found["type"] == "extra_forbidden" else "invalid_map"
    # The text is an argument, because braces in a message template would be read as fields.
    return InitErrorDetails(
        type=PydanticCustomError(kind, "{text}", {"text": text}), loc=found["loc"], input=found["input"]
    )


class Moment(_Strict):
    """A column that holds a time.

    `format` is `iso` (ISO 8601), `unix` (seconds), `unix_ms`, or a `strptime` pattern; `zone` (IANA) is that of times
    which name none.
    """

    column: str
    format: str = ISO
    zone: str = "UTC"

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f'"{zone}" is not an IANA time zone such as Europe/Warsaw') from None
        return zone

    @field_validator("format")
    @classmethod
    def _known_format(cls, pattern: str) -> str:
        if pattern != ISO and pattern not in UNIX_FORMATS and "%" not in pattern:
            raise ValueError(f'"{pattern}" is no format: iso, unix, unix_ms or a pattern such as %d.%m.%Y')
        return pattern


class Column(Moment):
    """A value read from a column, converted to `type`; numbers are multiplied by `scale`."""

    type: CellType = "text"
    scale: Annotated[Decimal, Field(allow_inf_nan=False)] | None = None
    decimal: Literal[".", ","] = "."

    @model_validator(mode="after")
    def _options_fit_the_type(self) -> Self:
        given = self.model_fields_set
        if {"scale", "decimal"} & given and self.type != "number":
            raise ValueError("scale and decimal need type: number")
        if {"format", "zone"} & given and self.type != "timestamp":
            raise ValueError("format and zone need type: timestamp")
        return self


def _shape(value: object) -> str:
    if isinstance(value, Column) or (isinstance(value, Mapping) and "column" in value):
        return "<column>"
    if isinstance(value, Mapping):
        return "<mapping>"
    return "<list>" if isinstance(value, list) else "<constant>"


def _no_mistyped_column(mapping: Mapping[str, object]) -> Mapping[str, object]:
    """Refuse `{colum: x}`, which would otherwise be sent as an object with that key."""
    for key in map(str, mapping):
        if get_close_matches(key, ["column"], cutoff=0.8):
            raise ValueError(f'unknown key "{key}"; did you mean "column"?')
    return mapping


type Constant = str | int | float | bool | None
type Value = Annotated[
    Annotated[Column, Tag("<column>")]
    | Annotated[dict[str, Value], BeforeValidator(_no_mistyped_column), Tag("<mapping>")]
    | Annotated[list[Value], Tag("<list>")]
    | Annotated[Constant, Tag("<constant>")],
    Discriminator(_shape),
]
"""A constant, a column, or an object or list of these. Pydantic puts the tags into error paths; `<` marks them."""

type Text = str | int
"""What a cell is compared with: numbers are read as they are written; yes and no are texts, true and false too."""


class Condition(_Strict):
    """A test of one cell, as text; several operators must all hold."""

    column: str
    equals: Annotated[Text | None, Field(alias="is")] = None
    differs: Annotated[Text | None, Field(alias="is_not")] = None
    among: Annotated[tuple[Text, ...] | None, Field(alias="in")] = None
    outside: Annotated[tuple[Text, ...] | None, Field(alias="not_in")] = None
    exists: bool | None = None

    @model_validator(mode="after")
    def _one_operator_at_least(self) -> Self:
        if len(self.model_fields_set) < 2:
            raise ValueError("needs an operator: is, is_not, in, not_in or exists")
        return self

    def holds(self, cells: Mapping[str, str]) -> bool:
        """Whether the row's cell passes every operator given."""
        cell = cells.get(self.column, "")
        return (
            (self.equals is None or cell == str(self.equals))
            and (self.differs is None or cell != str(self.differs))
            and (self.among is None or cell in map(str, self.among))
            and (self.outside is None or cell not in map(str, self.outside))
            and (self.exists is None or bool(cell) == self.exists)
        )


class Join(_Strict):
    """Rows of another CSV (beside the imported one) with the same key, as further columns of the row.

    `on` is {column here: column there}; the others are {new column: column there}: `sum` of numbers (0 for no rows),
    `count` of non-empty cells, `first` non-empty cell, `list` of cells or of objects, for `type: json`.
    """

    file: str
    on: Annotated[dict[str, str], Field(min_length=1)]
    sum: dict[str, str] = {}
    count: dict[str, str] = {}
    first: dict[str, str] = {}
    list: dict[str, str | dict[str, Value]] = {}

    @model_validator(mode="after")
    def _brings_something(self) -> Self:
        names = self.new_columns
        if not names:
            raise ValueError("brings no column: give sum, count, first or list")
        if len(set(names)) < len(names):
            raise ValueError("two new columns have the same name")
        return self

    @property
    def new_columns(self) -> tuple[str, ...]:
        """The names of the columns this join adds."""
        return (*self.sum, *self.count, *self.first, *self.list)


class CallFields(_Strict):
    """What a row's call and its further calls have in common; `also` inherits what it leaves out, bodies excepted."""

    event: str | Column | None = None
    key: tuple[str, ...] = ()
    timestamp: Moment | None = None
    user_id: Column | None = None
    anonymous_id: Column | None = None
    group_id: Column | None = None
    previous_id: Column | None = None
    traits: dict[str, Value] = {}
    properties: dict[str, Value] = {}
    context: dict[str, Value] = {}


@dataclass(frozen=True, slots=True)
class CallRule:
    """One call a row may become.

    Attributes:
        path: where it stands in the map, as a prefix of error paths.
        call: the type of call.
        when: the condition, or None for always.
        fields: the rest, nothing inherited any more.
    """

    path: str
    call: CallType
    when: Condition | None
    fields: CallFields

    @property
    def label(self) -> str:
        """What this call is named in summaries and in the messageId: `track Order Completed`."""
        event = self.fields.event
        name = f"{{{event.column}}}" if isinstance(event, Column) else event
        return f"{self.call} {name}" if name else self.call


class Also(CallFields):
    """A further call from the same row, when a condition holds."""

    when: Condition | None = None
    call: CallType | None = None


class ImportMap(CallFields):
    """The whole map. `name` is part of every messageId: keep it, and a repeated import changes nothing."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    call: CallType
    join: tuple[Join, ...] = ()
    also: tuple[Also, ...] = ()
    skip_when: Condition | None = None

    @property
    def calls(self) -> tuple[CallRule, ...]:
        """Every call a row may become, inheritance resolved, the row's own first."""
        return (
            CallRule(path="", call=self.call, when=None, fields=self),
            *(_inherit(self, extra, f"also[{i}].") for i, extra in enumerate(self.also)),
        )


CALL_OF_FIELD: Final[Mapping[str, CallType]] = {"group_id": "group", "previous_id": "alias"}
"""Fields that belong to one type of call only."""

_INHERITED: Final = ("key", "timestamp", "user_id", "anonymous_id", "group_id", "previous_id", "context")


def _inherit(parent: ImportMap, extra: Also, path: str) -> CallRule:
    call = extra.call or parent.call
    elsewhere = {name for name, owner in CALL_OF_FIELD.items() if owner != call}
    names = set(_INHERITED) - extra.model_fields_set - elsewhere
    fields = extra.model_copy(update={name: getattr(parent, name) for name in names})
    return CallRule(path=path, call=call, when=extra.when, fields=fields)
