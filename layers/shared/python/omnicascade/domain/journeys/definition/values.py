"""The small values of a definition: durations, times of day, money, shares, paths, names and conditions.

Each is read by one function of one value, which says what it expected; pydantic only carries them. Apart from the
models so that these can be read as the format's table of contents.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from omnicascade.domain.conditions.comparisons import show
from omnicascade.domain.conditions.condition import Condition
from omnicascade.domain.conditions.grammar import (
    ENTRY_SUBJECTS,
    EVENT_SUBJECTS,
    SEGMENT_SUBJECTS,
    SUBJECTS,
    WEEKDAYS,
)
from omnicascade.domain.conditions.reading import nearest, read_condition
from omnicascade.domain.deployment import Price
from omnicascade.domain.durations import parse_duration
from omnicascade.domain.schedules import read_schedule
from omnicascade.domain.zones import zone_named

CONDITION_MARK: Final = "condition"
EVENT_CONDITION_MARK: Final = "condition of one event"
"""`$comment` of a condition's place in the JSON Schema, which `json_schema` replaces by a reference."""

LONGEST_URL: Final = 2_000


@dataclass(frozen=True, slots=True)
class Names:
    """What a definition may refer to; None accepts any name.

    Attributes:
        steps: ids of its own steps.
        templates, segments, hosts: names there are; `hosts` are those that webhooks may call.
        currency: of the deployment's prices, and so of every budget.
    """

    steps: Collection[str]
    templates: Collection[str] | None = None
    segments: Collection[str] | None = None
    hosts: Collection[str] | None = None
    currency: str | None = None


def _names(info: ValidationInfo) -> Names:
    assert isinstance(info.context, Names)  # noqa: S101 - only load_definition validates
    return info.context


def _duration(value: object) -> timedelta:
    if not isinstance(value, str):
        raise PydanticCustomError(
            "duration", "expected a duration such as 90s, 15m, 4h, 2d or 1w, not {got}", {"got": show(value)}
        )
    try:
        return parse_duration(value)
    except ValueError as error:
        raise PydanticCustomError("duration", "{why}", {"why": str(error)}) from None


def _positive(value: timedelta) -> timedelta:
    if not value:
        raise PydanticCustomError("duration", "expected a duration of at least 1s")
    return value


def _offset(value: object) -> timedelta:
    sign = value[0] if isinstance(value, str) and value[:1] in {"-", "+"} else ""
    length = _duration(value[1:] if sign and isinstance(value, str) else value)
    return -length if sign == "-" else length


def _clock(value: object) -> int:
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", value) if isinstance(value, str) else None
    if found is None:
        raise PydanticCustomError("time", 'expected a time such as "21:00", not {got}', {"got": show(value)})
    return int(found[1]) * 60 + int(found[2])


def _money(value: object, info: ValidationInfo) -> Price:
    found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?) ?([A-Z]{3})", value) if isinstance(value, str) else None
    if found is None:
        raise PydanticCustomError("money", "expected an amount such as 500 USD, not {got}", {"got": show(value)})
    ours = _names(info).currency
    if ours is not None and found[2] != ours:
        raise PydanticCustomError(
            "currency",
            "this deployment pays in {ours}: write {amount} {ours}, not {theirs}",
            {"ours": ours, "theirs": found[2], "amount": found[1]},
        )
    return Price(Decimal(found[1]), found[2])


def _percent(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100:
        raise PydanticCustomError("percent", "expected a share of all customers: write {got}%", {"got": value})
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,4})?) ?%", value) if isinstance(value, str) else None
    if found is None or float(found[1]) > 100:
        raise PydanticCustomError("percent", "expected 0% to 100%, such as 10%, not {got}", {"got": show(value)})
    return float(found[1])


def _zone(value: object) -> str:
    if value == "recipient-only":
        return "recipient-only"
    return _certain_zone(value, "recipient, recipient-only")


def _certain_zone(value: object, words: str = "recipient") -> str:
    """A zone that every customer has."""
    if not isinstance(value, str) or not (value == "recipient" or zone_named(value)):
        raise PydanticCustomError(
            "zone", "expected {words} or a zone such as Europe/Warsaw, not {got}", {"words": words, "got": show(value)}
        )
    return value


def _moment_path(value: str) -> str:
    if value[0].isdigit():
        raise PydanticCustomError(
            "path",
            "expected the path of a time, such as event.properties.departure_at or a trait; a fixed moment is the same "
            "for everybody: start the journey by a schedule instead",
        )
    return value


def _condition(subjects: Collection[str]) -> PlainValidator:
    def check(value: object, info: ValidationInfo) -> Condition:
        names = _names(info)
        condition, problems = read_condition(value, subjects=subjects, steps=names.steps, segments=names.segments)
        if condition is None:
            raise PydanticCustomError("condition", "not a condition", {"problems": problems})
        return condition

    return PlainValidator(check)


def _known(kind: Literal["template", "segment"]) -> AfterValidator:
    def check(value: str, info: ValidationInfo) -> str:
        names = _names(info)
        known = names.templates if kind == "template" else names.segments
        if known is not None and value not in known:
            raise PydanticCustomError(
                f"unknown_{kind}", "there is no {kind} {name}{hint}",
                {"kind": kind, "name": value, "hint": nearest(value, known)},
            )  # fmt: skip
        return value

    return AfterValidator(check)


