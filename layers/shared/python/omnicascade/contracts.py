"""Names that code and infrastructure must agree on.

The CDK app writes these names into the template, the functions read them back; a name that only one side needs does not
belong here. Nothing in this module may import anything but the standard library.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Env(StrEnum):
    """Environment variables of the functions."""

    TABLE = "OMNICASCADE_TABLE"
    EVENTS_QUEUE_URL = "OMNICASCADE_EVENTS_QUEUE_URL"
    ERASURES_QUEUE_URL = "OMNICASCADE_ERASURES_QUEUE_URL"
    ARCHIVE_BUCKET = "OMNICASCADE_ARCHIVE_BUCKET"
    STATE_MACHINE_ARN = "OMNICASCADE_STATE_MACHINE_ARN"
    PUBLIC_URL = "OMNICASCADE_PUBLIC_URL"
    SIGNING_SECRET_ARN = "OMNICASCADE_SIGNING_SECRET_ARN"  # noqa: S105 - the name of a variable, not a secret
    EMAIL_FROM = "OMNICASCADE_EMAIL_FROM"
    SES_CONFIGURATION_SET = "OMNICASCADE_SES_CONFIGURATION_SET"
    SMS_SENDER_ID = "OMNICASCADE_SMS_SENDER_ID"
    SMS_MAX_PRICE_USD = "OMNICASCADE_SMS_MAX_PRICE_USD"
    SMS_DELIVERY_ROLE_ARN = "OMNICASCADE_SMS_DELIVERY_ROLE_ARN"
    PUSH_APPLICATION_ID = "OMNICASCADE_PUSH_APPLICATION_ID"
    ERRANDS_QUEUE_URL = "OMNICASCADE_ERRANDS_QUEUE_URL"
    ERRANDS_SCHEDULE_GROUP = "OMNICASCADE_ERRANDS_SCHEDULE_GROUP"
    ERRANDS_SCHEDULE_ROLE_ARN = "OMNICASCADE_ERRANDS_SCHEDULE_ROLE_ARN"
    ERRANDS_FUNCTION_ARN = "OMNICASCADE_ERRANDS_FUNCTION_ARN"


class Function(StrEnum):
    """The Lambda functions: the folder under functions/ is the value."""

    INGEST_EVENTS = "ingest_events"
    RECORD_EVENTS = "record_events"
    PROJECT_PROFILES = "project_profiles"
    ARCHIVE_EVENTS = "archive_events"
    SEND_NEXT_MESSAGE = "send_next_message"
    RECEIVE_FEEDBACK = "receive_feedback"
    FOLLOW_LINKS = "follow_links"
    SERVE_STAFF_API = "serve_staff_api"
    ERASE_CUSTOMERS = "erase_customers"
    REBUILD_PROFILES = "rebuild_profiles"
    CONFIGURE_DEPLOYMENT = "configure_deployment"
    RUN_ERRANDS = "run_errands"
    WATCH_RUNS = "watch_runs"
    RUN_AUDIENCE = "run_audience"


class Auth(StrEnum):
    """Who may call a route."""

    PUBLIC = "public"  # the function checks the write key or the signed token itself
    STAFF = "staff"  # IAM or JWT at the gateway


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the HTTP API, in API Gateway's own notation."""

    key: str
    function: Function
    auth: Auth


INTAKE_CALLS: Final = ("identify", "track", "page", "screen", "group", "alias")
INTAKE_PATHS: Final = {
    **{f"/v1/{call}": call for call in INTAKE_CALLS},
    **{f"/v1/{call[0]}": call for call in INTAKE_CALLS},
    "/v1/batch": "batch",
    "/v1/b": "batch",
    "/v1/import": "batch",
    "/beacon/v1/batch": "batch",
}

