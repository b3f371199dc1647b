"""Runs the deployed handlers in this process, each as if it had a process of its own.

A Lambda function has its own modules, its own environment and its own output. Here a function gets its own copies of
`functions.*` and `omnicascade.*` (what they cache at cold start, they cache for themselves) and its environment for
the time of a call. Everything else, the SDK above all, is shared, which is what makes a cold start take milliseconds.

Not imitated: memory and CPU by size, time-outs that kill, the 6 MB limit of a payload.
"""

import contextlib
import importlib
import json
import logging
import os
import sys
import time
import traceback
import types
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, cast

from infra.local.console import adopt_loggers, capture

log = logging.getLogger(__name__)

OWN_PACKAGES: Final = ("functions", "omnicascade")
_OWN: Final = tuple(OWN_PACKAGES)
CLOCK_MODULE: Final = "omnicascade.wiring.clock"
NETWORK_MODULE: Final = "omnicascade.wiring.network"
KEPT_LINES: Final = 500
PASSED_ON: Final = ("PATH", "HOME", "LANG", "TZ", "COVERAGE_PROCESS_START")


class WayOut(Protocol):
    """The hosts that are not AWS's."""

    def resolve(self, host: str) -> Collection[str]:
        """The addresses of a host."""
        ...

    def post(self, address: str, host: str, path: str, body: bytes, headers: dict[str, str]) -> int:
        """Take a request; the status."""
        ...


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """A function as the template describes it."""

    name: str
    arn: str
    handler: str
    environment: Mapping[str, str]
    timeout_s: int
    memory_mb: int
    task_root: Path
    runtime: str = "python3.13"


@dataclass(frozen=True, slots=True)
class Invocation:
    """What an invocation gave: the payload, and whether the function failed (then it is the error object)."""

    payload: Any
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda hands a handler beside the event."""

    aws_request_id: str
    function_name: str
    invoked_function_arn: str
    memory_limit_in_mb: str
    timeout_s: int
    function_version: str = "$LATEST"
    log_stream_name: str = "local"
    log_group_name: str = "/local"
    started: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would stop the handler; real time, not virtual."""
        return max(0, int((self.timeout_s - (time.monotonic() - self.started)) * 1000))


@dataclass(slots=True)
class _Warm:
    handler: Callable[[Any, Context], Any]
    modules: dict[str, types.ModuleType]


class LambdaRuntime:
    """All functions of the stack."""

    def __init__(self, *, now: Callable[[], datetime], way_out: WayOut, region: str, verbose: bool = False) -> None:
        """Handlers read the time from `now` and reach others by `way_out`; `verbose`: their output to stderr too."""
        self._now = now
        self._way_out = way_out
        self._region = region
        self._verbose = verbose
        self._functions: dict[str, FunctionDefinition] = {}
        self._warm: dict[str, _Warm] = {}
        self._count = 0
        self._depth = 0
        self.logs: dict[str, deque[str]] = {}

    def register(self, function: FunctionDefinition) -> None:
        """Make `function` invocable; its code is imported at the first call."""
        self._functions[function.name] = function
        self.logs[function.name] = deque(maxlen=KEPT_LINES)

    def clear(self) -> None:
        """Forget every function; registered again, it starts cold."""
        self._functions.clear()
        self._warm.clear()
        self.logs.clear()

    def known(self) -> Mapping[str, FunctionDefinition]:
        """The functions by name."""
        return self._functions

    def busy(self) -> bool:
        """Whether a handler is running."""
        return self._depth > 0

    def name_of(self, reference: str) -> str | None:
        """The name behind a name, an ARN, or either with a version; None when there is no such function."""
        parts = reference.split(":")
        name = parts[6] if reference.startswith("arn:") and len(parts) > 6 else parts[0]
        return name if name in self._functions else None

    def invoke(self, reference: str, event: Any) -> Invocation:
        """Run the function with `event` (anything JSON); never raises for what the handler does."""
        name = self.name_of(reference)
        if name is None:
            return Invocation({"errorType": "Lambda.ResourceNotFoundException", "errorMessage": reference}, failed=True)
        function = self._functions[name]
        self._count += 1
        context = Context(
            f"00000000-0000-4000-8000-{self._count:012d}",
            name,
            function.arn,
            str(function.memory_mb),
            function.timeout_s,
        )
        with self._as_function(function):
            return self._run(function, json.loads(json.dumps(event)), context)

    def _run(self, function: FunctionDefinition, event: Any, context: Context) -> Invocation:
        try:
            warm = self._warm.get(function.name) or self._cold_start(function)
            return Invocation(json.loads(json.dumps(warm.handler(event, context))))
        except Exception as error:  # noqa: BLE001 - Lambda turns whatever a handler raises into an error object
            trace = traceback.format_exc()
            log.warning("%s failed: %s: %s", function.name, type(error).__name__, error)
            for line in trace.splitlines():
                self._keep(function.name, line)
            payload = {
                "errorMessage": str(error),
                "errorType": type(error).__name__,
                "requestId": context.aws_request_id,
                "stackTrace": trace.splitlines(),
            }
            return Invocation(payload, failed=True)

    def _cold_start(self, function: FunctionDefinition) -> _Warm:
        importlib.import_module(CLOCK_MODULE).use(self._now)
        network = importlib.import_module(NETWORK_MODULE)
        network.use(network.Network(resolve=self._way_out.resolve, post=self._way_out.post))
        module_name, _, attribute = function.handler.rpartition(".")
        module = importlib.import_module(module_name)
        adopt_loggers()
        handler = cast("Callable[[Any, Context], Any]", getattr(module, attribute))
        self._warm[function.name] = _Warm(handler, {})
        return self._warm[function.name]

    @contextlib.contextmanager
    def _as_function(self, function: FunctionDefinition) -> Generator[None]:
        with (
            _environment(self._environment(function)),
            self._modules(function.name),
            capture(lambda line: self._keep(function.name, line)),
        ):
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1

    @contextlib.contextmanager
    def _modules(self, name: str) -> Generator[None]:
        outer = _take_own_modules()
        if warm := self._warm.get(name):
            sys.modules.update(warm.modules)
        try:
            yield
        finally:
            mine = _take_own_modules()
            if warm := self._warm.get(name):
                warm.modules = mine
            sys.modules.update(outer)

    def _environment(self, function: FunctionDefinition) -> dict[str, str]:
        return {
            **{key: os.environ[key] for key in PASSED_ON if key in os.environ},
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": self._region,
            "AWS_DEFAULT_REGION": self._region,
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "LAMBDA_TASK_ROOT": str(function.task_root),
            "_HANDLER": function.handler,
            **function.environment,
        }

    def _keep(self, name: str, line: str) -> None:
        self.logs[name].append(line)
        if self._verbose and sys.__stderr__:
            sys.__stderr__.write(f"{name}: {line}\n")


def _own_modules() -> Iterator[str]:
    return (name for name in list(sys.modules) if name.startswith(_OWN) and name.partition(".")[0] in OWN_PACKAGES)


def _take_own_modules() -> dict[str, types.ModuleType]:
    return {name: sys.modules.pop(name) for name in _own_modules()}


@contextlib.contextmanager
def _environment(wanted: Mapping[str, str]) -> Generator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
