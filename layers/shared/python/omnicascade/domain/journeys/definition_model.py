"""The shape of a definition, as pydantic models: names, types, defaults and bounds of everything an author may write.

Apart from `definition.py` so that the shape can be read in one go, beside the format's documentation. Names that the
format knows and this version does not run yet are listed in `later`, so that they are refused as such.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from omnicascade.domain.conditions.comparisons import OPERATORS, show
from omnicascade.domain.conditions.condition import Condition
from omnicascade.domain.conditions.reading import SUBJECTS, nearest, read_condition
from omnicascade.domain.deployment import Price
from omnicascade.domain.durations import parse_duration
from omnicascade.domain.journeys.quiet import zone_named

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Names:
    """What a definition may refer to: templates (None: any) and the ids of its own steps."""

    templates: Collection[str] | None
    steps: Collection[str]


def _duration(value: object) -> timedelta:
    if isinstance(value, dict):
        raise PydanticCustomError("not_supported_yet", "waiting until a moment is not supported yet: write a duration")
    if not isinstance(value, str):
        raise PydanticCustomError(
            "duration", "expected a duration such as 90s, 15m, 4h, 2d or 1w, not {got}", {"got": show(value)}
        )
    try:
        return parse_duration(value)
    except ValueError as error:
        raise PydanticCustomError("duration", "{why}", {"why": str(error)}) from None


def _clock(value: object) -> int:
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", value) if isinstance(value, str) else None
    if found is None:
        raise PydanticCustomError("time", 'expected a time such as "21:00", not {got}', {"got": show(value)})
    return int(found[1]) * 60 + int(found[2])


def _money(value: object) -> Price:
    found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?) ?([A-Z]{3})", value) if isinstance(value, str) else None
    if found is None:
        raise PydanticCustomError("money", "expected an amount such as 500 USD, not {got}", {"got": show(value)})
    return Price(Decimal(found[1]), found[2])


def _percent(value: object) -> float:
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,4})?) ?%", value) if isinstance(value, str) else None
    if found is None or float(found[1]) > 100:
        raise PydanticCustomError("percent", "expected 0% to 100%, such as 10%, not {got}", {"got": show(value)})
    return float(found[1])


def _zone(value: object) -> str:
    if not isinstance(value, str) or not (value in {"recipient", "recipient-only"} or zone_named(value)):
        raise PydanticCustomError(
            "zone",
            "expected recipient, recipient-only or a zone such as Europe/Warsaw, not {got}",
            {"got": show(value)},
        )
    return value


def _condition(subjects: Collection[str]) -> PlainValidator:
    def check(value: object, info: ValidationInfo) -> Condition:
        names = info.context.steps if isinstance(info.context, Names) else None
        condition, problems = read_condition(value, subjects=subjects, steps=names)
        if condition is None:
            raise PydanticCustomError("condition", "not a condition", {"problems": problems})
        return condition

    return PlainValidator(check)


def _template(value: object, info: ValidationInfo) -> object:
    known = info.context.templates if isinstance(info.context, Names) else None
    if isinstance(value, str) and known is not None and value not in known:
        raise PydanticCustomError(
            "unknown_template", "there is no template {name}{hint}", {"name": value, "hint": nearest(value, known)}
        )
    return value


def _reentry(value: object) -> object:
    words = {"never": {"limit": 1}, "always": {}}
    if isinstance(value, str) and value in words:
        return words[value]
    if not isinstance(value, dict):
        raise PydanticCustomError(
            "reentry",
            "expected never, always, or a mapping such as {after: 7d, limit: 3}, not {got}",
            {"got": show(value)},
        )
    return value  # pyright: ignore[reportUnknownVariableType]


_CONDITION_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Condition",
    "additionalProperties": False,
    "minProperties": 1,
    "properties": {
        "all": {"type": "array", "items": {"type": "object"}, "minItems": 1},
        "any": {"type": "array", "items": {"type": "object"}, "minItems": 1},
        "not": {"type": "object"},
        **{subject: {"type": "string"} for subject in SUBJECTS},
        **{operator: {} for operator in OPERATORS},
    },
}

Duration = Annotated[
    timedelta,
    PlainValidator(_duration),
    WithJsonSchema({"type": "string", "examples": ["90s", "15m", "4h", "2d", "1w", "PT4H"]}),
]
Clock = Annotated[
    int, PlainValidator(_clock), WithJsonSchema({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$"})
]
Money = Annotated[Price, PlainValidator(_money), WithJsonSchema({"type": "string", "examples": ["500 USD"]})]
Percent = Annotated[float, PlainValidator(_percent), WithJsonSchema({"type": "string", "examples": ["10%"]})]
Zone = Annotated[str, PlainValidator(_zone), WithJsonSchema({"type": "string", "examples": ["recipient"]})]
AnyCondition = Annotated[Condition, _condition(SUBJECTS), WithJsonSchema(_CONDITION_SCHEMA)]
EventCondition = Annotated[Condition, _condition(("event",)), WithJsonSchema(_CONDITION_SCHEMA)]
EventName = Annotated[str, Field(min_length=1, max_length=200)]
Path = Annotated[str, Field(pattern=r"^[^.\s][^.]*(\.[^.]+)*$", max_length=200)]
TemplateName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$"), BeforeValidator(_template)]
StepId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Answer = Literal["click", "tap", "visit", "reply", "goal", "delivered", "open"]


class Model(BaseModel):
    """Refuses unknown names; `later` are names that the format has and this version does not run yet."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)
    later: ClassVar[frozenset[str]] = frozenset()


