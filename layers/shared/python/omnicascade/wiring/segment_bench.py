"""Where marketers keep segments, wired; apart from who looks at customers, because reading YAML costs an import."""

from __future__ import annotations

from collections.abc import Callable

from omnicascade.adapters.configuration_store import DynamoConfigurationStore
from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.schedule_memory import DynamoScheduleMemory
from omnicascade.adapters.segment_store import DynamoSegmentStore
from omnicascade.adapters.step_functions import StepFunctionsTimer
from omnicascade.domain.journeys.journey import Journey
from omnicascade.settings import Settings
from omnicascade.usecases.keep_schedules import ScheduleKeeper
from omnicascade.usecases.manage_segments import SegmentBench
from omnicascade.wiring.clients import late_client
from omnicascade.wiring.clock import now
from omnicascade.wiring.errands import errands_of


def segment_bench(
    settings: Settings, table: Table, configuration: DynamoConfigurationStore
) -> tuple[SegmentBench, ScheduleKeeper]:
    """Where one deployment's segments are kept, and who winds its journeys' clocks."""
    errands = errands_of(settings, table)
    timer = StepFunctionsTimer(late_client("stepfunctions"), settings.state_machine_arn)
    schedules = ScheduleKeeper(configuration, timer, errands, DynamoScheduleMemory(table))
    return SegmentBench(DynamoSegmentStore(table), configuration, errands), schedules


def follower(bench: SegmentBench, schedules: ScheduleKeeper) -> Callable[[Journey], None]:
    """What follows of a journey that was stored: its nameless segment, and its clock."""

    def follow(journey: Journey) -> None:
        bench.follow(journey, now())
        schedules.wind(journey, now())

    return follow
