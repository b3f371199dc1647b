"""What a function prints belongs to its log, not to the console of the stack.

Loggers keep the stream they found when they were made, and they are made once per process. So one object stands in for
stdout while a handler runs, for ever the same, and asks who is running each time something is written.
"""

import contextlib
import io
import logging
import sys
from collections.abc import Callable, Generator
from typing import Final, cast

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

type Keep = Callable[[str], None]
"""Takes one line, without its newline."""

_running: Final[list[Keep]] = []


class _Console(io.TextIOBase):
    def write(self, s: str, /) -> int:
        if not _running:
            return sys.__stderr__.write(s) if sys.__stderr__ else len(s)
        for line in s.splitlines():
            if line:
                _running[-1](line)
        return len(s)

    def writable(self) -> bool:
        return True


_CONSOLE: Final = _Console()


@contextlib.contextmanager
def capture(keep: Keep) -> Generator[None]:
    """Give every line written to stdout inside to `keep`."""
    _running.append(keep)
    try:
        with contextlib.redirect_stdout(_CONSOLE):
            yield
    finally:
        _running.pop()


def adopt_loggers() -> None:
    """Let the loggers of functions write here, also those that this process made before any stack ran in it."""
    for logger in logging.Logger.manager.loggerDict.values():
        for handler in logger.handlers if isinstance(logger, logging.Logger) else ():
            ours = isinstance(handler.formatter, LambdaPowertoolsFormatter)
            if ours and isinstance(handler, logging.StreamHandler):
                cast("logging.StreamHandler[io.TextIOBase]", handler).setStream(_CONSOLE)
