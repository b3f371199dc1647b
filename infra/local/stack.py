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
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from infra.local.channels import Channels
from infra.local.clock import VirtualClock
from infra.local.customer_acts import CustomerActs
from infra.local.durations import parse_duration
from infra.local.execution import Execution
from infra.local.faults import Faults, NoFaults
from infra.local.gateway import Answer, Call, Gateway
from infra.local.http_api import ACCOUNT, Request, Response
from infra.local.http_edge import STAFF_TOKEN, HttpEdge, basic
from infra.local.http_server import HttpServer
from infra.local.inventory import Inventory
from infra.local.lambda_runtime import LambdaRuntime
from infra.local.local_api import LocalApi
from infra.local.machine_runner import MachineRunner
from infra.local.message_ledger import MessageLedger
from infra.local.moto_dynamodb import quick_tables
from infra.local.moto_state import forget_everything, on_clock
from infra.local.outbox import Outbox
from infra.local.resources import Resources
from infra.local.scheduler import Scheduler
from infra.local.service_clients import ServiceClients, service_clients
from infra.local.ses_events import SesEvents
from infra.local.sources import event_sources
from infra.local.step_functions import StepFunctions
from infra.local.task_tokens import TaskTokens
from infra.local.template import Template

REGION: Final = "us-east-1"
"""moto writes this region into stream records whatever the table's own is."""

DEFAULT_URL: Final = "http://127.0.0.1:8787"

type Progress = Callable[[str], None]

log = logging.getLogger(__name__)


class TriggerError(RuntimeError):
    """A function that must run when the stack comes up failed."""


class Stack:
    """One running stack; see the module for how to use it."""

    outbox: Outbox

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
        self._runtime = LambdaRuntime(now=self.clock.now, region=REGION, verbose=verbose)
        self._gateway = Gateway(self._faults, self._runtime.busy)
        self._clients = service_clients(REGION)
        self.edge = HttpEdge(
            scheduler=self.scheduler,
            runtime=self._runtime,
            gateway=self._gateway,
            url=lambda: self.url,
            region=REGION,
        )

    @classmethod
    def start(cls, template: Path, **options: Any) -> Self:
        """A stack that is up, not listening; the options are those of the constructor.

        Raises:
            TemplateError: the template cannot be run.
            TriggerError: a function that configures the deployment failed.
        """
        stack = cls(template, **options)
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
            self._exit.enter_context(quick_tables())
            self._deploy()
        except BaseException:
            self.stop()
            raise

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
    def executions(self) -> list[Execution]:
        """Every execution so far, oldest first."""
        return self.step_functions.executions

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The template's outputs."""
        return self._made.outputs()

    @property
    def clients(self) -> ServiceClients:
        """SDK clients of the stack's own services, for tests that look inside."""
        return self._clients

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
        self._progress("making the resources")
        self.scheduler.clear()
        self._runtime.clear()
        forget_everything()
        self._compose()
        self._made.make_all()
        for function in self.inventory.functions.values():
            if function.runtime.startswith("python"):  # CDK's own, which runs triggers, is Node: we run them ourselves
                self._runtime.register(function)
        self.edge.publish(self.inventory.routes)
        for source in event_sources(
            self.inventory,
            clients=self._clients,
            runtime=self._runtime,
            scheduler=self.scheduler,
            faults=self._faults,
            account=ACCOUNT,
            region=REGION,
        ):
            self.scheduler.add_source(source)
        self._progress("configuring the deployment")
        self._run_triggers()
        self.settle()

    def _compose(self) -> None:
        self.outbox = Outbox()
        self.inventory = Inventory()
        tokens = TaskTokens()
        runner = MachineRunner(self.scheduler, tokens, self._runtime.invoke)
        self.step_functions = StepFunctions(self.clock, runner, tokens)
        ses = SesEvents(clock=self.clock, inventory=self.inventory, sns=lambda: self._clients.sns, account=ACCOUNT)
        channels = Channels(self.outbox, self.clock, ses.accepted)
        self._gateway.serve("sfn", self.step_functions.answer)
        self._gateway.serve("sesv2", channels.ses)
        self._gateway.serve("sns", channels.sns)
        self._gateway.serve("pinpoint", channels.pinpoint)
        self._gateway.serve("lambda", self._lambda_api)
        name = self._template.name.removesuffix(".template.json")
        resources = Resources(
            inventory=self.inventory,
            clients=self._clients,
            step_functions=self.step_functions,
            assets=self._template.parent.resolve(),
            stack_name=name,
            region=REGION,
            account=ACCOUNT,
            url=lambda: self.url,
        )
        self._made = Template(
            self._document, makers=resources.makers(), region=REGION, account=ACCOUNT, stack_name=name
        )
        acts = CustomerActs(
            ses=ses,
            sns=lambda: self._clients.sns,
            replies_topic=self._replies_topic,
            send=self.edge.handle,
            now=lambda: self.now().isoformat(timespec="milliseconds"),
        )
        self._local = LocalApi(self, MessageLedger(self.edge.handle), acts)
        self.edge.controls = self._local

    def _replies_topic(self) -> str | None:
        """The topic no configuration set writes to."""
        written = {destination.topic_arn for destination in self.inventory.destinations}
        return next((topic for topic in self.inventory.topics if topic not in written), None)

    def _run_triggers(self) -> None:
        for arn in self.inventory.triggers:
            answer = self._runtime.invoke(arn, {})
            if answer.failed:
                msg = f"{self._runtime.name_of(arn) or arn} failed: {answer.payload.get('errorMessage')}"
                raise TriggerError(msg)

    def _lambda_api(self, call: Call) -> Answer | None:
        if call.operation != "Invoke":
            return None
        name = self._runtime.name_of(call.path.split("/")[3])
        if name is None:
            return Answer.error("ResourceNotFoundException", f"Function not found: {call.path.split('/')[3]}", 404)
        event = call.json()
        if call.headers.get("x-amz-invocation-type") == "Event":
            self.scheduler.soon(lambda: self._background(name, event))
            return Answer(202, b"", {})
        answer = self._runtime.invoke(name, event)
        return Answer.of(answer.payload, 200, **({"X_Amz_Function_Error": "Unhandled"} if answer.failed else {}))

    def _background(self, name: str, event: Any) -> None:
        answer = self._runtime.invoke(name, event)
        if answer.failed:
            log.error("%s failed in the background: %s", name, answer.payload.get("errorMessage"))


def _silent(_text: str) -> None:
    """Report no progress."""
