"""Messages and cascades of a definition as pydantic models."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, cast

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from omnicascade.domain.journeys.definition.shape import Model
from omnicascade.domain.journeys.definition.values import Answers, Duration, Money, Path, TemplateName

CHANNELS: Final = ("push", "email", "sms")


class MessageModel(Model):
    """One message of a step."""

    example = "{template: welcome}"
    instead: ClassVar[Mapping[str, str]] = {
        "wait": "a wait for an answer belongs into a cascade; else write a step `wait`"
    }
    template: TemplateName
    to: Path | None = None
    budget: Money | None = None


class CascadeMessageModel(MessageModel):
    """One channel's message in a cascade."""

    instead: ClassVar[Mapping[str, str]] = {}
    wait: Duration | None = None
    answered_by: Answers | None = None


def exactly_one(names: tuple[str, ...]) -> dict[str, Any]:
    """What a JSON Schema says of a mapping with exactly one of these names."""
    return {"oneOf": [{"required": [name]} for name in names]}


class PerChannel(Model):
    """Exactly one of push, email, sms."""

    example = "{push: {template: welcome}}"
    model_config = ConfigDict(json_schema_extra=exactly_one(CHANNELS))
    push: CascadeMessageModel | None = None
    email: CascadeMessageModel | None = None
    sms: CascadeMessageModel | None = None

    @model_validator(mode="after")
    def _one(self) -> "PerChannel":
        given = [name for name in CHANNELS if getattr(self, name)]
        if len(given) != 1 or len(self.model_fields_set) != 1:
            raise PydanticCustomError("channel", "expected exactly one of push, email, sms")
        if given[0] != "push" and "open" in (self.message.answered_by or ()):
            raise PydanticCustomError(
                "answered_by", "an open answers push only: mail programs open mails by themselves"
            )
        return self

    @property
    def channel(self) -> str:
        """The one that is given."""
        return next(name for name in CHANNELS if getattr(self, name))

    @property
    def message(self) -> CascadeMessageModel:
        """What it says."""
        return cast("CascadeMessageModel", getattr(self, self.channel))


class CascadeModel(Model):
    """Channels in turn until one is answered."""

    example = "{channels: [{push: {template: welcome, wait: 4h}}]}"
    order: Literal["listed", "preferred"] = "listed"
    answered_by: Answers | None = None
    channels: Annotated[list[PerChannel], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_once(self) -> "CascadeModel":
        named = [part.channel for part in self.channels]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise PydanticCustomError(
                "duplicate_channel", "a cascade uses each channel once: {twice}", {"twice": ", ".join(twice)}
            )
        if self.answered_by == ["open"] and any(
            p.channel != "push" and not p.message.answered_by for p in self.channels
        ):
            raise PydanticCustomError(
                "answered_by", "an open answers push only, so that nothing would answer the other channels here"
            )
        return self
