"""The Amazon States Language, as far as journeys need it: one JSONata machine, run on virtual time.

States: Task (Lambda, with or without a task token), Choice, Wait, Pass, Succeed, Fail, and Map in distributed mode;
Assign, Output, Retry, Catch, TimeoutSeconds and HeartbeatSeconds. What is missing is refused when the machine is
created, not discovered in a run: inline maps, Parallel, JSONPath, other services. Retry jitter is left out: a run must
be the same twice.

Source: https://states-language.net/spec.html and AWS Step Functions developer guide, "Transforming data with JSONata",
both as known on 2026-11-21; checked against moto's executor in tests/local/test_asl_against_moto.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from infra.local.map_items import GET_OBJECT, INPUT_TYPES, LIST_OBJECTS, PUT_OBJECT

LAMBDA: Final = "arn:aws:states:::lambda:invoke"
LAMBDA_TOKEN: Final = f"{LAMBDA}.waitForTaskToken"

_COMMON: Final = {"Type", "Comment", "QueryLanguage", "Assign", "Output"}
_FIELDS: Final[Mapping[str, set[str]]] = {
    "Task": {"Resource", "Arguments", "TimeoutSeconds", "HeartbeatSeconds", "Retry", "Catch", "Next", "End"},
    "Choice": {"Choices", "Default"},
    "Map": {
        "ItemProcessor",
        "ItemReader",
        "Items",
        "ItemSelector",
        "ItemBatcher",
        "MaxConcurrency",
        "ToleratedFailureCount",
        "ToleratedFailurePercentage",
        "ResultWriter",
        "Label",
        "Retry",
        "Catch",
        "Next",
        "End",
    },
    "Wait": {"Seconds", "Timestamp", "Next", "End"},
    "Pass": {"Next", "End"},
    "Succeed": set(),
    "Fail": {"Error", "Cause"},
}


class DefinitionError(ValueError):
    """The machine uses something the embedded stack cannot run; the message names the state and the field."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a state failed with: `{"Error": …, "Cause": …}`."""

    error: str
    cause: str

    def as_output(self) -> dict[str, str]:
        """As `$states.errorOutput` shows it."""
        return {"Error": self.error, "Cause": self.cause}

    def matches(self, names: list[str]) -> bool:
        """Whether a retrier or catcher with these ErrorEquals takes it."""
        if self.error in names or "States.ALL" in names:
            return True
        return "States.TaskFailed" in names and self.error != "States.Timeout"


@dataclass(frozen=True, slots=True)
class Machine:
    """A checked definition."""

    arn: str
    name: str
    role_arn: str
    created: datetime
    definition: Mapping[str, Any]
    text: str
    states: Mapping[str, Mapping[str, Any]] = field(repr=False)

    @property
    def start_at(self) -> str:
        """The first state's name."""
        return self.definition["StartAt"]


def checked_states(definition: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The states of `definition`.

    Raises:
        DefinitionError: something in it cannot be run here.
    """
    if definition.get("QueryLanguage") != "JSONata":
        msg = "QueryLanguage: the embedded stack runs JSONata machines only"
        raise DefinitionError(msg)
    states: Mapping[str, Mapping[str, Any]] = definition.get("States") or {}
    if definition.get("StartAt") not in states:
        msg = f"StartAt: there is no state {definition.get('StartAt')!r}"
        raise DefinitionError(msg)
    for name, state in states.items():
        _check_state(name, state, states)
    return states


def _check_state(name: str, state: Mapping[str, Any], states: Mapping[str, Any]) -> None:
    kind = str(state.get("Type"))
    if kind not in _FIELDS:
        msg = f"{name}: the embedded stack does not run states of type {kind!r}"
        raise DefinitionError(msg)
    if unknown := set(state) - _FIELDS[kind] - _COMMON:
        msg = f"{name}: the embedded stack does not know {', '.join(sorted(unknown))} in a {kind} state"
        raise DefinitionError(msg)
    if kind == "Task" and state.get("Resource") not in (LAMBDA, LAMBDA_TOKEN):
        msg = f"{name}: the embedded stack runs Lambda tasks only, not {state.get('Resource')!r}"
        raise DefinitionError(msg)
    if kind == "Map":
        _check_map(name, state)
    for target in _targets(state):
        if target not in states:
            msg = f"{name}: there is no state {target!r}"
            raise DefinitionError(msg)
    if kind in ("Task", "Map", "Wait", "Pass") and ("Next" in state) == (state.get("End") is True):
        msg = f"{name}: give either Next or End"
        raise DefinitionError(msg)


def _check_map(name: str, state: Mapping[str, Any]) -> None:
    processor: Mapping[str, Any] = state.get("ItemProcessor") or {}
    if processor.get("ProcessorConfig", {}).get("Mode") != "DISTRIBUTED":
        msg = f"{name}: the embedded stack runs distributed maps only; set ItemProcessor.ProcessorConfig.Mode"
        raise DefinitionError(msg)
    checked_states({"QueryLanguage": "JSONata", **processor})
    reader: Mapping[str, Any] = state.get("ItemReader") or {}
    configuration: Mapping[str, Any] = reader.get("ReaderConfig") or {}
    if reader and reader.get("Resource") not in (LIST_OBJECTS, GET_OBJECT):
        msg = f"{name}: the embedded stack reads items with s3:listObjectsV2 and s3:getObject only"
        raise DefinitionError(msg)
    if reader.get("Resource") == GET_OBJECT and configuration.get("InputType") not in INPUT_TYPES:
        msg = f"{name}: ReaderConfig.InputType must be one of {', '.join(INPUT_TYPES)}"
        raise DefinitionError(msg)
    batcher: Mapping[str, Any] = state.get("ItemBatcher") or {}
    if batcher and (set(batcher) - {"MaxItemsPerBatch", "BatchInput"} or "MaxItemsPerBatch" not in batcher):
        msg = f"{name}: the embedded stack batches by MaxItemsPerBatch, with BatchInput, and by nothing else"
        raise DefinitionError(msg)
    writer: Mapping[str, Any] = state.get("ResultWriter") or {"Resource": PUT_OBJECT}
    if writer.get("Resource") != PUT_OBJECT or writer.get("WriterConfig", {}).get("Transformation", "NONE") != "NONE":
        msg = f"{name}: the embedded stack writes results with s3:putObject and without transformation only"
        raise DefinitionError(msg)
    waiting = [inner for inner, task in processor["States"].items() if task.get("Resource") == LAMBDA_TOKEN]
    if processor["ProcessorConfig"].get("ExecutionType") == "EXPRESS" and waiting:
        msg = f"{name}: Express executions cannot wait for a token, as {waiting[0]} does"
        raise DefinitionError(msg)


def _targets(state: Mapping[str, Any]) -> list[str]:
    rules: list[Mapping[str, Any]] = [*state.get("Choices", []), *state.get("Catch", [])]
    return [rule["Next"] for rule in rules] + [state[key] for key in ("Next", "Default") if key in state]


def retry_delay_s(retrier: Mapping[str, Any], attempt: int) -> float | None:
    """Seconds before retry number `attempt` (0: the first), or None when the retrier is used up."""
    if attempt >= retrier.get("MaxAttempts", 3):
        return None
    delay = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** attempt
    return min(delay, retrier["MaxDelaySeconds"]) if "MaxDelaySeconds" in retrier else delay
