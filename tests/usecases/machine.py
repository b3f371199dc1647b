"""The runs' timer as the state machine behaves: one task that waits for an answer or its time-out, and an end.

Follows infra/journey_definition.py state by state, without its language: thousands of runs take seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final, Literal

from infra.journey_definition import FALLBACK_WAIT_S, machine_definition
from omnicascade.usecases.send_next_message import Task

_RETRY: Final = machine_definition(sender_arn="s", audience_arn="a", bucket="b")["States"]["SendAndAwait"]["Retry"][-1]
MOST_RETRIES: Final[int] = _RETRY["MaxAttempts"]
SHORTEST_DELAY_S: Final[int] = _RETRY["IntervalSeconds"]
LONGEST_DELAY_S: Final[int] = _RETRY["MaxDelaySeconds"]


@dataclass
class Execution:
    """One run's execution.

    Attributes:
        entered: when its task's state was entered last.
        at: when it goes on by itself: its task's time-out, or the next attempt after an error.
        calls: whether its task is to be called at that moment, or times out.
        transitions: what would be billed: states entered, and retries.
    """

    name: str
    input: dict[str, Any]
    started: datetime
    at: datetime
    entered: datetime
    calls: bool = True
    token: str = ""
    retries: int = 0
    transitions: int = 1
    status: Literal["RUNNING", "SUCCEEDED", "FAILED"] = "RUNNING"
    cause: Any = None
    ended: datetime | None = None


class Machine:
    """`RunTimer` on virtual time; `clock` tells the present moment."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._tokens = count(1)
        self.executions: dict[str, Execution] = {}

    def start(self, run_id: str, task: Mapping[str, Any]) -> str:
        """A name is used once."""
        now = self._clock()
        self.executions.setdefault(run_id, Execution(run_id, dict(task), now, now, now))
        return f"arn:{run_id}"

    def wake(self, token: str, waits: Sequence[int]) -> None:
        """The task succeeded: enter it again."""
        assert all(isinstance(wait, int) and wait >= 1 for wait in waits)
        if execution := self._waiting(token):
            execution.input |= {"step": 0, "waits": list(waits)}
            self._enter(execution)

    def finish(self, token: str, outcome: Mapping[str, Any]) -> None:
        """The task failed with `RunFinished`, which is caught."""
        if execution := self._waiting(token):
            execution.transitions += 1
            self._end(execution, "SUCCEEDED", outcome)

    def name_audience(self, token: str, segment: str) -> None:
        """The task failed with `AudienceNamed`: the states behind are not followed here."""
        if execution := self._waiting(token):
            self._end(execution, "SUCCEEDED", segment)

    def refuse(self, token: str, message: str) -> None:
        """The task failed with `InvalidInput`, which nothing catches."""
        if execution := self._waiting(token):
            self._end(execution, "FAILED", message)

    def next_moment(self) -> datetime | None:
        """When the next execution goes on by itself."""
        return min((e.at for e in self.executions.values() if e.status == "RUNNING"), default=None)

    def due(self) -> list[Execution]:
        """The executions that go on by themselves now."""
        return [e for e in self.executions.values() if e.status == "RUNNING" and e.at <= self._clock()]

    def go_on(self, execution: Execution, handler: Callable[[Task], None]) -> None:
        """Let the task time out, or call it; an error of the call is retried with a growing delay."""
        if not execution.calls:
            execution.input["step"] = execution.input.get("step", 0) + 1
            self._enter(execution)
            return
        task = self._task(execution)
        try:
            handler(task)
        except AssertionError:
            raise  # a test's own word on what it saw is no failure of the function
        except Exception as error:  # noqa: BLE001 - whatever a function raises fails its task
            if self._waiting(task.token):
                self._retry(execution, error)

    def _task(self, execution: Execution) -> Task:
        given = execution.input
        step, waits = given.get("step", 0), given.get("waits", [])
        foreseen_s = max(1, waits[step]) if step < len(waits) else FALLBACK_WAIT_S
        execution.token = f"token-{next(self._tokens)}"
        execution.at, execution.calls = self._clock() + timedelta(seconds=foreseen_s), False
        occasion = f"{execution.name}@{execution.started.isoformat()}"
        return Task(
            execution.token, occasion, foreseen_s, execution.retries, dict(given), execution.entered.isoformat()
        )

    def _waiting(self, token: str) -> Execution | None:
        alive = (e for e in self.executions.values() if e.status == "RUNNING")
        return next((e for e in alive if e.token == token), None)

    def _enter(self, execution: Execution) -> None:
        execution.transitions += 1
        execution.retries, execution.token, execution.entered = 0, "", self._clock()
        execution.at, execution.calls = self._clock(), True

    def _retry(self, execution: Execution, error: Exception) -> None:
        if execution.retries == MOST_RETRIES:
            self._end(execution, "FAILED", error)
            return
        delay_s = min(SHORTEST_DELAY_S * 2**execution.retries, LONGEST_DELAY_S)
        execution.retries += 1
        execution.transitions += 1
        execution.token = ""
        execution.at, execution.calls = self._clock() + timedelta(seconds=delay_s), True

    def _end(self, execution: Execution, status: Literal["SUCCEEDED", "FAILED"], cause: Any) -> None:
        execution.status, execution.cause, execution.token, execution.ended = status, cause, "", self._clock()