ROUTES: Final = (
    *(Route(f"POST {path}", Function.INGEST_EVENTS, Auth.PUBLIC) for path in INTAKE_PATHS),
    *(Route(f"OPTIONS {path}", Function.INGEST_EVENTS, Auth.PUBLIC) for path in INTAKE_PATHS),
    Route("$default", Function.INGEST_EVENTS, Auth.PUBLIC),  # unknown paths: 404 with code and message
    Route("GET /l/{token}", Function.FOLLOW_LINKS, Auth.PUBLIC),
    Route("GET /u/{token}", Function.FOLLOW_LINKS, Auth.PUBLIC),
    Route("POST /u/{token}", Function.FOLLOW_LINKS, Auth.PUBLIC),
    Route("GET /openapi.json", Function.SERVE_STAFF_API, Auth.PUBLIC),
    Route("GET /v1/profiles", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("GET /v1/profiles/{id}", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("DELETE /v1/profiles/{id}", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("GET /v1/erasures/{id}", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("PATCH /v1/profiles/{id}", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("GET /v1/profiles/{id}/events", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("GET /v1/profiles/{id}/explain", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("GET /v1/profiles/{id}/export", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("GET /v1/profiles/{id}/segments", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("POST /v1/profiles/{id}/split", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("PUT /v1/profiles/{id}/links", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("GET /v1/profiles/{id}/consent", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("PUT /v1/profiles/{id}/consent", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("GET /v1/journeys", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("GET /v1/journeys/schema", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("GET /v1/journeys/{name}", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("PUT /v1/journeys/{name}", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("POST /v1/journeys/{name}/runs", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("GET /v1/journeys/{name}/runs", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("POST /v1/journeys/{name}/simulate", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("POST /v1/journeys/{name}/plan", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("POST /v1/journeys/{name}/pause", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("POST /v1/journeys/{name}/resume", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("POST /v1/journeys/{name}/stop", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("POST /v1/journeys/{name}/migrate", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("GET /v1/runs/{run_id}", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("POST /v1/runs/{run_id}/pause", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("POST /v1/runs/{run_id}/resume", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("POST /v1/runs/{run_id}/stop", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("POST /v1/runs/{run_id}/migrate", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("GET /v1/messages/{message_id}", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("GET /v1/segments", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("GET /v1/segments/{name}", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("PUT /v1/segments/{name}", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("GET /v1/segments/{name}/members", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("POST /v1/segments/{name}/preview", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("GET /v1/templates", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("GET /v1/templates/{name}", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("PUT /v1/templates/{name}", Function.SERVE_STAFF_API, Auth.STAFF),
    Route("GET /v1/sources", Function.SERVE_STAFF_API, Auth.STAFF),
)

TIMELINE_INDEX: Final = "timeline"
LIVE_INDEX: Final = "live"
LIVE_PARTITION_KEY: Final = "lp"
LIVE_SORT_KEY: Final = "lk"
"""The sparse index of live runs: a shard's number, and `<journey>#<run id>`, both text; an item without both is not in
it. Not called `live`: slots have a flag of that name, and DynamoDB refuses an item whose index key is no text."""
LIVE_DUE: Final = "due"
"""Also in that index: when the run wants to be moved next, epoch seconds; a paused run has none."""
EVENT_KEY_PREFIX: Final = "E#"
LINK_KEY_PREFIX: Final = "L#"
ERRAND_KEY_PREFIX: Final = "DUE#"
"""Partitions of what is to be done at a later moment."""
ARCHIVE_PREFIX: Final = "archive/"
ERASURES_PREFIX: Final = "erasures/"
AUDIENCES_PREFIX: Final = "audiences/"
"""In the archive's bucket: events by hour, the orders to erase, and the lists of whom an audience's rounds reach."""
AGE_TAG: Final = "age_days"
AGE_STEP_DAYS: Final = 30
"""An archived object that was written anew carries how old its events were then, in whole steps."""
ERASED_PARTITION: Final = "ERASED"
"""The partition of the orders to erase, which the archive's writer reads and nothing else of the table."""
CONFIGURATION_FILE: Final = "configuration.json"
"""In the code asset of configure_deployment: {"deployment": …, "journeys": […], "templates": […]}."""

RUN_FINISHED_ERROR: Final = "RunFinished"
"""The task failure that ends a run's execution; caught by the state machine."""

AUDIENCE_NAMED_ERROR: Final = "AudienceNamed"
"""The task failure that tells the state machine: this execution is about a segment; caught, it leads to the audience's
states."""

INVALID_INPUT_ERROR: Final = "InvalidInput"
"""The task failure that fails an execution which a person started with input that makes no run; its cause says why."""

METRIC_NAMESPACE: Final = "omnicascade"
CHANNEL_FAULTS_METRIC: Final = "ChannelFaults"
"""Messages that failed for a reason of ours; counted per `machine` (the state machine's name) and per `channel`."""
SUPER_NODES_METRIC: Final = "super_nodes"
"""Identifiers named with so many others that they will soon identify nobody, or do so no more; counted per `table`."""
STALLED_RUNS_METRIC: Final = "stalled_runs"
"""Live runs whose moment passed long ago and that nobody moved; counted per `table`."""
