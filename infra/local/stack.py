"""The embedded stack put together: start it, use it in process or over HTTP, move its clock, stop it.

```python
with Stack.start(template_path, start=datetime(2026, 3, 10, 12, tzinfo=UTC)) as stack:
    stack.request("POST", "/v1/track", headers=[stack.write_key("local-web")], body={"event": …})
    stack.settle()
    stack.advance("24h")
    stack.messages(profile="email:ann@example.com")
```

One stack per process at a time: moto's state belongs to the process.
"""

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from infra.local.clock import VirtualClock
from infra.local.deployment import REGION, Deployment, Platform
from infra.local.durations import parse_duration
from infra.local.event_scheduler import EventScheduler
from infra.local.execution import Execution
from infra.local.faults import Faults, NoFaults
from infra.local.gateway import Gateway
from infra.local.http_api import Request, Response
from infra.local.http_edge import STAFF_TOKEN, HttpEdge, basic
from infra.local.http_server import HttpServer
from infra.local.inventory import Inventory
from infra.local.lambda_runtime import LambdaRuntime
from infra.local.local_api import LocalApi
from infra.local.message_ledger import MessageLedger
from infra.local.moto_dynamodb import quick_tables
from infra.local.moto_state import forget_everything, on_clock
from infra.local.outbox import Outbox
from infra.local.scheduler import Scheduler
from infra.local.service_clients import service_clients
from infra.local.step_functions import StepFunctions
from infra.local.template import Template
from infra.local.webhooks import Webhooks

DEFAULT_URL: Final = "http://127.0.0.1:8787"

type Progress = Callable[[str], None]


