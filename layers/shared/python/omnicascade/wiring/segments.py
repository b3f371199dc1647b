"""Who keeps memberships of segments true, wired."""

from __future__ import annotations

from collections.abc import Sequence

from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.event_store import DynamoEventStore
from omnicascade.adapters.segment_store import DynamoSegmentStore
from omnicascade.domain.deployment import Deployment
from omnicascade.usecases.keep_segments import SegmentKeeper
from omnicascade.usecases.store_ports import Errands, HeadReader, JourneyListing, JourneyStore, RunStore
from omnicascade.usecases.timer_port import RunTimer


def keeper_of(
    table: Table,
    *,
    errands: Errands,
    customers: HeadReader,
    runs: RunStore,
    journeys: JourneyStore,
    timer: RunTimer,
    listing: Sequence[JourneyListing],
    deployment: Deployment,
) -> SegmentKeeper:
    """Who keeps one deployment's memberships true, under the definitions that were just read."""
    return SegmentKeeper(
        customers=customers,
        events=DynamoEventStore(table),
        segments=DynamoSegmentStore(table),
        errands=errands,
        runs=runs,
        journeys=journeys,
        timer=timer,
        listing=listing,
        deployment=deployment,
    )
