"""`omnicascade plan`: what starting a journey for a segment would do, before anybody gets a message.

Why it exists: the dearest mistakes are made between writing a journey and starting it. The options stand here; what
they do is loaded when the command is called.
"""

from pathlib import Path
from typing import Annotated, Final

import typer

from omnicascade.cli.mistakes import mistakes_told

_HELP: Final = """Plan a journey for a segment on the live deployment: who would enter, who not and why, messages
and cost per channel, whether the budget suffices, and what a new version means for customers who are under way.

JOURNEY is the name of a journey that is stored, or, with --definition, the name it will have. Nothing is stored and
nobody is written to. All members are looked at, page by page, so the numbers are exact; --sample N looks at so many
only and tells intervals.

\b
  omnicascade plan win-back --segment lapsed --api https://api.example.com
  omnicascade plan win-back --segment lapsed --definition win-back.yaml --templates templates/ --api …
  omnicascade plan win-back --segment lapsed --sample 500 --json --api …

Two bounds hold what will happen: nobody answers, so that every channel is tried; and everybody answers the first
message. Exit code: 0 planned; 1 planned, and something is wrong: a budget that does not suffice, messages that cannot
be written, runs under way that could not follow or will read new words; 2 something was not understood.
"""

_WRONG: Final = 1


def plan(
    journey: Annotated[str, typer.Argument(metavar="JOURNEY", help="The journey's name.")],
    *,
    segment: Annotated[str, typer.Option(metavar="SEGMENT", help="The segment it would be started for.")],
    api: Annotated[str, typer.Option(envvar="OMNICASCADE_API", metavar="URL", help="The deployment to plan against.")],
    token: Annotated[
        str, typer.Option(envvar="OMNICASCADE_TOKEN", metavar="TOKEN", help="The staff's bearer token.")
    ] = "",
    definition: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A definition (YAML or JSON) instead of the stored one.")
    ] = None,
    templates: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Templates instead of the stored ones of the same name.")
    ] = None,
    at: Annotated[str, typer.Option(metavar="TIME", help="When it would be started (ISO 8601); else now.")] = "",
    sample: Annotated[int, typer.Option(metavar="N", min=0, max=2000, help="Look at N members only; 0: all.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    from omnicascade.cli.plan_run import PlanRequest, run_plan, what_is_wrong  # noqa: PLC0415 - loaded late
    from omnicascade.cli.plan_text import as_script, as_text  # noqa: PLC0415

    with mistakes_told():
        told = run_plan(PlanRequest(journey, segment, api, token, definition, templates, at, sample))
    typer.echo(as_script(told) if as_json else as_text(told))
    if what_is_wrong(told):
        raise typer.Exit(_WRONG)


plan.__doc__ = _HELP
