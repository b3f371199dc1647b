"""`omnicascade simulate`: a journey rehearsed for one customer before anybody gets a message.

Why it exists: a marketer wants to see what would be sent when, and why not, without a deployment and without a test
customer. The options stand here; what they do is loaded when the command is called.
"""

from pathlib import Path
from typing import Annotated, Final

import typer

from omnicascade.cli.mistakes import mistakes_told

_HELP: Final = """Rehearse a journey for one customer on virtual time: what would be sent when, why, and why not.

JOURNEY is a definition (YAML or JSON) or, with --api, the name of a journey that is stored. SCENARIO tells of one
customer and what happens to them, - for standard input:

\b
  start: 2026-03-10T12:00:00Z
  profile:
    identifiers: {email: ann@example.com, phone: "+48601234567", ios.push_token: t}
    traits: {timezone: Europe/Warsaw}
  events:
    - {at: 0s, event: Product Added, properties: {cart_id: c1, total: 40}}
    - {at: 2h, feedback: tap, channel: push}
    - {at: 3h, consent: {email/promotions: denied}}

Moments are durations after the start (90s, 4h, 2d) or ISO times. `enter: 0s` starts the journey by hand. Templates are
looked for in the folder `templates` beside the journey, and may stand in the scenario under `templates`.

\b
  omnicascade simulate infra/journeys/abandoned-cart.yaml scenario.yaml
  omnicascade simulate abandoned-cart scenario.yaml --api https://api.example.com --json
  omnicascade simulate welcome.yaml - < scenario.json

Nothing is sent and nothing is stored. Exit code: 0 rehearsed, 2 something was not understood; every mistake is listed.
"""


def simulate(
    journey: Annotated[str, typer.Argument(metavar="JOURNEY", help="A definition's file; with --api a name.")],
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="The scenario's file, or - for standard input.")],
    *,
    templates: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where templates lie; else `templates` beside the journey.")
    ] = None,
    api: Annotated[
        str | None, typer.Option(metavar="URL", help="Rehearse on this deployment: its settings, templates, journeys.")
    ] = None,
    token: Annotated[
        str, typer.Option(envvar="OMNICASCADE_TOKEN", metavar="TOKEN", help="The staff's bearer token for --api.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the rehearsal's answer as JSON.")] = False,
) -> None:
    from omnicascade.cli.simulate_run import SimulateRequest, run_simulate  # noqa: PLC0415 - loaded late
    from omnicascade.cli.simulate_text import as_script, as_text  # noqa: PLC0415

    with mistakes_told():
        told, zone = run_simulate(SimulateRequest(journey, scenario, templates, api, token))
    typer.echo(as_script(told) if as_json else as_text(told, zone))


simulate.__doc__ = _HELP
