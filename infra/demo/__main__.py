"""`python -m infra.demo`: start a stack, play the story, check it, tell it, stop; exit 0 only if all of it holds."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Final

import httpx
from rich.console import Console

from infra.demo.checks import checks_of
from infra.demo.costs import bill_of
from infra.demo.crowd import drawn
from infra.demo.narrator import Narrator
from infra.demo.play import perform
from infra.demo.result import result_of
from infra.demo.shop import StoryError
from infra.demo.story import CAST
from infra.local_client import StackNotUpError, UnexpectedAnswerError, running_stack

BROKEN: Final = 1
FAILED: Final = 2
MOST_DRAWN: Final = 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0: every promise kept, 1: one was not, 2: the story could not be played."""
    options = _parser().parse_args(arguments)
    began = time.monotonic()
    cast = (*CAST, *drawn(options.customers, options.seed))
    try:
        with _progress() as progress:
            progress("starting a stack")
            with running_stack() as stack:
                performance = perform(stack, cast, progress)
        bill = bill_of(performance.outcomes)
    except (StoryError, UnexpectedAnswerError, StackNotUpError, httpx.HTTPError) as error:
        sys.stderr.write(f"the demo failed: {error}\n")
        return FAILED
    checks = checks_of(performance, bill)
    took_s = time.monotonic() - began
    if options.json:
        sys.stdout.write(json.dumps(result_of(performance, bill, checks, took_s), indent=2, ensure_ascii=False) + "\n")
    else:
        Narrator().tell(performance, bill, checks, took_s)
    return 0 if all(check.kept for check in checks) else BROKEN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.demo",
        description="A dozen customers, four virtual days: what was joined, sent, withheld, and saved.",
    )
    parser.add_argument("--json", action="store_true", help="print the whole result as JSON")
    parser.add_argument(
        "--customers",
        type=_count,
        default=0,
        metavar="N",
        help="draw N more customers (at most 1000, about a second each)",
    )
    parser.add_argument("--seed", type=int, default=1, help="what they are drawn from (default 1)")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_DRAWN:
        raise argparse.ArgumentTypeError(f"{text} is no number from 0 to {MOST_DRAWN}")
    return int(text)


@contextmanager
def _progress() -> Generator[Callable[[str], None]]:
    """Say what is being played where somebody watches, on standard error; nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _silent
        return
    with console.status("") as status:
        yield lambda text: status.update(f"playing: {text} …")


def _silent(_text: str) -> None:
    """Report no progress."""


if __name__ == "__main__":
    sys.exit(main())
