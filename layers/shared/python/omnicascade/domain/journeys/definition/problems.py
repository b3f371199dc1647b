"""Turns pydantic's findings into problems an author can act on: path, code, expectation, nearest known name."""

import re
from collections.abc import Mapping
from typing import Any, Final, cast, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from omnicascade.domain.conditions.comparisons import show
from omnicascade.domain.conditions.reading import nearest
from omnicascade.domain.errors import Problem
from omnicascade.domain.journeys.definition.model import JourneyModel
from omnicascade.domain.journeys.definition.shape import Model
from omnicascade.domain.json_text import mapping

_EXPECTED: Final[Mapping[str, str]] = {
    "list_type": "a list, such as [ … ]",
    "too_short": "at least one",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "text",
    "dict_type": "a mapping",
}

_FORMS: Final[Mapping[str, str]] = {
    r"^[A-Za-z0-9_-]{1,64}$": "1 to 64 letters, digits, - and _",
    r"^[a-z0-9][a-z0-9-]{0,39}$": "1 to 40 of a-z, 0-9 and -, beginning with no -",
    r"^[A-Za-z0-9_.-]{1,64}$": "1 to 64 letters, digits, points, - and _",
    r"^[A-Za-z0-9][A-Za-z0-9_ -]{0,39}$": "1 to 40 letters, digits, spaces, - and _",
    r"^[^.\s][^.]*(\.[^.]+)*$": "a dotted path such as properties.cart_id",
    r"\S": "a name",
}
"""What a pattern asks for, in words."""


def problems_of(error: ValidationError) -> list[Problem]:
    """Every problem, in the order it was found; a name that was only misspelt is not missing as well."""
    found = [problem for detail in error.errors(include_url=False) for problem in _problems(detail)]
    misspelt = {_meant(problem) for problem in found if problem.code == "unknown_name"}
    return [problem for problem in found if problem.code != "missing" or problem.path not in misspelt]


def _meant(problem: Problem) -> str:
    """The path that a misspelt name would have had."""
    hint = re.search(r"did you mean '([^']*)'", problem.message)
    return f"{problem.path.rpartition('.')[0]}.{hint[1]}".lstrip(".") if hint else ""


def _problems(detail: ErrorDetails) -> list[Problem]:
    location = detail["loc"]
    path = ".".join(str(part) for part in location if not _is_tag(part))
    code, context = detail["type"], cast("Mapping[str, Any]", detail.get("ctx") or {})
    if code == "condition":
        inner: list[Problem] = context["problems"]
        return [Problem(f"{path}.{p.path}" if p.path else path, p.code, p.message) for p in inner]
    if code == "extra_forbidden":
        return [_unknown(path, location)]
    if code == "literal_error":
        return [_unknown_word(path, detail["input"], str(context.get("expected", "")))]
    if code == "form":
        return [_no_form(path, detail)]
    return [Problem(path, code, _sentence(detail, context))]


def _is_tag(part: int | str) -> bool:
    return str(part) in Model.forms or part == "<Duration>"


def _sentence(detail: ErrorDetails, context: Mapping[str, Any]) -> str:
    code, got = detail["type"], "nothing" if detail["input"] is None else show(detail["input"])
    if code == "missing":
        return f"{detail['loc'][-1]!r} is required"
    if code == "string_pattern_mismatch":
        return f"expected {_FORMS.get(context['pattern'], context['pattern'])}, not {got}"
    if code in {"model_type", "model_attributes_type"}:
        model = _model_at(detail["loc"])
        return f"expected a mapping such as {model.example or _names_of(model)}, not {got}"
    if code in _EXPECTED:
        return f"expected {_EXPECTED[code]}, not {got}"
    expectation = detail["msg"].removeprefix("Input should be ")
    return detail["msg"] if expectation == detail["msg"] else f"expected {expectation}, not {got}"


def _names_of(model: type[Model]) -> list[str]:
    return [field.alias or own for own, field in model.model_fields.items()]


def _unknown_word(path: str, got: object, expected: str) -> Problem:
    options = re.findall(r"'([^']*)'", expected)
    hint = nearest(got, options) if isinstance(got, str) else f" (known: {', '.join(options)})"
    return Problem(path, "unknown_name", f"{show(got)} is not known here{hint}")


def _no_form(path: str, detail: ErrorDetails) -> Problem:
    """None of the forms was recognised by its key; the author may have misspelt it."""
    forms = detail["msg"].removeprefix("expected a mapping with one of ").split(", ")
    got: object = detail["input"]
    close = [hint for name in mapping(got) if "did you mean" in (hint := nearest(name, forms))]
    return Problem(path, "form", f"{detail['msg']}, not {show(got)}{''.join(close[:1])}")


def _unknown(path: str, location: tuple[int | str, ...]) -> Problem:
    name, model = str(location[-1]), _model_at(location[:-1])
    known = _names_of(model)
    if name in model.instead:
        return Problem(path, "unknown_name", f"{name!r} is not known here: {model.instead[name]}")
    if len(location) > 1 and _is_tag(location[-2]) and name in _names_of_others(location[:-1], model):
        return Problem(path, "unknown_name", f"{name!r} does not go with {', '.join(known)}")
    return Problem(path, "unknown_name", f"{name!r} is not known here{nearest(name, known)}")


def _names_of_others(location: tuple[int | str, ...], model: type[Model]) -> set[str]:
    """Names of the other forms that may stand in the same place."""
    place = _annotation_at(location[:-1])
    return {name for form in _models_in(place) if form is not model for name in _names_of(form)}


def _model_at(location: tuple[int | str, ...]) -> type[Model]:
    """The model that a path of the document is validated by."""
    model: type[Model] = JourneyModel
    for part in location:
        found = Model.forms.get(str(part)) or next(iter(_models_in(_field(model, part))), None)
        model = found or model
    return model


def _annotation_at(location: tuple[int | str, ...]) -> Any:
    """The type that a path's last name is declared with."""
    names = [n for n, part in enumerate(location) if isinstance(part, str) and not _is_tag(part)]
    return _field(_model_at(location[: names[-1]]), location[names[-1]]) if names else None


def _field(model: type[Model], part: int | str) -> Any:
    fields = {field.alias or own: field for own, field in model.model_fields.items()}
    return fields[part].annotation if isinstance(part, str) and part in fields else None


def _models_in(annotation: Any) -> list[type[Model]]:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models_in(part)]
