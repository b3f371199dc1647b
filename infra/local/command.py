"""The command `python -m infra.local`: synthesize if needed, start the stack, say where it is, stop when told."""

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from infra.local.asl import DefinitionError
from infra.local.deployment import TriggerError
from infra.local.event_filter import FilterError
from infra.local.http_edge import STAFF_TOKEN
from infra.local.stack import Stack
from infra.local.template import TemplateError
from omnicascade.contracts import CONFIGURATION_FILE, Function

ROOT: Final = Path(__file__).resolve().parents[2]
STAGE: Final = "local"
OUT_DIR: Final = Path("cdk.out") / STAGE
TEMPLATE: Final = OUT_DIR / "omnicascade-local.template.json"
DEFAULT_PORT: Final = 8787
FASTEST: Final = 1_000_000
FAILED: Final = 1
MISUSED: Final = 2

EPILOG: Final = """\
environment:
  PORT    where to listen on 127.0.0.1 (default 8787)
  SPEED   virtual seconds per real second (default 1; 0: time stands still but for POST /local/clock)

controls:
  GET  /local/messages?profile=&channel=   POST /local/messages/{id}/open|click|tap|bounce|complain|reply
  GET  /local/clock                        POST /local/clock {"advance": "24h"}
  POST /local/settle                       POST /local/reset
  GET  /local/executions                   GET  /local/logs?function=
"""


class UsageError(ValueError):
    """The command was called with something it cannot use; the message says what to do."""


class Progress:
    """One line on stderr, rewritten on a terminal, else nothing."""

    def __init__(self) -> None:
        """Write only where somebody watches."""
        self._shown = sys.stderr.isatty()

    def __call__(self, text: str) -> None:
        """Say what is being done."""
        if self._shown:
            sys.stderr.write(f"\r\x1b[Kstarting: {text} …")
            sys.stderr.flush()

    def done(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Run until SIGINT or SIGTERM; 0 then, 1 when the stack cannot start, 2 for wrong usage."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    options = _parser().parse_args(arguments)
    progress = Progress()
    try:
        port, speed = _port(environment), _speed(environment)
        template = options.template or _synthesized(progress)
        began = time.monotonic()
        progress("loading")
        stack = Stack(template, speed=speed, verbose=options.verbose, progress=progress)
        _bind(stack, port)
        stack.up()
    except UsageError as error:
        progress.done()
        sys.stderr.write(f"error: {error}\n")
        return MISUSED
    except (TemplateError, TriggerError, DefinitionError, FilterError) as error:
        progress.done()
        sys.stderr.write(f"error: {error}\n")
        return FAILED
    progress.done()
    _serve(stack, template, speed, time.monotonic() - began)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local",
        description="The whole platform in one process, on a virtual clock, without AWS.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--template", type=Path, help="a synthesized template (default: synthesize the stage 'local')")
    parser.add_argument("--verbose", action="store_true", help="show what the functions log")
    return parser


def _port(environment: Mapping[str, str]) -> int:
    text = environment.get("PORT", "") or str(DEFAULT_PORT)
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        msg = f"PORT={text} is no port: use a number from 1 to 65535, or 0 for any free one"
        raise UsageError(msg)
    return int(text)


def _speed(environment: Mapping[str, str]) -> float:
    text = environment.get("SPEED", "") or "1"
    try:
        speed = float(text)
    except ValueError:
        speed = -1
    if not 0 <= speed <= FASTEST:
        msg = f"SPEED={text} is no speed: use virtual seconds per real second, from 0 to {FASTEST}"
        raise UsageError(msg)
    return speed


def _bind(stack: Stack, port: int) -> None:
    try:
        stack.listen(port)
    except OSError as error:
        msg = f"port {port} cannot be used ({error.strerror}): stop what listens there, or set PORT to another"
        raise UsageError(msg) from error


def _synthesized(progress: Progress) -> Path:
    """The local stage's template, made anew when anything it is made from is newer."""
    template = ROOT / TEMPLATE
    if template.exists() and template.stat().st_mtime > _newest_source():
        return template
    progress("synthesizing the template")
    environment = os.environ | {"OMNICASCADE_STAGE": STAGE, "CDK_OUTDIR": str(ROOT / OUT_DIR)}
    done = subprocess.run(
        [sys.executable, "-m", "infra.app"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0 or not template.exists():
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        msg = f"the template cannot be synthesized: {reason}; 'make synth' with OMNICASCADE_STAGE=local shows all of it"
        raise TemplateError(msg)
    os.utime(template)
    return template


def _newest_source() -> float:
    folders = [ROOT / "infra", ROOT / "functions", ROOT / "layers" / "shared" / "python" / "omnicascade"]
    ours = Path(__file__).parent
    files = [
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in (".py", ".yaml", ".yml") and ours not in path.parents
    ]
    return max(path.stat().st_mtime for path in files)


def _serve(stack: Stack, template: Path, speed: float, took_s: float) -> None:
    told = threading.Event()

    def stop(_number: int, _frame: object) -> None:
        told.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    stack.go()
    sys.stdout.write(banner(stack, template, speed, took_s))
    sys.stdout.flush()
    told.wait()
    stack.stop()
    sys.stdout.write("stopped\n")


def banner(stack: Stack, template: Path, speed: float, took_s: float) -> str:
    """What a person needs to know first."""
    keys = ", ".join(source["write_key"] for source in _sources(stack) if source.get("write_key"))
    pace = "standing still" if speed == 0 else f"{speed:g} virtual second(s) per second"
    return (
        f"omnicascade, embedded stack, up in {took_s:.1f} s ({template.name})\n"
        f"  API         {stack.url}\n"
        f"  write keys  {keys}\n"
        f"  staff       Authorization: Bearer {STAFF_TOKEN}\n"
        f"  clock       {stack.now():%Y-%m-%d %H:%M:%S} UTC, {pace}\n"
        f"  messages    {stack.url}/local/messages\n"
        "Everything is in memory: a restart forgets it. Ctrl-C stops.\n"
    )


def _sources(stack: Stack) -> Sequence[Mapping[str, Any]]:
    """The sources as deployed: from the file that the function which configures the deployment was given."""
    roots = [f.task_root for f in stack.inventory.functions.values() if f.name.endswith(Function.CONFIGURE_DEPLOYMENT)]
    path = roots[0] / CONFIGURATION_FILE if roots else None
    if path is None or not path.exists():
        return ()
    return json.loads(path.read_text(encoding="utf-8"))["deployment"]["sources"]
