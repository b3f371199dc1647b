"""`omnicascade import`: its options and its help.

Why it exists: a command's options are read whichever command is called, so they stand apart from what the command
does, which is loaded when it is called.
"""

from pathlib import Path
from typing import Annotated, Final

import typer

BATCH_LIMIT_CALLS: Final = 500
"""Well below the intake's own limit (2,500), so that a repeated batch costs little."""

AUTO: Final = "auto"
"""The encoding that is found out: UTF-8, else cp1252."""

_HELP: Final = """Send the rows of a CSV as intake calls to a deployment.

Every row's messageId is made from the map's name and the row, so importing a file again changes nothing, and an
interrupted import goes on where it stopped: run the same command again. A corrected row has the same key, hence
the same messageId, and is not stored twice; leave the key out (as for customers) to send whatever changed.

The map says what a row becomes, for example:

\b
  name: shop-orders
  call: track                  # identify track page screen group alias
  event: Order Completed       # or {column: x}; for page and screen: its name
  key: [id]                    # the columns that identify a row; none: all its cells
  timestamp: {column: order_date, format: "%Y-%m-%d", zone: UTC}
  user_id: {column: customer}  # also anonymous_id, group_id, previous_id
  traits: {email: {column: mail}, phone: {column: tel}}
  properties:
    order_id: {column: id}
    total: {column: paid, type: number, scale: 0.01}
    currency: USD              # a constant
    products: {column: lines, type: json}
  context: {campaign: {source: {column: utm}}}
  join:                        # other CSVs beside FILE: sum, count, first, list
    - {file: payments.csv, on: {id: order_id}, sum: {paid: amount}}
    - {file: lines.csv, on: {id: order}, list: {lines: {sku: {column: sku}}}}
  skip_when: {column: status, is: draft}
  also:                        # further calls from the same row
    - when: {column: status, in: [returned]}  # is is_not in not_in exists
      event: Order Refunded
      properties: {order_id: {column: id}}

Types: text, number (scale, decimal: ","), integer, boolean, json, timestamp (format: iso, unix, unix_ms or a pattern;
zone). Empty cells are left out. Exit code: 0 all accepted, 1 some rejected (see FILE.rejected.csv), 2 stopped.
"""


def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The CSV; its first line names the columns.")],
    map_file: Annotated[Path, typer.Option("--map", metavar="MAP.yaml", help="What a row becomes.")],
    *,
    url: Annotated[str, typer.Option(envvar="OMNICASCADE_URL", help="The deployment, https://…")] = "",
    write_key: Annotated[str, typer.Option(envvar="OMNICASCADE_WRITE_KEY", help="Write key of the source.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Map every row, send and write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON summary, for scripts.")] = False,
    batch_size: Annotated[
        int, typer.Option(min=1, max=BATCH_LIMIT_CALLS, help="Most calls in one request.")
    ] = BATCH_LIMIT_CALLS,
    encoding: Annotated[str, typer.Option(help="Of FILE; auto: UTF-8, else cp1252.")] = AUTO,
    delimiter: Annotated[str, typer.Option(help="Of FILE; found out from its first line.")] = "",
    state: Annotated[Path | None, typer.Option(help="Where to keep how far it came.")] = None,
    rejected: Annotated[Path | None, typer.Option(help="Where refused rows go.")] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Begin at the first row again.")] = False,
) -> None:
    import time  # noqa: PLC0415 - what follows takes a second to load, which other commands need not wait for

    from rich.console import Console  # noqa: PLC0415

    from omnicascade.cli.import_command import ImportRequest, run_import  # noqa: PLC0415

    console = Console(stderr=True)
    wanted = ImportRequest(
        file=file,
        map_file=map_file,
        url=None if dry_run else url,
        write_key=write_key,
        batch_size=batch_size,
        encoding=encoding,
        delimiter=delimiter.replace("\\t", "\t") or None,
        state=state,
        rejected=rejected,
        restart=restart,
        quiet=as_json,
    )
    summary = run_import(wanted, console, sleep=time.sleep, print_call=_nothing if as_json else typer.echo)
    if as_json:
        typer.echo(summary.as_json())
    elif summary.error is None:
        typer.echo(summary.as_text())
    raise typer.Exit(summary.exit_code)


import_file.__doc__ = _HELP


def _nothing(_: str) -> None:
    return None
