"""The rebuild's tasks, wired: the table and the archive's bucket."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from omnicascade.adapters.configuration_store import DynamoConfigurationStore
from omnicascade.adapters.customer_store import DynamoCustomerStore
from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.event_store import DynamoEventStore
from omnicascade.adapters.rebuild_storage import S3RebuildStorage
from omnicascade.domain.identifiers import NodeId
from omnicascade.settings import Settings
from omnicascade.usecases.backfill_segment import order_backfills
from omnicascade.usecases.run_rebuild import RebuildPlan, RebuildWorker, plan_rebuild, total
from omnicascade.wiring.clients import client
from omnicascade.wiring.clock import now
from omnicascade.wiring.errands import errands_of


class RebuildDesk:
    """Answers the tasks of `infra.rebuild_definition` for one deployment."""

    def __init__(self, settings: Settings) -> None:
        table = Table(client("dynamodb"), settings.table)
        self._storage = S3RebuildStorage(client("s3"), settings.archive_bucket)
        self._configuration = DynamoConfigurationStore(table)
        self._worker = RebuildWorker(
            DynamoEventStore(table), DynamoCustomerStore(table), self._configuration, self._storage
        )
        self._errands = errands_of(settings, table)

    def answer(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Do one task: `plan`, `read` or `report`.

        Raises:
            InvalidInputError: a person's input makes no rebuild.
            UnavailableError: call again.
        """
        return _TASKS[task["task"]](self, task)

    def plan(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """What the execution was started with, checked."""
        started = datetime.fromisoformat(task["started"])
        return plan_rebuild(task["input"], execution=task["execution"], started=started).as_json()

    def read(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """One batch of archive objects, or what was waiting after the last visit of it."""
        plan = RebuildPlan.from_json(task["plan"])
        waiting = [NodeId(node) for node in task["waiting"]]
        if waiting:
            visit = self._worker.visit(plan, waiting)
        else:
            visit = self._worker.read(plan, [item["Key"] for item in task["objects"]])
        return {"report": total([*task["reports"], visit.report]), "waiting": list(visit.waiting)}

    def report(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """The sum of all batches, stored beside the archive and given as the execution's output.

        Whoever became another customer is then judged by every segment; nobody is sent anything for it.
        """
        plan = RebuildPlan.from_json(task["plan"])
        summed = {"rebuild": plan.generation, "dry_run": plan.dry_run, **total(self._storage.results(task["results"]))}
        if not plan.dry_run:
            order_backfills(self._configuration.deployment().segments.values(), self._errands, now())
        return summed | {"report": self._storage.write_report(plan.generation, summed)}


_TASKS = {"plan": RebuildDesk.plan, "read": RebuildDesk.read, "report": RebuildDesk.report}
