"""JSONata as Step Functions uses it: `{% … %}` strings anywhere in a value, seeing `$states` and the variables.

Values are bound, never pasted into the expression's text, so a quote in a customer's name cannot break a machine. Of
the functions that Step Functions adds to JSONata there is `$parse`. Source: developer guide, "Transforming data with
JSONata", 2026-11-21.
"""

import functools
import json
from collections.abc import Mapping
from typing import Any, Final

from jsonata import Jsonata  # pyright: ignore[reportMissingTypeStubs]

OPEN: Final = "{%"
CLOSE: Final = "%}"


class QueryEvaluationError(Exception):
    """The expression failed or gave nothing: Step Functions' States.QueryEvaluationError."""


def render(value: Any, bindings: Mapping[str, Any]) -> Any:
    """`value` with every `{% … %}` string in it replaced by what it evaluates to.

    Raises:
        QueryEvaluationError: an expression is wrong, fails, or is undefined.
    """
    if isinstance(value, str):
        text = value.strip()
        if text.startswith(OPEN) and text.endswith(CLOSE):
            return evaluate(text[len(OPEN) : -len(CLOSE)].strip(), bindings)
        return value
    if isinstance(value, Mapping):
        return {key: render(part, bindings) for key, part in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [render(part, bindings) for part in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def evaluate(expression: str, bindings: Mapping[str, Any]) -> Any:
    """What `expression` gives, as plain JSON.

    Raises:
        QueryEvaluationError: see `render`.
    """
    result = _run(expression, bindings)
    if result is None and _run(f"$exists(({expression}))", bindings) is not True:
        msg = f"the JSONata expression '{expression}' is undefined"
        raise QueryEvaluationError(msg)
    return result


def _run(expression: str, bindings: Mapping[str, Any]) -> Any:
    try:
        compiled = _compiled(expression)
        frame = compiled.create_frame()
        frame.bind("parse", Jsonata.JLambda(json.loads))
        for name, bound in bindings.items():
            frame.bind(name, bound)
        return json.loads(json.dumps(compiled.evaluate(None, frame)))
    except (RuntimeError, TypeError, ValueError, LookupError, AttributeError) as error:
        msg = f"the JSONata expression '{expression}' failed: {error}"
        raise QueryEvaluationError(msg) from error


@functools.lru_cache(maxsize=512)
def _compiled(expression: str) -> Jsonata:
    return Jsonata(expression)
