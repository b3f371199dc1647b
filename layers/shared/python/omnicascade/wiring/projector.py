"""The stream's reader, wired: the table and the runs' timer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from omnicascade.adapters.configuration_store import DynamoConfigurationStore
from omnicascade.adapters.customer_store import DynamoCustomerStore
from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.event_store import DynamoEventStore, event_from
from omnicascade.adapters.run_store import DynamoRunStore
from omnicascade.adapters.step_functions import StepFunctionsTimer
from omnicascade.adapters.warm_memory import PROJECTIONS_REMEMBERED
from omnicascade.settings import Settings
from omnicascade.usecases.project_profiles import Arrival, BatchFailure, EventDesk, NoJourneys, project_profiles
from omnicascade.wiring.clients import client, late_client
from omnicascade.wiring.clock import now
from omnicascade.wiring.errands import errands_of
from omnicascade.wiring.identity_metrics import IdentityMetrics

if TYPE_CHECKING:
    from omnicascade.domain.deployment import Deployment
    from omnicascade.usecases.keep_segments import SegmentKeeper
    from omnicascade.usecases.store_ports import JourneyListing


class Projector:
    """`project_profiles` for one deployment, at the present moment."""

    def __init__(self, settings: Settings) -> None:
        table = Table(client("dynamodb"), settings.table)
        self._customers = DynamoCustomerStore(table, remembered=PROJECTIONS_REMEMBERED)
        self._events = DynamoEventStore(table)
        self._runs = DynamoRunStore(table)
        self._configuration = DynamoConfigurationStore(table)
        self._watch = IdentityMetrics(Logger(), self._customers, settings.table)
        self._timer = StepFunctionsTimer(late_client("stepfunctions"), settings.state_machine_arn)
        self._errands = errands_of(settings, table)
        self._table = table

    def __call__(self, records: Sequence[Mapping[str, Any]]) -> BatchFailure | None:
        """Handle stream records that are inserts of events. See `project_profiles`."""
        listing, deployment = self._configuration.current()
        desk = self._desk(listing, deployment) if listing else NoJourneys(deployment)
        arrivals = [
            Arrival(event_from(record["dynamodb"]["NewImage"]), record["dynamodb"]["SequenceNumber"])
            for record in records
        ]
        return project_profiles(
            arrivals,
            customers=self._customers,
            events=self._events,
            desk=desk,
            now=now(),
            watch=lambda edges: self._watch(edges, desk.deployment.identity),
            keeper=self._keeper(listing, deployment) if deployment.segments else None,
        )

    def _desk(self, listing: Sequence[JourneyListing], deployment: Deployment) -> EventDesk:
        from omnicascade.usecases.move_runs import JourneyDesk  # noqa: PLC0415 - a deployment may have no journeys yet

        return JourneyDesk(
            customers=self._customers,
            runs=self._runs,
            journeys=self._configuration,
            timer=self._timer,
            listing=listing,
            deployment=deployment,
            events=self._events,
        )

    def _keeper(self, listing: Sequence[JourneyListing], deployment: Deployment) -> SegmentKeeper:
        from omnicascade.wiring.segments import keeper_of  # noqa: PLC0415 - a deployment without segments needs none

        return keeper_of(
            self._table,
            errands=self._errands,
            customers=self._customers,
            runs=self._runs,
            journeys=self._configuration,
            timer=self._timer,
            listing=listing,
            deployment=deployment,
        )