class EntryModel(Model):
    """The event that starts a run."""

    later = frozenset({"segment", "on", "when", "schedule"})
    event: EventName
    where: AnyCondition | None = None
    key: Path | None = None
    after: Duration = timedelta()
    restart: bool = False


class ReentryModel(Model):
    """When a customer may enter again; `never` is a limit of one entry."""

    after: Duration | None = None
    limit: Annotated[int, Field(ge=1)] | None = None


class RuleModel(Model):
    """An event that ends a run."""

    later = frozenset({"when", "segment"})
    event: EventName
    match: Path | None = None
    where: EventCondition | None = None


class GoalModel(RuleModel):
    """The event that is a run's success."""

    within: Duration | None = None


class QuietHoursModel(Model):
    """When nothing is sent; both ends inclusive, may pass midnight."""

    start: Annotated[Clock, Field(alias="from")]
    end: Annotated[Clock, Field(alias="to")]
    zone: Zone = "recipient"
    days: Annotated[list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]], Field(min_length=1)] = list(DAYS)
    policy: Literal["hold", "drop"] = "hold"

    def weekdays(self) -> frozenset[int]:
        """The days as Python's weekdays: Monday is 0."""
        return frozenset(DAYS.index(day) for day in self.days)


class MessageModel(Model):
    """One message of a step."""

    later = frozenset({"to"})
    template: TemplateName
    budget: Money | None = None


class CascadeMessageModel(MessageModel):
    """One channel's message in a cascade."""

    wait: Duration = timedelta()
    answered_by: Annotated[list[Answer], Field(min_length=1)] | None = None


class PerChannel(Model):
    """Exactly one of push, email, sms."""

    push: CascadeMessageModel | None = None
    email: CascadeMessageModel | None = None
    sms: CascadeMessageModel | None = None

    @model_validator(mode="after")
    def _one(self) -> "PerChannel":
        given = [name for name in ("push", "email", "sms") if getattr(self, name)]
        if len(given) != 1:
            raise PydanticCustomError("channel", "expected exactly one of push, email, sms")
        part = getattr(self, given[0])
        if given[0] != "push" and part.answered_by and "open" in part.answered_by:
            raise PydanticCustomError(
                "answered_by", "an open answers push only: mail programs open mails by themselves"
            )
        return self


class CascadeModel(Model):
    """Channels in turn until one is answered."""

    order: Literal["listed", "preferred"] = "listed"
    answered_by: Annotated[list[Answer], Field(min_length=1)] | None = None
    channels: Annotated[list[PerChannel], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_once(self) -> "CascadeModel":
        named = [name for part in self.channels for name in ("push", "email", "sms") if getattr(part, name)]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise PydanticCustomError(
                "duplicate_channel", "a cascade uses each channel once: {twice}", {"twice": ", ".join(twice)}
            )
        return self


class EndModel(Model):
    """Why the run is over."""

    reason: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class StepModel(Model):
    """One step: exactly one kind, with an id and a condition beside it."""

    later = frozenset({"branch", "split", "wait_for", "digest", "update", "webhook", "then", "otherwise"})
    id: StepId | None = None
    condition: Annotated[AnyCondition | None, Field(alias="if")] = None
    push: MessageModel | None = None
    email: MessageModel | None = None
    sms: MessageModel | None = None
    cascade: CascadeModel | None = None
    wait: Duration | None = None
    end: EndModel | None = None

    @model_validator(mode="after")
    def _one(self) -> "StepModel":
        kinds = ("push", "email", "sms", "cascade", "wait", "end")
        given = [name for name in kinds if name in self.model_fields_set]
        empty = [name for name in given if name != "end" and getattr(self, name) is None]
        if len(given) != 1 or empty:
            raise PydanticCustomError(
                "step", "expected exactly one of push, email, sms, cascade, wait, end, with a value"
            )
        return self


class JourneyModel(Model):
    """A whole definition."""

    later = frozenset({"cap"})
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    title: Annotated[str, Field(max_length=200)] | None = None
    active: bool = True
    entry: EntryModel | None = None
    reentry: Annotated[
        ReentryModel,
        BeforeValidator(_reentry),
        WithJsonSchema(
            {
                "anyOf": [
                    {"enum": ["never", "always"]},
                    {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {"after": {"type": "string"}, "limit": {"type": "integer", "minimum": 1}},
                    },
                ]
            }
        ),
    ] = ReentryModel(limit=1)
    exit: list[RuleModel] = []
    goal: GoalModel | None = None
    kind: Annotated[Literal["marketing", "transactional"], Field(alias="class")] = "marketing"
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] | None = None
    quiet_hours: QuietHoursModel | None = None
    holdout: Percent = 0.0
    deadline: Duration | None = None
    steps: Annotated[list[StepModel], Field(min_length=1)]
