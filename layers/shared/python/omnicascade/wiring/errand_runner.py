"""The function that carries out errands, wired."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from omnicascade.adapters.census import DynamoCensus
from omnicascade.adapters.configuration_store import DynamoConfigurationStore
from omnicascade.adapters.customer_store import DynamoCustomerStore
from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.errands_queue import decode_errand
from omnicascade.adapters.event_store import DynamoEventStore
from omnicascade.adapters.run_store import DynamoRunStore
from omnicascade.adapters.schedule_memory import DynamoScheduleMemory
from omnicascade.adapters.step_functions import StepFunctionsTimer
from omnicascade.settings import Settings
from omnicascade.usecases.backfill_segment import Backfill
from omnicascade.usecases.keep_schedules import ScheduleKeeper
from omnicascade.usecases.move_every_run import RunMover
from omnicascade.usecases.run_errands import ErrandClerk
from omnicascade.wiring.clients import client, late_client
from omnicascade.wiring.clock import now
from omnicascade.wiring.errands import errands_of
from omnicascade.wiring.segments import keeper_of

SPARE_MS: Final = 60_000
"""What is left of the function's time when it leaves the rest to another errand: more than a page of people takes."""


SWEEP: Final = "sweep"
"""The errand that goes on with a bucket: `{"kind", "bucket"}`."""


class ErrandRunner:
    """Carries out the errands of one deployment, at the present moment."""

    def __init__(self, settings: Settings) -> None:
        self._table = Table(client("dynamodb"), settings.table)
        self._errands = errands_of(settings, self._table)
        self._customers = DynamoCustomerStore(self._table)
        self._runs = DynamoRunStore(self._table)
        self._configuration = DynamoConfigurationStore(self._table)
        self._timer = StepFunctionsTimer(late_client("stepfunctions"), settings.state_machine_arn)

    def __call__(self, body: str, remaining_ms: Callable[[], int]) -> None:
        """Carry out one errand. Raises as `ErrandClerk.carry_out`, and `ValueError`: not an errand."""
        at, errand = decode_errand(body)
        if errand["kind"] == SWEEP:
            return self.sweep(errand["bucket"], remaining_ms)
        return self._clerk().carry_out(at, errand, now(), lambda: remaining_ms() < SPARE_MS)

    def sweep(self, bucket: str, remaining_ms: Callable[[], int]) -> None:
        """Put the errands of some ten minutes on the queue; what is left of them once time is up, by another errand."""
        while self._errands.sweep(bucket, now()):
            if remaining_ms() < SPARE_MS:
                self._errands.run_at(now(), {"kind": SWEEP, "bucket": bucket}, now())
                return

    def _clerk(self) -> ErrandClerk:
        listing, deployment = self._configuration.current()
        keeper = keeper_of(
            self._table,
            errands=self._errands,
            customers=self._customers,
            runs=self._runs,
            journeys=self._configuration,
            timer=self._timer,
            listing=listing,
            deployment=deployment,
        )
        return ErrandClerk(
            errands=self._errands,
            keeper=keeper,
            backfill=Backfill(keeper, DynamoCensus(self._table)),
            schedules=ScheduleKeeper(
                self._configuration, self._timer, self._errands, DynamoScheduleMemory(self._table)
            ),
            mover=RunMover(
                self._customers,
                DynamoEventStore(self._table),
                self._runs,
                self._configuration,
                self._timer,
                deployment,
            ),
        )
