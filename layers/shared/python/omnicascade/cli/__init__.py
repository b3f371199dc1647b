"""The command line, `omnicascade`: what people type who bring data into a deployment, rehearse or plan.

Why it exists: a team's history lies in files before its channels are connected. Each subcommand is one module with one
function, registered here and nowhere else, and loads what it needs when it is called; business rules stay in the core.
"""

from typing import Annotated

import typer

from omnicascade.cli.import_options import import_file
from omnicascade.cli.plan import plan
from omnicascade.cli.rebuild import rebuild
from omnicascade.cli.simulate import simulate

app = typer.Typer(
    name="omnicascade",
    help="Customer-data platform and journey engine in your own AWS account.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help keeps the indentation of the example map, which people copy
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata  # noqa: PLC0415 - no other command needs it

        typer.echo(f"omnicascade {metadata.version('omnicascade')}")
        raise typer.Exit


@app.callback()
def main(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Customer-data platform and journey engine in your own AWS account."""


app.command("import")(import_file)
app.command("rebuild")(rebuild)
app.command("plan")(plan)
app.command("simulate")(simulate)
