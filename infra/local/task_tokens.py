"""Task tokens: who may end a waiting task, once, and what AWS answers to those who come too late."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from infra.local.asl import Failure
from infra.local.scheduler import Scheduler, Timer


class TokenError(Exception):
    """A callback that cannot be taken; `code` is the AWS error's name."""

    def __init__(self, code: str, message: str) -> None:
        """Carry the AWS error `code` and its text."""
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class PendingTask:
    """One attempt of a task that has not ended."""

    token: str
    execution_arn: str
    ended: Callable[[Any], None]
    settled: bool = False
    _watches: list[Timer] = field(default_factory=list[Timer])
    _beat: Callable[[], None] | None = None

    def settle(self, outcome: Any) -> None:
        """End it with a result or a `Failure`; only the first call counts."""
        if not self.settled:
            self.close()
            self.ended(outcome)

    def close(self) -> None:
        """End it without telling anybody."""
        self.settled = True
        for watch in self._watches:
            watch.cancel()

    def watch(self, scheduler: Scheduler, seconds: int, failure: Failure, *, beats: bool) -> None:
        """Fail it after so many virtual seconds; with `beats`, counted again from every heartbeat."""
        timer = scheduler.after(seconds, lambda: self.settle(failure))
        self._watches.append(timer)
        if beats:
            self._beat = lambda: self._again(scheduler, seconds, failure, timer)

    def beat(self) -> None:
        """A heartbeat came."""
        if self._beat is not None:
            self._beat()

    def _again(self, scheduler: Scheduler, seconds: int, failure: Failure, timer: Timer) -> None:
        timer.cancel()
        self.watch(scheduler, seconds, failure, beats=True)


class TaskTokens:
    """All tokens ever given out; tokens are numbered, so that a run can be repeated exactly."""

    def __init__(self) -> None:
        """No token exists yet."""
        self._tasks: dict[str, PendingTask] = {}
        self._current: dict[str, PendingTask] = {}

    def open(self, execution_arn: str, ended: Callable[[Any], None]) -> PendingTask:
        """A new pending task; `ended` is told its outcome."""
        number = len(self._tasks) + 1
        token = base64.b64encode(f"token/{number}/{execution_arn}".encode()).decode()
        task = PendingTask(token, execution_arn, ended)
        self._tasks[token] = self._current[execution_arn] = task
        return task

    def pending(self, token: str) -> PendingTask:
        """The task waiting for `token`.

        Raises:
            TokenError: TaskTimedOut (it has ended), TaskDoesNotExist (never given out) or InvalidToken (not a token).
        """
        task = self._tasks.get(token)
        if task is None:
            raise _unknown(token)
        if task.settled:
            raise TokenError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
        return task

    def close_all(self, execution_arn: str) -> None:
        """No callback of this execution is taken any more."""
        if task := self._current.pop(execution_arn, None):
            task.close()


def _unknown(token: str) -> TokenError:
    try:
        known_form = base64.b64decode(token, validate=True).startswith(b"token/")
    except (binascii.Error, ValueError):
        known_form = False
    if known_form:
        return TokenError("TaskDoesNotExist", "Task does not exist")
    return TokenError("InvalidToken", "Invalid Token: 'Invalid token'")
