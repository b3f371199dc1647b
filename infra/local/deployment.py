"""One deployment of the template: everything a reset forgets, and how it comes to be."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from infra.local.async_calls import AsyncCalls
from infra.local.channels import Channels
from infra.local.clock import VirtualClock
from infra.local.customer_acts import CustomerActs
from infra.local.event_scheduler import EventScheduler
from infra.local.faults import Faults
from infra.local.gateway import Answer, Call, Gateway
from infra.local.http_api import ACCOUNT
from infra.local.http_edge import HttpEdge
from infra.local.inventory import Inventory
from infra.local.lambda_runtime import LambdaRuntime
from infra.local.machine_runner import MachineRunner
from infra.local.outbox import Outbox
from infra.local.resources import Resources
from infra.local.scheduler import Scheduler
from infra.local.service_clients import ServiceClients
from infra.local.ses_events import SesEvents
from infra.local.sources import event_sources
from infra.local.step_functions import StepFunctions
from infra.local.task_tokens import TaskTokens
from infra.local.template import Template

REGION: Final = "us-east-1"
"""moto writes this region into stream records whatever the table's own is."""

log = logging.getLogger(__name__)


class TriggerError(RuntimeError):
    """A function that must run when the stack comes up failed."""


@dataclass(frozen=True, slots=True)
class Platform:
    """What outlives a deployment: time, the runtime, the ways in."""

    clock: VirtualClock
    scheduler: Scheduler
    runtime: LambdaRuntime
    gateway: Gateway
    edge: HttpEdge
    clients: ServiceClients
    faults: Faults
    url: Callable[[], str]


class Deployment:
    """Resources, executions and messages of one deployment."""

    def __init__(self, path: Path, document: Mapping[str, Any], platform: Platform) -> None:
        """Put it together; nothing is made before `make`.

        Raises:
            TemplateError: the template has a type that is not known.
        """
        self._platform = platform
        self.outbox = Outbox()
        self.inventory = Inventory()
        tokens = TaskTokens()
        runner = MachineRunner(platform.scheduler, tokens, platform.runtime.invoke, lambda: platform.clients.s3)
        self.step_functions = StepFunctions(platform.clock, runner, tokens)
        self._calls = AsyncCalls(
            platform.scheduler,
            platform.runtime,
            rules=lambda: self.inventory.call_rules,
            sqs=lambda: platform.clients.sqs,
        )
        self.schedules = EventScheduler(platform.scheduler, self._reach, region=REGION, account=ACCOUNT)
        ses = SesEvents(
            clock=platform.clock, inventory=self.inventory, sns=lambda: platform.clients.sns, account=ACCOUNT
        )
        self.acts = CustomerActs(
            ses=ses,
            sns=lambda: platform.clients.sns,
            replies_topic=self._replies_topic,
            send=platform.edge.handle,
            now=lambda: platform.clock.now().isoformat(timespec="milliseconds"),
        )
        self._serve(Channels(self.outbox, platform.clock, ses.accepted))
        self.template = self._read(path, document)

    def make(self) -> None:
        """Make every resource, and start what reads from queues and streams.

        Raises:
            TemplateError: something in the template cannot be run.
        """
        platform = self._platform
        self.template.make_all()
        for function in self.inventory.functions.values():
            if function.runtime.startswith("python"):  # CDK's own, which runs triggers, is Node: we run them ourselves
                platform.runtime.register(function)
        platform.edge.publish(self.inventory.routes)
        for source in event_sources(
            self.inventory,
            clients=platform.clients,
            runtime=platform.runtime,
            scheduler=platform.scheduler,
            faults=platform.faults,
            account=ACCOUNT,
            region=REGION,
        ):
            platform.scheduler.add_source(source)

    def configure(self) -> None:
        """Run the functions that the template triggers at every deployment.

        Raises:
            TriggerError: one failed.
        """
        for arn in self.inventory.triggers:
            answer = self._platform.runtime.invoke(arn, {})
            if answer.failed:
                name = self._platform.runtime.name_of(arn) or arn
                msg = f"{name} failed: {answer.payload.get('errorMessage')}"
                raise TriggerError(msg)

    def _read(self, path: Path, document: Mapping[str, Any]) -> Template:
        name = path.name.removesuffix(".template.json")
        resources = Resources(
            inventory=self.inventory,
            clients=self._platform.clients,
            step_functions=self.step_functions,
            schedules=self.schedules,
            assets=path.parent.resolve(),
            stack_name=name,
            region=REGION,
            account=ACCOUNT,
            url=self._platform.url,
        )
        return Template(document, makers=resources.makers(), region=REGION, account=ACCOUNT, stack_name=name)

    def _serve(self, channels: Channels) -> None:
        gateway = self._platform.gateway
        gateway.serve("sfn", self.step_functions.answer)
        gateway.serve("sesv2", channels.ses)
        gateway.serve("sns", channels.sns)
        gateway.serve("pinpoint", channels.pinpoint)
        gateway.serve("lambda", self._invoke)
        gateway.serve("scheduler", self.schedules.answer)
        gateway.serve("sqs", self._remember_delays)

    def _replies_topic(self) -> str | None:
        """The topic no configuration set writes to."""
        written = {destination.topic_arn for destination in self.inventory.destinations}
        return next((topic for topic in self.inventory.topics if topic not in written), None)

    def _invoke(self, call: Call) -> Answer | None:
        if call.operation != "Invoke":
            return None
        runtime = self._platform.runtime
        reference = call.path.split("/")[3]
        name = runtime.name_of(reference)
        if name is None:
            return Answer.error("ResourceNotFoundException", f"Function not found: {reference}", 404)
        event = call.json()
        if call.headers.get("x-amz-invocation-type") == "Event":
            self._calls.call(name, event)
            return Answer(202, b"", {})
        answer = runtime.invoke(name, event)
        return Answer.of(answer.payload, 200, **({"X_Amz_Function_Error": "Unhandled"} if answer.failed else {}))

    def _remember_delays(self, call: Call) -> None:
        """Look at the queues again when a delayed message becomes visible; the sending itself is moto's."""
        if call.operation in ("SendMessage", "SendMessageBatch"):
            request = call.json()
            for entry in request.get("Entries", [request]):
                if delay := int(entry.get("DelaySeconds") or 0):
                    self._platform.scheduler.after(delay, lambda: None)

    def _reach(self, arn: str, value: Any) -> None:
        """Hand what a schedule says to its target, as EventBridge Scheduler would."""
        service = arn.split(":")[2]
        if service == "lambda" and (name := self._platform.runtime.name_of(arn)):
            self._calls.call(name, value)
        elif service == "sqs" and (url := self.inventory.queue_urls.get(arn)):
            self._platform.clients.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(value))
        elif service == "states":
            self.step_functions.start_execution(arn, value)
        else:
            log.error("a schedule names %s, which is no target here", arn)
