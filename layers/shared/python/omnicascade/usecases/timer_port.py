"""What the use cases need from Step Functions: start a run's timer, wake it, end it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class RunTimer(Protocol):
    """The executions that wait for runs. Every call may be repeated; a token whose task has moved on is no error."""

    def start(self, run_id: str, task: Mapping[str, Any]) -> str:
        """Start the execution of a run under its id, once; returns its ARN."""
        ...

    def wake(self, token: str, waits: Sequence[int]) -> None:
        """Let the run's task go on at once, with the seconds foreseen for its next stops."""
        ...

    def finish(self, token: str, outcome: Mapping[str, Any]) -> None:
        """End the run's execution; the outcome is its result."""
        ...

    def name_audience(self, token: str, segment: str) -> None:
        """Say that the execution is about a segment: its next states serve everybody in it."""
        ...

    def refuse(self, token: str, message: str) -> None:
        """Fail the execution with a cause that a person can act on."""
        ...
