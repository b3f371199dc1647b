"""What all models of a definition share: strictness, hints for names that authors write instead, and forms.

A form is one of several mappings that may stand in one place (an entry by event or by segment). Which one is meant is
told by a key, so that an author hears what is wrong with the form they wrote, not with every form there is.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar, override

from pydantic import BaseModel, ConfigDict

from omnicascade.domain.json_text import mapping


class Model(BaseModel):
    """Refuses unknown names and guesses no types.

    `instead` says what to write instead of a name that is not known, but that authors are likely to try; `example` is
    what an author sees who wrote something else than a mapping.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)
    instead: ClassVar[Mapping[str, str]] = {}
    example: ClassVar[str] = ""
    forms: ClassVar[dict[str, type["Model"]]] = {}
    """Every model by its tag."""

    @classmethod
    @override
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        Model.forms[tag_of(cls)] = cls


def tag_of(model: type[Model]) -> str:
    """How a form is named in the paths of pydantic's findings; the brackets keep it apart from every name."""
    return f"<{model.__name__}>"


def form_by_key(otherwise: type[Model] | None = None, **forms: type[Model]) -> Callable[[object], str | None]:
    """Chooses a form by the first of these keys that a mapping has; None where it has none and `otherwise` is not
    given."""

    def choose(value: object) -> str | None:
        if isinstance(value, Model):
            return tag_of(type(value))
        given = mapping(value)
        form = next((form for key, form in forms.items() if key in given), otherwise)
        return form and tag_of(form)

    return choose
