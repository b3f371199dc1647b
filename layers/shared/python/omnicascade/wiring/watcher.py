"""The watchdog of runs, wired: the table, the executions, the metric, and itself again where one look is not enough."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from aws_lambda_powertools import Logger

from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.late_runs import DynamoLateRuns
from omnicascade.adapters.run_executions import StepFunctionsExecutions
from omnicascade.adapters.run_store import DynamoRunStore
from omnicascade.contracts import STALLED_RUNS_METRIC
from omnicascade.settings import Settings
from omnicascade.usecases.watch_runs import Watchdog, Watched
from omnicascade.wiring.clients import client, late_client
from omnicascade.wiring.clock import now
from omnicascade.wiring.embedded_metrics import metric_fields

TIME_OF_A_PAGE_MS: Final = 150_000
"""What a page may take in which every run has to be repaired: 2,500 of them, with four requests each."""


class Watcher:
    """`Watchdog.look` for one deployment, at the present moment."""

    def __init__(self, settings: Settings, logger: Logger) -> None:
        """Args: logger gets the metric, and a line for each run that could not be set going."""
        dynamodb = client("dynamodb")
        self._settings = settings
        self._logger = logger
        self._watchdog = Watchdog(
            late=DynamoLateRuns(dynamodb, settings.table),
            runs=DynamoRunStore(Table(dynamodb, settings.table)),
            executions=StepFunctionsExecutions(late_client("stepfunctions"), settings.state_machine_arn),
        )

    def __call__(self, cursor: str | None, *, function_arn: str, remaining_ms: Callable[[], int]) -> Watched:
        """Look from `cursor` on; what is left over is handed to another invocation.

        Lambda ends a function that calls itself more than 16 times in a row; what is left then waits for the next hour.
        """
        watched = self._watchdog.look(now(), cursor, lambda: remaining_ms() > TIME_OF_A_PAGE_MS)
        self._report(watched)
        if watched.cursor:
            event = json.dumps({"cursor": watched.cursor}).encode()
            client("lambda").invoke(FunctionName=function_arn, InvocationType="Event", Payload=event)
        return watched

    def _report(self, watched: Watched) -> None:
        if watched.stalled:
            counts = {STALLED_RUNS_METRIC: watched.stalled, "repaired_runs": watched.repaired}
            fields = metric_fields(counts, [["table"]], now())
            self._logger.warning("runs_stalled", extra={"table": self._settings.table, **fields})
        for run_id, reason in watched.failed.items():
            self._logger.error("run_not_repaired", extra={"run_id": run_id, "reason": reason})
