"""What is known of one execution of a state machine: its state, its history, and what it would have cost."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

ENTERED: Final = "StateEntered"
REDRIVABLE: Final = timedelta(days=14)
LONGEST: Final = timedelta(days=365)
MOST_EVENTS: Final = 24_999
"""Of the history, so that there is room for a redrive and something after it."""


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One line of GetExecutionHistory; `detail` is what the event's own details object carries."""

    id: int
    type: str
    at: datetime
    state: str | None = None
    detail: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class Execution:
    """One execution; only the machine's runner changes it.

    Attributes:
        status: RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED.
        variables: what Assign set so far.
        retried: attempts of tasks after their first; AWS bills them as transitions.
        children: the child executions of its maps, in the order they were started.
        express: a child that is billed by request and time, and not by transition.
        on_end: told once when it has ended; a map waits for its children so.
        redrives: the moments at which it was taken up again after its end.
    """

    arn: str
    name: str
    machine_arn: str
    input: Any
    started: datetime
    status: str = "RUNNING"
    stopped: datetime | None = None
    output: Any = None
    error: str | None = None
    cause: str | None = None
    variables: dict[str, Any] = field(default_factory=dict[str, Any])
    history: list[HistoryEvent] = field(default_factory=list[HistoryEvent])
    retried: int = 0
    children: list["Execution"] = field(default_factory=list["Execution"])
    on_end: Callable[[], object] | None = None
    redrives: list[datetime] = field(default_factory=list[datetime])
    express: bool = False

    @property
    def running(self) -> bool:
        """Whether anything can still happen to it."""
        return self.status == "RUNNING"

    @property
    def entered(self) -> list[str]:
        """The names of the states entered, in order."""
        return [event.state or "" for event in self.history if event.type.endswith(ENTERED)]

    @property
    def transitions(self) -> int:
        """What AWS bills of this execution: states entered, every retry, and every child it starts; of an Express child
        nothing. Source: AWS Step Functions pricing page, 2026-11-21."""
        return 0 if self.express else len(self.entered) + self.retried + len(self.children)

    def note(self, kind: str, at: datetime, state: str | None = None, **detail: Any) -> None:
        """Append an event to the history."""
        self.history.append(HistoryEvent(len(self.history) + 1, kind, at, state, detail))

    def not_redrivable(self, now: datetime) -> str:
        """Why it cannot be taken up again, in Step Functions' words; empty when it can.

        Source: AWS Step Functions API reference, RedriveExecution, and DescribeExecution's redriveStatusReason.
        """
        if self.stopped is None or self.status == "SUCCEEDED":
            return f"Execution is {self.status} and cannot be redriven."
        if now - self.stopped > REDRIVABLE:
            return "Execution redrivable period exceeded."
        if now - self.started > LONGEST:
            return "Execution has exceeded the max execution time."
        return "Execution history event limit exceeded." if len(self.history) >= MOST_EVENTS else ""

    def reopen(self, at: datetime) -> None:
        """Run again from where it ended; what it had done stays in the history."""
        self.status, self.stopped, self.error, self.cause = "RUNNING", None, None, None
        self.redrives.append(at)
        self.note("ExecutionRedriven", at, redriveCount=len(self.redrives))

    def end(
        self, status: str, at: datetime, *, output: Any = None, error: str | None = None, cause: str | None = None
    ) -> None:
        """Close it with `status`; later changes are a mistake of the runner."""
        self.status, self.stopped, self.output, self.error, self.cause = status, at, output, error, cause
        word = {"TIMED_OUT": "TimedOut"}.get(status, status.capitalize())
        if status == "SUCCEEDED":
            self.note(f"Execution{word}", at, output=json.dumps(output))
        else:
            self.note(f"Execution{word}", at, error=error, cause=cause)
        if self.on_end:
            self.on_end()
