"""The Step Functions API over the machines of the stack, for handlers through the SDK and for real clients over HTTP.

Source: AWS Step Functions API reference, 2026-11-21; error texts as the service gives them.
"""

import json
import random
import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from infra.local.asl import Failure, Machine, checked_states
from infra.local.clock import VirtualClock
from infra.local.execution import Execution, HistoryEvent
from infra.local.gateway import Answer, Call
from infra.local.machine_runner import MachineRunner
from infra.local.task_tokens import TaskTokens, TokenError

_NAME: Final = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}")
_DETAILS: Final = {
    "ExecutionStarted": "executionStartedEventDetails",
    "ExecutionSucceeded": "executionSucceededEventDetails",
    "ExecutionFailed": "executionFailedEventDetails",
    "ExecutionAborted": "executionAbortedEventDetails",
    "ExecutionTimedOut": "executionTimedOutEventDetails",
    "ExecutionRedriven": "executionRedrivenEventDetails",
    "TaskScheduled": "taskScheduledEventDetails",
    "TaskStarted": "taskStartedEventDetails",
    "TaskSubmitted": "taskSubmittedEventDetails",
    "TaskSucceeded": "taskSucceededEventDetails",
    "TaskFailed": "taskFailedEventDetails",
    "TaskTimedOut": "taskTimedOutEventDetails",
}


