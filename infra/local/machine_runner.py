"""Runs executions: one state at a time, each wait a timer of the scheduler, so a year costs no thread and no second."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from infra.local.asl import LAMBDA_TOKEN, Failure, Machine, retry_delay_s
from infra.local.execution import Execution
from infra.local.jsonata_values import QueryEvaluationError, render
from infra.local.lambda_runtime import Invocation
from infra.local.map_items import ItemReaderError, inputs_of, read_items
from infra.local.map_run import MOST_CONCURRENT, MapRun, tolerated_failures, write_results
from infra.local.scheduler import Scheduler, Timer
from infra.local.task_tokens import PendingTask, TaskTokens

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

DATA_LIMIT_BYTES: Final = 262_144
"""Input or output of a state. Source: AWS Step Functions service quotas, 2026-11-21."""
EXPRESS_LIMIT_S: Final = 300
"""An Express execution's longest life. Source: AWS Step Functions service quotas, 2026-11-21."""

type Invoke = Callable[[str, Any], Invocation]
"""Invokes a function by name or ARN with an event."""


@dataclass(slots=True)
class Visit:
    """One stay in one state: what its expressions may see, and how often it was retried."""

    machine: Machine
    execution: Execution
    name: str
    input: Any
    entered: datetime
    token: str | None = None
    retries: dict[int, int] = field(default_factory=dict[int, int])

    @property
    def state(self) -> Mapping[str, Any]:
        """The state's definition."""
        return self.machine.states[self.name]

    def bindings(self, **seen: Any) -> dict[str, Any]:
        """The variables and `$states` for this state's expressions."""
        execution = self.execution
        context: dict[str, Any] = {
            "Execution": {
                "Id": execution.arn,
                "Input": execution.input,
                "Name": execution.name,
                "RoleArn": self.machine.role_arn,
                "StartTime": _iso(execution.started),
            },
            "State": {"Name": self.name, "EnteredTime": _iso(self.entered), "RetryCount": sum(self.retries.values())},
            "StateMachine": {"Id": self.machine.arn, "Name": self.machine.name},
        }
        if self.token is not None:
            context["Task"] = {"Token": self.token}
        return {**execution.variables, "states": {"input": self.input, "context": context, **seen}}


