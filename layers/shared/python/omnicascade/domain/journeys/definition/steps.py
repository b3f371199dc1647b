"""The steps of a definition as pydantic models: names, defaults and bounds of everything a step may say."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, cast

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from omnicascade.domain.durations import LONGEST
from omnicascade.domain.journeys.definition.messages import CHANNELS, CascadeModel, MessageModel, exactly_one
from omnicascade.domain.journeys.definition.shape import Model, form_by_key, tag_of
from omnicascade.domain.journeys.definition.values import (
    ArmName,
    CertainZone,
    Clock,
    Days,
    Duration,
    EventCondition,
    EventName,
    Length,
    MomentPath,
    Offset,
    Path,
    Percent,
    RunCondition,
    StepId,
    Url,
)

KINDS: Final = (*CHANNELS, "cascade", "wait", "wait_for", "branch", "split", "digest", "update", "webhook", "end")


class WaitUntilModel(Model):
    """Until a moment that the entry event or a trait names."""

    until: MomentPath
    offset: Offset | None = None


class WaitLocalModel(Model):
    """Until the next such local moment; `until` left out: the start of such a day."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["until"]}, {"required": ["days"]}]})
    until: Clock | None = None
    days: Days | None = None
    zone: CertainZone = "recipient"

    @model_validator(mode="after")
    def _something(self) -> "WaitLocalModel":
        if self.until is None and self.days is None:
            raise PydanticCustomError(
                "wait", 'expected until (a path, or a time such as "09:00") or days, or a duration such as 2d'
            )
        return self


class WaitEventModel(Model):
    """Until an event comes."""

    event: EventName
    where: EventCondition | None = None
    match: Path | None = None
    timeout: Length = LONGEST


class WaitConditionModel(Model):
    """Until a condition is true."""

    when: RunCondition
    timeout: Length = LONGEST


class BranchArm(Model):
    """What to do where a condition holds."""

    example = "{if: {segment: vip}, then: [{push: {template: welcome}}]}"
    instead: ClassVar[Mapping[str, str]] = {"otherwise": "write `otherwise` beside `branch`", "when": "write `if`"}
    condition: Annotated[RunCondition, Field(alias="if")]
    then: list["StepModel"]


class SplitArm(Model):
    """What one share of all customers gets; without `then`, nothing."""

    example = "{name: A, share: 50%, then: [{push: {template: welcome}}]}"
    name: ArmName
    share: Percent
    then: list["StepModel"] | None = None


class DigestModel(Model):
    """Collects events, and goes on once."""

    example = "{event: Comment Added, window: 10m}"
    event: EventName
    key: Path | None = None
    window: Length


class UpdateModel(Model):
    """Traits to say about the customer."""

    example = "{traits: {reminded: true}}"
    traits: Annotated[dict[Annotated[str, Field(min_length=1, max_length=200)], Any], Field(min_length=1)]


class WebhookModel(Model):
    """A request to make."""

    example = '{url: "https://hooks.example.com/in"}'
    url: Url
    body: Annotated[dict[str, Any], Field(default_factory=dict)]


class EndModel(Model):
    """Why the run is over."""

    example = "{reason: enough}"
    reason: Annotated[str, Field(min_length=1, max_length=200)] | None = None


def _kind_of_wait(value: object) -> str:
    """A text is a duration; a mapping names a local moment, unless its `until` is a path."""
    if isinstance(value, Model):
        return tag_of(type(value))
    if not isinstance(value, Mapping):
        return "<Duration>"
    until = cast("Mapping[object, object]", value).get("until")
    if isinstance(until, str) and not until[:1].isdigit():
        return tag_of(WaitUntilModel)
    return tag_of(WaitUntilModel if isinstance(until, str) and "-" in until else WaitLocalModel)


