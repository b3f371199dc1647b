"""The functions in processes of their own, as Lambda runs them: nothing is shared but the table.

A process imports the handlers in a function's environment, points every AWS client at DynamoDB Local, and then answers
events over a pipe, one at a time. It can be killed in the middle of one, as any Lambda sandbox can.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Final, Self

from tests.benchmarks.processes import FUNCTION_ENVIRONMENT

RECORD: Final = "record_events"
PROJECT: Final = "project_profiles"

_STOP: Final = None


class KilledError(RuntimeError):
    """The process was killed before it answered; nobody knows how far it came."""


class Worker:
    """One function in a process; use it as a context manager."""

    def __init__(self, function: str, environment: Mapping[str, str]) -> None:
        """Start it.

        Args:
            function: the folder under functions/.
            environment: what differs from any function's: the table and where AWS is.
        """
        self._function = function
        self._environment = environment
        self._spawn()

    def _spawn(self) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, self._function, dict(self._environment)), daemon=True
        )
        self._process.start()
        theirs.close()

    def __call__(self, event: Mapping[str, Any], *, kill_after_s: float | None = None) -> Mapping[str, Any]:
        """Let the handler handle an event; its answer.

        Args:
            event: as Lambda would hand it over.
            kill_after_s: kill the process when it has not answered after so long, and start another.

        Raises:
            KilledError: it was killed; deliver again.
        """
        self._pipe.send(event)
        if kill_after_s is not None and not self._pipe.poll(kill_after_s):
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._spawn()
            raise KilledError(self._function)
        answer: Mapping[str, Any] = self._pipe.recv()
        return answer

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let it end, and wait for that; one that died by itself has ended."""
        with suppress(BrokenPipeError):
            self._pipe.send(_STOP)
        self._process.join()
        self._pipe.close()


def _serve(pipe: Connection, function: str, environment: Mapping[str, str]) -> None:
    os.environ.update(FUNCTION_ENVIRONMENT)
    os.environ.update(environment)
    os.environ.pop("AWS_SESSION_TOKEN", None)
    from importlib import import_module

    handler = import_module(f"functions.{function}.handler").handler
    while (event := pipe.recv()) is not _STOP:
        pipe.send(handler(event, None))