class MachineRunner:
    """Runs machines on the scheduler; tasks call functions through `invoke`."""

    def __init__(
        self, scheduler: Scheduler, tokens: TaskTokens, invoke: Invoke, objects: Callable[[], "S3Client"]
    ) -> None:
        """Nothing runs before `start`. `objects` gives the client by which maps read their items."""
        self._scheduler = scheduler
        self._tokens = tokens
        self._invoke = invoke
        self._objects = objects
        self._deadlines: dict[str, Timer] = {}
        self._pauses: dict[str, Timer] = {}
        self._maps: dict[str, MapRun] = {}
        self._broken_maps: dict[str, MapRun] = {}
        self._visits: dict[str, Visit] = {}

    def start(self, machine: Machine, execution: Execution) -> None:
        """Begin; the first state is entered when the scheduler comes to it."""
        execution.note("ExecutionStarted", self._now(), input=json.dumps(execution.input), roleArn=machine.role_arn)
        self._limit(machine, execution)
        self._scheduler.soon(lambda: self._enter(machine, execution, machine.start_at, execution.input))

    def _limit(self, machine: Machine, execution: Execution) -> None:
        seconds = machine.definition.get("TimeoutSeconds", EXPRESS_LIMIT_S if execution.express else None)
        if seconds is not None:
            self._deadlines[execution.arn] = self._scheduler.after(seconds, lambda: self._expire(execution))

    def redrive(self, machine: Machine, execution: Execution) -> None:
        """Take an execution that did not succeed up again: its last state, with the input it had then, tried anew."""
        execution.reopen(self._now())
        self._limit(machine, execution)
        visit = self._visits.get(execution.arn)
        if visit is None:
            self._scheduler.soon(lambda: self._enter(machine, execution, machine.start_at, execution.input))
            return
        execution.retried += 1
        visit.retries.clear()
        self._scheduler.soon(lambda: self._again(visit))

    def stop(self, execution: Execution, error: str | None, cause: str | None) -> None:
        """Abort it, wherever it waits."""
        if execution.running:
            execution.end("ABORTED", self._now(), error=error, cause=cause)
            self._forget(execution)

    def _now(self) -> datetime:
        return self._scheduler.clock.now()

    def _expire(self, execution: Execution) -> None:
        if execution.running:
            execution.end("TIMED_OUT", self._now(), error="States.Timeout")
            self._forget(execution)

    def _forget(self, execution: Execution) -> None:
        self._tokens.close_all(execution.arn)
        if running := self._maps.pop(execution.arn, None):
            running.cancel()
            self._broken_maps[execution.arn] = running
        if execution.status == "SUCCEEDED":
            self._visits.pop(execution.arn, None)
        for timers in (self._deadlines, self._pauses):
            if timer := timers.pop(execution.arn, None):
                timer.cancel()

    def _pause(self, visit: Visit, until: datetime, action: Callable[[], None]) -> None:
        """Go on at a moment, unless the execution has ended by then."""
        self._pauses[visit.execution.arn] = self._scheduler.at(until, action)

    def _enter(self, machine: Machine, execution: Execution, name: str, value: Any) -> None:
        if not execution.running:
            return
        visit = Visit(machine, execution, name, value, self._now())
        self._visits[execution.arn] = visit
        execution.note(f"{visit.state['Type']}StateEntered", visit.entered, name, input=json.dumps(value))
        try:
            getattr(self, f"_run_{visit.state['Type'].lower()}")(visit)
        except QueryEvaluationError as error:
            self._fail(visit, Failure("States.QueryEvaluationError", str(error)))

    def _run_pass(self, visit: Visit) -> None:
        self._leave(visit, visit.state, visit.input)

    def _run_succeed(self, visit: Visit) -> None:
        output = render(visit.state.get("Output", visit.input), visit.bindings())
        visit.execution.note("SucceedStateExited", self._now(), visit.name, output=json.dumps(output))
        visit.execution.end("SUCCEEDED", self._now(), output=output)
        self._forget(visit.execution)

    def _run_fail(self, visit: Visit) -> None:
        bindings = visit.bindings()
        error = render(visit.state.get("Error"), bindings)
        visit.execution.end("FAILED", self._now(), error=error, cause=render(visit.state.get("Cause"), bindings))
        self._forget(visit.execution)

    def _run_choice(self, visit: Visit) -> None:
        bindings = visit.bindings()
        for rule in visit.state["Choices"]:
            if render(rule["Condition"], bindings) is True:
                self._leave(visit, rule, visit.input, target=rule["Next"])
                return
        if "Default" not in visit.state:
            self._fail(visit, Failure("States.NoChoiceMatched", "no choice matched and there is no Default"))
            return
        self._leave(visit, visit.state, visit.input, target=visit.state["Default"])

    def _run_wait(self, visit: Visit) -> None:
        bindings = visit.bindings()
        if "Seconds" in visit.state:
            until = self._now() + timedelta(seconds=int(render(visit.state["Seconds"], bindings)))
        else:
            until = datetime.fromisoformat(render(visit.state["Timestamp"], bindings))
        self._pause(visit, until, lambda: self._resume(visit, visit.state, visit.input))

    def _run_task(self, visit: Visit) -> None:
        execution, state = visit.execution, visit.state
        pending = self._tokens.open(execution.arn, lambda outcome: self._finish(visit, outcome))
        visit.token = pending.token if state["Resource"] == LAMBDA_TOKEN else None
        bindings = visit.bindings()
        try:
            arguments = render(state.get("Arguments", {}), bindings)
            self._watch(visit, pending, bindings)
        except QueryEvaluationError:
            pending.close()
            raise
        execution.note("TaskScheduled", self._now(), visit.name, resource=state["Resource"].rpartition(":")[2])
        execution.note("TaskStarted", self._now(), visit.name)
        answer = self._invoke(arguments["FunctionName"], arguments.get("Payload", {}))
        if answer.failed:
            pending.settle(Failure(answer.payload.get("errorType") or "Unknown", json.dumps(answer.payload)))
        elif visit.token is None:
            pending.settle({"ExecutedVersion": "$LATEST", "Payload": answer.payload, "StatusCode": 200})
        elif not pending.settled:
            execution.note("TaskSubmitted", self._now(), visit.name)

    def _run_map(self, visit: Visit) -> None:
        state, execution, bindings = visit.state, visit.execution, visit.bindings()
        if broken := self._broken_maps.pop(execution.arn, None):
            self._maps[execution.arn] = broken
            execution.note("MapRunRedriven", self._now(), visit.name, mapRunArn=broken.arn)
            broken.again()
            return
        try:
            inputs = inputs_of(state, read_items(state, bindings, self._objects()), bindings)
        except ItemReaderError as error:
            self._fail(visit, Failure("States.ItemReaderFailed", str(error)))
            return
        label = state.get("Label", visit.name)
        arn = f"{execution.arn.replace(':execution:', ':mapRun:')}/{label}:{len(execution.history)}"
        concurrent = int(render(state.get("MaxConcurrency", 0), bindings)) or MOST_CONCURRENT
        tolerated = tolerated_failures(state, len(inputs), bindings)
        machine = _child_machine(visit.machine, state["ItemProcessor"], label)
        express = state["ItemProcessor"]["ProcessorConfig"].get("ExecutionType") == "EXPRESS"

        def start(number: int, value: Any) -> Execution:
            if number < len(run.children) and not express:
                self.redrive(machine, run.children[number])
                return run.children[number]
            child_arn = f"{machine.arn.replace(':stateMachine:', ':execution:')}:{execution.name}-{number}"
            child = Execution(child_arn, f"{execution.name}-{number}", machine.arn, value, self._now(), express=express)
            child.on_end = lambda: self._scheduler.soon(lambda: run.child_ended(child))
            execution.children.append(child)
            self.start(machine, child)
            return child

        run = MapRun(
            arn=arn,
            inputs=inputs,
            concurrent=concurrent,
            tolerated=tolerated,
            start=start,
            stop=lambda child: self.stop(child, None, "the map run ended"),
            done=lambda outcome: self._map_done(visit, run, outcome),
        )
        self._maps[execution.arn] = run
        execution.note("MapRunStarted", self._now(), visit.name, mapRunArn=arn)
        run.begin()

    def _map_done(self, visit: Visit, run: MapRun, outcome: Any) -> None:
        self._maps.pop(visit.execution.arn, None)
        if not visit.execution.running:
            return
        execution = visit.execution
        writer = visit.state.get("ResultWriter")
        if writer:
            written = write_results(writer, run.arn, run.children, visit.bindings(), self._objects())
            outcome = outcome if isinstance(outcome, Failure) else written
        if isinstance(outcome, Failure):
            self._broken_maps[execution.arn] = run
            execution.note("MapRunFailed", self._now(), visit.name, error=outcome.error, cause=outcome.cause)
            self._fail(visit, outcome)
            return
        execution.note("MapRunSucceeded", self._now(), visit.name)
        self._resume(visit, visit.state, outcome, result=outcome)

    def _watch(self, visit: Visit, pending: PendingTask, bindings: Mapping[str, Any]) -> None:
        for key, error in (("TimeoutSeconds", "States.Timeout"), ("HeartbeatSeconds", "States.HeartbeatTimeout")):
            if key in visit.state:
                seconds = render(visit.state[key], bindings)
                if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 1:
                    msg = f"{key} must be a positive integer, not {seconds!r}"
                    raise QueryEvaluationError(msg)
                pending.watch(self._scheduler, seconds, Failure(error, ""), beats=key == "HeartbeatSeconds")

    def _finish(self, visit: Visit, outcome: Any) -> None:
        self._scheduler.soon(lambda: self._resolve(visit, outcome))

    def _resolve(self, visit: Visit, outcome: Any) -> None:
        execution = visit.execution
        if not execution.running:
            return
        if not isinstance(outcome, Failure):
            execution.note("TaskSucceeded", self._now(), visit.name, output=json.dumps(outcome))
            self._resume(visit, visit.state, outcome, result=outcome)
            return
        kind = "TaskTimedOut" if outcome.error.endswith("Timeout") else "TaskFailed"
        execution.note(kind, self._now(), visit.name, error=outcome.error, cause=outcome.cause)
        self._fail(visit, outcome)

    def _resume(self, visit: Visit, rule: Mapping[str, Any], value: Any, **seen: Any) -> None:
        if not visit.execution.running:
            return
        try:
            self._leave(visit, rule, value, **seen)
        except QueryEvaluationError as error:
            self._fail(visit, Failure("States.QueryEvaluationError", str(error)))

    def _fail(self, visit: Visit, failure: Failure) -> None:
        if self._retried(visit, failure):
            return
        for catcher in visit.state.get("Catch", []):
            if failure.matches(catcher["ErrorEquals"]):
                self._catch(visit, catcher, failure)
                return
        visit.execution.end("FAILED", self._now(), error=failure.error, cause=failure.cause)
        self._forget(visit.execution)

    def _catch(self, visit: Visit, catcher: Mapping[str, Any], failure: Failure) -> None:
        try:
            output = failure.as_output()
            self._leave(visit, catcher, output, target=catcher["Next"], errorOutput=output)
        except QueryEvaluationError as error:
            visit.execution.end("FAILED", self._now(), error="States.QueryEvaluationError", cause=str(error))
            self._forget(visit.execution)

    def _retried(self, visit: Visit, failure: Failure) -> bool:
        for index, retrier in enumerate(visit.state.get("Retry", [])):
            if failure.matches(retrier["ErrorEquals"]):
                delay = retry_delay_s(retrier, visit.retries.get(index, 0))
                if delay is None:
                    return False
                visit.retries[index] = visit.retries.get(index, 0) + 1
                visit.execution.retried += 1
                self._pause(visit, self._now() + timedelta(seconds=delay), lambda: self._again(visit))
                return True
        return False

    def _again(self, visit: Visit) -> None:
        if visit.execution.running:
            try:
                getattr(self, f"_run_{visit.state['Type'].lower()}")(visit)
            except QueryEvaluationError as error:
                self._fail(visit, Failure("States.QueryEvaluationError", str(error)))

    def _leave(
        self, visit: Visit, rule: Mapping[str, Any], value: Any, *, target: str | None = None, **seen: Any
    ) -> None:
        """Assign and Output of `rule` (the state, a choice rule or a catcher), then on."""
        execution = visit.execution
        bindings = visit.bindings(**seen)
        output = render(rule["Output"], bindings) if "Output" in rule else value
        execution.variables |= render(rule.get("Assign", {}), bindings)
        if len(json.dumps(output)) > DATA_LIMIT_BYTES:
            execution.end("FAILED", self._now(), error="States.DataLimitExceeded", cause=f"the output of {visit.name}")
            self._forget(execution)
            return
        execution.note(f"{visit.state['Type']}StateExited", self._now(), visit.name, output=json.dumps(output))
        following = target or rule.get("Next")
        if following is None:
            execution.end("SUCCEEDED", self._now(), output=output)
            self._forget(execution)
            return
        machine = visit.machine
        self._scheduler.soon(lambda: self._enter(machine, execution, following, output))


def _child_machine(parent: Machine, processor: Mapping[str, Any], label: str) -> Machine:
    definition: dict[str, Any] = {"QueryLanguage": "JSONata", **processor}
    arn = f"{parent.arn}/{label}"
    name = f"{parent.name}/{label}"
    states = definition["States"]
    return Machine(arn, name, parent.role_arn, parent.created, definition, json.dumps(definition), states)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
