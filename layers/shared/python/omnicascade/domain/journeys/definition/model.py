"""A journey's head as pydantic models: entry, re-entry, exits, goal, quiet hours, cap; and the journey itself.

With `steps.py` this is the shape of a definition, to be read beside the format's documentation.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema
from pydantic_core import PydanticCustomError

from omnicascade.domain.conditions.comparisons import show
from omnicascade.domain.conditions.grammar import WEEKDAYS
from omnicascade.domain.journeys.definition.shape import Model, form_by_key
from omnicascade.domain.journeys.definition.steps import StepModel
from omnicascade.domain.journeys.definition.values import (
    Clock,
    CustomerCondition,
    Days,
    Duration,
    EntryCondition,
    EventCondition,
    EventName,
    Length,
    Path,
    Percent,
    RunCondition,
    Schedule,
    SegmentName,
    Zone,
)


class EventEntryModel(Model):
    """The event that starts a run."""

    event: EventName
    where: EntryCondition | None = None
    key: Path | None = None
    after: Duration | None = None
    restart: bool = False


class SegmentEntryModel(Model):
    """Becoming a member of a segment, or ceasing to be one."""

    segment: SegmentName
    on: Literal["enter", "leave"] = "enter"


class WhenEntryModel(Model):
    """The moment a condition becomes true."""

    when: CustomerCondition


class ScheduleEntryModel(Model):
    """The clock starts an audience."""

    schedule: Schedule
    segment: SegmentName


class ReentryModel(Model):
    """When a customer may enter again; `never` is a limit of one entry."""

    after: Duration | None = None
    limit: Annotated[int, Field(ge=1)] | None = None


class RuleModel(Model):
    """An event, of this run's key where `match` is given."""

    example = "{event: Order Completed}"
    instead: ClassVar[Mapping[str, str]] = {
        "segment": "write {when: {segment: …}}",
        "if": "write `when`, or `where` beside an event",
    }
    event: EventName
    match: Path | None = None
    where: EventCondition | None = None


class WhenRuleModel(Model):
    """A condition that ends the run as soon as it is true."""

    when: RunCondition


class GoalModel(RuleModel):
    """The event that is a run's success."""

    example = "{event: Order Completed, within: 7d}"
    instead: ClassVar[Mapping[str, str]] = {"when": "a goal is an event"}
    within: Length | None = None


class QuietHoursModel(Model):
    """When nothing is sent; both ends inclusive, may pass midnight."""

    example = '{from: "21:00", to: "09:00"}'
    start: Annotated[Clock, Field(alias="from")]
    end: Annotated[Clock, Field(alias="to")]
    zone: Zone = "recipient"
    days: Annotated[Days, Field(default_factory=lambda: list(WEEKDAYS))]
    policy: Literal["hold", "drop"] = "hold"


class CapModel(Model):
    """At most so many messages of this journey to one person within a rolling window."""

    example = "{messages: 5, per: 24h}"
    messages: Annotated[int, Field(ge=1)]
    per: Length


def _reentry(value: object) -> object:
    words = {"never": {"limit": 1}, "always": {}}
    if isinstance(value, str) and value in words:
        return words[value]
    if not isinstance(value, Mapping):
        raise PydanticCustomError(
            "reentry",
            "expected never, always, or a mapping such as {after: 7d, limit: 3}, not {got}",
            {"got": show(value)},
        )
    return value  # pyright: ignore[reportUnknownVariableType]


EntryForm = Annotated[
    Annotated[EventEntryModel, Tag("<EventEntryModel>")]
    | Annotated[SegmentEntryModel, Tag("<SegmentEntryModel>")]
    | Annotated[WhenEntryModel, Tag("<WhenEntryModel>")]
    | Annotated[ScheduleEntryModel, Tag("<ScheduleEntryModel>")],
    Discriminator(
        form_by_key(schedule=ScheduleEntryModel, event=EventEntryModel, when=WhenEntryModel, segment=SegmentEntryModel),
        custom_error_type="form",
        custom_error_message="expected a mapping with one of event, segment, when, schedule",
    ),
]
ExitForm = Annotated[
    Annotated[RuleModel, Tag("<RuleModel>")] | Annotated[WhenRuleModel, Tag("<WhenRuleModel>")],
    Discriminator(form_by_key(when=WhenRuleModel, otherwise=RuleModel)),
]
_ReentrySchema = WithJsonSchema(
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
)


class JourneyModel(Model):
    """A whole definition."""

    instead: ClassVar[Mapping[str, str]] = {
        "exits": "write `exit`",
        "trigger": "write `entry`",
        "quiet": "write `quiet_hours`",
    }
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    title: Annotated[str, Field(max_length=200)] | None = None
    active: bool = True
    entry: EntryForm | None = None
    reentry: Annotated[ReentryModel, BeforeValidator(_reentry), _ReentrySchema] = ReentryModel(limit=1)
    exit: Annotated[list[ExitForm], Field(default_factory=list)]
    goal: GoalModel | None = None
    kind: Annotated[Literal["marketing", "transactional"], Field(alias="class")] = "marketing"
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] | None = None
    quiet_hours: QuietHoursModel | None = None
    cap: CapModel | None = None
    holdout: Percent = 0.0
    deadline: Length | None = None
    steps: Annotated[list[StepModel], Field(min_length=1)]
