"""`omnicascade rebuild`: every profile anew from files of events, under the rules in force or under others.

Why it exists: a rule change is tried on real history before it is deployed, and a table that is lost is made again.
The options stand here; what they do is loaded when the command is called.
"""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

_HELP: Final = """Make every profile anew from events: archive objects, Segment calls, or batches of them.

EVENTS are files of one JSON object a line, gzipped or not, folders of them (the archive as it lies in S3), or - for
standard input. Events are told apart by messageId; order does not matter. Identifiers are read anew from the calls, so
that priorities, limits, windows, blocked values and trust all count as the rules now say; what staff decided by hand
stands. Nothing but --out is written, and that only when it is complete: stop it and run it again as you like.

\b
  omnicascade rebuild archive/ --config configuration.json --out profiles.jsonl
  omnicascade rebuild archive/ --config configuration.json --rules new.yaml --dry-run
  omnicascade rebuild jan.jsonl.gz feb.jsonl.gz --rules new.yaml --dry-run --against old.yaml --json
  zcat export.gz | omnicascade rebuild - --source web --out - | jq .profile_id

Rules are written as the `identity` of a deployment, in YAML or JSON, and may bring `sources`:

\b
  types: {loyalty_card: {priority: 4, limit: 1}, anonymous_id: {limit: 5, window: 7d}}
  blocked_values: [test@example.com]
  sources: [{name: till, shared_device: true, default_region: PL}]

Exit code: 0 all lines were read, 1 some were bad and left out, 2 stopped.
"""


def rebuild(
    events: Annotated[list[Path], typer.Argument(metavar="EVENTS", help="Files, folders, or - for standard input.")],
    *,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The deployment's configuration.json: sources, rules, topics.")
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Rules of identity in place of the deployment's, YAML or JSON.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the profiles go, one a line; - for standard output.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; tell who would join, split or change.")
    ] = False,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What a dry run compares with; else the deployment's rules.")
    ] = None,
    digest: Annotated[
        bool, typer.Option("--digest", help="Print a digest of who is who, how many events, what revenue, when.")
    ] = False,
    source: Annotated[str, typer.Option(metavar="NAME", help="The source of calls whose line names none.")] = "file",
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first bad line.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON summary, for scripts.")] = False,
) -> None:
    from omnicascade.cli.rebuild_report import ExitCode  # noqa: PLC0415 - other commands need not wait for it
    from omnicascade.cli.rebuild_run import RebuildRequest, run_rebuild  # noqa: PLC0415
    from omnicascade.domain.errors import InvalidInputError  # noqa: PLC0415

    if against and not dry_run:
        raise typer.BadParameter("only a --dry-run compares", param_hint="--against")
    wanted = RebuildRequest(events, config, rules, against, dry_run, out, digest, source, strict)
    try:
        report = run_rebuild(
            wanted, standard_input=sys.stdin.buffer, standard_output=sys.stdout, say=_say_nothing if as_json else _say
        )
    except InvalidInputError as error:
        typer.echo(error.message if not error.path else f"{error.path}: {error.message}", err=True)
        for problem in error.problems:
            typer.echo(f"  {problem.path}: {problem.message}", err=True)
        raise typer.Exit(ExitCode.STOPPED) from error
    except KeyboardInterrupt:
        typer.echo("interrupted; nothing was written", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    typer.echo(report.as_json() if as_json else report.as_text(), err=str(out) == "-" and not dry_run)
    raise typer.Exit(report.exit_code)


rebuild.__doc__ = _HELP


def _say(text: str) -> None:
    """Show progress in one line of the terminal, where there is one."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def _say_nothing(_: str) -> None:
    return None
