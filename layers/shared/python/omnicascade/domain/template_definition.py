"""Reading a template that a person wrote: strict, and with every mistake listed at once.

Apart from `templates` because pydantic is dear to import, and the functions that only render must not pay for it.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from omnicascade.domain.deployment import Channel
from omnicascade.domain.errors import Problem, UnacceptableError
from omnicascade.domain.templates import FIELDS, Template, Wording

_KNOWN_HERE: Final = ("name", *FIELDS, *Channel, "valid_until")

_END: Final = r"^(\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?(Z|[+-]\d\d:?\d\d)?|[A-Za-z_][\w.-]{0,199})$"
"""A time in ISO 8601, or the path of one: `event.…`, else a trait."""

_Words = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=10_000)]
_Line = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=500)]
_Html = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=100_000)]
"""All fields of a template together stay far under DynamoDB's 400 KB an item (developer guide, "Service quotas")."""


class _WordingDefinition(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: _Words | None = None
    title: _Line | None = None
    subject: _Line | None = None
    html: _Html | None = None
    url: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=2_000)] | None = None

    def wording(self) -> Wording:
        return Wording(self.text, self.title, self.subject, self.html, self.url)


class _TemplateDefinition(_WordingDefinition):
    name: Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    push: _WordingDefinition | None = None
    email: _WordingDefinition | None = None
    sms: _WordingDefinition | None = None
    valid_until: Annotated[str, StringConstraints(strict=True, pattern=_END)] | None = None

    def template(self) -> Template:
        parts = {Channel.PUSH: self.push, Channel.EMAIL: self.email, Channel.SMS: self.sms}
        return Template(
            self.name, self.wording(), {c: part.wording() for c, part in parts.items() if part}, self.valid_until
        )


def load_template(definition: Mapping[str, Any]) -> Template:
    """Check a template's definition and return it; its Liquid is checked by the renderer (`LiquidRenderer.check`).

    Raises:
        UnacceptableError: its `problems` name every mistake by path, with what was expected and the nearest known name.
    """
    try:
        template = _TemplateDefinition.model_validate(definition).template()
    except ValidationError as error:
        problems = [_problem(detail) for detail in error.errors(include_url=False, include_input=False)]
        raise UnacceptableError("the template is not valid", problems=problems) from error
    if not any(template.serves(channel) for channel in Channel):
        message = "says nothing on any channel: give it a `text`, or a `push`, `email` or `sms` part with one"
        raise UnacceptableError("the template is not valid", problems=[Problem("text", "missing", message)])
    return template


def _problem(detail: ErrorDetails) -> Problem:
    path = ".".join(str(part) for part in detail["loc"])
    name = str(detail["loc"][-1]) if detail["loc"] else ""
    match detail["type"]:
        case "extra_forbidden":
            known = _KNOWN_HERE if len(detail["loc"]) == 1 else FIELDS
            return Problem(path, "unknown_key", f"unknown key `{name}`{_nearest(name, known)}")
        case "missing":
            return Problem(path, "missing", f"`{name}` is needed")
        case "string_pattern_mismatch":
            if name == "valid_until":
                return Problem(
                    path, "invalid", "expected a time such as 2026-12-24T18:00:00Z, a trait, or `event.` and a path"
                )
            return Problem(path, "invalid", "expected a name of a-z, 0-9 and '-', at most 64 characters")
        case "model_type" | "dict_type" | "model_attributes_type":
            return Problem(path, "invalid", f"expected a mapping with some of: {', '.join(FIELDS)}")
        case _:
            return Problem(path, "invalid", detail["msg"])


def _nearest(name: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"; did you mean `{close[0]}`?" if close else f"; known are: {', '.join(known)}"