class _RefusedError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class StepFunctions:
    """State machines and their executions."""

    def __init__(self, clock: VirtualClock, runner: MachineRunner, tokens: TaskTokens) -> None:
        """No machine exists yet."""
        self._clock = clock
        self._runner = runner
        self._tokens = tokens
        self._machines: dict[str, Machine] = {}
        self._executions: dict[str, Execution] = {}
        self._random = random.Random(0)  # noqa: S311 - names of executions must be the same in every run

    @property
    def executions(self) -> list[Execution]:
        """Every execution so far, oldest first."""
        return list(self._executions.values())

    def create_machine(self, arn: str, role_arn: str, text: str) -> Machine:
        """Make a machine of a definition.

        Raises:
            DefinitionError: the embedded stack cannot run it.
        """
        definition: Mapping[str, Any] = json.loads(text)
        states = checked_states(definition)
        machine = Machine(arn, arn.rpartition(":")[2], role_arn, self._clock.now(), definition, text, states)
        self._machines[arn] = machine
        return machine

    def start_execution(self, machine_arn: str, value: Any, name: str | None = None) -> Execution:
        """Start a machine; the same name and input while it runs is the same execution.

        Raises:
            LookupError: there is no such machine.
            ValueError: the name was used with another input, or its execution has ended.
        """
        try:
            return self._started(machine_arn, value, name)
        except _RefusedError as refusal:
            kind = LookupError if refusal.code == "StateMachineDoesNotExist" else ValueError
            raise kind(str(refusal)) from refusal

    def answer(self, call: Call) -> Answer:
        """Answer one API call."""
        operation = getattr(self, f"_op_{_snake(call.operation)}", None)
        if operation is None:
            return Answer.error("UnknownOperationException", f"the embedded stack does not serve {call.operation}")
        try:
            return Answer.of(operation(call.json()))
        except _RefusedError as refusal:
            return Answer.error(refusal.code, str(refusal))
        except TokenError as refusal:
            return Answer.error(refusal.code, str(refusal))

    def _started(self, machine_arn: str, value: Any, name: str | None) -> Execution:
        machine = self._machine(machine_arn)
        name = name or str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        if not _NAME.fullmatch(name):
            raise _RefusedError("InvalidName", f"Invalid Name: '{name}'")
        arn = f"{machine.arn.replace(':stateMachine:', ':execution:')}:{name}"
        if existing := self._executions.get(arn):
            if existing.running and existing.input == value:
                return existing
            raise _RefusedError("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")
        execution = Execution(arn, name, machine.arn, value, self._clock.now())
        self._executions[arn] = execution
        self._runner.start(machine, execution)
        return execution

    def _machine(self, arn: str) -> Machine:
        if arn not in self._machines:
            raise _RefusedError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        return self._machines[arn]

    def _execution(self, arn: str) -> Execution:
        if arn not in self._executions:
            raise _RefusedError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return self._executions[arn]

    def _op_start_execution(self, request: Mapping[str, Any]) -> dict[str, Any]:
        value = _parsed(request.get("input") or "{}", "InvalidExecutionInput")
        execution = self._started(request["stateMachineArn"], value, request.get("name"))
        return {"executionArn": execution.arn, "startDate": execution.started.timestamp()}

    def _op_stop_execution(self, request: Mapping[str, Any]) -> dict[str, Any]:
        execution = self._execution(request["executionArn"])
        self._runner.stop(execution, request.get("error"), request.get("cause"))
        return {"stopDate": _stamp(execution.stopped)}

    def _op_redrive_execution(self, request: Mapping[str, Any]) -> dict[str, Any]:
        execution = self._execution(request["executionArn"])
        if reason := execution.not_redrivable(self._clock.now()):
            raise _RefusedError("ExecutionNotRedrivable", reason)
        self._runner.redrive(self._machine(execution.machine_arn), execution)
        return {"redriveDate": self._clock.now().timestamp()}

    def _op_describe_execution(self, request: Mapping[str, Any]) -> dict[str, Any]:
        execution = self._execution(request["executionArn"])
        described = _listed(execution) | {"input": json.dumps(execution.input)}
        reason = execution.not_redrivable(self._clock.now())
        described |= {"redriveCount": len(execution.redrives), "redriveStatus": "NOT_REDRIVABLE"}
        described |= {"redriveStatusReason": reason} if reason else {"redriveStatus": "REDRIVABLE"}
        if execution.redrives:
            described["redriveDate"] = execution.redrives[-1].timestamp()
        if execution.status == "SUCCEEDED":
            described["output"] = json.dumps(execution.output)
        extra = {"error": execution.error, "cause": execution.cause}
        return described | {key: text for key, text in extra.items() if text is not None}

    def _op_get_execution_history(self, request: Mapping[str, Any]) -> dict[str, Any]:
        events = [_history_event(event) for event in self._execution(request["executionArn"]).history]
        ordered = events[::-1] if request.get("reverseOrder") else events
        return _page(ordered, "events", request, default=1000)

    def _op_list_executions(self, request: Mapping[str, Any]) -> dict[str, Any]:
        arn, status = request.get("stateMachineArn"), request.get("statusFilter")
        chosen = [
            _listed(execution)
            for execution in reversed(self._executions.values())
            if arn in (None, execution.machine_arn) and status in (None, execution.status)
        ]
        return _page(chosen, "executions", request, default=100)

    def _op_list_state_machines(self, request: Mapping[str, Any]) -> dict[str, Any]:
        listed = [_machine_summary(machine) for machine in self._machines.values()]
        return _page(listed, "stateMachines", request, default=100)

    def _op_describe_state_machine(self, request: Mapping[str, Any]) -> dict[str, Any]:
        machine = self._machine(request["stateMachineArn"])
        more = {"status": "ACTIVE", "definition": machine.text, "roleArn": machine.role_arn}
        return _machine_summary(machine) | more

    def _op_send_task_success(self, request: Mapping[str, Any]) -> dict[str, Any]:
        output = _parsed(request["output"], "InvalidOutput")
        self._tokens.pending(request["taskToken"]).settle(output)
        return {}

    def _op_send_task_failure(self, request: Mapping[str, Any]) -> dict[str, Any]:
        failure = Failure(request.get("error") or "", request.get("cause") or "")
        self._tokens.pending(request["taskToken"]).settle(failure)
        return {}

    def _op_send_task_heartbeat(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._tokens.pending(request["taskToken"]).beat()
        return {}


def _snake(operation: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()


def _parsed(text: str, code: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise _RefusedError(code, f"Invalid JSON: '{error}'") from error


def _stamp(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _listed(execution: Execution) -> dict[str, Any]:
    listed = {
        "executionArn": execution.arn,
        "stateMachineArn": execution.machine_arn,
        "name": execution.name,
        "status": execution.status,
        "startDate": _stamp(execution.started),
    }
    return listed | ({"stopDate": _stamp(execution.stopped)} if execution.stopped else {})


def _machine_summary(machine: Machine) -> dict[str, Any]:
    return {
        "stateMachineArn": machine.arn,
        "name": machine.name,
        "type": "STANDARD",
        "creationDate": machine.created.timestamp(),
    }


def _history_event(event: HistoryEvent) -> dict[str, Any]:
    given: dict[str, Any] = {
        "id": event.id,
        "previousEventId": event.id - 1,
        "type": event.type,
        "timestamp": event.at.timestamp(),
    }
    detail = {key: value for key, value in event.detail.items() if value is not None}
    if event.type.endswith("StateEntered"):
        given["stateEnteredEventDetails"] = {"name": event.state, **detail}
    elif event.type.endswith("StateExited"):
        given["stateExitedEventDetails"] = {"name": event.state, **detail}
    elif event.type in _DETAILS:
        task = {"resourceType": "lambda", "resource": "invoke"} if event.type.startswith("Task") else {}
        given[_DETAILS[event.type]] = task | detail
    return given


def _page(rows: list[dict[str, Any]], key: str, request: Mapping[str, Any], *, default: int) -> dict[str, Any]:
    start = int(request.get("nextToken") or 0)
    end = start + (request.get("maxResults") or default)
    return {key: rows[start:end]} | ({"nextToken": str(end)} if end < len(rows) else {})