def _url(value: str, info: ValidationInfo) -> str:
    found = re.fullmatch(_URL, value)
    if found is None:
        raise PydanticCustomError(
            "url", "expected a URL such as https://hooks.example.com/path, without user and port, not {got}",
            {"got": show(value)},
        )  # fmt: skip
    host, known = found[1].lower(), _names(info).hosts
    if known is not None and host not in known:
        raise PydanticCustomError(
            "unknown_host", "webhooks may not call {host}{hint}: the deployment lists the hosts they may call",
            {"host": host, "hint": nearest(host, known) if known else " (known: none)"},
        )  # fmt: skip
    return value


def _schedule(value: object) -> str:
    try:
        read_schedule(value if isinstance(value, str) else show(value))
    except ValueError as error:
        raise PydanticCustomError("schedule", "{why}", {"why": str(error)}) from None
    return str(value)


_PATH: Final = r"^[^.\s][^.]*(\.[^.]+)*$"
_URL: Final = r"https://([A-Za-z0-9][A-Za-z0-9.-]*)(?::443)?(?:[/?#][!-~]*)?"
"""Stricter than URLs are, so that nobody reads another host in it than we do."""

_LENGTH: Final = (
    r"^\s*(?:(?:\d+w)? ?(?:\d+d)? ?(?:\d+h)? ?(?:\d+m)? ?(?:\d+s)?"
    r"|P(?:\d+W)?(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)\s*$"
)


def _text(pattern: str, *examples: str, least: int = 1) -> WithJsonSchema:
    schema: dict[str, Any] = {"type": "string", "pattern": pattern, "minLength": least, "examples": list(examples)}
    return WithJsonSchema(schema)


_DurationSchema: Final = _text(_LENGTH, "90s", "15m", "4h", "2d", "1w", "PT4H", least=2)
_LengthSchema: Final = _text(r"^(?=.*[1-9])" + _LENGTH.removeprefix("^"), "15m", "4h", "2d", "1w", least=2)
_ConditionSchema: Final = WithJsonSchema({"$comment": CONDITION_MARK})

Duration = Annotated[timedelta, PlainValidator(_duration), _DurationSchema]
Length = Annotated[timedelta, PlainValidator(_duration), AfterValidator(_positive), _LengthSchema]
Offset = Annotated[
    timedelta, PlainValidator(_offset), _text(r"^[-+]?" + _LENGTH.removeprefix("^"), "-24h", "2h", least=2)
]
Clock = Annotated[int, PlainValidator(_clock), _text(r"^([01]\d|2[0-3]):[0-5]\d$", "09:00")]
Money = Annotated[Price, PlainValidator(_money), _text(r"^\d{1,12}(?:\.\d{1,6})? ?[A-Z]{3}$", "500 USD")]
Percent = Annotated[float, PlainValidator(_percent), _text(r"^(?:\d{1,2}(?:\.\d{1,4})?|100(?:\.0{1,4})?) ?%$", "10%")]
Zone = Annotated[str, PlainValidator(_zone), WithJsonSchema({"type": "string", "examples": ["recipient"]})]
CertainZone = Annotated[
    str, PlainValidator(_certain_zone), _text(r"^(?!recipient-only$)", "recipient", "Europe/Warsaw")
]
Schedule = Annotated[
    str, PlainValidator(_schedule), _text(r"^\s*(?:cron|rate|at)\(.+\)\s*$", "cron(0 9 ? * MON *)", "rate(1 day)")
]
RunCondition = Annotated[Condition, _condition(SUBJECTS), _ConditionSchema]
EntryCondition = Annotated[Condition, _condition(ENTRY_SUBJECTS), _ConditionSchema]
CustomerCondition = Annotated[Condition, _condition(SEGMENT_SUBJECTS), _ConditionSchema]
EventCondition = Annotated[Condition, _condition(EVENT_SUBJECTS), WithJsonSchema({"$comment": EVENT_CONDITION_MARK})]
EventName = Annotated[str, Field(pattern=r"\S", max_length=200)]
Path = Annotated[str, Field(pattern=_PATH, max_length=200)]
MomentPath = Annotated[
    str,
    Field(pattern=_PATH, max_length=200),
    AfterValidator(_moment_path),
    _text(r"^(?!\d)" + _PATH.removeprefix("^"), "event.properties.departure_at", "passport.expires_at"),
]
TemplateName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$"), _known("template")]
SegmentName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$"), _known("segment")]
StepId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
ArmName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_ -]{0,39}$")]
Url = Annotated[
    str, Field(max_length=LONGEST_URL), AfterValidator(_url), _text(f"^{_URL}$", "https://hooks.example.com/path")
]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Days = Annotated[list[Day], Field(min_length=1)]
Answer = Literal["click", "tap", "visit", "reply", "goal", "delivered", "open"]
Answers = Annotated[list[Answer], Field(min_length=1)]


def weekdays(days: Collection[str]) -> frozenset[int]:
    """Named days as Python's weekdays: Monday is 0."""
    return frozenset(map(WEEKDAYS.index, days))
