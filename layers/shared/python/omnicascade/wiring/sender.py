"""The state machine's task, wired: the table, the providers, and the runs' timer."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from omnicascade.adapters.configuration_store import DynamoConfigurationStore
from omnicascade.adapters.customer_store import DynamoCustomerStore
from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.event_store import DynamoEventStore
from omnicascade.adapters.events_queue import SqsEventQueue
from omnicascade.adapters.link_store import DynamoLinkStore
from omnicascade.adapters.pinpoint_push import PinpointPushSender
from omnicascade.adapters.run_store import DynamoRunStore
from omnicascade.adapters.ses_email import SesEmailSender
from omnicascade.adapters.sns_sms import SnsSmsSender
from omnicascade.adapters.step_functions import StepFunctionsTimer
from omnicascade.domain.json_text import mapping
from omnicascade.settings import Settings
from omnicascade.usecases.deliver_message import PostOffice
from omnicascade.usecases.pause_sign import PauseSign
from omnicascade.usecases.send_next_message import RunClerk, Task
from omnicascade.wiring.channel_faults import ChannelFaults
from omnicascade.wiring.clients import client, late_client, late_one_attempt_client
from omnicascade.wiring.clock import now
from omnicascade.wiring.late_renderer import LateRenderer
from omnicascade.wiring.late_webhooks import LateWebhookCaller
from omnicascade.wiring.links import link_tokens


class Sender:
    """`send_next_message` for one deployment, at the present moment."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._table = Table(client("dynamodb"), settings.table)
        self._configuration = DynamoConfigurationStore(self._table)
        self._timer = StepFunctionsTimer(client("stepfunctions"), settings.state_machine_arn)
        self._post = self._post_office()

    def __call__(self, payload: Mapping[str, Any]) -> None:
        """Handle the payload that the state machine sends. See `RunClerk.send_next_message`."""
        task = Task(
            token=payload["token"],
            execution=f"{payload['execution']}@{payload['started']}",
            foreseen_s=int(payload["foreseen_s"]),
            attempt=int(payload["attempt"]),
            input=mapping(payload["input"]),  # a person may start an execution with a list or a word
            entered=payload.get("entered", ""),
        )
        self.clerk().send_next_message(task, now())

    def clerk(self) -> RunClerk:
        """Whoever moves runs, with the deployment's settings as they are now."""
        listing, deployment = self._configuration.current()
        return RunClerk(
            customers=DynamoCustomerStore(self._table),
            runs=DynamoRunStore(self._table),
            journeys=self._configuration,
            timer=self._timer,
            post=self._post,
            deployment=deployment,
            paused=PauseSign(self._configuration, listing),
        )

    def _post_office(self) -> PostOffice:
        settings = self._settings
        return PostOffice(
            events=DynamoEventStore(self._table),
            queue=SqsEventQueue(late_client("sqs"), settings.events_queue_url),
            templates=self._configuration,
            renderer=LateRenderer(),
            links=link_tokens(settings),
            link_store=DynamoLinkStore(self._table),
            email=SesEmailSender(late_one_attempt_client("sesv2"), settings.email_from, settings.ses_configuration_set),
            sms=SnsSmsSender(late_one_attempt_client("sns"), settings.sms_sender_id, settings.sms_max_price_usd),
            webhooks=LateWebhookCaller(settings),
            push=PinpointPushSender(late_one_attempt_client("pinpoint"), settings.push_application_id),
            notice=ChannelFaults(Logger(), settings.state_machine_arn.rpartition(":")[2]),
        )