WaitForm = Annotated[
    Annotated[Duration, Tag("<Duration>")]
    | Annotated[WaitUntilModel, Tag("<WaitUntilModel>")]
    | Annotated[WaitLocalModel, Tag("<WaitLocalModel>")],
    Discriminator(_kind_of_wait),
]
WaitForForm = Annotated[
    Annotated[WaitEventModel, Tag("<WaitEventModel>")] | Annotated[WaitConditionModel, Tag("<WaitConditionModel>")],
    Discriminator(
        form_by_key(event=WaitEventModel, when=WaitConditionModel),
        custom_error_type="form",
        custom_error_message="expected a mapping with one of event, when",
    ),
]


def _step_schema(schema: dict[str, Any]) -> None:
    """A step has exactly one kind; only `end` may have no value."""
    for kind in KINDS[:-1]:
        part = schema["properties"][kind]
        (part["anyOf"],) = ([form for form in part["anyOf"] if form != {"type": "null"}],)
        part.pop("default", None)
    schema |= exactly_one(KINDS)
    schema["dependentSchemas"] = {
        "then": {"required": ["wait_for"]},
        "otherwise": {"anyOf": [{"required": ["wait_for"]}, {"required": ["branch"]}]},
    }


class StepModel(Model):
    """One step: exactly one kind, with an id and a condition beside it."""

    example = "{push: {template: welcome}}"
    model_config = ConfigDict(json_schema_extra=_step_schema)
    instead: ClassVar[Mapping[str, str]] = {
        "message": "write push, email or sms",
        "template": "it belongs into push, email or sms",
        "delay": "write `wait`",
        "else": "write `otherwise`",
        "condition": "write `if`",
        "when": "write `if`",
        "name": "write `id`",
        "exit": "write `end`",
        "goto": "a journey is read from top to bottom: use `branch`",
        "repeat": "a run goes through every step once: use `reentry`",
    }
    id: StepId | None = None
    condition: Annotated[RunCondition | None, Field(alias="if")] = None
    push: MessageModel | None = None
    email: MessageModel | None = None
    sms: MessageModel | None = None
    cascade: CascadeModel | None = None
    wait: WaitForm | None = None
    wait_for: WaitForForm | None = None
    branch: Annotated[list[BranchArm], Field(min_length=1)] | None = None
    split: Annotated[list[SplitArm], Field(min_length=1)] | None = None
    digest: DigestModel | None = None
    update: UpdateModel | None = None
    webhook: WebhookModel | None = None
    end: EndModel | None = None
    then: list["StepModel"] | None = None
    otherwise: list["StepModel"] | None = None

    @model_validator(mode="after")
    def _one(self) -> "StepModel":
        given = [name for name in KINDS if name in self.model_fields_set]
        empty = [name for name in given if name != "end" and getattr(self, name) is None]
        if len(given) != 1 or empty:
            raise PydanticCustomError(
                "step", "expected exactly one of {kinds}, with a value", {"kinds": ", ".join(KINDS)}
            )
        allowed = {"wait_for": {"then", "otherwise"}, "branch": {"otherwise"}}.get(given[0], set())
        stray = sorted({"then", "otherwise"} & self.model_fields_set - allowed)
        if stray:
            raise PydanticCustomError(
                "step", "{stray} cannot stand beside {kind}", {"stray": " and ".join(stray), "kind": given[0]}
            )
        return self

    @model_validator(mode="after")
    def _shares(self) -> "StepModel":
        names = [arm.name for arm in self.split or ()]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise PydanticCustomError("split", "each arm needs a name of its own: {twice}", {"twice": ", ".join(twice)})
        total = sum(arm.share for arm in self.split or ())
        if self.split and abs(total - 100) > 1e-6:
            raise PydanticCustomError("split", "the shares must add up to 100%, not {total}%", {"total": f"{total:g}"})
        return self

    @property
    def kind(self) -> str:
        """The one that is given."""
        return next(name for name in KINDS if name in self.model_fields_set)


BranchArm.model_rebuild()
SplitArm.model_rebuild()
