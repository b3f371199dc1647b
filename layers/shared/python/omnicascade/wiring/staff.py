"""The staff API, wired: the table, the events queue and the runs' timer."""

import json
from importlib.resources import files
from uuid import uuid4

from omnicascade.adapters.census import DynamoCensus
from omnicascade.adapters.configuration_store import DynamoConfigurationStore
from omnicascade.adapters.customer_store import DynamoCustomerStore
from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.event_store import DynamoEventStore
from omnicascade.adapters.events_queue import SqsEventQueue
from omnicascade.adapters.run_store import DynamoRunStore
from omnicascade.adapters.segment_store import DynamoSegmentStore
from omnicascade.adapters.step_functions import StepFunctionsTimer
from omnicascade.settings import Settings
from omnicascade.usecases.control_journeys import ControlDesk
from omnicascade.usecases.manage_journeys import Workshop
from omnicascade.usecases.manage_runs import RunDesk
from omnicascade.usecases.move_every_run import RunMover
from omnicascade.usecases.plan_journey import PlanDesk
from omnicascade.usecases.preview_segment import SegmentPreview
from omnicascade.usecases.rehearse import RehearsalDesk
from omnicascade.usecases.serve_profiles import ProfileDesk
from omnicascade.usecases.serve_staff import StaffDesk
from omnicascade.wiring.clients import client, late_client
from omnicascade.wiring.clock import now
from omnicascade.wiring.eraser import erasure_desk
from omnicascade.wiring.errands import errands_of
from omnicascade.wiring.late_renderer import LateRenderer
from omnicascade.wiring.segment_bench import follower, segment_bench


def staff_desk(settings: Settings) -> StaffDesk:
    """The staff API's desk for one deployment."""
    table = Table(client("dynamodb"), settings.table)
    customers, configuration = DynamoCustomerStore(table), DynamoConfigurationStore(table)
    runs, renderer = DynamoRunStore(table), LateRenderer()
    timer = StepFunctionsTimer(late_client("stepfunctions"), settings.state_machine_arn)
    segments, schedules = segment_bench(settings, table, configuration)
    events, errands = DynamoEventStore(table), errands_of(settings, table)

    def mover() -> RunMover:
        return RunMover(customers, events, runs, configuration, timer, configuration.deployment())

    return StaffDesk(
        profiles=ProfileDesk(
            customers=customers,
            events=events,
            runs=runs,
            queue=SqsEventQueue(late_client("sqs"), settings.events_queue_url),
            settings=configuration,
            clock=now,
            new_id=_new_id,
        ),
        settings=configuration,
        workshop=Workshop(configuration, configuration, renderer.check, follower(segments, schedules)),
        runs=RunDesk(customers, runs, configuration, timer),
        rehearsals=RehearsalDesk(configuration, configuration, renderer),
        plans=PlanDesk(customers, events, runs, configuration, DynamoSegmentStore(table), configuration, renderer),
        control=ControlDesk(configuration, runs, errands, mover),
        erasures=erasure_desk(settings),
        segments=segments,
        previews=SegmentPreview(customers, events, DynamoCensus(table)),
        clock=now,
        new_id=_new_id,
        openapi=json.loads(files("omnicascade").joinpath("openapi.json").read_text(encoding="utf-8")),
    )


def _new_id() -> str:
    return str(uuid4())
