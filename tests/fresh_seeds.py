"""Seeds that no run has seen before, and how to see one again.

A test that always runs the same seeds stops finding anything. These are drawn when it runs; where one fails, the
failure says how to replay it, and a replay does the same again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

REPLAY: Final = "IDENTITY_SEED"


def with_fresh_seeds(count: int, attempt: Callable[[int], None], path: str) -> None:
    """Try so many seeds of chance, or the one that the environment names, until one fails.

    Args:
        count: how many.
        attempt: the test of one seed.
        path: the test's own, for the command that replays a failure.
    """
    named = os.environ.get(REPLAY)
    seeds = [int(named)] if named else [int.from_bytes(os.urandom(4)) for _ in range(count)]
    for number, seed in enumerate(seeds):
        try:
            attempt(seed)
        except Exception as error:
            error.add_note(f"seed {seed}, the {number + 1}. of {len(seeds)}; again: {REPLAY}={seed} pytest {path}")
            raise
