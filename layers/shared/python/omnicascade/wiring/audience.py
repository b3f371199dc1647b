"""The audience's tasks, wired: the table, the archive's bucket, and everything that sends messages."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from omnicascade.adapters.audience_storage import S3AudienceStorage
from omnicascade.adapters.configuration_store import DynamoConfigurationStore
from omnicascade.adapters.customer_store import DynamoCustomerStore
from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.event_store import DynamoEventStore
from omnicascade.adapters.run_store import DynamoRunStore
from omnicascade.adapters.segment_store import DynamoSegmentStore
from omnicascade.adapters.step_functions import StepFunctionsTimer
from omnicascade.settings import Settings
from omnicascade.usecases.audience.gather_round import RoundGatherer, report
from omnicascade.usecases.audience.move_batch import BatchMover, places
from omnicascade.usecases.audience.plan import Audience, Round
from omnicascade.usecases.audience.snapshot import AudienceLister
from omnicascade.wiring.clients import client, late_client
from omnicascade.wiring.clock import now
from omnicascade.wiring.sender import Sender


class AudienceDesk:
    """Answers the tasks of `infra.audience_definition` for one deployment."""

    def __init__(self, settings: Settings) -> None:
        self._table = Table(client("dynamodb"), settings.table)
        self._configuration = DynamoConfigurationStore(self._table)
        self._storage = S3AudienceStorage(late_client("s3"), settings.archive_bucket)
        self._timer = StepFunctionsTimer(late_client("stepfunctions"), settings.state_machine_arn)
        self._sender = Sender(settings)
        self._logger = Logger()

    def answer(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Do one task: `snapshot`, `send`, `gather` or `report`.

        Raises:
            InvalidInputError: the input names no audience.
            UnavailableError: call again.
        """
        return _TASKS[task["task"]](self, task)

    def snapshot(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Who the audience is, and its first round."""
        deployment = self._configuration.deployment()
        lister = AudienceLister(self._configuration, DynamoSegmentStore(self._table), self._storage, deployment)
        audience, first = lister.snapshot(task["input"], execution=task["execution"], started=task["started"])
        return {"audience": audience.as_json(), "round": first.as_json()}

    def send(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Move one batch."""
        deployment = self._configuration.deployment()
        mover = BatchMover(
            customers=DynamoCustomerStore(self._table),
            events=DynamoEventStore(self._table),
            runs=DynamoRunStore(self._table),
            journeys=self._configuration,
            timer=self._timer,
            mover=self._sender.clerk(),
            deployment=deployment,
            clock=now,
            notice=lambda what, details: self._logger.warning(what, extra=dict(details)),
        )
        return mover.move(Audience.from_json(task["audience"]), places(task["customers"]))

    def gather(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """The next round."""
        gatherer = RoundGatherer(self._storage, self._timer)
        last = Round.from_json(task["round"])
        return gatherer.gather(
            Audience.from_json(task["audience"]), last, task["round"].get("results_key", ""), now()
        ).as_json()

    def report(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """What the audience came to."""
        return report(Audience.from_json(task["audience"]), Round.from_json(task["round"]))


_TASKS = {
    "snapshot": AudienceDesk.snapshot,
    "send": AudienceDesk.send,
    "gather": AudienceDesk.gather,
    "report": AudienceDesk.report,
}
