"""Turns pydantic's findings into problems an author can act on: path, code, expectation, nearest known name."""

import re
from collections.abc import Mapping
from typing import Any, cast, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from omnicascade.domain.conditions.comparisons import show
from omnicascade.domain.conditions.reading import nearest
from omnicascade.domain.errors import Problem
from omnicascade.domain.journeys.definition_model import JourneyModel, Model


def problems_of(error: ValidationError) -> list[Problem]:
    """Every problem, in the document's order. A name that is not supported yet hides what is missing beside it."""
    found = [problem for detail in error.errors(include_url=False) for problem in _problems(detail)]
    later = {problem.path.rpartition(".")[0] for problem in found if problem.code == "not_supported_yet"}
    return [problem for problem in found if problem.code != "missing" or problem.path.rpartition(".")[0] not in later]


def _problems(detail: ErrorDetails) -> list[Problem]:
    path = ".".join(map(str, detail["loc"]))
    code, context = detail["type"], cast("Mapping[str, Any]", detail.get("ctx") or {})
    if code == "condition":
        inner: list[Problem] = context["problems"]
        return [Problem(f"{path}.{p.path}" if p.path else path, p.code, p.message) for p in inner]
    if code == "extra_forbidden":
        return [_unknown(path, detail["loc"])]
    if code == "literal_error":
        return [_unknown_word(path, detail["input"], str(context.get("expected", "")))]
    return [Problem(path, code, _sentence(detail, context))]


def _sentence(detail: ErrorDetails, context: Mapping[str, Any]) -> str:
    got = show(detail["input"])
    if detail["type"] == "missing":
        return f"{detail['loc'][-1]!r} is required"
    if detail["type"] == "string_pattern_mismatch":
        return f"expected text of the form {context['pattern']}, not {got}"
    expectation = detail["msg"].removeprefix("Input should be ")
    return detail["msg"] if expectation == detail["msg"] else f"expected {expectation}, not {got}"


def _unknown_word(path: str, got: object, expected: str) -> Problem:
    options = re.findall(r"'([^']*)'", expected)
    hint = nearest(got, options) if isinstance(got, str) else f" (known: {', '.join(options)})"
    return Problem(path, "unknown_name", f"{show(got)} is not known here{hint}")


def _unknown(path: str, location: tuple[int | str, ...]) -> Problem:
    name, model = str(location[-1]), _model_at(location[:-1])
    if name in model.later:
        return Problem(path, "not_supported_yet", f"{name!r} is not supported yet")
    known = [field.alias or own for own, field in model.model_fields.items()]
    return Problem(path, "unknown_name", f"{name!r} is not known here{nearest(name, [*known, *model.later])}")


def _model_at(location: tuple[int | str, ...]) -> type[Model]:
    """The model that a path of the document is validated by."""
    model: type[Model] = JourneyModel
    for part in location:
        fields = {field.alias or own: field for own, field in model.model_fields.items()}
        if isinstance(part, str) and part in fields:
            model = _model_in(fields[part].annotation) or model
    return model


def _model_in(annotation: Any) -> type[Model] | None:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
