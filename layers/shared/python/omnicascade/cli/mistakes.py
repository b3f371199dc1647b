"""How a command tells what is wrong with what it was given: one mistake in one line, several as a list."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import typer

_BAD_INPUT: Final = 2


@contextmanager
def mistakes_told() -> Generator[None]:
    """Tell a mistake that is found inside on stderr, and end the command with code 2."""
    from omnicascade.domain.errors import InvalidInputError, OmnicascadeError  # noqa: PLC0415 - loaded late

    try:
        yield
    except InvalidInputError as error:
        _tell(error.message, [(problem.path, problem.message) for problem in error.problems])
        raise typer.Exit(_BAD_INPUT) from error
    except OmnicascadeError as error:
        _tell(str(error), [])
        raise typer.Exit(_BAD_INPUT) from error


def _tell(message: str, problems: list[tuple[str, str]]) -> None:
    lines = [f"{path}: {why}" if path else why for path, why in problems]
    if len(lines) > 1:
        lines = [f"{len(lines)} mistakes:", *(f"  {line}" for line in lines)]
    typer.echo("\n".join(lines or [message]), err=True)