class Stack:
    """One running stack; see the module for how to use it."""

    deployment: Deployment

    def __init__(
        self,
        template: Path,
        *,
        start: datetime | None = None,
        speed: float = 0,
        faults: Faults | None = None,
        verbose: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """Describe a stack; `up` brings it up."""
        self._template = template
        self._start = start
        self._faults = faults or NoFaults()
        self._progress: Progress = progress or _silent
        self._document = Template.load(template)
        self._exit = contextlib.ExitStack()
        self._server: HttpServer | None = None
        self.clock = VirtualClock(start, speed=speed)
        self.scheduler = Scheduler(self.clock)
        self.webhooks = Webhooks(self.clock)
        self._runtime = LambdaRuntime(now=self.clock.now, way_out=self.webhooks, region=REGION, verbose=verbose)
        self._gateway = Gateway(self._faults, self._runtime.busy)
        self.clients = service_clients(REGION)
        self.edge = HttpEdge(
            scheduler=self.scheduler,
            runtime=self._runtime,
            gateway=self._gateway,
            url=lambda: self.url,
            region=REGION,
        )

    @classmethod
    def start(
        cls,
        template: Path,
        *,
        start: datetime | None = None,
        speed: float = 0,
        faults: Faults | None = None,
        verbose: bool = False,
    ) -> Self:
        """A stack that is up, not listening.

        Args:
            template: the synthesized template; its assets lie beside it.
            start: where virtual time begins (aware; None: now).
            speed: virtual seconds per real second; 0 stands still, for runs that can be repeated.
            faults: what goes wrong; None: nothing.
            verbose: show what the functions log.

        Raises:
            TemplateError: the template cannot be run.
            TriggerError: a function that configures the deployment failed.
        """
        stack = cls(template, start=start, speed=speed, faults=faults, verbose=verbose)
        stack.up()
        return stack

    def up(self) -> None:
        """Make every resource and run the deployment's triggers.

        Raises:
            TemplateError, TriggerError: see `start`.
        """
        self._gateway.open()
        self._exit.callback(self._gateway.close)
        try:
            self._exit.enter_context(on_clock(self.clock.now))
            self._exit.enter_context(quick_tables(self._before_statement))
            self._deploy()
        except BaseException:
            self.stop()
            raise

    def _before_statement(self, position: int) -> None:
        if self._runtime.busy():
            self._faults.before_statement(position)

    def serve(self, port: int = 0) -> str:
        """Listen on 127.0.0.1 (port 0: any free one) and, when the clock runs, keep moving; the URL.

        Links in messages carry the address, so the resources are made anew: serve before anything is sent.

        Raises:
            OSError: the port is taken.
        """
        self.listen(port)
        self.reset()
        self.go()
        return self.url

    def listen(self, port: int) -> None:
        """Bind the port and answer from now on; `up` or `reset` must still come.

        Raises:
            OSError: the port is taken.
        """
        self._server = HttpServer(self.edge.handle, port)

    def go(self) -> None:
        """Answer requests and keep the stack moving."""
        if self._server is not None:
            self._server.start()
        if self.clock.speed > 0:
            self.scheduler.start_pump()

    def stop(self) -> None:
        """Stop everything and forget it."""
        self.scheduler.stop_pump()
        if self._server is not None:
            self._server.stop()
            self._server = None
        self._exit.close()

    def __enter__(self) -> Self:
        """The stack itself, up already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens, or would."""
        return self._server.url if self._server else DEFAULT_URL

    @property
    def outbox(self) -> Outbox:
        """What was sent."""
        return self.deployment.outbox

    @property
    def inventory(self) -> Inventory:
        """What the template describes."""
        return self.deployment.inventory

    @property
    def step_functions(self) -> StepFunctions:
        """The state machines."""
        return self.deployment.step_functions

    @property
    def schedules(self) -> EventScheduler:
        """The schedules."""
        return self.deployment.schedules

    @property
    def executions(self) -> list[Execution]:
        """Every execution so far, oldest first."""
        return self.step_functions.executions

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The template's outputs."""
        return self.deployment.template.outputs()

    @staticmethod
    def staff() -> tuple[str, str]:
        """The header of a staff member's request."""
        return ("authorization", f"Bearer {STAFF_TOKEN}")

    @staticmethod
    def write_key(key: str) -> tuple[str, str]:
        """The header of a source's request."""
        return basic(key)

    def now(self) -> datetime:
        """The virtual moment."""
        return self.clock.now()

    def request(
        self, method: str, target: str, *, headers: Sequence[tuple[str, str]] = (), body: Any = b""
    ) -> Response:
        """One HTTP request without a socket; a body that is no bytes goes as JSON."""
        if not isinstance(body, bytes):
            headers = [("content-type", "application/json"), *headers]
            body = json.dumps(body).encode()
        return self.edge.handle(Request(method, target, headers, body))

    def settle(self) -> None:
        """Run everything that is due, to the end."""
        self.scheduler.settle()

    def advance(self, duration: str | timedelta) -> None:
        """Move virtual time by `24h`, `P1D`, a timedelta; everything due in between happens in order.

        Raises:
            DurationError: the text is no duration.
        """
        self.scheduler.advance(duration if isinstance(duration, timedelta) else parse_duration(duration))

    def invoke(self, function: str, event: Any) -> Any:
        """Invoke a function by its folder's name with an event of one's own.

        Raises:
            RuntimeError: it failed; the message is its error.
        """
        names = [name for name in self._runtime.known() if name.endswith(function)]
        with self.scheduler.turn():
            answer = self._runtime.invoke(names[0] if names else function, event)
        if answer.failed:
            msg = f"{function} failed: {answer.payload}"
            raise RuntimeError(msg)
        return answer.payload

    def messages(self, *, profile: str | None = None, channel: str | None = None) -> list[dict[str, Any]]:
        """What `GET /local/messages` answers."""
        return self._local.messages(profile=profile, channel=channel)

    def logs(self, function: str | None = None) -> Mapping[str, list[str]]:
        """The last lines of each function, or of those whose name ends so."""
        return {
            name: list(lines)
            for name, lines in self._runtime.logs.items()
            if function is None or name.endswith(function)
        }

    def reset(self) -> None:
        """Empty everything and deploy anew, as after a restart; the clock goes on.

        Raises:
            TriggerError: see `start`.
        """
        with self.scheduler.turn():
            self._deploy()

    def _deploy(self) -> None:
        self.scheduler.clear()
        self._runtime.clear()
        self.webhooks.forget()
        forget_everything()
        self.deployment = Deployment(
            self._template,
            self._document,
            Platform(
                clock=self.clock,
                scheduler=self.scheduler,
                runtime=self._runtime,
                gateway=self._gateway,
                edge=self.edge,
                clients=self.clients,
                faults=self._faults,
                url=lambda: self.url,
            ),
        )
        self._local = LocalApi(self, MessageLedger(self.edge.handle), self.deployment.acts)
        self.edge.controls = self._local
        self._progress("making the resources")
        self.deployment.make()
        self._progress("configuring the deployment")
        self.deployment.configure()
        self.settle()


def _silent(_text: str) -> None:
    """Report no progress."""
